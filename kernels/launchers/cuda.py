"""Kernels of the loan months on ``cuda``: one thread carries one path through one tile of loans.

Months run outside and the loans of the tile inside, so that a month's sums stay in registers and reach memory once a tile; loan
terms are uniform in a warp, scenario rows coalesced. Sums over tiles are a second kernel, in float64 and in order: the month
loop holds no float64. Which mappings were considered, and what was measured, is in docs/adr/0003.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import cuda

from kernels import special
from kernels.behaviour.model import Model
from kernels.device_memory import N_STATE
from kernels.dynamics.hazard import (
    Leaving,
    Shares,
    build_balance_factor,
    build_expect,
    build_in_force,
    build_leave,
    build_ltv,
    build_settle,
)
from kernels.flows import N_FIELDS, build_add_flows, build_no_flows, build_store_flows
from kernels.launchers.groups import ByModel
from kernels.launchers.here import build_allowed, build_here, build_servicing, build_words, column_loaders, here_loaders
from kernels.launchers.rows import State
from kernels.launchers.seeing import build_columns, build_rate
from kernels.loan_terms import TILE, Count, Real, Terms, build_accrue, build_calendar, build_known_terms
from kernels.observables import ROW
from kernels.ops import Ops
from kernels.philox import DRAWS_PER_BLOCK
from kernels.speeds import build_to_monthly
from kernels.terms import adjustable
from kernels.unrolled import build_expression


class Tiles(NamedTuple):
    """What a launch simulates."""

    first: Any
    """int, first tile."""
    n_paths: Any


class TileScratch(NamedTuple):
    """Work space of the tiles in flight, flat."""

    state: Any
    """(tile, loan, row, path): :data:`N_STATE` rows."""
    ring: Any
    """(tile, loan, lag, path): what entered foreclosure."""
    history: Any
    """(tile, loan, lag, path): balances of loans whose rate is not known beforehand."""


class Thread(NamedTuple):
    """Where a thread's elements of a loan's rows stand."""

    path: Any
    stride: Any
    """Paths: elements from one row of the scenario to the next."""
    rows: Any
    """Elements from one row of the loan's state to the next."""
    state: Any
    """Where the loan's state begins."""
    slot: Any
    """What happened one lag ago, in ``ring`` and ``history``."""


class Prices(NamedTuple):
    """What a home price is loaded from."""

    here: Any
    rows: Any


class Hand(NamedTuple):
    """What a model has at hand."""

    here: Any
    rows: Any
    columns: Any
    note_rate: Any
    balance_factor: Any
    ltv: Any


def build_kernel(ops: Ops, models: ByModel, decrement: str) -> Callable[..., None]:
    """The loan kernel: ``kernel(inputs, tables, market, tiles, scratch, partial)`` on a 2-D grid of (path, tile).

    ``inputs``, ``tables`` and ``market`` are as of :data:`kernels.launchers.block.Simulate`, ``tiles`` is :class:`Tiles`, ``scratch``
    :class:`TileScratch`, ``partial`` flat (tile, month, field, path) in the run's precision: written.
    """
    start, step = build_start(ops), build_step(ops, models, decrement)
    no_flows, add, store = build_no_flows(ops), build_add_flows(ops), build_store_flows(ops)
    lag_at, index = int(Count.LAG), ops.to_uint64

    def kernel(inputs, tables, market, tiles, scratch, partial):  # type: ignore[no-untyped-def]
        path, tile = cuda.grid(2)
        n_loans, n_months = tables.principal_rates.shape
        n_paths = tiles.n_paths
        first = (tiles.first + tile) * TILE
        if path >= n_paths or first >= n_loans:
            return
        count = min(TILE, n_loans - first)
        for j in range(count):
            place = tile * TILE + j
            slots = place * tables.lag_size * n_paths + path
            start(tables, scratch, Thread(path, n_paths, n_paths, place * N_STATE * n_paths + path, slots), first + j, n_paths)
        for month in range(1, n_months + 1):
            sums = no_flows()
            for j in range(count):
                # Unsigned: numba then drops the test for a negative index, and the registers that it takes.
                loan, place = index(first + j), tile * TILE + j
                slot = place * tables.lag_size + (month - 1) % tables.counts[loan, lag_at]
                thread = Thread(path, n_paths, n_paths, place * N_STATE * n_paths + path, slot * n_paths + path)
                sums = add(sums, step(inputs, tables, market, scratch, thread, loan, month))
            store(partial, (tile * n_months + month - 1) * N_FIELDS * n_paths + path, n_paths, sums)

    return kernel


