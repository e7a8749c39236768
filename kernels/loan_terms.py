"""Loans as the kernels read them: two tables with one row a loan; and what a row says of a month, the same on every path."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from kernels.ops import Ops

TILE = 32
"""Loans summed in the run's precision before they join the float64 sums."""


class Real(IntEnum):
    """Columns of the table of reals, one row a loan."""

    BALANCE = 0
    """USD at the cut-off."""
    LTV = 1
    """Balance at the cut-off over the property's value then."""
    NOTE_RATE = 2
    """Annual, at the cut-off."""
    SERVICING_RATE = 3
    """Servicing and trustee fee over the balance that pays interest, annual."""
    MARGIN = 4
    """Over the index, annual."""
    INITIAL_CAP = 5
    """Largest change at the reset of :attr:`Count.FIRST_RESET`, annual."""
    PERIODIC_CAP = 6
    """Largest change at any later reset, annual."""
    LIFE_CAP = 7
    """Highest note rate, annual."""
    LIFE_FLOOR = 8
    """Lowest note rate, annual."""
    RATE_ROUNDING = 9
    """Index plus margin is rounded to the nearest multiple of this, annual: .00125 is an eighth of a percent; 0: not rounded."""


class Count(IntEnum):
    """Columns of the table of integers, one row a loan. Months count from the cut-off: month 1 is the first."""

    AGE = 0
    """Payments due since origination, at the cut-off."""
    MATURITY = 1
    """Month of the last payment (balloon or not)."""
    AMORTISATION = 2
    """Level payments left at the cut-off on which the payment is computed."""
    INTEREST_ONLY = 3
    """Months of interest-only payments left at the cut-off."""
    LAST_DEFAULT = 4
    """Last month in which the loan can default."""
    LAG = 5
    """Months from default to liquidation."""
    REGION = 6
    """Row of the home-price index among the regions of the scenario."""
    DAY_COUNT = 7
    """Row of the accrual table."""
    ADJUSTABLE = 8
    """1 for an adjustable-rate loan."""
    FIRST_RESET = 9
    """Month of the first reset after the cut-off."""
    RESET_PERIOD = 10
    """Months between resets."""
    LOOKBACK = 11
    """Months before the reset at which the index is read."""
    ADVANCES_PRINCIPAL = 12
    """1 if the servicer advances principal on loans in foreclosure."""
    ADVANCES_INTEREST = 13
    """1 if the servicer advances interest on loans in foreclosure."""
    ID_LOW = 14
    """Low 32 bits of the loan's number, which enters the random counter."""
    ID_HIGH = 15
    """High 32 bits of the loan's number."""


class Row(IntEnum):
    """Rows of a scenario block; the regions' home-price indices follow from :attr:`HOME_PRICE` on."""

    MORTGAGE_RATE = 0
    """Primary mortgage rate, annual."""
    ADJUSTABLE_INDEX = 1
    """Index of the adjustable-rate loans, annual."""
    HOME_PRICE = 2
    """First region's index over its value at the cut-off."""


def build_calendar(ops: Ops) -> Callable[..., Any]:
    """``calendar(counts, loan, month)``: age (months), whether default is possible and whether the loan matures (1 or 0)."""
    real, where, zero, one = ops.real, ops.where, ops.real(0), ops.real(1)
    age_at, maturity_at, last_at = int(Count.AGE), int(Count.MATURITY), int(Count.LAST_DEFAULT)

    @ops.function
    def calendar(counts, loan, month):  # type: ignore[no-untyped-def]
        age = real(counts[loan, age_at] + month)
        default_allowed = where(month <= counts[loan, last_at], one, zero)
        matures = where(month == counts[loan, maturity_at], one, zero)
        return age, default_allowed, matures

    return calendar


def build_adjustable_calendar(ops: Ops) -> Callable[..., Any]:
    """``calendar(reals, counts, loan, month)`` of an adjustable-rate loan.

    Whether the rate resets, the largest change if it does (annual), the month in which the index is read, the level payments
    left (real, >= 1), whether principal is paid (1 or 0).
    """
    real, zero, one = ops.real, ops.real(0), ops.real(1)
    reset_at, period_at, lookback_at = int(Count.FIRST_RESET), int(Count.RESET_PERIOD), int(Count.LOOKBACK)
    initial_at, periodic_at = int(Real.INITIAL_CAP), int(Real.PERIODIC_CAP)
    maturity_at, io_at, amortisation_at = int(Count.MATURITY), int(Count.INTEREST_ONLY), int(Count.AMORTISATION)

    @ops.function
    def adjustable_calendar(reals, counts, loan, month):  # type: ignore[no-untyped-def]
        since = month - counts[loan, reset_at]
        resets = since >= 0 and since % counts[loan, period_at] == 0
        cap = reals[loan, initial_at] if since <= 0 else reals[loan, periodic_at]
        index_month = max(month - 1 - counts[loan, lookback_at], 0)
        remaining = real(max(counts[loan, amortisation_at] - (month - 1), 1))
        amortises = one if month > counts[loan, io_at] and month <= counts[loan, maturity_at] else zero
        return resets, cap, index_month, remaining, amortises

    return adjustable_calendar
