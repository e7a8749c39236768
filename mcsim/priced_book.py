"""What a book holds beside its collaterals: deals over their flows and what classes are worth, a block of paths at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mcsim.backend import Backend
from mcsim.deals.stage import compile_for
from mcsim.errors import InputError
from mcsim.loans import Loans
from mcsim.priced_deal import PricedDeal
from mcsim.settings import DealChoice, Settings
from mcsim.simulation.plan import Size, check_room
from mcsim.simulation.prepare import horizon
from mcsim.store.layout import DEALS
from mcsim.valuation import Prices


class PricedBook:
    """All deals of a book over the flows of its collaterals, from memory or from a store.

    Parameters
    ----------
    deals : mapping
        By name: the deal, the collateral of each of its groups, spreads.
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
        What is wrong with the deals or their spreads, all together.
    """

    def __init__(
        self,
        deals: Mapping[str, DealChoice],
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
                program = compile_for(choice.deal, sum(balances[collateral] for collateral in choice.groups.values()))
                place = None if where is None else where / DEALS / name
                self.deals[name] = PricedDeal(program, choice.pricing.spreads, backend, place, flows)
            except InputError as error:
                problems += error.problems if len(deals) == 1 else [f"deal {name}: {line}" for line in error.problems]
        if problems:
            raise InputError(problems)

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
            deal.add(first_path, {group: pools[collateral] for group, collateral in groups.items()}, discount)

    def finish(self) -> dict[str, Prices]:
        """Prices over all blocks, by deal; in the store too."""
        return {name: deal.finish() for name, deal in self.deals.items()}


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
        The deals, their spreads, memory or disk.
    """
    sizes = {name: Size(len(own), horizon(own, settings.collaterals[name].portfolio)) for name, own in loans.items()}
    balances = {name: float(own.balance.sum()) for name, own in loans.items()}
    horizons = {name: size.months for name, size in sizes.items()}
    book = PricedBook(settings.deals, balances, horizons, backend, where, settings.output.flows)
    if folder is not None:
        n_regions = len({region for own in loans.values() for region in own.region.tolist()})
        check_room(settings, sizes, n_regions, folder, book.rows)
    return book