def build_reduce() -> Callable[..., None]:
    """Adds the tiles' partial sums to the float64 pool in order; one thread an element (month, field, path)."""

    def reduce(partial, n_tiles, pool):  # type: ignore[no-untyped-def]
        element = cuda.grid(1)
        if element < pool.size:
            total = pool[element]
            for tile in range(n_tiles):
                total += partial[tile * pool.size + element]
            pool[element] = total

    return reduce


def build_start(ops: Ops) -> Callable[..., None]:
    """``start(tables, scratch, thread, loan, lags)``: a loan at the cut-off; its slots are ``lags`` elements apart."""
    zero, one = ops.real(0), ops.real(1)
    balance_at, note_at = int(Real.BALANCE), int(Real.NOTE_RATE)
    performing, foreclosed, low, expected, note_rate, scheduled = (
        int(row)
        for row in (
            State.PERFORMING, State.FORECLOSED, State.FORECLOSED_LOW, State.EXPECTED, State.NOTE_RATE, State.SCHEDULED
        )
    )  # fmt: skip

    @ops.function
    def start(tables, scratch, thread, loan, lags):  # type: ignore[no-untyped-def]
        state, s, stride = scratch.state, thread.state, thread.rows
        state[s + performing * stride] = one
        state[s + foreclosed * stride] = zero
        state[s + low * stride] = zero
        state[s + expected * stride] = one
        state[s + note_rate * stride] = tables.reals[loan, note_at]
        state[s + scheduled * stride] = tables.reals[loan, balance_at]
        for k in range(tables.lag_size):
            scratch.ring[thread.slot + k * lags] = zero
            scratch.history[thread.slot + k * lags] = zero

    return start  # type: ignore[no-any-return]


def build_step(ops: Ops, models: ByModel, decrement: str) -> Callable[..., Any]:
    """One loan month of one thread: reads and writes the loan's state, returns the flows.

    In the order that takes the fewest registers: what is known of a loan late, the shares in foreclosure after the rates.
    """
    here_of, terms_of, rates_of = build_here(ops), _build_terms(ops), _build_rates(ops, models)
    draw, leave, expect = _build_draw(ops), build_leave(ops, decrement), build_expect(ops)
    settle, servicing_of = build_settle(ops, decrement), build_servicing(ops)
    performing_at, foreclosed_at, low_at, expected_at = (
        int(row) for row in (State.PERFORMING, State.FORECLOSED, State.FORECLOSED_LOW, State.EXPECTED)
    )
    sampled, zero = decrement == "sampled", ops.real(0)

    @ops.function
    def step(inputs, tables, market, scratch, thread, loan, month):  # type: ignore[no-untyped-def]
        terms = terms_of(tables, market, scratch, thread, loan, month)
        uniform = draw(tables.counts, market, loan, month, thread.path) if sampled else zero
        here = here_of(tables, market, loan, month, thread.stride, False)
        state, s, stride = scratch.state, thread.state, thread.rows
        performing = state[s + performing_at * stride]
        expected = state[s + expected_at * stride] if sampled else performing
        smm, mdr, severity = rates_of(inputs, tables, market, here, thread, terms, expected)
        defaulted, prepaid = leave(performing, smm, mdr, uniform)
        if sampled:
            state[s + expected_at * stride] = expect(expected, smm, mdr, here.matures)
        shares = Shares(performing, state[s + foreclosed_at * stride], state[s + low_at * stride])
        leaving = Leaving(defaulted, prepaid, scratch.ring[thread.slot])
        servicing = servicing_of(tables.reals, tables.counts, loan)
        shares, entering, flows = settle(terms, here.matures, shares, leaving, severity, servicing)
        state[s + performing_at * stride] = shares.performing
        state[s + foreclosed_at * stride] = shares.foreclosed
        state[s + low_at * stride] = shares.foreclosed_low
        scratch.ring[thread.slot] = entering
        return flows

    return step  # type: ignore[no-any-return]


