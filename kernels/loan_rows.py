"""The loops over paths of one loan in one month, on ``numpy`` and ``cpu``: terms, draws, rates, settlement.

Each is short, because the processor overlaps iterations only within its window of a few hundred instructions: one loop with the
whole month's chain of dependent operations ran at a third of the speed (docs/adr/0002).
"""

from __future__ import annotations

from collections.abc import Callable

from kernels import philox, special
from kernels.amortization import build_adjustable_terms
from kernels.behaviour.model import Model
from kernels.loan_month import FIELDS, build_bounded, build_flows, build_leave, build_observe
from kernels.loan_terms import Count, Real, Row, build_adjustable_calendar
from kernels.ops import Ops
from kernels.philox import DRAWS_PER_BLOCK
from kernels.speeds import SHORT_MOST, build_log_survival, build_monthly, build_short_monthly

N_FIELDS = len(FIELDS)

# Rows of a loan's state. The rate and the balance change only for adjustable-rate loans; the uniforms of four months follow.
PERFORMING, FORECLOSED, FORECLOSED_LOW, EXPECTED, NOTE_RATE, SCHEDULED, UNIFORM = range(7)
N_STATE = UNIFORM + DRAWS_PER_BLOCK

# Rows of the month's scratch: the sums of the fields, then the terms of the loan at hand.
INTEREST_RATE, PRINCIPAL_RATE, OPENING, AT_DEFAULT, NOTE, FACTOR, LTV, DEFAULTED_LTV, LEAVING, MDR, SMM = range(
    N_FIELDS, N_FIELDS + 11
)
N_WORK = N_FIELDS + 11


def build_terms_row(ops: Ops, width: int) -> Callable[..., None]:
    """The loan's terms this month: uniform where the rate is known beforehand, by path for an adjustable-rate loan."""
    adjustable = _build_adjustable(ops, width)
    lanes, at, zero = ops.lanes, ops.at, ops.real(0)
    adjustable_at, day_at, lag_at, note_at = int(Count.ADJUSTABLE), int(Count.DAY_COUNT), int(Count.LAG), int(Real.NOTE_RATE)

    @ops.function
    def prepare(
        reals, counts, balances, principal_rates, accruals, scenario, n_rows, loan, s, slot, month, work, state, history
    ):  # type: ignore[no-untyped-def]
        accrual = accruals[counts[loan, day_at], month - 1]
        if counts[loan, adjustable_at] != 0:
            adjustable(reals, counts, accrual, scenario, n_rows, loan, s, slot, month, work, state, history)
            return
        note = reals[loan, note_at]
        opening, principal_rate = balances[loan, month - 1], principal_rates[loan, month - 1]
        at_default = balances[loan, month - 1 - counts[loan, lag_at]] if month > counts[loan, lag_at] else zero
        for p in lanes(width):
            work[at(NOTE * width, p)] = note
            work[at(INTEREST_RATE * width, p)] = note * accrual
            work[at(PRINCIPAL_RATE * width, p)] = principal_rate
            work[at(OPENING * width, p)] = opening
            work[at(AT_DEFAULT * width, p)] = at_default

    return prepare


def _build_adjustable(ops: Ops, width: int) -> Callable[..., None]:
    """Terms of an adjustable-rate loan: rate and balance are carried by path."""
    terms, calendar = build_adjustable_terms(ops), build_adjustable_calendar(ops)
    where, lanes, at = ops.where, ops.lanes, ops.at
    zero, one, half = ops.real(0), ops.real(1), ops.real(0.5)
    margin_at, cap_at, floor_at, rounding_at = (
        int(Real.MARGIN), int(Real.LIFE_CAP), int(Real.LIFE_FLOOR), int(Real.RATE_ROUNDING))  # fmt: skip
    maturity_at, index_row = int(Count.MATURITY), int(Row.ADJUSTABLE_INDEX)

    @ops.function
    def adjustable(reals, counts, accrual, scenario, n_rows, loan, s, slot, month, work, state, history):  # type: ignore[no-untyped-def]
        resets, cap, index_month, remaining, amortises = calendar(reals, counts, loan, month)
        matures = one if month == counts[loan, maturity_at] else zero
        index = (index_month * n_rows + index_row) * width
        margin, rounding = reals[loan, margin_at], reals[loan, rounding_at]
        life_cap, life_floor = reals[loan, cap_at], reals[loan, floor_at]
        for p in lanes(width):
            note, principal_rate = terms(
                state[at(s + NOTE_RATE * width, p)], scenario[at(index, p)], resets, margin, cap, life_cap, life_floor,
                rounding, remaining, amortises, matures,
            )  # fmt: skip
            opening = state[at(s + SCHEDULED * width, p)]
            work[at(NOTE * width, p)] = note
            work[at(INTEREST_RATE * width, p)] = note * accrual
            work[at(PRINCIPAL_RATE * width, p)] = principal_rate
            work[at(OPENING * width, p)] = opening
            work[at(AT_DEFAULT * width, p)] = history[at(slot, p)]
            history[at(slot, p)] = opening
            state[at(s + NOTE_RATE * width, p)] = note
            state[at(s + SCHEDULED * width, p)] = where(matures > half, opening, opening - opening * principal_rate)

    return adjustable


