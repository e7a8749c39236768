"""Loops over the paths of one loan in one month that no model has a part in: draws, terms, what is observed, settlement.

Each is short, because the processor overlaps iterations only within its window of a few hundred instructions: one loop with the
whole month's chain of dependent operations ran at a third of the speed (docs/adr/0002).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from kernels import special
from kernels.dynamics.hazard import (
    Leaving,
    Shares,
    build_balance_factor,
    build_expect,
    build_leave,
    build_ltv,
    build_settle,
)
from kernels.flows import N_FIELDS, build_add_to_rows
from kernels.launchers.groups import Scratch
from kernels.launchers.here import build_words
from kernels.loan_terms import TILE, Real, Terms, build_accrue
from kernels.observables import ROW
from kernels.ops import Ops
from kernels.philox import DRAWS_PER_BLOCK
from kernels.terms import adjustable


class State(IntEnum):
    """Rows of a loan's state. Rate and balance change only where the rate is not known beforehand."""

    PERFORMING = 0
    FORECLOSED = 1
    FORECLOSED_LOW = 2
    EXPECTED = 3
    NOTE_RATE = 4
    SCHEDULED = 5
    UNIFORM = 6
    """Of the first of four months; three rows follow."""


N_STATE = State.UNIFORM + DRAWS_PER_BLOCK


class Work(IntEnum):
    """Rows of the month's scratch, after the sums of the fields: the loan at hand."""

    NOTE_RATE = N_FIELDS
    INTEREST_RATE = N_FIELDS + 1
    PRINCIPAL_RATE = N_FIELDS + 2
    OPENING = N_FIELDS + 3
    AT_DEFAULT = N_FIELDS + 4
    BALANCE_FACTOR = N_FIELDS + 5
    LTV = N_FIELDS + 6
    DEFAULTED_LTV = N_FIELDS + 7
    ANNUAL = N_FIELDS + 8
    """A rate before it is converted to a month's."""
    SMM = N_FIELDS + 9
    MDR = N_FIELDS + 10
    SEVERITY = N_FIELDS + 11


N_WORK = Work.SEVERITY + 1


class Place(NamedTuple):
    """Where a loan's rows of scratch begin."""

    state: Any
    slot: Any
    """What happened one lag ago, in ``ring`` and ``history``."""


def scratch_sizes(width: int, lag_size: int) -> Scratch:
    """Elements of each array."""
    lags = TILE * lag_size * width
    return Scratch(N_WORK * width, TILE * N_STATE * width, lags, lags)


def scratch_arrays(ops: Ops, width: int, lag_size: int) -> Scratch:
    """Work space of a launch."""
    return Scratch(*(np.zeros(size, ops.real) for size in scratch_sizes(width, lag_size)))


def build_terms_at(ops: Ops, width: int, by_path: bool) -> Callable[..., Terms]:
    """``terms_at(terms, work, p)``: the loan's terms on a path: those given, or by path those of the rows."""
    at = ops.at
    note, interest, principal, opening, at_default = (
        row * width for row in (Work.NOTE_RATE, Work.INTEREST_RATE, Work.PRINCIPAL_RATE, Work.OPENING, Work.AT_DEFAULT)
    )

    @ops.function
    def of_path(terms, work, p):  # type: ignore[no-untyped-def]
        return Terms(
            work[at(note, p)], work[at(interest, p)], work[at(principal, p)], work[at(opening, p)], work[at(at_default, p)]
        )

    @ops.function
    def of_loan(terms, work, p):  # type: ignore[no-untyped-def]
        return terms

    return of_path if by_path else of_loan  # type: ignore[no-any-return]


def build_adjust_rows(ops: Ops, width: int) -> Callable[..., None]:
    """Terms of an adjustable-rate loan into the rows: rate and balance are carried by path."""
    step, of_month, roll = (
        adjustable.TERMS.build_step(ops), adjustable.TERMS.build_month(ops), adjustable.TERMS.build_roll(ops))  # fmt: skip
    lanes, at, accrue, one = ops.lanes, ops.at, build_accrue(ops), ops.real(1)
    index_row = ROW["adjustable_index"]
    note_at, scheduled_at = State.NOTE_RATE * width, State.SCHEDULED * width
    note_row, interest_row, principal_row, opening_row, default_row = (
        row * width for row in (Work.NOTE_RATE, Work.INTEREST_RATE, Work.PRINCIPAL_RATE, Work.OPENING, Work.AT_DEFAULT)
    )

    @ops.function
    def adjust(tables, market, scratch, here, place):  # type: ignore[no-untyped-def]
        adjustment = of_month(tables.reals, tables.counts, here.loan, here.month)
        accrual = accrue(tables, here.loan, here.month, one)
        index = (adjustment.index_month * market.n_rows + index_row) * width
        work, state, history, rows = scratch.work, scratch.state, scratch.history, market.rows
        for p in lanes(width):
            note, principal_rate = step(state[at(place.state + note_at, p)], rows[at(index, p)], here.matures, adjustment)
            opening = state[at(place.state + scheduled_at, p)]
            work[at(note_row, p)] = note
            work[at(interest_row, p)] = note * accrual
            work[at(principal_row, p)] = principal_rate
            work[at(opening_row, p)] = opening
            work[at(default_row, p)] = history[at(place.slot, p)]
            history[at(place.slot, p)] = opening
            state[at(place.state + note_at, p)] = note
            state[at(place.state + scheduled_at, p)] = roll(opening, principal_rate, here.matures)

    return adjust


