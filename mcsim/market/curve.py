"""Yield curves: a Treasury par curve of a date, bootstrapped by QuantLib, or a flat curve."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernels.hull_white import build_par_rate
from kernels.ops import make_ops
from mcsim.conventions import COUPONS_A_YEAR, MONTHS_A_YEAR
from mcsim.data_files import find_file
from mcsim.errors import InputError
from mcsim.market.par_yields import RATE, Yields, doubtful_unit, missing_date, read_par_yields
from mcsim.provenance import file_sha256
from mcsim.settings import Rates

TREASURY_FILE = "treasury_par_curve.csv"
_BILLS = 6  # months: up to here the Treasury's par yields are simple rates, without a coupon

log = logging.getLogger("mcsim")


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
    left_out : tuple of float
        Tenors of the file, in months, that the curve goes without: its nodes are whole months.
    last : float
        Its last tenor in months, infinite for a flat curve: beyond it forward rates are what they are there.
    """

    name: str
    date: datetime.date | None
    input: tuple[str, str] | None
    _discount: Callable[[float], float] = field(repr=False, compare=False)
    _forward: Callable[[float], float] = field(repr=False, compare=False)
    left_out: tuple[float, ...] = ()
    last: float = math.inf

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

    def par_rate(self, years: float) -> float:
        """Annual coupon, paid twice a year, of a bond of ``years`` (a multiple of a half) at par."""
        dates = np.arange(1, round(years * COUPONS_A_YEAR) + 1) / COUPONS_A_YEAR
        bonds = self.discount(dates)
        par_rate = build_par_rate(make_ops("numpy", "float64"))
        return float(par_rate(1 - bonds[-1], bonds.sum(), 1 / COUPONS_A_YEAR))


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
        if rates.flat_rate is None or not RATE.holds(rates.flat_rate):
            raise InputError(f"rates.flat_rate is {rates.flat_rate!r}; expected {RATE}")
        return flat_curve(float(rates.flat_rate))
    path = find_file(rates.curve_file or TREASURY_FILE, "rates.curve_file")
    curves = read_par_yields(path)
    if rates.curve not in curves:
        raise InputError(
            f"no curve of {rates.curve} (rates.curve; market_date and portfolio.cut_off where they are not given) in "
            f"{path.name}: {missing_date(rates.curve, curves)}; give rates.curve_file=FILE, the Treasury's CSV of daily par "
            "yields as downloaded, or rates=flat"
        )
    date, yields = datetime.date.fromisoformat(rates.curve), curves[rates.curve]
    whole = {tenor: rate for tenor, rate in yields.items() if tenor == int(tenor)}
    doubt = doubtful_unit(yields)
    if doubt:
        log.warning("%s, %s: %s", path.name, date, doubt)
    name = f"{'par curve' if rates.curve_file else 'US Treasury par curve'} of {date}"
    curve = par_curve(date, whole, name, (str(path), file_sha256(path)))
    return dataclasses.replace(curve, left_out=tuple(tenor for tenor in yields if tenor not in whole))


def flat_curve(rate: float) -> Curve:
    """A curve with the continuously compounded zero rate ``rate`` (annual) at every time."""
    return Curve(f"flat {rate:.4%}", None, None, lambda t: math.exp(-rate * t), lambda t: rate)


def par_curve(date: datetime.date, yields: Yields, name: str = "par curve", source: tuple[str, str] | None = None) -> Curve:
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
        last=max(yields),
    )


def _check_yields(yields: Yields, name: str) -> None:
    problems = []
    tenors = list(yields)
    if len(tenors) < 2:
        problems.append(f"{name}: {len(tenors)} par yields; expected two or more")
    for tenor, following in zip(tenors, tenors[1:], strict=False):
        if following <= tenor:
            problems.append(f"{name}: tenor of {following:g} months after {tenor:g}; expected ascending tenors, none twice")
    for tenor, rate in yields.items():
        if tenor <= 0:
            problems.append(f"{name}: tenor of {tenor:g} months; expected a tenor above 0")
        elif tenor > _BILLS and tenor % _BILLS:
            problems.append(f"{name}: tenor of {tenor:g} months; expected a multiple of {_BILLS} beyond {_BILLS} months")
        if not RATE.holds(rate):
            problems.append(f"{name}: par yield of {rate!r} at {tenor:g} months; expected {RATE}")
    if problems:
        raise InputError(problems)


def _bootstrap(date: datetime.date, yields: Yields, name: str) -> tuple[Any, Any]:
    """Nodes of the curve through the yields: QuantLib dates and discount factors."""
    import QuantLib as ql

    settings = ql.Settings.instance()
    before = settings.evaluationDate
    try:
        start = ql.Date(date.day, date.month, date.year)
        settings.evaluationDate = start
        helpers = [_helper(start, tenor, rate) for tenor, rate in yields.items()]
        curve = ql.PiecewiseNaturalLogCubicDiscount(start, helpers, ql.SimpleDayCounter())
        dates, discounts = zip(*curve.nodes(), strict=True)
    except RuntimeError as error:
        raise InputError(f"{name}: no curve through these par yields ({error}); check the yield at that tenor") from None
    finally:
        settings.evaluationDate = before
    if not all(math.isfinite(d) and d > 0 for d in discounts):
        raise InputError(f"{name}: no curve through these par yields: a discount factor is not positive")
    _check_forwards(discounts, list(yields), name)
    return dates, discounts


def _check_forwards(discounts: Sequence[float], tenors: Sequence[float], name: str) -> None:
    """Refuses a curve whose rate between two tenors no market has: one of the yields there is wrong."""
    nodes = [0.0, *tenors]
    forwards = -np.diff(np.log(discounts)) / np.diff(nodes) * MONTHS_A_YEAR
    problems = [
        f"{name}: the par yields imply {rate:.1%} a year between {start:g} and {end:g} months; check the yields there"
        for rate, start, end in zip(forwards, nodes, nodes[1:], strict=False)
        if not RATE.holds(rate)
    ]
    if problems:
        raise InputError(problems)


def _helper(start: Any, tenor: float, rate: float) -> Any:
    """The bill or par bond of one tenor, on whole months and without holidays."""
    import QuantLib as ql

    calendar, count, period = ql.NullCalendar(), ql.SimpleDayCounter(), ql.Period(int(tenor), ql.Months)
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
