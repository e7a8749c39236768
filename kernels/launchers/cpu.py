"""Launcher of the loan months on ``cpu``: all loans of a block on a block of paths.

Months run outside, a tile of loans inside, paths innermost. The state of a tile stays in the second-level cache, the month's
sums in the first. Sums have a fixed shape whatever the chunking: the loans of a tile in order, in the run's precision; the tiles
in order, in float64. The models' loops are compiled apart (:mod:`kernels.launchers.rates`) and handed in: this knows no model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kernels.flows import N_FIELDS
from kernels.launchers.here import build_here, build_servicing
from kernels.launchers.rows import (
    N_STATE,
    Place,
    State,
    Work,
    build_adjust_rows,
    build_draw_rows,
    build_observe_rows,
    build_settle_rows,
)
from kernels.loan_sums import build_add_loan
from kernels.loan_terms import TILE, Count, Real, build_known_terms
from kernels.ops import LANES, Ops
from kernels.philox import DRAWS_PER_BLOCK


class Wanted(NamedTuple):
    """What the loan month has to show by path because a model reads it there."""

    note_rate: Any
    balance_factor: Any
    ltv: Any


class Loops(NamedTuple):
    """The models' loops and what they need."""

    prepayment: Any
    default: Any
    severity: Any
    wanted: Any
    """:class:`Wanted`"""
    parts: Any
    """bool: whether the tables of parts are filled."""


def build_simulate(ops: Ops, width: int, decrement: str) -> Callable[..., None]:
    """``simulate(loops, inputs, tables, market, scratch, pool)``: adds the flows of loans on ``width`` paths to ``pool``.

    Parameters of ``simulate``: :class:`Loops`; :class:`~kernels.launchers.groups.ByModel` of
    :class:`~kernels.launchers.groups.Inputs`; :class:`~kernels.loan_terms.Tables`; :class:`~kernels.launchers.groups.Market`;
    :class:`~kernels.launchers.groups.Scratch` of :func:`~kernels.launchers.rows.scratch_sizes`; flat (month 1..n, field, path)
    float64.
    """
    start, step, flush, zero = (
        _build_start(ops, width),
        _build_step(ops, width, decrement),
        _build_flush(ops, width),
        ops.real(0),
    )

    def simulate(loops, inputs, tables, market, scratch, pool):  # type: ignore[no-untyped-def]
        n_loans, n_months = tables.principal_rates.shape
        for first in range(0, n_loans, TILE):
            count = min(TILE, n_loans - first)
            start(tables, first, count, scratch)
            for month in range(1, n_months + 1):
                scratch.work[: N_FIELDS * width] = zero
                for j in range(count):
                    step(loops, inputs, tables, market, scratch, first + j, j, month)
                flush(scratch.work, pool, month)

    return simulate