def build_draw_rows(ops: Ops, width: int) -> Callable[..., None]:
    """Uniforms of the next four months on each path."""
    words_of, uniform_from_bits = build_words(ops), special.build(ops).uniform_from_bits
    lanes, at, first_row = ops.lanes, ops.at, State.UNIFORM * width

    @ops.function
    def draw(counts, market, state, here, place):  # type: ignore[no-untyped-def]
        first = place.state + first_row
        for p in lanes(width):
            w0, w1, w2, w3 = words_of(counts, market, here.loan, here.month, p)
            state[at(first, p)] = uniform_from_bits(w0)
            state[at(first + width, p)] = uniform_from_bits(w1)
            state[at(first + 2 * width, p)] = uniform_from_bits(w2)
            state[at(first + 3 * width, p)] = uniform_from_bits(w3)

    return draw


def build_observe_rows(ops: Ops, width: int, sampled: bool, by_path: bool) -> Callable[..., None]:
    """What the loan month shows of a loan by path, where a model reads it."""
    factor_of, ltv_of, terms_at = build_balance_factor(ops), build_ltv(ops), build_terms_at(ops, width, by_path)
    lanes, at, one = ops.lanes, ops.at, ops.real(1)
    balance_at, ltv_at, price_row = int(Real.BALANCE), int(Real.LTV), ROW["home_price_index"] * width
    # A sampled loan burns out with its cohort, not with itself: the hazard must not depend on what was drawn.
    expected_row = (State.EXPECTED if sampled else State.PERFORMING) * width
    factor_row, ltv_row, defaulted_row = (row * width for row in (Work.BALANCE_FACTOR, Work.LTV, Work.DEFAULTED_LTV))

    @ops.function
    def observe(reals, market, scratch, here, place, terms, wanted):  # type: ignore[no-untyped-def]
        inverse_balance = one / reals[here.loan, balance_at]
        work, state, rows = scratch.work, scratch.state, market.rows
        if wanted.balance_factor:
            for p in lanes(width):
                opening = terms_at(terms, work, p).opening
                work[at(factor_row, p)] = factor_of(opening, state[at(place.state + expected_row, p)], inverse_balance)
        if wanted.ltv:
            ltv_per_usd = reals[here.loan, ltv_at] * inverse_balance
            for p in lanes(width):
                ratios = ltv_of(terms_at(terms, work, p), ltv_per_usd, rows[at(here.region + price_row, p)])
                work[at(ltv_row, p)], work[at(defaulted_row, p)] = ratios

    return observe


def build_settle_rows(ops: Ops, width: int, decrement: str, by_path: bool) -> Callable[..., None]:
    """Who leaves, what flows: updates the loan's state and adds to the month's sums."""
    leave, expect, settle = build_leave(ops, decrement), build_expect(ops), build_settle(ops, decrement)
    lanes, at, terms_at, add = ops.lanes, ops.at, build_terms_at(ops, width, by_path), build_add_to_rows(ops, width)
    performing_at, foreclosed_at, low_at, expected_at, uniform_at = (
        row * width for row in (State.PERFORMING, State.FORECLOSED, State.FORECLOSED_LOW, State.EXPECTED, State.UNIFORM)
    )
    smm_row, mdr_row, severity_row = (row * width for row in (Work.SMM, Work.MDR, Work.SEVERITY))
    sampled = decrement == "sampled"

    @ops.function
    def settle_rows(scratch, here, place, terms, servicing):  # type: ignore[no-untyped-def]
        work, state, ring, s = scratch.work, scratch.state, scratch.ring, place.state
        if sampled:
            for p in lanes(width):
                expected = state[at(s + expected_at, p)]
                state[at(s + expected_at, p)] = expect(expected, work[at(smm_row, p)], work[at(mdr_row, p)], here.matures)
        uniforms = s + uniform_at + (here.month - 1) % DRAWS_PER_BLOCK * width
        for p in lanes(width):
            shares = Shares(state[at(s + performing_at, p)], state[at(s + foreclosed_at, p)], state[at(s + low_at, p)])
            defaulted, prepaid = leave(shares.performing, work[at(smm_row, p)], work[at(mdr_row, p)], state[at(uniforms, p)])
            leaving = Leaving(defaulted, prepaid, ring[at(place.slot, p)])
            shares, entering, flows = settle(
                terms_at(terms, work, p), here.matures, shares, leaving, work[at(severity_row, p)], servicing
            )
            state[at(s + performing_at, p)] = shares.performing
            state[at(s + foreclosed_at, p)] = shares.foreclosed
            state[at(s + low_at, p)] = shares.foreclosed_low
            ring[at(place.slot, p)] = entering
            add(work, p, flows)

    return settle_rows
