"""Prepayment and default speeds: SMM, CPR, PSA, MDR, CDR, SDA.

Source: BMA (now SIFMA), *Uniform Practices*, chapter SF, *Standard Formulas*, 1 February 1999, pages SF-5 to SF-18.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from kernels import special
from kernels.ops import Ops

SHORT_MOST = {"float32": 0.625, "float64": 0.0}
"""Annual rates up to which :func:`build_short_monthly` holds: most that a pool ever sees, so that the logarithm is seldom needed."""

_SHORT_TERMS = {"float32": 11, "float64": 1}


@lru_cache(maxsize=None)
def build_log_survival(ops: Ops) -> Callable[..., Any]:
    """``log_survival(annual)``: log of the share that stays a year, log(1 - annual), for rates below 1.

    ``1 - annual`` rounds, which is the whole of a small rate's error: what it lost is added back (log(x + e) = log x + e for x
    near 1; far from 1 nothing that matters is lost). Whatever it gives at a rate of 1 or more, :func:`build_monthly` does not read.
    """
    log, one = special.build(ops).log, ops.real(1)

    @ops.function
    def log_survival(annual):  # type: ignore[no-untyped-def]
        stay = one - annual
        return log(stay) + ((one - stay) - annual)

    return log_survival  # type: ignore[no-any-return]


@lru_cache(maxsize=None)
def build_monthly(ops: Ops) -> Callable[..., Any]:
    """``monthly(log_survival, annual)``: SMM (MDR) from CPR (CDR): 1 - (1 - CPR)^(1/12) (SF-5). At 1 or more nobody stays.

    The exponential needs no reduction by powers of two: the smallest share that stays is half a unit in the last place of 1, the
    logarithm of its twelfth root over 2^k small enough for the Taylor series, and ``e^2x - 1 = (e^x - 1)(2 + (e^x - 1))`` doubles
    k times without cancellation. In two functions, because a launcher runs them as two loops: one long chain of dependent
    operations leaves the vector units idle.
    """
    single = ops.precision == "float32"
    tail = special.build_polynomial(ops, [1 / math.factorial(k) for k in range(1, 8 if single else 14)])
    where, one, two = ops.where, ops.real(1), ops.real(2)
    scale = ops.real(1 / (12 * (4 if single else 8)))

    @ops.function
    def monthly(log_survival, annual):  # type: ignore[no-untyped-def]
        x = log_survival * scale
        left = x * tail(x)
        left = left * (two + left)
        left = left * (two + left)
        if not single:
            left = left * (two + left)
        return where(annual >= one, one, -left)

    return monthly  # type: ignore[no-any-return]


@lru_cache(maxsize=None)
def short_coefficients(precision: str) -> tuple[float, ...]:
    """Of annual^0, annual^1, ... in the polynomial for ``(1 - (1 - annual)^(1/12)) / annual``, by Chebyshev's points.

    It has its singularity at 1, 2.2 times half of the interval [0, .625] from its centre, so that each term gains a factor of
    2.2 + sqrt(2.2^2 - 1) = 4.2 (Trefethen, *Approximation Theory and Approximation Practice*, 2013, theorem 8.2): 2e-8 after 11.
    """
    terms, half = _SHORT_TERMS[precision], SHORT_MOST[precision] / 2
    if terms == 1:
        return (1 / 12,)
    node = np.cos(np.pi * (np.arange(terms) + 0.5) / terms)
    annual = half + half * node
    series = np.polynomial.chebyshev.chebfit(node, -np.expm1(np.log1p(-annual) / 12) / annual, terms - 1)
    return tuple(float(c) for c in np.polynomial.Chebyshev(series, [0, 2 * half]).convert(kind=np.polynomial.Polynomial).coef)


@lru_cache(maxsize=None)
def build_short_monthly(ops: Ops) -> Callable[..., Any]:
    """``short_monthly(annual)``: as :func:`build_monthly`, within 2 units in the last place, for rates up to :data:`SHORT_MOST`.

    A polynomial, a third of the operations. Which of the two holds is a matter of the rate alone, so that no bit depends on the
    paths beside it; a launcher leaves the other out where it finds no rate that needs it. Float64 would need 25 terms, and no
    speed: there it holds for a rate of zero.
    """
    series = special.build_polynomial(ops, short_coefficients(ops.precision))

    @ops.function
    def short_monthly(annual):  # type: ignore[no-untyped-def]
        return annual * series(annual)

    return short_monthly  # type: ignore[no-any-return]


@lru_cache(maxsize=None)
def build_annual(ops: Ops) -> Callable[..., Any]:
    """``annual(monthly)``: CPR from SMM, or CDR from MDR: 1 - (1 - monthly)^12 (SF-5)."""
    one = ops.real(1)

    @ops.function
    def annual(monthly):  # type: ignore[no-untyped-def]
        stay = one - monthly
        cube = stay * stay * stay
        sixth = cube * cube
        return one - sixth * sixth

    return annual


@lru_cache(maxsize=None)
def build_psa_cpr(ops: Ops) -> Callable[..., Any]:
    """``psa_cpr(age, multiple)``: CPR at a loan age in months; 100% PSA is a multiple of 1: 6% min(age / 30, 1) (SF-6)."""
    real, where = ops.real, ops.where
    one, ramp, level = real(1), real(30), real(0.06)

    @ops.function
    def psa_cpr(age, multiple):  # type: ignore[no-untyped-def]
        seasoned = age / ramp
        return multiple * level * where(seasoned < one, seasoned, one)

    return psa_cpr


@lru_cache(maxsize=None)
def build_sda_cdr(ops: Ops) -> Callable[..., Any]:
    """``sda_cdr(age, multiple)``: CDR at a loan age in months; 100% SDA is a multiple of 1 (SF-18).

    0.02% more each month to 0.6% at 30, flat to 60, down to 0.03% at 120 and flat after.
    """
    real, where = ops.real, ops.where
    first, plateau, last = real(30), real(60), real(120)
    peak, tail = real(0.006), real(0.0003)
    rise, fall = real(0.006 / 30), real((0.006 - 0.0003) / 60)

    @ops.function
    def sda_cdr(age, multiple):  # type: ignore[no-untyped-def]
        falling = where(age <= last, peak - fall * (age - plateau), tail)
        return multiple * where(age <= first, rise * age, where(age <= plateau, peak, falling))

    return sda_cdr


@lru_cache(maxsize=None)
def build_to_monthly(ops: Ops) -> Callable[..., Any]:
    """``to_monthly(annual)``: SMM (MDR) from CPR (CDR), by whichever of the two forms holds."""
    log_survival, monthly, short = build_log_survival(ops), build_monthly(ops), build_short_monthly(ops)
    most, where = ops.real(SHORT_MOST[ops.precision]), ops.where

    @ops.function
    def to_monthly(annual):  # type: ignore[no-untyped-def]
        return short(annual) if annual <= most else monthly(log_survival(annual), annual)

    def of_arrays(annual: Any) -> Any:
        within = annual <= most
        return short(annual) if within.all() else where(within, short(annual), monthly(log_survival(annual), annual))

    return of_arrays if ops.target == "numpy" else to_monthly
