"""The loans of a run: its tapes, residential ones marked to the cut-off by their region's home prices."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from pathlib import Path

from mcsim.errors import InputError
from mcsim.layouts import placed
from mcsim.market.home_price_history import load_history
from mcsim.settings import Portfolio, Settings
from mcsim.tapes.portfolio import Tape, load_portfolio


def load_tapes(settings: Settings, rejects_file: Callable[[str], Path] | None, frame: Path) -> dict[str, Tape]:
    """Loans of a run, by collateral.

    Parameters
    ----------
    settings : Settings
        Portfolios, and the history of home prices.
    rejects_file : callable, optional
        Where rows of a collateral's tape that are turned away are written.
    frame : path
        Where loans that were given from Python are kept, as CSV.

    Raises
    ------
    InputError
        As :func:`mcsim.tapes.portfolio.load_portfolio`, of all collaterals together; and where their cut-offs are not one date.
    """
    tapes, problems = dict[str, Tape](), list[str]()
    for name, collateral in settings.collaterals.items():
        try:
            rejects = rejects_file(name) if rejects_file else None
            tapes[name] = load_tape(settings, collateral.portfolio, rejects, frame)
        except InputError as error:
            alone = len(settings.collaterals) == 1
            problems += error.problems if alone else [placed("collaterals", name, line) for line in error.problems]
    dates = {name: tape.loans.cut_off for name, tape in tapes.items()}
    if len(set(dates.values())) > 1:
        each = ", ".join(f"{name} {date}" for name, date in dates.items())
        problems.append(f"the cut-offs of the collaterals differ: {each}; a book is valued at one date")
    if problems:
        raise InputError(problems)
    return tapes


def load_tape(settings: Settings, portfolio: Portfolio, rejects_file: Path | None, frame: Path) -> Tape:
    """Loans of one portfolio of a run; as :func:`load_tapes`."""
    history_once = functools.cache(lambda: load_history(settings.home_prices.history_file))  # a residential tape alone asks

    def ratio(region: str, origination: datetime.date, cut_off: datetime.date) -> float:
        history = history_once()
        return history.index(region, cut_off) / history.index(region, origination)

    return load_portfolio(portfolio, ratio, rejects_file, frame)