def build_draw_row(ops: Ops, width: int) -> Callable[..., None]:
    """Uniforms of the next four months on each path: the four words of the counter (path, quarter of months, loan's number)."""
    random, uniform_from_bits = philox.build(ops), special.build(ops).uniform_from_bits
    lanes, at, to_uint32 = ops.lanes, ops.at, ops.to_uint32
    low_at, high_at = int(Count.ID_LOW), int(Count.ID_HIGH)
    path_of = philox.build_path_counter(ops)

    @ops.function
    def draw(counts, loan, block, s, first_path, key, state):  # type: ignore[no-untyped-def]
        low, high = to_uint32(counts[loan, low_at]), to_uint32(counts[loan, high_at])
        first = s + UNIFORM * width
        for p in lanes(width):
            w0, w1, w2, w3 = random(path_of(first_path, p), to_uint32(block), low, high, key[0], key[1])
            state[at(first, p)] = uniform_from_bits(w0)
            state[at(first + width, p)] = uniform_from_bits(w1)
            state[at(first + 2 * width, p)] = uniform_from_bits(w2)
            state[at(first + 3 * width, p)] = uniform_from_bits(w3)

    return draw


def build_observe_row(ops: Ops, width: int, sampled: bool) -> Callable[..., None]:
    """Rows FACTOR, LTV and DEFAULTED_LTV."""
    look, lanes, at, one = build_observe(ops), ops.lanes, ops.at, ops.real(1)
    balance_at, ltv_at = int(Real.BALANCE), int(Real.LTV)
    # A sampled loan burns out with its cohort, not with itself: the hazard must not depend on what was drawn.
    expected_row = (EXPECTED if sampled else PERFORMING) * width

    @ops.function
    def observe(reals, scenario, prices, loan, s, work, state):  # type: ignore[no-untyped-def]
        inverse_balance = one / reals[loan, balance_at]
        ltv_per_usd = reals[loan, ltv_at] * inverse_balance
        for p in lanes(width):
            work[at(FACTOR * width, p)], work[at(LTV * width, p)], work[at(DEFAULTED_LTV * width, p)] = look(
                work[at(OPENING * width, p)], work[at(AT_DEFAULT * width, p)], state[at(s + expected_row, p)], inverse_balance,
                ltv_per_usd, scenario[at(prices, p)],
            )  # fmt: skip

    return observe


def build_rate_row(ops: Ops, width: int, model: Model, row: int) -> Callable[..., None]:
    """The monthly rate of ``model`` times ``allowed`` into ``row``; an annual model's rate is converted."""
    rate_of, bounded, convert = model.build(ops), build_bounded(ops, model.bounded), _build_convert_row(ops, width, row)
    lanes, at, annual = ops.lanes, ops.at, model.annual
    raw = (LEAVING if annual else row) * width

    @ops.function
    def rate(month, age, calendar_month, scenario, rates, lag, advances_interest, parameters, allowed, work):  # type: ignore[no-untyped-def]
        for p in lanes(width):
            work[at(raw, p)] = allowed * bounded(rate_of(
                month, age, calendar_month, work[at(NOTE * width, p)], scenario[at(rates, p)],
                work[at(FACTOR * width, p)], work[at(LTV * width, p)], lag, advances_interest, parameters,
            ))  # fmt: skip
        if annual:
            convert(work)

    return rate


