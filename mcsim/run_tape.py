"""The loans of a run: its tape, residential ones marked to the cut-off by their region's home prices."""

from __future__ import annotations

import datetime
import functools
from pathlib import Path

from mcsim.market.home_price_history import load_history
from mcsim.settings import Settings
from mcsim.tapes.portfolio import Tape, load_portfolio


def load_tape(settings: Settings, rejects_file: Path | None, frame: Path) -> Tape:
    """Loans of a run.

    Parameters
    ----------
    settings : Settings
        Portfolio, and the history of home prices.
    rejects_file : path, optional
        Where rows that are turned away are written.
    frame : path
        Where loans that were given from Python are kept, as CSV.

    Raises
    ------
    InputError
        As :func:`mcsim.tapes.portfolio.load_portfolio`.
    """
    history_once = functools.cache(lambda: load_history(settings.home_prices.history_file))  # a residential tape alone asks

    def ratio(region: str, origination: datetime.date, cut_off: datetime.date) -> float:
        history = history_once()
        return history.index(region, cut_off) / history.index(region, origination)

    return load_portfolio(settings.only_collateral.portfolio, ratio, rejects_file, frame)