def _build_rates(ops: Ops, models: ByModel) -> Callable[..., Any]:
    """SMM, MDR and severity in force."""
    factor_of, ltv_of = build_balance_factor(ops), build_ltv(ops)
    smm_of, mdr_of, severity_of = (_build_rate(ops, kind, model) for kind, model in models._asdict().items())
    smm_columns, mdr_columns, severity_columns = (build_columns(ops, model) for model in models)
    balance_at, ltv_at, one = int(Real.BALANCE), int(Real.LTV), ops.real(1)
    price_of = here_loaders(ops)["home_price_index"]

    @ops.function
    def rates(inputs, tables, market, here, thread, terms, expected):  # type: ignore[no-untyped-def]
        reals, loan, p = tables.reals, here.loan, thread.path
        inverse_balance = one / reals[loan, balance_at]
        factor = factor_of(terms.opening, expected, inverse_balance)
        ltv, defaulted_ltv = ltv_of(terms, reals[loan, ltv_at] * inverse_balance, price_of(Prices(here, market.rows), p))
        hand = Hand(here, market.rows, smm_columns(inputs.prepayment.columns, loan), terms.note_rate, factor, ltv)
        smm = smm_of(hand, inputs.prepayment, p)
        hand_of_default = Hand(here, market.rows, mdr_columns(inputs.default.columns, loan), terms.note_rate, factor, ltv)
        mdr = mdr_of(hand_of_default, inputs.default, p)
        owed = Hand(here, market.rows, severity_columns(inputs.severity.columns, loan), terms.note_rate, factor, defaulted_ltv)
        severity = severity_of(owed, inputs.severity, p)
        return smm, mdr, severity

    return rates  # type: ignore[no-any-return]


def _build_rate(ops: Ops, kind: str, model: Model) -> Callable[..., Any]:
    """``rate(hand, inputs, p)``: of a month, in force. Parts are computed where they are read."""
    named = {name: build_expression(ops, "hand, p", f"hand.{name}") for name in ("note_rate", "balance_factor", "ltv")}
    rate_of = build_rate(ops, model, {**here_loaders(ops), **column_loaders(ops, model.column_names), **named})
    in_force, allowed_of = build_in_force(ops, model.bounded), build_allowed(ops, kind)
    parameters_of, to_monthly, annual = model.build_parameters(ops), build_to_monthly(ops), model.annual

    @ops.function
    def rate(hand, inputs, p):  # type: ignore[no-untyped-def]
        raw = in_force(rate_of(hand, parameters_of(inputs.parameters), p), allowed_of(hand.here))
        return to_monthly(raw) if annual else raw

    return rate  # type: ignore[no-any-return]


def _build_terms(ops: Ops) -> Callable[..., Terms]:
    """Terms of the loan on the thread's path; of an adjustable-rate loan they are carried."""
    step, of_month, roll = (
        adjustable.TERMS.build_step(ops), adjustable.TERMS.build_month(ops), adjustable.TERMS.build_roll(ops))  # fmt: skip
    known_terms, accrue, calendar = build_known_terms(ops), build_accrue(ops), build_calendar(ops)
    adjustable_at, note_at, scheduled_at = int(Count.ADJUSTABLE), int(State.NOTE_RATE), int(State.SCHEDULED)
    index_row = ROW["adjustable_index"]

    @ops.function
    def terms(tables, market, scratch, thread, loan, month):  # type: ignore[no-untyped-def]
        if tables.counts[loan, adjustable_at] == 0:
            return known_terms(tables, loan, month)
        matures = calendar(tables.counts, loan, month).matures
        state, history, stride = scratch.state, scratch.history, thread.rows
        adjustment = of_month(tables.reals, tables.counts, loan, month)
        index = market.rows[(adjustment.index_month * market.n_rows + index_row) * thread.stride + thread.path]
        note, principal_rate = step(state[thread.state + note_at * stride], index, matures, adjustment)
        opening = state[thread.state + scheduled_at * stride]
        at_default = history[thread.slot]
        history[thread.slot] = opening
        state[thread.state + note_at * stride] = note
        state[thread.state + scheduled_at * stride] = roll(opening, principal_rate, matures)
        return Terms(note, accrue(tables, loan, month, note), principal_rate, opening, at_default)

    return terms  # type: ignore[no-any-return]


def _build_draw(ops: Ops) -> Callable[..., Any]:
    """The month's uniform: word ``(month - 1) % 4`` of the counter that the cpu draws once for four months."""
    words_of, uniform_from_bits = build_words(ops), special.build(ops).uniform_from_bits

    @ops.function
    def draw(counts, market, loan, month, path):  # type: ignore[no-untyped-def]
        word = (month - 1) % DRAWS_PER_BLOCK
        w0, w1, w2, w3 = words_of(counts, market, loan, month, path)
        first = w0 if word == 0 else w1
        last = w2 if word == 2 else w3
        return uniform_from_bits(first if word < 2 else last)

    return draw
