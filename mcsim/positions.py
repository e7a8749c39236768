"""What a book holds and what it is worth: flows of deals and collaterals → streams of instruments → values, by blocks of paths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcsim.backend import Backend
from mcsim.errors import InputError, nearest
from mcsim.instruments import INSTRUMENTS
from mcsim.instruments.instrument import CLASS
from mcsim.streams import FLOAT32, Array, Claims, ClassFlows, pool_flows
from mcsim.valuation.methods import METHODS
from mcsim.valuation.positions import Holding, PositionPrices, PositionStage

if TYPE_CHECKING:
    from mcsim.deals import DealFlows, Program
    from mcsim.settings import Position


def takes(position: Position) -> dict[str, Any]:
    """Inputs of a position by name, each with meaning, unit and range: the instrument's and the method's."""
    return {**INSTRUMENTS[position.instrument].inputs, **METHODS[position.method].inputs}


class Positions:
    """Positions of a book over flows in memory, or from the store. From any thread, in any order of blocks.

    Parameters
    ----------
    positions : mapping
        By name; checked by :mod:`mcsim.validation`.
    balances : mapping
        USD at the cut-off by collateral.
    programs : mapping
        Compiled deals by name.
    backend : Backend
        Target that discounts.
    where : path, optional
        The store; nothing is written without it.

    Raises
    ------
    InputError
        A collateral, deal or class that is not there: all problems together.
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
        problems = [line for name, p in positions.items() for line in of_problems(name, p, balances, programs)]
        if problems:
            raise InputError(problems)
        holdings = {
            name: Holding(_claims(name, p, balances, programs), p.share, float(p.inputs["spread"]))
            for name, p in positions.items()
        }
        self._stage = PositionStage(holdings, backend, where)

    def __bool__(self) -> bool:
        return bool(self._positions)

    def add_collateral(self, collateral: str, first_path: int, pool: np.ndarray, discount: np.ndarray) -> None:
        """A block of a collateral: flows (month 1..n, field, path), discount factors (month 0..n or more, path)."""
        flows = pool_flows(pool)
        for name, position in self._of(collateral, ""):
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
        """Positions in a deal (``kind`` is CLASS), or in a collateral."""
        return [
            (name, p)
            for name, p in self._positions.items()
            if (INSTRUMENTS[p.instrument].of == CLASS) == (kind == CLASS)
            and (_split(p.of)[0] if kind == CLASS else p.of) == what
        ]

    def _add(self, name: str, position: Position, first_path: int, flows: Any, discount: np.ndarray) -> None:
        instrument = INSTRUMENTS[position.instrument]
        inputs = {key: float(position.inputs[key]) for key in instrument.inputs}
        streams, shape = instrument.streams(flows, inputs), flows[0].shape
        for part, values in vars(streams).items():
            if np.shape(values) != shape:
                raise ValueError(
                    f"instrument {position.instrument!r}: {part} has shape {np.shape(values)}; expected that of its flows, {shape}"
                )
        self._stage.add(name, first_path, streams, discount)


def of_problems(name: str, position: Position, collaterals: Mapping[str, Any], programs: Mapping[str, Program]) -> list[str]:
    """What is wrong with a position's ``of``; one line each."""
    where = f"positions.{name}.of = {position.of!r}"
    if INSTRUMENTS[position.instrument].of != CLASS:
        if position.of in collaterals:
            return []
        return [f"{where}: no such collateral{nearest(position.of, collaterals)}"]
    deal, tranche = _split(position.of)
    if deal not in programs:
        return [f"{where}: no such deal{nearest(deal, programs)}; expected DEAL/CLASS"]
    tranches = programs[deal].tranches
    return [] if tranche in tranches else [f"{where}: deal {deal!r} has no such class{nearest(tranche, tranches)}"]


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
