"""What runs would be refused with, found before the first of them starts: devices, tapes, market data, deals, memory and disk."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from mcsim.backend import Backend, choose_backend
from mcsim.errors import McsimError
from mcsim.priced_book import checked_book
from mcsim.settings import Settings


def problems_ahead(runs: Sequence[Settings], here: bool) -> list[str]:
    """One line for everything that one of the runs would be refused with.

    A tape is read once for all runs over it, and so is the market of a date: a thousand runs take as long as their inputs do.

    Parameters
    ----------
    runs : sequence of Settings
        Each checked for itself.
    here : bool
        They run on this machine; the devices, memory and disk of another one are not known.
    """
    from mcsim.market.start import load_market
    from mcsim.run_tape import load_tapes

    found: dict[str, None] = {}
    markets: set[str] = set()

    def tried(step: Callable[[], Any]) -> Any:
        try:
            return step()
        except McsimError as error:
            found.update(dict.fromkeys(error.problems))
            return None

    with _nothing_logged():
        for _, group in groupby(sorted(runs, key=_of_tape), _of_tape):
            tapes, read = None, False
            for run in group:
                if here:
                    tried(lambda run=run: choose_backend(run.backend, run.precision))  # type: ignore[misc]
                if not read:
                    tapes, read = tried(lambda run=run: load_tapes(run, None, Path())), True  # type: ignore[misc]
                if _of_market(run) not in markets:
                    markets.add(_of_market(run))
                    tried(lambda run=run: load_market(run))  # type: ignore[misc]
                if tapes is not None:
                    tried(lambda run=run, tapes=tapes: _check_book(run, tapes, here))  # type: ignore[misc]
    return list(found)


def _check_book(run: Settings, tapes: Any, here: bool) -> None:
    runs_dir = Path(run.output.runs_dir).absolute()
    place = next(folder for folder in (runs_dir, *runs_dir.parents) if folder.exists())
    loans = {name: tape.loans for name, tape in tapes.items()}
    checked_book(run, loans, Backend("numpy", run.precision, "nothing is computed"), place if here else None)


def _of_tape(run: Settings) -> str:
    return repr(([(name, own.portfolio) for name, own in run.collaterals.items()], run.home_prices.history_file))


def _of_market(run: Settings) -> str:
    """What the market follows from; the volatility of rates, which is swept most, is no part of it."""
    rates = dataclasses.replace(run.rates, sigma=0.0, mean_reversion=0.0)
    return repr((run.market_date, rates, run.home_prices, [own.behaviour for own in run.collaterals.values()]))


@contextmanager
def _nothing_logged() -> Iterator[None]:
    """Each run says its own warnings when it is made."""
    logger = logging.getLogger("mcsim")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
