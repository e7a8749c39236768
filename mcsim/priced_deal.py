"""A deal and what its classes are worth: pool flows → waterfall → streams → values, a block of paths at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mcsim.backend import Backend
from mcsim.deals import Program
from mcsim.deals.stage import DealStage, compile_for
from mcsim.instruments import deal_class
from mcsim.loans import Loans
from mcsim.settings import Settings
from mcsim.simulation.plan import check_room
from mcsim.valuation import Prices
from mcsim.valuation.stage import ValuationStage


class PricedDeal:
    """The deal stage and, over what it pays its classes, the valuation stage.

    Parameters
    ----------
    program : Program
        The compiled deal.
    spreads : mapping
        By class, as :class:`~mcsim.valuation.Pricer` takes them.
    backend : Backend
        Target of the waterfall and of discounting.
    where : path, optional
        The store; nothing is written without it.
    flows : bool
        Write class flows on every path too, not values alone.
    """

    def __init__(
        self, program: Program, spreads: Mapping[str, Any], backend: Backend, where: Path | None = None, flows: bool = True
    ) -> None:
        self._deal = DealStage(program, backend, where if flows else None)
        self._values = ValuationStage(deal_class.claims(program), spreads, backend, where)

    def lay_out(self, n_months: int, n_paths: int, path_block: int) -> None:
        """Make room in the store: before the first block, from one thread."""
        self._deal.lay_out(n_months, n_paths, path_block)

    def add(self, first_path: int, pool: np.ndarray, discount: np.ndarray) -> None:
        """One block: pool flows (month, field, path) and discount factors (month 0..n, path). From any thread, in any order."""
        self._values.add(first_path, deal_class.streams(self._deal.run(first_path, pool)), discount)

    def finish(self) -> Prices:
        """Prices over all blocks; in the store too."""
        return self._values.finish()


def checked_deal(
    settings: Settings, loans: Loans, backend: Backend, folder: Path | None, where: Path | None = None
) -> PricedDeal:
    """A run's deal over its loans, after everything that can be known to fail before the first kernel was looked at.

    Parameters
    ----------
    settings : Settings
    loans : Loans
    backend : Backend
    folder : path, optional
        On the disk that will hold the run; without it memory and disk are not looked at.
    where : path, optional
        The store.

    Raises
    ------
    InputError
        The deal, its spreads, memory or disk.
    """
    chosen = settings.only_deal
    program = compile_for(chosen.deal, float(loans.balance.sum()))
    deal = PricedDeal(program, chosen.pricing.spreads, backend, where, settings.output.flows)
    if folder is not None:
        check_room(settings, loans, folder, len(program.stores))
    return deal
