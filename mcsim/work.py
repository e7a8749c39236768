"""The run's work items, and how many run at a time."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mcsim.settings import Engine


@dataclass(frozen=True)
class Block:
    """The paths ``first`` to ``first + count - 1``."""

    first: int
    count: int


@dataclass(frozen=True)
class Item:
    """A work item: the loans ``first_loan`` to ``first_loan + n_loans - 1`` of a collateral, on a block of paths."""

    collateral: str
    first_loan: int
    n_loans: int
    block: Block

    @property
    def loans(self) -> slice:
        """Which they are."""
        return slice(self.first_loan, self.first_loan + self.n_loans)


def path_blocks(paths: int, path_block: int) -> list[Block]:
    """The run's paths, in order."""
    return [Block(first, min(path_block, paths - first)) for first in range(0, paths, path_block)]


def thread_count(engine: Engine, target: str = "") -> int:
    """Threads of the engine; 0 in the settings means all that the process may use.

    On ``cuda`` two at least: the flows of one block of paths come down while the next one is computed.
    """
    threads = 1 if engine.name == "serial" else engine.threads or len(os.sched_getaffinity(0))
    return max(threads, 2) if target == "cuda" else threads
