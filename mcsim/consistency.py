"""What settings say together: each in its range, they can still contradict one another or leave something out."""

from __future__ import annotations

import datetime as dt
import re

from mcsim.book_checks import book_problems
from mcsim.errors import shown
from mcsim.settings import Portfolio, Rates, Settings

SHARE_SLACK = 1e-6
"""Shares are written to at most six decimals, so a right set can miss 1 by the last of them."""


def consistency_problems(settings: Settings) -> list[str]:
    """One line for every contradiction; none where the settings can be run."""
    return [
        *(
            problem
            for name, collateral in settings.collaterals.items()
            for problem in _portfolio_problems(collateral.portfolio, f"{settings.where('collaterals', name)}portfolio")
        ),
        *_date_problems(settings),
        *book_problems(settings),
        *_rates_problems(settings.rates),
    ]


def _portfolio_problems(portfolio: Portfolio, where: str) -> list[str]:
    problems = []
    if not _is_date(portfolio.cut_off):
        problems.append(f"{where}.cut_off = {shown(portfolio.cut_off)}: expected a date, YYYY-MM-DD")
    generator = portfolio.generator
    if portfolio.source == "generator" and generator is None:
        problems.append(f"{where}.generator: missing; {where}.source=generator draws the loans from it")
    if portfolio.source != "generator" and portfolio.file is None:
        problems.append(f"{where}.file: missing; {where}.source={portfolio.source} reads a tape, give its path")
    if generator is not None and abs(sum(generator.regions.values()) - 1) > SHARE_SLACK:
        total = sum(generator.regions.values())
        problems.append(f"{where}.generator.regions: the shares add up to {total:.6g}; expected 1")
    return problems


def _date_problems(settings: Settings) -> list[str]:
    """Of dates that do not merely follow another one that is wrong."""
    market_date, curve = settings.market_date, settings.rates.curve
    cut_offs = [collateral.portfolio.cut_off for collateral in settings.collaterals.values()]
    problems = []
    if cut_offs and not _is_date(market_date) and market_date not in cut_offs:
        problems.append(f"market_date = {shown(market_date)}: expected a date, YYYY-MM-DD")
    if curve not in ("flat", market_date) and not _is_date(curve):
        problems.append(f"rates.curve = {shown(curve)}: expected a date, YYYY-MM-DD, or flat")
    return problems


def _rates_problems(rates: Rates) -> list[str]:
    problems = []
    if rates.curve == "flat" and rates.flat_rate is None:
        problems.append("rates.flat_rate: missing; rates.curve=flat needs a rate")
    if rates.mortgage_rate is not None and rates.mortgage_residual is not None:
        problems.append(
            f"rates.mortgage_rate = {shown(rates.mortgage_rate)}: not read where rates.mortgage_residual is given; "
            "take one of them out"
        )
    elif rates.mortgage_rate is not None and rates.mortgage_rate < rates.mortgage_floor:
        problems.append(
            f"rates.mortgage_rate = {shown(rates.mortgage_rate)}: below rates.mortgage_floor, {rates.mortgage_floor!r}"
        )
    return problems


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return False
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