def build_simulate_and_sum(ops: Ops, width: int, decrement: str) -> Callable[..., None]:
    """As :func:`build_simulate`'s, with a last argument :class:`~kernels.launchers.groups.LoanSums`: each loan's sums over paths."""
    start, step, flush, zero = (
        _build_start(ops, width),
        _build_step(ops, width, decrement),
        _build_flush(ops, width),
        ops.real(0),
    )
    add_loan, groups = build_add_loan(ops, width), -(-width // LANES)

    def simulate_and_sum(loops, inputs, tables, market, scratch, pool, of_loans):  # type: ignore[no-untyped-def]
        n_loans, n_months = tables.principal_rates.shape
        for first in range(0, n_loans, TILE):
            count = min(TILE, n_loans - first)
            start(tables, first, count, scratch)
            for month in range(1, n_months + 1):
                of_loans.tile[:] = zero
                for j in range(count):
                    scratch.work[: N_FIELDS * width] = zero
                    step(loops, inputs, tables, market, scratch, first + j, j, month)
                    place = ((first + j) * n_months + month - 1) * N_FIELDS * groups
                    add_loan(scratch.work, of_loans.tile, of_loans.folded, of_loans.sums, place, of_loans.kept)
                flush(of_loans.tile, pool, month)

    return simulate_and_sum


def _build_start(ops: Ops, width: int) -> Callable[..., None]:
    """State of a tile's loans at the cut-off."""
    lanes, at, zero, one, unknown = ops.lanes, ops.at, ops.real(0), ops.real(1), ops.real(np.nan)
    balance_at, note_at = int(Real.BALANCE), int(Real.NOTE_RATE)
    performing, foreclosed, low, expected, note_rate, scheduled = (
        row * width
        for row in (
            State.PERFORMING, State.FORECLOSED, State.FORECLOSED_LOW, State.EXPECTED, State.NOTE_RATE, State.SCHEDULED
        )
    )  # fmt: skip

    @ops.function
    def start(tables, first, count, scratch):  # type: ignore[no-untyped-def]
        state = scratch.state
        scratch.work[:] = unknown
        for j in range(count):
            row = j * N_STATE * width
            for p in lanes(width):
                state[at(row + performing, p)] = one
                state[at(row + foreclosed, p)] = zero
                state[at(row + low, p)] = zero
                state[at(row + expected, p)] = one
                state[at(row + note_rate, p)] = tables.reals[first + j, note_at]
                state[at(row + scheduled, p)] = tables.reals[first + j, balance_at]
        lags = count * tables.lag_size * width
        scratch.ring[:lags] = zero
        scratch.history[:lags] = zero

    return start  # type: ignore[no-any-return]


def _build_flush(ops: Ops, width: int) -> Callable[..., None]:
    """A tile's sums join the pool's."""
    lanes, at = ops.lanes, ops.at

    @ops.function
    def flush(sums, pool, month):  # type: ignore[no-untyped-def]
        base = (month - 1) * N_FIELDS * width
        for field in range(N_FIELDS):
            for p in lanes(width):
                pool[at(base + field * width, p)] += sums[at(field * width, p)]

    return flush  # type: ignore[no-any-return]


def _build_step(ops: Ops, width: int, decrement: str) -> Callable[..., None]:
    """One loan, one month, ``width`` paths; its flows join the first rows of ``work``."""
    here_of, draw, adjust = build_here(ops), build_draw_rows(ops, width), build_adjust_rows(ops, width)
    known_terms, note_row, lanes, at = build_known_terms(ops), Work.NOTE_RATE * width, ops.lanes, ops.at
    of_known, of_path = (_build_month(ops, width, decrement, by_path) for by_path in (False, True))
    sampled, lag_at, adjustable_at = decrement == "sampled", int(Count.LAG), int(Count.ADJUSTABLE)

    @ops.function
    def step(loops, inputs, tables, market, scratch, loan, j, month):  # type: ignore[no-untyped-def]
        here = here_of(tables, market, loan, month, width, loops.parts)
        lag = tables.counts[loan, lag_at]
        place = Place(j * N_STATE * width, (j * tables.lag_size + (month - 1) % lag) * width)
        if sampled and (month - 1) % DRAWS_PER_BLOCK == 0:
            draw(tables.counts, market, scratch.state, here, place)
        if tables.counts[loan, adjustable_at] != 0:
            adjust(tables, market, scratch, here, place)
            of_path(loops, inputs, tables, market, scratch, here, place, 0)
            return
        terms = known_terms(tables, loan, month)
        if loops.wanted.note_rate:
            for p in lanes(width):
                scratch.work[at(note_row, p)] = terms.note_rate
        of_known(loops, inputs, tables, market, scratch, here, place, terms)

    return step  # type: ignore[no-any-return]


def _build_month(ops: Ops, width: int, decrement: str, by_path: bool) -> Callable[..., None]:
    """What is observed, the models' rates, settlement."""
    observe = build_observe_rows(ops, width, decrement == "sampled", by_path)
    settle, servicing_of = build_settle_rows(ops, width, decrement, by_path), build_servicing(ops)

    @ops.function
    def month(loops, inputs, tables, market, scratch, here, place, terms):  # type: ignore[no-untyped-def]
        observe(tables.reals, market, scratch, here, place, terms, loops.wanted)
        loops.prepayment(here, market.rows, scratch.work, inputs.prepayment)
        loops.default(here, market.rows, scratch.work, inputs.default)
        loops.severity(here, market.rows, scratch.work, inputs.severity)
        settle(scratch, here, place, terms, servicing_of(tables.reals, tables.counts, here.loan))

    return month  # type: ignore[no-any-return]
