"""Adjustable-rate terms: at each reset index plus margin within the caps, then a level payment recast over what is left.

Rate and balance are carried by path. Source of the reset: the agencies' uniform adjustable-rate notes, section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kernels.amortization import build_level_principal_rate
from kernels.loan_terms import ByPath, Count, Real
from kernels.ops import Ops


class Adjustment(NamedTuple):
    """What is the same on every path in a month of an adjustable-rate loan; rates annual."""

    resets: Any
    """Whether the rate does."""
    cap: Any
    """Largest change if it does."""
    index_month: Any
    """Month in which the index is read."""
    margin: Any
    life_cap: Any
    life_floor: Any
    rounding: Any
    """To the nearest multiple of this; 0: not rounded."""
    remaining: Any
    """Level payments left, this one included (real, >= 1)."""
    amortises: Any
    """1 where principal is paid, else 0."""


def build_adjustment(ops: Ops) -> Callable[..., Adjustment]:
    """``adjustment(reals, counts, loan, month)``: the :class:`Adjustment` of a month."""
    real, zero, one = ops.real, ops.real(0), ops.real(1)
    reset_at, period_at, lookback_at = int(Count.FIRST_RESET), int(Count.RESET_PERIOD), int(Count.LOOKBACK)
    initial_at, periodic_at = int(Real.INITIAL_CAP), int(Real.PERIODIC_CAP)
    maturity_at, io_at, amortisation_at = int(Count.MATURITY), int(Count.INTEREST_ONLY), int(Count.AMORTISATION)
    margin_at, life_cap_at, floor_at, rounding_at = (
        int(Real.MARGIN), int(Real.LIFE_CAP), int(Real.LIFE_FLOOR), int(Real.RATE_ROUNDING))  # fmt: skip

    @ops.function
    def adjustment(reals, counts, loan, month):  # type: ignore[no-untyped-def]
        since = month - counts[loan, reset_at]
        resets = since >= 0 and since % counts[loan, period_at] == 0
        cap = reals[loan, initial_at] if since <= 0 else reals[loan, periodic_at]
        index_month = max(month - 1 - counts[loan, lookback_at], 0)
        remaining = real(max(counts[loan, amortisation_at] - (month - 1), 1))
        amortises = one if month > counts[loan, io_at] and month <= counts[loan, maturity_at] else zero
        return Adjustment(
            resets, cap, index_month, reals[loan, margin_at], reals[loan, life_cap_at], reals[loan, floor_at],
            reals[loan, rounding_at], remaining, amortises,
        )  # fmt: skip

    return adjustment  # type: ignore[no-any-return]


def build_adjust(ops: Ops) -> Callable[..., Any]:
    """``adjust(note, index, matures, adjustment)``: note rate and scheduled principal over balance, this month on this path.

    The rate is reset where due, then the payment recast over the level payments left, which between resets gives the payment
    set at the last one.
    """
    reset_rate, level_principal_rate = build_reset_rate(ops), build_level_principal_rate(ops)
    where, one, half, per_month = ops.where, ops.real(1), ops.real(0.5), ops.real(1 / 12)

    @ops.function
    def adjust(note, index, matures, adjustment):  # type: ignore[no-untyped-def]
        reset = reset_rate(
            note, index, adjustment.margin, adjustment.cap, adjustment.life_cap, adjustment.life_floor, adjustment.rounding
        )
        note = where(adjustment.resets, reset, note)
        principal_rate = adjustment.amortises * level_principal_rate(note * per_month, adjustment.remaining)
        return note, where(matures > half, one, principal_rate)

    return adjust


def build_reset_rate(ops: Ops) -> Callable[..., Any]:
    """``reset_rate(old, index, margin, cap, life_cap, life_floor, rounding)``: note rate after a reset, all annual.

    Index plus margin, rounded to the nearest multiple of ``rounding`` (0: not rounded), then held within ``cap`` of the old
    rate, then within the life cap and floor: the order of the agencies' uniform adjustable-rate notes, section 4, "Calculation
    of Changes" before "Limits on Interest Rate Changes". Halfway between two multiples it takes the even one.
    """
    where, zero, one = ops.where, ops.real(0), ops.real(1)
    # Adding 1.5 * 2**mantissa rounds to an integer, on every target.
    rounder = ops.real(1.5 * 2.0 ** (23 if ops.precision == "float32" else 52))

    @ops.function
    def reset_rate(old, index, margin, cap, life_cap, life_floor, rounding):  # type: ignore[no-untyped-def]
        rate = index + margin
        rounds = rounding > zero
        multiples = (rate / where(rounds, rounding, one) + rounder) - rounder
        rate = where(rounds, multiples * rounding, rate)
        rate = where(rate < old - cap, old - cap, rate)
        rate = where(rate > old + cap, old + cap, rate)
        rate = where(rate > life_cap, life_cap, rate)
        return where(rate < life_floor, life_floor, rate)

    return reset_rate


def build_roll(ops: Ops) -> Callable[..., Any]:
    """``roll(opening, principal_rate, matures)``: scheduled balance a month on; after maturity it stays."""
    where, half = ops.where, ops.real(0.5)

    @ops.function
    def roll(opening, principal_rate, matures):  # type: ignore[no-untyped-def]
        return where(matures > half, opening, opening - opening * principal_rate)

    return roll


TERMS = ByPath(build_adjustment, build_adjust, build_roll)
