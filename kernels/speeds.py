"""Prepayment and default speeds: SMM, CPR, PSA, MDR, CDR, SDA.

Source: BMA (now SIFMA), *Uniform Practices*, chapter SF, *Standard Formulas*, 1 February 1999, pages SF-5 to SF-18.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from kernels import special
from kernels.ops import Ops


@lru_cache(maxsize=None)
def build_log_survival(ops: Ops) -> Callable[..., Any]:
    """``log_survival(annual)``: log of the share that stays a month, at an annual rate of leaving: log(1 - annual) / 12.

    ``1 - annual`` rounds, which is the whole of a small rate's error: what it lost is added back (log(x + e) = log x + e for x
    near 1; far from 1 nothing that matters is lost). At a rate of 1 or more nobody stays.
    """
    log, where = special.build(ops).log, ops.where
    # exp(-1200 / 12) is 0 beside 1 in either precision, so the monthly rate is exactly 1.
    zero, one, per_month, nobody = ops.real(0), ops.real(1), ops.real(1 / 12), ops.real(-1200)

    @ops.function
    def log_survival(annual):  # type: ignore[no-untyped-def]
        stay = one - annual
        lost = (one - stay) - annual
        return where(stay > zero, log(stay) + lost, nobody) * per_month

    return log_survival


@lru_cache(maxsize=None)
def build_monthly(ops: Ops) -> Callable[..., Any]:
    """``monthly(log_survival)``: SMM (MDR) from the logarithm of monthly survival.

    With :func:`build_log_survival`: 1 - (1 - CPR)^(1/12) (SF-5). In two functions, because a launcher runs them as two loops: one
    long chain of dependent operations leaves the vector units idle.
    """
    expm1 = special.build(ops).expm1

    @ops.function
    def monthly(log_survival):  # type: ignore[no-untyped-def]
        return -expm1(log_survival)

    return monthly


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
