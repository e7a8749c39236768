"""A loan in a month as the compiled launchers take it: what is the same on every path, and where the rows of its month begin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kernels import philox
from kernels.dynamics.hazard import Servicing
from kernels.launchers.seeing import Loaders
from kernels.loan_terms import Count, Real, build_calendar
from kernels.observables import MARKET_ROWS, REGION_ROWS, ROW
from kernels.ops import Ops
from kernels.philox import DRAWS_PER_BLOCK
from kernels.unrolled import build_expression


class Here(NamedTuple):
    """What a model's function may read of it, by the observables' names, and places."""

    loan: Any
    month: Any
    calendar_month: Any
    age: Any
    lag: Any
    advances_interest: Any
    default_allowed: Any
    matures: Any
    market: Any
    """Where the month's rows begin."""
    region: Any
    """Where they would begin if the loan's region were the first."""
    stride: Any
    """Elements from one row to the next."""
    part: Any
    """Row of the month in a table of parts; below 0: there is none."""
    part_size: Any
    """Rows of a part."""


def build_here(ops: Ops) -> Callable[..., Here]:
    """``here(tables, market, loan, month, stride, with_parts)``."""
    calendar_of, real, n_region = build_calendar(ops), ops.real, len(REGION_ROWS)
    lag_at, interest_at, region_at, row_at = (
        int(Count.LAG), int(Count.ADVANCES_INTEREST), int(Count.REGION), int(Count.NOTE_RATE_ROW))  # fmt: skip

    @ops.function
    def here_of(tables, market, loan, month, stride, with_parts):  # type: ignore[no-untyped-def]
        counts = tables.counts
        calendar = calendar_of(counts, loan, month)
        rows = (month - 1) * market.n_rows * stride
        row, (n_note_rates, n_months) = counts[loan, row_at], tables.note_rates.shape
        part = (month - 1) * n_note_rates + row if with_parts and row >= 0 else -1
        return Here(
            loan, month, (market.calendar_month + month - 1) % 12, calendar.age, real(counts[loan, lag_at]),
            real(counts[loan, interest_at]), calendar.default_allowed, calendar.matures, rows,
            rows + counts[loan, region_at] * n_region * stride, stride, part, n_months * n_note_rates,
        )  # fmt: skip

    return here_of  # type: ignore[no-any-return]


def here_loaders(ops: Ops) -> Loaders:
    """Of calendar, scenario and the loan's own terms, from ``hand.here``, ``hand.rows`` and ``hand.columns``."""
    named = ("month", "calendar_month", "age", "lag", "advances_interest")
    return {
        **{name: build_expression(ops, "hand, p", f"hand.here.{name}") for name in named},
        **{name: _load_row(ops, ROW[name], "market") for name in MARKET_ROWS},
        **{name: _load_row(ops, ROW[name], "region") for name in REGION_ROWS},
    }


def column_loaders(ops: Ops, names: tuple[str, ...]) -> Loaders:
    """Of the loans' columns, from ``hand.columns``."""
    return {name: build_expression(ops, "hand, p", f"hand.columns.{name}") for name in names}


def _load_row(ops: Ops, row: int, first: str) -> Callable[..., Any]:
    place = f"hand.rows[at(hand.here.{first} + row * hand.here.stride, p)]"
    return build_expression(ops, "hand, p", place, at=ops.at, row=row)


def build_allowed(ops: Ops, kind: str) -> Callable[..., Any]:
    """``allowed(here)``: 1 where a rate of this kind is in force, else 0."""
    return build_expression(ops, "here", "here.default_allowed" if kind == "default" else "one", one=ops.real(1))


def build_servicing(ops: Ops) -> Callable[..., Servicing]:
    """``servicing(reals, counts, loan)``: what the servicer keeps and advances of a loan."""
    real, per_month = ops.real, ops.real(1 / 12)
    fee_at, principal_at, interest_at = (
        int(Real.SERVICING_RATE), int(Count.ADVANCES_PRINCIPAL), int(Count.ADVANCES_INTEREST))  # fmt: skip

    @ops.function
    def servicing(reals, counts, loan):  # type: ignore[no-untyped-def]
        return Servicing(reals[loan, fee_at] * per_month, real(counts[loan, principal_at]), real(counts[loan, interest_at]))

    return servicing  # type: ignore[no-any-return]


def build_words(ops: Ops) -> Callable[..., Any]:
    """``words(counts, market, loan, month, p)``: random bits of the four months that hold ``month``.

    They are the words of the counter (path, quarter of months, loan's number).
    """
    random, path_of, to_uint32 = philox.build(ops), philox.build_path_counter(ops), ops.to_uint32
    low_at, high_at = int(Count.ID_LOW), int(Count.ID_HIGH)

    @ops.function
    def words(counts, market, loan, month, p):  # type: ignore[no-untyped-def]
        low, high = to_uint32(counts[loan, low_at]), to_uint32(counts[loan, high_at])
        block, key = to_uint32((month - 1) // DRAWS_PER_BLOCK), market.key
        return random(path_of(market.first_path, p), block, low, high, key[0], key[1])

    return words
