"""What a book makes of its collaterals' flows: deals, what classes are worth, and positions, a block of paths at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mcsim.backend import Backend
from mcsim.deals.stage import compile_for
from mcsim.errors import InputError
from mcsim.layouts import placed
from mcsim.loans import Loans
from mcsim.positions import Positions
from mcsim.priced_deal import PricedDeal
from mcsim.settings import DealChoice, Position, Settings
from mcsim.simulation.note_rates import n_note_rates
from mcsim.simulation.plan import Size, check_room
from mcsim.simulation.prepare import check_loans, horizon
from mcsim.store.layout import DEALS
from mcsim.valuation import Prices
from mcsim.valuation.positions import PositionPrices


class BookPrices(NamedTuple):
    """Prices of the classes of each deal, and of the positions where there are any."""

    deals: dict[str, Prices]
    positions: PositionPrices | None


class PricedBook:
    """All deals and positions of a book over the flows of its collaterals, from memory or from a store.

    Parameters
    ----------
    deals : mapping
        By name: the deal, the collateral of each of its groups, spreads.
    positions : mapping
        By name.
    balances : mapping
        Of each collateral at the cut-off, USD.
    horizons : mapping
        Of each collateral, months.
    backend : Backend
        Target of waterfalls and of discounting.
    where : path, optional
        The store; nothing is written without it.
    flows : bool
        Write class flows on every path too, not values alone.

    Raises
    ------
    InputError
        What is wrong with deals, spreads or positions, all together.
    """

    def __init__(
        self,
        deals: Mapping[str, DealChoice],
        positions: Mapping[str, Position],
        balances: Mapping[str, float],
        horizons: Mapping[str, int],
        backend: Backend,
        where: Path | None = None,
        flows: bool = True,
    ) -> None:
        self._chosen, self._horizons = deals, horizons
        self.deals: dict[str, PricedDeal] = {}
        problems = list[str]()
        for name, choice in deals.items():
            try:
                program = compile_for(choice.deal, {group: balances[own] for group, own in choice.groups.items()})
                place = None if where is None else where / DEALS / name
                self.deals[name] = PricedDeal(program, choice.pricing.spreads, backend, place, flows)
            except InputError as error:
                problems += error.problems if len(deals) == 1 else [placed("deals", name, line) for line in error.problems]
        if problems:
            raise InputError(problems)
        programs = {name: deal.program for name, deal in self.deals.items()}
        self._positions = Positions(positions, balances, programs, backend, where)

    @property
    def rows(self) -> dict[str, int]:
        """Rows that each deal stores a month."""
        return {name: len(deal.program.stores) for name, deal in self.deals.items()}

    def lay_out(self, n_paths: int, path_block: int) -> None:
        """Make room in the store: before the first block, from one thread."""
        for name, deal in self.deals.items():
            n_months = max(self._horizons[collateral] for collateral in self._chosen[name].groups.values())
            deal.lay_out(n_months, n_paths, path_block)

    def add(self, first_path: int, pools: Mapping[str, np.ndarray], discount: np.ndarray) -> None:
        """One block: flows of each collateral (month, field, path) and discount factors (month 0.., path).

        From any thread, in any order.
        """
        for name, deal in self.deals.items():
            groups = self._chosen[name].groups
            flows = deal.add(first_path, {group: pools[collateral] for group, collateral in groups.items()}, discount)
            self._positions.add_deal(name, first_path, flows, discount)
        for name, pool in pools.items():
            self._positions.add_collateral(name, first_path, pool, discount)

    def finish(self) -> BookPrices:
        """Prices over all blocks; in the store too."""
        deals = {name: deal.finish() for name, deal in self.deals.items()}
        return BookPrices(deals, self._positions.finish() if self._positions else None)


def checked_book(
    settings: Settings, loans: Mapping[str, Loans], backend: Backend, folder: Path | None, where: Path | None = None
) -> PricedBook:
    """A run's deals over its loans, after everything that can be known to fail before the first kernel was looked at.

    Parameters
    ----------
    settings : Settings
    loans : mapping of str to Loans
        By collateral.
    backend : Backend
    folder : path, optional
        On the disk that will hold the run; without it memory and disk are not looked at.
    where : path, optional
        The store.

    Raises
    ------
    InputError
        What models and terms read of the loans, the deals, their spreads, memory or disk.
    """
    _check_loans(settings, loans)
    sizes = {
        name: Size(len(own), horizon(own, settings.collaterals[name].portfolio), n_note_rates(own))
        for name, own in loans.items()
    }
    balances = {name: float(own.balance.sum()) for name, own in loans.items()}
    horizons = {name: size.months for name, size in sizes.items()}
    book = PricedBook(settings.deals, settings.positions, balances, horizons, backend, where, settings.output.flows)
    if folder is not None:
        n_regions = len({region for own in loans.values() for region in own.region.tolist()})
        check_room(settings, sizes, n_regions, folder, book.rows, backend.target)
    return book


def _check_loans(settings: Settings, loans: Mapping[str, Loans]) -> None:
    """Of all collaterals together."""
    problems = list[str]()
    for name, own in loans.items():
        chosen = settings.collaterals[name]
        try:
            check_loans(own, chosen.portfolio, chosen.behaviour)
        except InputError as error:
            problems += error.problems if len(loans) == 1 else [placed("collaterals", name, line) for line in error.problems]
    if problems:
        raise InputError(problems)
