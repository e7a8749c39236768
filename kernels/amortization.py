"""Scheduled amortisation of one loan in one month.

Source: BMA, *Standard Formulas* (1999), SF-4 (level payment); Fabozzi, *The Handbook of Mortgage-Backed Securities*, 7th ed.
2016, ch. 7 for interest-only and balloon terms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels import special
from kernels.ops import Ops


def build_level_principal_rate(ops: Ops) -> Callable[..., Any]:
    """``principal_rate(monthly_rate, remaining)``: share of the balance that a level payment repays this month.

    ``r / ((1 + r)^n - 1)``, and ``1 / n`` at a rate of zero. ``n`` is the number of payments left, this one included (real,
    >= 1). Written with the balance as the unit, so that the error of a long schedule does not grow as the balance falls.
    """
    functions = special.build(ops)
    log1p, expm1 = build_log1p(ops), functions.expm1
    real, where = ops.real, ops.where
    one, smallest = real(1), real(1e-30)  # the two forms differ by n r / 2: nothing in either precision below 1e-30

    @ops.function
    def level_principal_rate(monthly_rate, remaining):  # type: ignore[no-untyped-def]
        positive = monthly_rate > smallest
        rate = where(positive, monthly_rate, smallest)
        level = rate / expm1(remaining * log1p(rate))
        return where(positive, level, one / remaining)

    return level_principal_rate


def build_level_payment_rate(ops: Ops) -> Callable[..., Any]:
    """``payment_rate(monthly_rate, remaining)``: level payment over balance, interest and principal together (SF-4)."""
    level_principal_rate = build_level_principal_rate(ops)

    @ops.function
    def level_payment_rate(monthly_rate, remaining):  # type: ignore[no-untyped-def]
        return monthly_rate + level_principal_rate(monthly_rate, remaining)

    return level_payment_rate


def build_scheduled_principal(ops: Ops) -> Callable[..., Any]:
    """``principal(balance, interest, payment, amortises, matures)``: scheduled principal of a loan whose rate is known, USD.

    What the payment leaves after interest, not below zero (no negative amortisation) and not above the balance; nothing
    while interest-only (``amortises`` 0); everything in the month of maturity (``matures`` 1), balloon or not.
    """
    where, zero, half = ops.where, ops.real(0), ops.real(0.5)

    @ops.function
    def scheduled_principal(balance, interest, payment, amortises, matures):  # type: ignore[no-untyped-def]
        principal = amortises * (payment - interest)
        principal = where(principal > zero, principal, zero)
        principal = where(principal < balance, principal, balance)
        return where(matures > half, balance, principal)

    return scheduled_principal


def build_log1p(ops: Ops) -> Callable[..., Any]:
    """``log(1 + f)`` for a monthly rate, 0 <= f <= 1/3, without the rounding of 1 + f: ``2 atanh(f / (2 + f))``."""
    terms = 5 if ops.precision == "float32" else 13
    series = special.build_polynomial(ops, [2 / (2 * k + 1) for k in range(terms)])
    two = ops.real(2)

    @ops.function
    def log1p(f):  # type: ignore[no-untyped-def]
        s = f / (two + f)
        return s * series(s * s)

    return log1p