def _build_convert_row(ops: Ops, width: int, row: int) -> Callable[..., None]:
    """The monthly rates of the annual ones in row LEAVING into ``row``."""
    log_survival, monthly, short = build_log_survival(ops), build_monthly(ops), build_short_monthly(ops)
    lanes, at, where, to_integer, raw = ops.lanes, ops.at, ops.where, ops.to_integer, LEAVING * width
    most, none, one = ops.real(SHORT_MOST[ops.precision]), ops.integer(0), ops.integer(1)

    @ops.function
    def convert(work):  # type: ignore[no-untyped-def]
        beyond = none
        for p in lanes(width):
            annual = work[at(raw, p)]
            work[at(row * width, p)] = short(annual)
            beyond = to_integer(beyond | where(annual <= most, none, one))
        if beyond == none:
            return
        for p in lanes(width):
            work[at(row * width, p)] = log_survival(work[at(raw, p)])
        for p in lanes(width):
            annual = work[at(raw, p)]
            work[at(row * width, p)] = where(annual <= most, short(annual), monthly(work[at(row * width, p)], annual))

    return convert


def build_settle_row(ops: Ops, width: int, severity: Model, decrement: str) -> Callable[..., None]:
    """Who leaves, what flows: updates the loan's state and adds to the month's sums."""
    leave, expect, flows, severity_of = (
        build_leave(ops, decrement), build_leave(ops, "expected"), build_flows(ops, decrement), severity.build(ops))  # fmt: skip
    lanes, at, one, bounded = ops.lanes, ops.at, ops.real(1), build_bounded(ops, severity.bounded)
    sampled = decrement == "sampled"

    @ops.function
    def settle(
        month, age, calendar_month, scenario, rates, lag, parameters, s, slot, matures,
        servicing_rate, advances_principal, advances_interest, work, state, ring,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        if sampled:
            for p in lanes(width):
                expected = state[at(s + EXPECTED * width, p)]
                defaults, prepays = expect(expected, work[at(SMM * width, p)], work[at(MDR * width, p)], one)
                state[at(s + EXPECTED * width, p)] = (expected - defaults - prepays) * (one - matures)
        uniforms = s + (UNIFORM + (month - 1) % DRAWS_PER_BLOCK) * width
        for p in lanes(width):
            work[at(LEAVING * width, p)] = bounded(severity_of(
                month, age, calendar_month, work[at(NOTE * width, p)], scenario[at(rates, p)],
                work[at(FACTOR * width, p)], work[at(DEFAULTED_LTV * width, p)], lag, advances_interest, parameters,
            ))  # fmt: skip
        for p in lanes(width):
            performing = state[at(s + PERFORMING * width, p)]
            defaulted, prepaid = leave(performing, work[at(SMM * width, p)], work[at(MDR * width, p)], state[at(uniforms, p)])
            (
                state[at(s + PERFORMING * width, p)], foreclosed, foreclosed_low, entering,
                balance, foreclosure_balance, interest, advanced_interest, scheduled_principal, advanced_principal,
                prepaid_principal, defaulted_balance, recovery, loss, servicing_fee,
            ) = flows(
                work[at(OPENING * width, p)], performing,
                state[at(s + FORECLOSED * width, p)], state[at(s + FORECLOSED_LOW * width, p)],
                defaulted, prepaid, ring[at(slot, p)], work[at(AT_DEFAULT * width, p)], work[at(INTEREST_RATE * width, p)],
                work[at(PRINCIPAL_RATE * width, p)], matures, work[at(LEAVING * width, p)], servicing_rate,
                advances_principal, advances_interest,
            )  # fmt: skip
            state[at(s + FORECLOSED * width, p)] = foreclosed
            state[at(s + FORECLOSED_LOW * width, p)] = foreclosed_low
            ring[at(slot, p)] = entering
            work[at(0 * width, p)] += balance
            work[at(1 * width, p)] += foreclosure_balance
            work[at(2 * width, p)] += interest
            work[at(3 * width, p)] += advanced_interest
            work[at(4 * width, p)] += scheduled_principal
            work[at(5 * width, p)] += advanced_principal
            work[at(6 * width, p)] += prepaid_principal
            work[at(7 * width, p)] += defaulted_balance
            work[at(8 * width, p)] += recovery
            work[at(9 * width, p)] += loss
            work[at(10 * width, p)] += servicing_fee

    return settle
