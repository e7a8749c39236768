"""Where the scenarios of a run start: the curve of the market date, and growth, gap and mortgage rate at it.

What the configuration gives is taken; what it leaves null is derived from data of the date. Where there is none the run is
refused if one of its models reads the quantity; else a neutral value stands in, with a warning.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
import logging
import math
from typing import Any, TypeVar

from kernels.behaviour import KINDS
from kernels.mortgage_rate import build_mortgage_rate
from kernels.ops import make_ops
from mcsim.data_files import DATA, find_file, read_rows
from mcsim.errors import InputError
from mcsim.market.curve import Curve, load_curve
from mcsim.market.home_price_history import QUARTERS, HomePriceHistory, load_history, quarter_name, quarter_number
from mcsim.market.par_yields import PERCENT
from mcsim.provenance import file_sha256
from mcsim.ranges import RANGES
from mcsim.settings import HomePrices, Rates, Settings

SURVEY_FILE = "mortgage_rate_survey.csv"
GROWTH, GAP = "home_prices.initial_growth_quarterly", "home_prices.initial_gap"
RESIDUAL = "rates.mortgage_residual"
GIVEN = "given"
_TEN_YEARS = 120  # months

Section = TypeVar("Section", Settings, Rates, HomePrices)

File = tuple[str, str]
"""A file that was read, and its SHA-256 digest."""

log = logging.getLogger("mcsim")


@dataclasses.dataclass(frozen=True)
class Start:
    """A start value, and its origin in words: ``given``, or what it was derived from."""

    value: float
    origin: str


@dataclasses.dataclass(frozen=True)
class Market:
    """The market at a run's date.

    Attributes
    ----------
    settings : Settings
        The run's, with every start value in its place.
    curve : Curve
    starts : dict of str to Start
        By the setting's dotted name.
    inputs : tuple of (str, str)
        Files that were read and their SHA-256 digests.
    """

    settings: Settings
    curve: Curve
    starts: dict[str, Start]
    inputs: tuple[File, ...]

    def record(self) -> dict[str, Any]:
        """For the store's attributes: date, curve and start values with their origins."""
        return {
            "date": self.settings.market_date,
            "curve": self.curve.name,
            "tenors_left_out": list(self.curve.left_out),
            "starts": {name: dataclasses.asdict(start) for name, start in self.starts.items()},
        }

    def short_of(self, months: int) -> list[str]:
        """What to say where the curve ends before the last of the loans, after ``months``, or the rates that the run reads."""
        last = self.curve.last
        read = (
            ["the ten-year rate of the mortgage rule"]
            if last < _TEN_YEARS and _readers(self.settings, "mortgage_rate")
            else []
        )
        read += [f"loans of {months} months"] if last < months else []
        if not read:
            return []
        return [
            f"the curve ends at {last:g} months, before {' and '.join(read)}: from there on forward rates stay what they are; "
            "give yields of longer tenors"
        ]

    def mixed_dates(self, cut_off: datetime.date) -> list[str]:
        """What to say where curve or market date are not of the pool's ``cut_off``."""
        dates = {"curve": self.curve.date, "market date": datetime.date.fromisoformat(self.settings.market_date)}
        return [
            f"the {what} is {date}, the pool's cut-off {cut_off}: the value mixes two dates"
            for what, date in dates.items()
            if date is not None and date != cut_off
        ]


def load_market(settings: Settings) -> Market:
    """Curve and start values of ``settings.market_date``.

    Raises
    ------
    InputError
        If there is no curve of the date, or no history for what a model of the run reads: every such value by its setting.
    """
    curve = load_curve(settings.rates)
    problems: list[str] = []
    starts, inputs = _home_prices(settings, problems)
    residual, survey = _mortgage_residual(settings, curve, problems)
    if problems:
        raise InputError(problems)
    starts[RESIDUAL] = residual
    if curve.left_out:
        left_out = ", ".join(f"{tenor:g}" for tenor in curve.left_out)
        log.info("the curve goes without the yields of %s months: its nodes are whole months", left_out)
    shown = ", ".join(f"{name} {start.value:.5g} ({start.origin.partition(':')[0]})" for name, start in starts.items())
    log.info("market of %s: %s", settings.market_date, shown)
    prices = _with(settings.home_prices, initial_growth_quarterly=starts[GROWTH].value, initial_gap=starts[GAP].value)
    full = _with(settings, rates=_with(settings.rates, mortgage_residual=residual.value), home_prices=prices)
    dynamics = find_file(settings.home_prices.region_file, "home_prices.region_file")
    files = [curve.input, (str(dynamics), file_sha256(dynamics)), *inputs, *survey]
    return Market(full, curve, starts, tuple(file for file in files if file is not None))


def _with(section: Section, **values: Any) -> Section:
    """A copy with other values. Unlike ``dataclasses.replace`` it reads no field: what a run reads is what it uses."""
    filled = copy.copy(section)
    for name, value in values.items():
        object.__setattr__(filled, name, value)
    return filled


