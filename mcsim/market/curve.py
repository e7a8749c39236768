"""Yield curves: a Treasury par curve of a date, bootstrapped by QuantLib, or a flat curve."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcsim.errors import InputError, nearest
from mcsim.market.sources import data_file, read_rows
from mcsim.provenance import file_sha256
from mcsim.settings import Rates

TREASURY_FILE = "treasury_par_curve.csv"
PERCENT = 100  # the Treasury publishes percent
_MONTHS = {"mo": 1, "yr": 12}
_BILLS = 6  # months: up to here the Treasury's par yields are simple rates, without a coupon


@dataclass(frozen=True)
class Curve:
    """Discount factors of a date. Build with :func:`load_curve`, :func:`flat_curve` or :func:`par_curve`.

    Attributes
    ----------
    name : str
        For people: ``US Treasury par curve of 2020-12-31``.
    date : datetime.date or None
        Date of the quotes; None for a flat curve.
    input : tuple of (str, str) or None
        File and its SHA-256 digest.
    """

    name: str
    date: datetime.date | None
    input: tuple[str, str] | None
    _discount: Callable[[float], float] = field(repr=False, compare=False)
    _forward: Callable[[float], float] = field(repr=False, compare=False)

    def discount(self, times_years: ArrayLike) -> NDArray[np.float64]:
        """Discount factors at ``times_years`` (any shape, years from the curve's date, >= 0).

        Beyond the last tenor the instantaneous forward rate stays what it is there.

        Raises
        ------
        InputError
            For a time that is negative or not finite.
        """
        return _evaluate(self._discount, times_years, self.name)

    def instantaneous_forward(self, times_years: ArrayLike) -> NDArray[np.float64]:
        """Instantaneous forward rates at ``times_years``, annual, continuously compounded; see :meth:`discount`."""
        return _evaluate(self._forward, times_years, self.name)


def _evaluate(function: Callable[[float], float], times_years: ArrayLike, name: str) -> NDArray[np.float64]:
    times = np.asarray(times_years, dtype=np.float64)
    bad = times[~(np.isfinite(times) & (times >= 0))]
    if bad.size:
        raise InputError(f"{name}: time {bad.flat[0]:g} years; expected a finite time of 0 or more")
    return np.array([function(float(t)) for t in times.flat]).reshape(times.shape)


def load_curve(rates: Rates) -> Curve:
    """The curve that the settings name: ``flat`` with ``flat_rate``, or the date of a Treasury par curve.

    Raises
    ------
    InputError
        If the curve is unknown or its data cannot be used.
    """
    if rates.curve == "flat":
        if rates.flat_rate is None or not math.isfinite(rates.flat_rate) or abs(rates.flat_rate) >= 1:
            raise InputError(f"rates.flat_rate is {rates.flat_rate!r}; expected an annual rate per unit, such as 0.01")
        return flat_curve(float(rates.flat_rate))
    path = data_file(TREASURY_FILE)
    curves = read_par_curves(path)
    if rates.curve not in curves:
        raise InputError(
            f"rates.curve is {rates.curve!r}: no such date in {TREASURY_FILE}{nearest(rates.curve, [*curves, 'flat'])}"
        )
    date = datetime.date.fromisoformat(rates.curve)
    return par_curve(date, curves[rates.curve], f"US Treasury par curve of {date}", (str(path), file_sha256(path)))


def flat_curve(rate: float) -> Curve:
    """A curve with the continuously compounded zero rate ``rate`` (annual) at every time."""
    return Curve(f"flat {rate:.4%}", None, None, lambda t: math.exp(-rate * t), lambda t: rate)


def read_par_curves(path: Path) -> dict[str, dict[int, float]]:
    """Par yields by date and tenor in months, per unit, from the Treasury's layout in percent: ``date,1 mo,...,30 yr``.

    Raises
    ------
    InputError
        With every row and column that is wrong.
    """
    header, *rows = read_rows(path)
    problems: list[str] = []
    tenors = _read_tenors(path, header, problems)
    curves: dict[str, dict[int, float]] = {}
    for number, row in enumerate(rows, start=2):
        where = f"{path.name} row {number}"
        if len(row) != len(header):
            problems.append(f"{where}: {len(row)} columns; expected {len(header)}")
            continue
        if not _is_date(row[0]) or row[0] in curves:
            problems.append(f"{where}: date {row[0]!r}; expected one date a row as YYYY-MM-DD, none twice")
            continue
        curves[row[0]] = {}
        for tenor, cell in zip(tenors, row[1:], strict=True):
            if cell:
                curves[row[0]][tenor] = _read_yield(cell, f"{where}, {tenor} months", problems)
    if problems:
        raise InputError(problems)
    return curves


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _read_tenors(path: Path, header: list[str], problems: list[str]) -> list[int]:
    tenors = []
    for name in header[1:]:
        number, _, unit = name.partition(" ")
        if unit not in _MONTHS or not number.lstrip("-").isdigit():
            problems.append(f"{path.name}: column {name!r}; expected a tenor such as '6 mo' or '10 yr'")
            tenors.append(0)
            continue
        tenors.append(int(number) * _MONTHS[unit])
    return tenors


def _read_yield(cell: str, where: str, problems: list[str]) -> float:
    try:
        return float(cell) / PERCENT
    except ValueError:
        problems.append(f"{where}: yield {cell!r}; expected percent, or nothing where none was quoted")
        return math.nan


def par_curve(
    date: datetime.date, yields: dict[int, float], name: str = "par curve", source: tuple[str, str] | None = None
) -> Curve:
    """Bootstrap a curve from par yields.

    Up to six months a yield is the simple rate of a bill; beyond, the coupon, paid twice a year, of a bond at par. QuantLib
    (piecewise natural cubic splines of the logarithm of the discount factor: forward rates without jumps). Times count whole
    months, so that a five-year bond ends at 5 exactly.

    Parameters
    ----------
    date : datetime.date
        Date of the quotes.
    yields : dict
        Tenor in months (a multiple of six beyond six) to yield, annual, per unit; tenors ascending.
    name : str
        For people and messages.
    source : tuple of (str, str), optional
        File and digest, for the record.

    Raises
    ------
    InputError
        With every tenor or yield that is wrong, or if there is no curve through the yields.

    Examples
    --------
    >>> curve = par_curve(datetime.date(2020, 12, 31), {6: 0.0009, 12: 0.0010, 24: 0.0013})
    >>> float(curve.discount(0.5).round(6))
    0.99955
    """
    _check_yields(yields, name)
    dates, discounts = _bootstrap(date, yields, name)
    import QuantLib as ql

    # A curve of its own nodes: it does not move when somebody else changes QuantLib's evaluation date.
    fixed = ql.NaturalLogCubicDiscountCurve(dates, discounts, ql.SimpleDayCounter(), ql.NullCalendar())
    compounding = ql.Continuous
    return Curve(
        name,
        date,
        source,
        lambda t: fixed.discount(t, True),
        lambda t: fixed.forwardRate(t, t, compounding, ql.NoFrequency, True).rate(),
    )


def _check_yields(yields: dict[int, float], name: str) -> None:
    problems = []
    tenors = list(yields)
    if len(tenors) < 2:
        problems.append(f"{name}: {len(tenors)} par yields; expected two or more")
    for tenor, following in zip(tenors, tenors[1:], strict=False):
        if following <= tenor:
            problems.append(f"{name}: tenor of {following} months after {tenor}; expected ascending tenors, none twice")
    for tenor, rate in yields.items():
        if tenor <= 0:
            problems.append(f"{name}: tenor of {tenor} months; expected a tenor above 0")
        elif tenor > _BILLS and tenor % _BILLS:
            problems.append(f"{name}: tenor of {tenor} months; expected a multiple of {_BILLS} beyond {_BILLS} months")
        if not math.isfinite(rate) or abs(rate) >= 1:
            problems.append(f"{name}: par yield of {rate!r} at {tenor} months; expected an annual rate per unit, such as 0.01")
    if problems:
        raise InputError(problems)


def _bootstrap(date: datetime.date, yields: dict[int, float], name: str) -> tuple[Any, Any]:
    """Nodes of the curve through the yields: QuantLib dates and discount factors."""
    import QuantLib as ql

    start = ql.Date(date.day, date.month, date.year)
    settings = ql.Settings.instance()
    before = settings.evaluationDate
    settings.evaluationDate = start
    try:
        helpers = [_helper(start, tenor, rate) for tenor, rate in yields.items()]
        curve = ql.PiecewiseNaturalLogCubicDiscount(start, helpers, ql.SimpleDayCounter())
        dates, discounts = zip(*curve.nodes(), strict=True)
    except RuntimeError as error:
        raise InputError(f"{name}: no curve through these par yields ({error}); check the yield at that tenor") from None
    finally:
        settings.evaluationDate = before
    if not all(math.isfinite(d) and d > 0 for d in discounts):
        raise InputError(f"{name}: no curve through these par yields: a discount factor is not positive")
    return dates, discounts


def _helper(start: Any, tenor: int, rate: float) -> Any:
    """The bill or par bond of one tenor, on whole months and without holidays."""
    import QuantLib as ql

    calendar, count, period = ql.NullCalendar(), ql.SimpleDayCounter(), ql.Period(tenor, ql.Months)
    if tenor <= _BILLS:
        return ql.DepositRateHelper(ql.QuoteHandle(ql.SimpleQuote(rate)), period, 0, calendar, ql.Unadjusted, True, count)
    schedule = ql.Schedule(
        start,
        start + period,
        ql.Period(ql.Semiannual),
        calendar,
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        True,
    )
    face = 100.0
    price = ql.QuoteHandle(ql.SimpleQuote(face))
    return ql.FixedRateBondHelper(price, 0, face, schedule, [rate], count, ql.Unadjusted, face, start)
