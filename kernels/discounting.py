"""Present values of class flows on paths, and the yield measures of one stream of flows.

Sources: the value of a class is the mean over paths of its flows times the path's discount factor and ``exp(-spread t)``
(Fabozzi (ed.), *The Handbook of Mortgage-Backed Securities*, 7th ed. 2016, with the spread in continuous compounding);
yield, average life, durations, convexity and discount margin: BMA, *Standard Formulas* (1999), SF-49 to SF-56.
Theory and conventions: docs/theory/discounting.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels import special
from kernels.ops import Ops, make_ops

SUMS = ("value", "interest_value", "principal", "principal_years", "write_down")
"""Rows of the sums over months that :func:`build_present_values` adds up: present value and the part of it that is interest
(USD), principal paid (USD), principal times the year it is paid in (USD years), written down (USD)."""

Array = npt.NDArray[np.float64]


@lru_cache(maxsize=None)
def build_spread_factor(ops: Ops) -> Callable[..., Any]:
    """``spread_factor(spread, month)``: ``exp(-spread month / 12)``; the spread is annual, continuously compounded."""
    exp, months = special.build(ops).exp, ops.real(12)

    @ops.function
    def spread_factor(spread, month):  # type: ignore[no-untyped-def]
        return exp(-spread * (month / months))

    return spread_factor


@lru_cache(maxsize=None)
def build_add_month(ops: Ops) -> Callable[..., Any]:
    """``add_month(interest, principal, discount, years)``: value, value of the interest, principal times years of one flow."""

    @ops.function
    def add_month(interest, principal, discount, years):  # type: ignore[no-untyped-def]
        return (interest + principal) * discount, interest * discount, principal * years

    return add_month


def build_present_values(ops: Ops) -> Callable[..., None]:
    """``present_values(...)``: the :data:`SUMS` of every class on every path.

    ===============  ==================================  ==========================================
    ``interest``     flat (class, month 1..n, path)      paid, USD
    ``principal``    flat (class, month 1..n, path)      paid, USD
    ``write_down``   flat (class, month 1..n, path)      USD
    ``discount``     flat (month 0..n, path)             discount factor at the end of the month
    ``spreads``      (class,)                            annual, continuously compounded
    ``sums``         flat (class, row of SUMS, path)     zero at the start; added to, month by month
    ===============  ==================================  ==========================================
    """
    spread_factor, add_month = build_spread_factor(ops), build_add_month(ops)
    lanes, at, to_real, months_a_year = ops.lanes, ops.at, ops.to_real, ops.real(12)
    n_sums = len(SUMS)

    def present_values(interest, principal, write_down, discount, spreads, n_months, n_paths, sums):  # type: ignore[no-untyped-def]
        for k in range(spreads.shape[0]):
            to = k * n_sums * n_paths
            for month in range(1, n_months + 1):
                row, factors = (k * n_months + month - 1) * n_paths, month * n_paths
                factor = spread_factor(spreads[k], to_real(month))
                years = to_real(month) / months_a_year
                for p in lanes(n_paths):
                    paid = principal[at(row, p)]
                    value, interest_value, principal_years = add_month(
                        interest[at(row, p)], paid, discount[at(factors, p)] * factor, years
                    )
                    sums[at(to, p)] += value
                    sums[at(to + n_paths, p)] += interest_value
                    sums[at(to + 2 * n_paths, p)] += paid
                    sums[at(to + 3 * n_paths, p)] += principal_years
                    sums[at(to + 4 * n_paths, p)] += write_down[at(row, p)]

    return present_values


class Measures(NamedTuple):
    """Of one stream of flows at one yield (SF-49 to SF-51)."""

    macaulay_duration: float
    """Years: mean time of the flows, weighted by present value."""
    modified_duration: float
    """Years: minus the derivative of the price with respect to the yield, over the price."""
    convexity: float
    """Years squared: the second derivative, over the price; the flows do not change with the yield."""


def _compound(rate: float, years: Array, frequency: int) -> Array:
    """``(1 + rate / frequency)^(-frequency years)``."""
    functions = special.build(make_ops("numpy", "float64"))
    return functions.exp(-frequency * years * functions.log(np.float64(1 + rate / frequency)))  # type: ignore[no-any-return]


def price_at_yield(flows: Array, years: Array, annual_yield: float, frequency: int = 2) -> float:
    """Full price of flows at a yield: ``sum(flow (1 + y/f)^(-f t))`` (SF-49).

    Parameters
    ----------
    flows, years : array
        Amounts, and the years from settlement to each payment, payment delay included.
    annual_yield : float
        Compounded ``frequency`` times a year; 2 is the bond-equivalent yield. Greater than ``-frequency``.
    frequency : int
        Compounding periods a year.
    """
    return float(np.sum(flows * _compound(annual_yield, np.asarray(years, float), frequency)))


def yield_at_price(flows: Array, years: Array, price: float, frequency: int = 2) -> float:
    """Yield at which flows are worth the full ``price`` (SF-49); 2 periods a year give the bond-equivalent yield.

    Found by bisection between -50% and 10,000%, then Newton's steps to the last digits.

    Raises
    ------
    ValueError
        If no yield between -50% and 10,000% gives the price, or a flow is negative (the yield may then not be unique).
    """
    flows, years = np.asarray(flows, float), np.asarray(years, float)
    low, high = -0.5, 100.0
    if np.any(flows < 0) or not price_at_yield(flows, years, high, frequency) < price < price_at_yield(
        flows, years, low, frequency
    ):
        raise ValueError(f"no yield between {low:.0%} and {high:.0%} gives a price of {price!r} for these flows")
    for _ in range(40):  # 100 / 2^40 is 1e-10: Newton's method then doubles the digits at each step
        middle = 0.5 * (low + high)
        low, high = (middle, high) if price_at_yield(flows, years, middle, frequency) > price else (low, middle)
    rate = 0.5 * (low + high)
    for _ in range(3):
        value = price_at_yield(flows, years, rate, frequency)
        rate += (value - price) / (value * measures(flows, years, rate, frequency).modified_duration)
    return rate


def measures(flows: Array, years: Array, annual_yield: float, frequency: int = 2) -> Measures:
    """Durations and convexity of flows that do not depend on the yield (SF-49 to SF-51)."""
    flows, years = np.asarray(flows, float), np.asarray(years, float)
    values = flows * _compound(annual_yield, years, frequency)
    price, period = np.sum(values), 1 + annual_yield / frequency
    macaulay = np.sum(values * years) / price
    convexity = np.sum(values * years * (years + 1 / frequency)) / (price * period * period)
    return Measures(float(macaulay), float(macaulay / period), float(convexity))


def average_life(principal: Array, years: Array, accretes: bool = False) -> float:
    """Average life, years: ``sum(principal t) / sum(principal)`` (SF-49 to SF-51).

    Negative amortisation counts as negative principal (graduated-payment and adjustable-rate loans); on an accrual class
    (``accretes``) it does not: what accretes is principal only when it is paid (SF-56).
    """
    principal = np.asarray(principal, float)
    if accretes:
        principal = np.where(principal > 0, principal, 0.0)
    return float(np.sum(principal * np.asarray(years, float)) / np.sum(principal))


def convert_yield(annual_yield: float, frequency: int, to: int) -> float:
    """The same yield compounded ``to`` times a year: ``to ((1 + y/f)^(f/to) - 1)``. Mortgage yield: from 2 to 12 (SF-49)."""
    functions = special.build(make_ops("numpy", "float64"))
    logarithm = functions.log(np.float64(1 + annual_yield / frequency))
    return float(to * functions.expm1(logarithm * (frequency / to)))


def discount_margin(flows: Array, accruals: Array, price: float, index: float) -> float:
    """Margin over a flat index at which a floater's flows are worth the full ``price`` (SF-53, SF-54).

    Each period discounts by ``1 + (index + margin) accrual``, in the floater's own day count.

    Parameters
    ----------
    flows : array
        One flow at the end of each period.
    accruals : array
        Year fraction of each period; the first is what is left of it at settlement.
    price : float
        Full price, in the unit of the flows.
    index : float
        Annual, in the floater's own day count.

    Raises
    ------
    ValueError
        If no margin between -``index`` and 100% gives the price.
    """
    flows, accruals = np.asarray(flows, float), np.asarray(accruals, float)

    def value(margin: float) -> float:
        return float(np.sum(flows / np.cumprod(1 + (index + margin) * accruals)))

    low, high = -index, 1.0
    if not value(high) < price < value(low):
        raise ValueError(f"no margin between {low:.2%} and {high:.0%} gives a price of {price!r} for these flows")
    for _ in range(60):  # 1 / 2^60 is below the last digit of a margin
        middle = 0.5 * (low + high)
        low, high = (middle, high) if value(middle) > price else (low, middle)
    return 0.5 * (low + high)
