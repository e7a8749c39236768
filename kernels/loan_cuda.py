"""Launcher of the loan months on ``cuda``: one thread carries one path through one tile of loans.

Months run outside and the loans of the tile inside, so that a month's sums stay in registers and reach memory once a tile; loan
terms are uniform in a warp, scenario rows coalesced. Sums over tiles are a second kernel, in float64 and in order: the month
loop holds no float64. Which mappings were considered, and what was measured, is in docs/adr/0003.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import cuda

from kernels import philox, special
from kernels.amortization import build_adjustable_terms
from kernels.loan_month import build_bounded, build_flows, build_leave, build_observe
from kernels.loan_rows import EXPECTED, FORECLOSED, FORECLOSED_LOW, N_FIELDS, NOTE_RATE, PERFORMING, SCHEDULED, UNIFORM
from kernels.loan_terms import TILE, Count, Real, Row, build_adjustable_calendar, build_calendar
from kernels.ops import Ops
from kernels.philox import DRAWS_PER_BLOCK
from kernels.speeds import SHORT_MOST, build_log_survival, build_monthly, build_short_monthly

N_STATE = UNIFORM  # the rows before the stored uniforms: a thread draws again rather than keep them


def build_month(ops: Ops, prepayment: Any, default: Any, severity: Any, decrement: str) -> Callable[..., Any]:
    """``month(...)``: rates and settlement of one loan on one path; returns :func:`build_flows`'s tuple and new ``expected``."""
    observe, flows = build_observe(ops), build_flows(ops, decrement)
    leave, expect = build_leave(ops, decrement), build_leave(ops, "expected")
    smm_of, mdr_of, severity_of = _monthly(ops, prepayment), _monthly(ops, default), severity.build(ops)
    one, bounded = ops.real(1), build_bounded(ops, severity.bounded)

    @ops.function
    def month(
        number, age, calendar_month, note, mortgage_rate, price, inverse_balance, ltv_per_usd, opening, at_default,
        interest_rate, principal_rate, matures, default_allowed, servicing_rate, lag, advances_principal, advances_interest,
        performing, expected, foreclosed, foreclosed_low, liquidated, uniform,
        prepayment_parameters, default_parameters, severity_parameters,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        balance_factor, ltv, defaulted_ltv = observe(opening, at_default, expected, inverse_balance, ltv_per_usd, price)
        # First of the three: its loan-to-value ratio then holds no register while the other two are computed.
        lost = bounded(severity_of(
            number, age, calendar_month, note, mortgage_rate, balance_factor, defaulted_ltv, lag, advances_interest,
            severity_parameters,
        ))  # fmt: skip
        smm = smm_of(
            number, age, calendar_month, note, mortgage_rate, balance_factor, ltv, lag, advances_interest,
            prepayment_parameters, one,
        )  # fmt: skip
        mdr = mdr_of(
            number, age, calendar_month, note, mortgage_rate, balance_factor, ltv, lag, advances_interest,
            default_parameters, default_allowed,
        )  # fmt: skip
        defaulted, prepaid = leave(performing, smm, mdr, uniform)
        defaults, prepays = expect(expected, smm, mdr, one)
        return (expected - defaults - prepays) * (one - matures), flows(
            opening, performing, foreclosed, foreclosed_low, defaulted, prepaid, liquidated, at_default,
            interest_rate, principal_rate, matures, lost, servicing_rate, advances_principal, advances_interest,
        )  # fmt: skip

    return month


def _monthly(ops: Ops, model: Any) -> Callable[..., Any]:
    rate_of, log_survival, monthly, annual = model.build(ops), build_log_survival(ops), build_monthly(ops), model.annual
    bounded, short = build_bounded(ops, model.bounded), build_short_monthly(ops)
    most = ops.real(SHORT_MOST[ops.precision])

    @ops.function
    def rate(
        month, age, calendar_month, note, mortgage_rate, balance_factor, ltv, lag, advances_interest, parameters, allowed
    ):  # type: ignore[no-untyped-def]
        raw = allowed * bounded(rate_of(
            month, age, calendar_month, note, mortgage_rate, balance_factor, ltv, lag, advances_interest, parameters,
        ))  # fmt: skip
        if not annual:
            return raw
        return short(raw) if raw <= most else monthly(log_survival(raw), raw)

    return rate


def build_kernel(ops: Ops, prepayment: Any, default: Any, severity: Any, decrement: str) -> Callable[..., None]:
    """The loan kernel: a 2-D grid of (path, tile). Arguments as :func:`kernels.loan_blocks.build_loan_block`'s ``simulate``,
    with ``partial`` flat (tile, month, field, path) in the run's precision in place of ``pool``, and ``first_tile``.
    """
    terms, draw = _build_terms(ops), _build_draw(ops)
    step = _build_step(ops, prepayment, default, severity, decrement)
    zero, one = ops.real(0), ops.real(1)
    sampled = decrement == "sampled"
    balance_at, note_at, lag_at = int(Real.BALANCE), int(Real.NOTE_RATE), int(Count.LAG)

    def kernel(
        reals, counts, balances, principal_rates, accruals, scenario, n_rows, calendar_month, first_path, key,
        prepayment_parameters, default_parameters, severity_parameters, lag_size, first_tile, n_paths, state, ring, history,
        partial,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        path, tile = cuda.grid(2)
        n_loans, n_months = principal_rates.shape
        first = (first_tile + tile) * TILE
        if path >= n_paths or first >= n_loans:
            return
        count = min(TILE, n_loans - first)
        for j in range(count):
            s = ((tile * TILE + j) * N_STATE) * n_paths + path
            state[s + PERFORMING * n_paths] = one
            state[s + FORECLOSED * n_paths] = zero
            state[s + FORECLOSED_LOW * n_paths] = zero
            state[s + EXPECTED * n_paths] = one
            state[s + NOTE_RATE * n_paths] = reals[first + j, note_at]
            state[s + SCHEDULED * n_paths] = reals[first + j, balance_at]
            for k in range(lag_size):
                ring[((tile * TILE + j) * lag_size + k) * n_paths + path] = zero
                history[((tile * TILE + j) * lag_size + k) * n_paths + path] = zero
        for month in range(1, n_months + 1):
            a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = a10 = zero
            for j in range(count):
                loan = first + j
                s = ((tile * TILE + j) * N_STATE) * n_paths + path
                slot = ((tile * TILE + j) * lag_size + (month - 1) % counts[loan, lag_at]) * n_paths + path
                note, interest_rate, principal_rate, opening, at_default = terms(
                    reals, counts, balances, principal_rates, accruals, scenario, n_rows, n_paths, path, loan, s, slot, month,
                    state, history,
                )  # fmt: skip
                uniform = draw(counts, loan, month, first_path + path, key) if sampled else zero
                f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10 = step(
                    reals, counts, scenario, n_rows, n_paths, path, loan, s, slot, month, (calendar_month + month - 1) % 12,
                    note, interest_rate, principal_rate, opening, at_default, uniform,
                    prepayment_parameters, default_parameters, severity_parameters, state, ring,
                )  # fmt: skip
                a0, a1, a2, a3, a4, a5 = a0 + f0, a1 + f1, a2 + f2, a3 + f3, a4 + f4, a5 + f5
                a6, a7, a8, a9, a10 = a6 + f6, a7 + f7, a8 + f8, a9 + f9, a10 + f10
            base = ((tile * n_months + month - 1) * N_FIELDS) * n_paths + path
            partial[base] = a0
            partial[base + n_paths] = a1
            partial[base + 2 * n_paths] = a2
            partial[base + 3 * n_paths] = a3
            partial[base + 4 * n_paths] = a4
            partial[base + 5 * n_paths] = a5
            partial[base + 6 * n_paths] = a6
            partial[base + 7 * n_paths] = a7
            partial[base + 8 * n_paths] = a8
            partial[base + 9 * n_paths] = a9
            partial[base + 10 * n_paths] = a10

    return kernel


def _build_terms(ops: Ops) -> Callable[..., Any]:
    """Note rate, interest and principal rate of the month, balance at its start and at the default of what liquidates now."""
    adjust, calendar = build_adjustable_terms(ops), build_adjustable_calendar(ops)
    zero, one, half = ops.real(0), ops.real(1), ops.real(0.5)
    adjustable_at, day_at, lag_at, maturity_at = (
        int(Count.ADJUSTABLE), int(Count.DAY_COUNT), int(Count.LAG), int(Count.MATURITY))  # fmt: skip
    note_at, index_row = int(Real.NOTE_RATE), int(Row.ADJUSTABLE_INDEX)
    margin_at, cap_at, floor_at, rounding_at = (
        int(Real.MARGIN), int(Real.LIFE_CAP), int(Real.LIFE_FLOOR), int(Real.RATE_ROUNDING))  # fmt: skip

    @ops.function
    def terms(
        reals,
        counts,
        balances,
        principal_rates,
        accruals,
        scenario,
        n_rows,
        n_paths,
        path,
        loan,
        s,
        slot,
        month,
        state,
        history,
    ):  # type: ignore[no-untyped-def]
        accrual = accruals[counts[loan, day_at], month - 1]
        if counts[loan, adjustable_at] == 0:
            note = reals[loan, note_at]
            lag = counts[loan, lag_at]
            at_default = balances[loan, month - 1 - lag] if month > lag else zero
            return note, note * accrual, principal_rates[loan, month - 1], balances[loan, month - 1], at_default
        resets, cap, index_month, remaining, amortises = calendar(reals, counts, loan, month)
        matures = one if month == counts[loan, maturity_at] else zero
        note, principal_rate = adjust(
            state[s + NOTE_RATE * n_paths], scenario[(index_month * n_rows + index_row) * n_paths + path], resets,
            reals[loan, margin_at], cap, reals[loan, cap_at], reals[loan, floor_at], reals[loan, rounding_at],
            remaining, amortises, matures,
        )  # fmt: skip
        opening = state[s + SCHEDULED * n_paths]
        at_default = history[slot]
        history[slot] = opening
        state[s + NOTE_RATE * n_paths] = note
        state[s + SCHEDULED * n_paths] = opening if matures > half else opening - opening * principal_rate
        return note, note * accrual, principal_rate, opening, at_default

    return terms


def _build_draw(ops: Ops) -> Callable[..., Any]:
    """The month's uniform: word ``(month - 1) % 4`` of the counter that the cpu draws once for four months."""
    random, uniform_from_bits = philox.build(ops), special.build(ops).uniform_from_bits
    to_uint32 = ops.to_uint32
    low_at, high_at = int(Count.ID_LOW), int(Count.ID_HIGH)

    @ops.function
    def draw(counts, loan, month, path, key):  # type: ignore[no-untyped-def]
        block, word = (month - 1) // DRAWS_PER_BLOCK, (month - 1) % DRAWS_PER_BLOCK
        low, high = to_uint32(counts[loan, low_at]), to_uint32(counts[loan, high_at])
        w0, w1, w2, w3 = random(to_uint32(path), to_uint32(block), low, high, key[0], key[1])
        first = w0 if word == 0 else w1
        last = w2 if word == 2 else w3
        return uniform_from_bits(first if word < 2 else last)

    return draw


def _build_step(ops: Ops, prepayment: Any, default: Any, severity: Any, decrement: str) -> Callable[..., Any]:
    """One loan month of one thread: reads and writes the loan's state, returns the flows."""
    month_of, calendar = build_month(ops, prepayment, default, severity, decrement), build_calendar(ops)
    real, one, per_month = ops.real, ops.real(1), ops.real(1 / 12)
    sampled = decrement == "sampled"
    region_at, fee_at, principal_at, interest_at, lag_at, balance_at, ltv_at = (
        int(Count.REGION), int(Real.SERVICING_RATE), int(Count.ADVANCES_PRINCIPAL), int(Count.ADVANCES_INTEREST),
        int(Count.LAG), int(Real.BALANCE), int(Real.LTV))  # fmt: skip
    mortgage_row, price_row = int(Row.MORTGAGE_RATE), int(Row.HOME_PRICE)

    @ops.function
    def step(
        reals, counts, scenario, n_rows, n_paths, path, loan, s, slot, month, calendar_month,
        note, interest_rate, principal_rate, opening, at_default, uniform,
        prepayment_parameters, default_parameters, severity_parameters, state, ring,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        age, default_allowed, matures = calendar(counts, loan, month)
        row = (month - 1) * n_rows
        inverse_balance = one / reals[loan, balance_at]
        performing = state[s + PERFORMING * n_paths]
        expected, flows = month_of(
            month, age, calendar_month, note, scenario[(row + mortgage_row) * n_paths + path],
            scenario[(row + price_row + counts[loan, region_at]) * n_paths + path],
            inverse_balance, reals[loan, ltv_at] * inverse_balance, opening, at_default, interest_rate, principal_rate,
            matures, default_allowed, reals[loan, fee_at] * per_month,
            real(counts[loan, lag_at]), real(counts[loan, principal_at]), real(counts[loan, interest_at]),
            performing, state[s + EXPECTED * n_paths] if sampled else performing, state[s + FORECLOSED * n_paths],
            state[s + FORECLOSED_LOW * n_paths], ring[slot], uniform, prepayment_parameters, default_parameters, severity_parameters,
        )  # fmt: skip
        if sampled:
            state[s + EXPECTED * n_paths] = expected
        state[s + PERFORMING * n_paths] = flows[0]
        state[s + FORECLOSED * n_paths] = flows[1]
        state[s + FORECLOSED_LOW * n_paths] = flows[2]
        ring[slot] = flows[3]
        return flows[4:]

    return step


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
