"""Loans as the kernels read them: two tables with one row a loan; and what a row says of a month, the same on every path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

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
    NOTE_RATE_ROW = 16
    """Row of the table of note rates, where they are known beforehand; else -1."""


class Tables(NamedTuple):
    """The loans of a launch: C-contiguous arrays, reals in the run's precision."""

    reals: Any
    """(loan, :class:`Real`)"""
    counts: Any
    """(loan, :class:`Count`) int64"""
    balances: Any
    """(loan, month): scheduled, at the start of the month, USD; read where the note rate is known beforehand."""
    principal_rates: Any
    """(loan, month): scheduled principal over that balance."""
    note_rates: Any
    """(row, month): annual; each schedule of note rates that is known beforehand, once."""
    accruals: Any
    """(day count, month): year fractions."""
    lag_size: Any
    """int: the longest lag from default to liquidation, months."""


class Terms(NamedTuple):
    """What is due of a loan in a month."""

    note_rate: Any
    """Annual."""
    interest_rate: Any
    """Of the month."""
    principal_rate: Any
    """Scheduled principal over balance."""
    opening: Any
    """Scheduled balance at the start of the month, USD."""
    at_default: Any
    """That of the month in which defaulted what is liquidated now."""


class Calendar(NamedTuple):
    """What a month is to a loan."""

    age: Any
    """Months."""
    default_allowed: Any
    """1 or 0."""
    matures: Any
    """1 in the month of maturity, else 0."""


@dataclass(frozen=True, eq=False)
class KnownBeforehand:
    """Terms whose note rate follows from the loan and the month; balance and payment follow from it (mcsim/simulation/prepare.py).

    Attributes
    ----------
    note_rate : callable
        ``note_rate(loans, month)``: annual, an entry a loan; ``loans`` has the columns that it ``reads``, by name; ``month`` is
        1 in the first after the cut-off.
    reads : tuple of str
        Columns of the loans.
    columns : dict
        :class:`kernels.behaviour.parameter.Parameter` by name: meaning, unit and range of columns that it reads; loans with a
        value outside are refused. Of one that is not here any finite number is taken.
    """

    note_rate: Callable[[Any, int], Any]
    reads: tuple[str, ...]
    columns: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unread := sorted({*self.columns} - {*self.reads}):
            raise ValueError(f"columns {unread} are declared and not read; the terms read {[*self.reads]}")


@dataclass(frozen=True, eq=False)
class ByPath:
    """Terms whose note rate follows the scenario: note rate and scheduled balance are carried by path.

    Attributes
    ----------
    build_month : callable
        ``build_month(ops)``: ``month(reals, counts, loan, month)``, what is the same on every path.
    build_step : callable
        ``build_step(ops)``: ``step(note_rate, index, matures, month)``, note rate and principal rate on a path.
    build_roll : callable
        ``build_roll(ops)``: ``roll(opening, principal_rate, matures)``, the scheduled balance a month on.
    """

    build_month: Callable[[Ops], Callable[..., Any]]
    build_step: Callable[[Ops], Callable[..., Any]]
    build_roll: Callable[[Ops], Callable[..., Any]]


def build_calendar(ops: Ops) -> Callable[..., Calendar]:
    """``calendar(counts, loan, month)``: the :class:`Calendar`."""
    real, where, zero, one = ops.real, ops.where, ops.real(0), ops.real(1)
    age_at, maturity_at, last_at = int(Count.AGE), int(Count.MATURITY), int(Count.LAST_DEFAULT)

    @ops.function
    def calendar(counts, loan, month):  # type: ignore[no-untyped-def]
        age = real(counts[loan, age_at] + month)
        default_allowed = where(month <= counts[loan, last_at], one, zero)
        matures = where(month == counts[loan, maturity_at], one, zero)
        return Calendar(age, default_allowed, matures)

    return calendar  # type: ignore[no-any-return]


def build_known_terms(ops: Ops) -> Callable[..., Terms]:
    """``terms(tables, loan, month)``: the :class:`Terms` of a loan whose note rate is known beforehand."""
    accrue, where, maximum, zero = build_accrue(ops), ops.where, ops.maximum, ops.real(0)
    lag_at, row_at = int(Count.LAG), int(Count.NOTE_RATE_ROW)

    @ops.function
    def known_terms(tables, loan, month):  # type: ignore[no-untyped-def]
        before = month - 1 - tables.counts[loan, lag_at]
        at_default = where(before >= 0, tables.balances[loan, maximum(before, 0)], zero)
        note = tables.note_rates[tables.counts[loan, row_at], month - 1]
        interest_rate = accrue(tables, loan, month, note)
        return Terms(
            note, interest_rate, tables.principal_rates[loan, month - 1], tables.balances[loan, month - 1], at_default
        )

    return known_terms  # type: ignore[no-any-return]


def build_accrue(ops: Ops) -> Callable[..., Any]:
    """``accrue(tables, loan, month, note_rate)``: interest rate of the month."""
    day_at = int(Count.DAY_COUNT)

    @ops.function
    def accrue(tables, loan, month, note_rate):  # type: ignore[no-untyped-def]
        return note_rate * tables.accruals[tables.counts[loan, day_at], month - 1]

    return accrue