def _readers(settings: Settings, observable: str) -> list[str]:
    """The run's models that read ``observable``, or what follows from it."""
    chosen = {
        (kind, getattr(collateral.behaviour, kind).model): None
        for collateral in settings.collaterals.values()
        for kind in KINDS
    }
    return [f"{kind} model {name}" for kind, name in chosen if observable in KINDS[kind][name].needs]


def _home_prices(settings: Settings, problems: list[str]) -> tuple[dict[str, Start], list[File]]:
    """Growth and gap at the market date, and the history's file where it was read."""
    prices = settings.home_prices
    given = {GROWTH: prices.initial_growth_quarterly, GAP: prices.initial_gap}
    starts = {name: Start(value, GIVEN) for name, value in given.items() if value is not None}
    if len(starts) == len(given):
        return starts, []
    history = load_history(prices.history_file)
    date = datetime.date.fromisoformat(settings.market_date)
    try:
        growth, gap = _home_price_start(history, date, prices)
    except InputError as error:
        reasons, readers = "; ".join(error.problems), _readers(settings, "home_price_index")
        if readers:
            missing = ", ".join(name for name in given if name not in starts)
            problems.append(
                f"{missing}: not given, and {reasons} in {prices.history_file}; {_read(readers)} home prices: give "
                "the values, a market_date within the history, or home_prices.history_file=FILE (FHFA's index by state)"
            )
        else:
            log.warning("%s; no model of this run reads home prices: they start on their trend", reasons)
        growth = Start(prices.trend_annual / QUARTERS, "assumed: the trend, for want of history")
        gap = Start(0.0, "assumed: on the trend, for want of history")
    return {GROWTH: growth, GAP: gap, **starts}, [history.input]


def _home_price_start(history: HomePriceHistory, date: datetime.date, prices: HomePrices) -> tuple[Start, Start]:
    growth, gap = history.start(date, prices.trend_from, prices.trend_to)
    mean = f"derived: mean over {len(history.regions)} states of the index of {quarter_name(quarter_number(date))}"
    trend = f"each one's trend of {prices.trend_from} to {prices.trend_to}"
    return Start(growth, f"{mean}, log growth"), Start(gap, f"{mean}, log less {trend}")


def _mortgage_residual(settings: Settings, curve: Curve, problems: list[str]) -> tuple[Start, list[File]]:
    """The rule's residual at the curve's date, and the survey's file where it was read."""
    rates, limits = settings.rates, RANGES["rates.mortgage_residual"]
    if rates.mortgage_residual is not None:
        return Start(rates.mortgage_residual, GIVEN), []
    observed, origin = rates.mortgage_rate, GIVEN
    files: list[File] = []
    if observed is None and curve.date is not None:
        observed, origin, files = _survey(curve.date)
    if observed is not None:
        rule = _rule(rates, curve)
        if not limits.holds(observed - rule):
            problems.append(
                f"rates.mortgage_rate = {observed!r} ({origin}): the rule on the curve gives {rule:.4f}; "
                f"expected a residual of {limits}"
            )
        return Start(observed - rule, f"derived: mortgage rate of {observed:.4%} ({origin}) less the rule on the curve"), files
    if curve.date is None:
        return Start(0.0, "assumed: the rule alone, as a flat curve is no market's"), []
    readers = _readers(settings, "mortgage_rate")
    if readers:
        problems.append(
            f"rates.mortgage_rate: not given, and no survey of {curve.date} ships; {_read(readers)} the mortgage rate: give the "
            "primary mortgage rate of the date, or rates.mortgage_residual=0 for the rule alone"
        )
    else:
        log.warning("no mortgage rate of %s; no model of this run reads it: it starts on its rule", curve.date)
    return Start(0.0, "assumed: the rule alone, for want of a survey"), []


def _read(readers: list[str]) -> str:
    return f"{' and '.join(readers)} read{'s' if len(readers) == 1 else ''}"


def _rule(rates: Rates, curve: Curve) -> float:
    """Mortgage rate of the rule at month 0, without residual or floor."""
    rule = build_mortgage_rate(make_ops("numpy", "float64"))
    ten, two = curve.par_rate(10.0), curve.par_rate(2.0)
    on_yields = (rates.mortgage_constant, rates.mortgage_on_10y, rates.mortgage_on_10y_lagged, rates.mortgage_on_2y)
    return float(rule(ten, ten, two, 0.0, *on_yields, -math.inf))


def _survey(date: datetime.date) -> tuple[float | None, str, list[File]]:
    """The survey's rate at a curve's date, per unit, where it came from, and the file; None where none ships."""
    path = DATA / SURVEY_FILE
    known = {row[0]: row for row in read_rows(path)[1:]}
    if date.isoformat() not in known:
        return None, "", []
    _, survey_date, rate = known[date.isoformat()]
    return float(rate) / PERCENT, f"survey of {survey_date}", [(str(path), file_sha256(path))]
