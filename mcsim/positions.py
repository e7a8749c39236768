"""What a book holds and what it is worth: flows of deals and collaterals → streams of instruments → values, by blocks of paths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcsim.backend import Backend
from mcsim.instruments import INSTRUMENTS
from mcsim.instruments.instrument import CLASS, COLLATERAL, streams_of
from mcsim.streams import FLOAT32, Array, Claims, ClassFlows, pool_flows
from mcsim.valuation.positions import Holding, PositionPrices, PositionStage

if TYPE_CHECKING:
    from mcsim.deals import DealFlows, Program
    from mcsim.settings import Position


class Positions:
    """Positions of a book over flows in memory, or from the store. From any thread, in any order of blocks.

    Parameters
    ----------
    positions : mapping
        By name; checked by :mod:`mcsim.book_checks`.
    balances : mapping
        USD at the cut-off by collateral.
    programs : mapping
        Compiled deals by name.
    backend : Backend
        Target that discounts.
    where : path, optional
        The store; nothing is written without it.
    """

    def __init__(
        self,
        positions: Mapping[str, Position],
        balances: Mapping[str, float],
        programs: Mapping[str, Program],
        backend: Backend,
        where: Path | None = None,
    ) -> None:
        self._positions, self._programs = dict(positions), programs
        holdings = {
            name: Holding(_claims(name, p, balances, programs), p.share, p.method, p.inputs) for name, p in positions.items()
        }
        self._stage = PositionStage(holdings, backend, where)

    def __bool__(self) -> bool:
        return bool(self._positions)

    def add_collateral(self, collateral: str, first_path: int, pool: np.ndarray, discount: np.ndarray) -> None:
        """A block of a collateral: flows (month 1..n, field, path), discount factors (month 0..n or more, path)."""
        flows = pool_flows(pool)
        for name, position in self._of(collateral, COLLATERAL):
            self._add(name, position, first_path, flows, discount)

    def add_deal(self, deal: str, first_path: int, flows: DealFlows, discount: np.ndarray) -> None:
        """A block of a deal: flows of its classes, discount factors (month 0..n or more, path)."""
        for name, position in self._of(deal, CLASS):
            k = self._programs[deal].tranches.index(_split(position.of)[1])
            one = ClassFlows(*(getattr(flows, field)[k : k + 1] for field in ClassFlows._fields))
            self._add(name, position, first_path, one, discount)

    def finish(self) -> PositionPrices:
        """Prices over all blocks, with the book's total; in the store too."""
        return self._stage.finish()

    def _of(self, what: str, kind: str) -> list[tuple[str, Position]]:
        """Positions in a deal (``kind`` is CLASS) or in a collateral, by its name."""
        return [
            (name, p)
            for name, p in self._positions.items()
            if INSTRUMENTS[p.instrument].of == kind and _split(p.of)[0] == what
        ]

    def _add(self, name: str, position: Position, first_path: int, flows: Any, discount: np.ndarray) -> None:
        streams = streams_of(position.instrument, INSTRUMENTS[position.instrument], flows, position.inputs)
        self._stage.add(name, first_path, streams, discount)


def _split(of: str) -> tuple[str, str]:
    deal, _, tranche = of.partition("/")
    return deal, tranche


def _claims(name: str, position: Position, balances: Mapping[str, float], programs: Mapping[str, Program]) -> Claims:
    of = f"{position.instrument} of {position.of}"
    if INSTRUMENTS[position.instrument].of != CLASS:
        balance = balances[position.of]
        return Claims(of, "position", (name,), np.array([balance]), balance, FLOAT32)
    deal, tranche = _split(position.of)
    program = programs[deal]
    balance_of_class: Array = program.original_balance[[program.tranches.index(tranche)]]
    return Claims(of, "position", (name,), balance_of_class, program.pool_balance)
