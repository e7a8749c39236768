"""The run's work items, and how many run at a time."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mcsim.settings import Engine


@dataclass(frozen=True)
class Block:
    """A work item: the paths ``first`` to ``first + count - 1``, all loans."""

    first: int
    count: int


def path_blocks(paths: int, path_block: int) -> list[Block]:
    """The run's work items, in order."""
    return [Block(first, min(path_block, paths - first)) for first in range(0, paths, path_block)]


def thread_count(engine: Engine) -> int:
    """Threads of the engine; 0 in the settings means all that the process may use."""
    if engine.name == "serial":
        return 1
    return engine.threads or len(os.sched_getaffinity(0))
