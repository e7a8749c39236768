"""Launcher of the loan months on ``numpy`` and ``cpu``: all loans of a block on a block of paths.

Months run outside, a tile of loans inside, paths innermost. The state of a tile stays in the second-level cache, the month's
sums in the first. Sums have a fixed shape whatever the chunking: the loans of a tile in order, in the run's precision; the tiles
in order, in float64.
"""

from __future__ import annotations

from collections.abc import Callable

from kernels.behaviour.model import Model
from kernels.loan_arrays import build_loan_arrays
from kernels.loan_rows import (
    EXPECTED,
    FORECLOSED,
    FORECLOSED_LOW,
    MDR,
    N_FIELDS,
    N_STATE,
    N_WORK,
    NOTE_RATE,
    PERFORMING,
    SCHEDULED,
    SMM,
    build_draw_row,
    build_observe_row,
    build_rate_row,
    build_settle_row,
    build_terms_row,
)
from kernels.loan_sums import build_add_loan
from kernels.loan_terms import TILE, Count, Real, Row, build_calendar
from kernels.ops import LANES, Ops
from kernels.philox import DRAWS_PER_BLOCK


def build_loan_block(
    ops: Ops, width: int, prepayment: Model, default: Model, severity: Model, decrement: str, loan_sums: bool = False
) -> Callable[..., None]:
    """``simulate(...)``: adds the flows of a block of loans on ``width`` paths to ``pool``.

    The arguments of ``simulate``, all C-contiguous, reals in the run's precision:

    ==================  ==========================================  =============================================
    ``reals``           (loan, :class:`Real`)                       terms
    ``counts``          (loan, :class:`Count`) int64                terms
    ``balances``        (loan, month)                               scheduled, at the start of the month, USD
    ``principal_rates`` (loan, month)                               scheduled principal over balance
    ``accruals``        (day count, month)                          year fractions
    ``scenario``        flat (month 0..n, row, path)                :class:`Row`
    ``calendar_month``  int                                         of month 1, January is 0
    ``first_path``      int                                         index of the block's first path
    ``key``             (2,) uint32                                 of the random numbers
    ``prepayment_parameters`` and two more                          in the model's own order
    ``work``            flat, see :func:`scratch_sizes`             scratch
    ``state``           flat                                        scratch
    ``ring``            flat                                        scratch: what entered foreclosure, one lag back
    ``history``         flat                                        scratch: balances, one lag back (adjustable)
    ``pool``            flat (month 1..n, field, path) float64      added to
    ==================  ==========================================  =============================================

    With ``loan_sums`` it also sums each loan's flows over paths, and takes four arguments more:

    ==================  ==========================================  =============================================
    ``kept``            int                                         paths that count in the sums: the first ones
    ``tile``            flat (field, path)                          scratch
    ``folded``          (64,) float64                               scratch
    ``sums``            flat (loan, month, field, group) float64    written, see :mod:`kernels.loan_sums`
    ==================  ==========================================  =============================================
    """
    if ops.target == "numpy":
        return build_loan_arrays(ops, prepayment, default, severity, decrement)
    step = _build_step(ops, width, prepayment, default, severity, decrement)
    lanes, at = ops.lanes, ops.at
    zero, one = ops.real(0), ops.real(1)
    balance_column, note_column = int(Real.BALANCE), int(Real.NOTE_RATE)

    @ops.function
    def start(reals, first, count, lag_size, state, ring, history):  # type: ignore[no-untyped-def]
        for j in range(count):
            row = j * N_STATE * width
            for p in lanes(width):
                state[at(row + PERFORMING * width, p)] = one
                state[at(row + FORECLOSED * width, p)] = zero
                state[at(row + FORECLOSED_LOW * width, p)] = zero
                state[at(row + EXPECTED * width, p)] = one
                state[at(row + NOTE_RATE * width, p)] = reals[first + j, note_column]
                state[at(row + SCHEDULED * width, p)] = reals[first + j, balance_column]
        ring[: count * lag_size * width] = zero
        history[: count * lag_size * width] = zero

    @ops.function
    def flush(work, pool, month):  # type: ignore[no-untyped-def]
        base = (month - 1) * N_FIELDS * width
        for field in range(N_FIELDS):
            for p in lanes(width):
                pool[at(base + field * width, p)] += work[at(field * width, p)]

    def simulate(
        reals, counts, balances, principal_rates, accruals, scenario, n_rows, calendar_month, first_path, key,
        prepayment_parameters, default_parameters, severity_parameters, lag_size, work, state, ring, history, pool,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        n_loans, n_months = principal_rates.shape
        for first in range(0, n_loans, TILE):
            count = min(TILE, n_loans - first)
            start(reals, first, count, lag_size, state, ring, history)
            for month in range(1, n_months + 1):
                work[: N_FIELDS * width] = zero
                for j in range(count):
                    step(
                        reals, counts, balances, principal_rates, accruals, scenario, n_rows, calendar_month, first_path, key,
                        prepayment_parameters, default_parameters, severity_parameters, lag_size, first + j, j, month,
                        work, state, ring, history,
                    )  # fmt: skip
                flush(work, pool, month)

    if not loan_sums:
        return simulate
    add_loan, groups = build_add_loan(ops, width), -(-width // LANES)

    def simulate_and_sum(
        reals, counts, balances, principal_rates, accruals, scenario, n_rows, calendar_month, first_path, key,
        prepayment_parameters, default_parameters, severity_parameters, lag_size, work, state, ring, history, pool,
        kept, tile, folded, sums,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        n_loans, n_months = principal_rates.shape
        for first in range(0, n_loans, TILE):
            count = min(TILE, n_loans - first)
            start(reals, first, count, lag_size, state, ring, history)
            for month in range(1, n_months + 1):
                tile[:] = zero
                for j in range(count):
                    work[: N_FIELDS * width] = zero
                    step(
                        reals, counts, balances, principal_rates, accruals, scenario, n_rows, calendar_month, first_path, key,
                        prepayment_parameters, default_parameters, severity_parameters, lag_size, first + j, j, month,
                        work, state, ring, history,
                    )  # fmt: skip
                    place = ((first + j) * n_months + month - 1) * N_FIELDS * groups
                    add_loan(work, tile, folded, sums, place, kept)
                flush(tile, pool, month)

    return simulate_and_sum


def scratch_sizes(width: int, lag_size: int) -> tuple[int, int, int, int]:
    """Elements of ``work``, ``state``, ``ring`` and ``history``."""
    return N_WORK * width, TILE * N_STATE * width, TILE * lag_size * width, TILE * lag_size * width


def _build_step(
    ops: Ops, width: int, prepayment: Model, default: Model, severity: Model, decrement: str
) -> Callable[..., None]:
    """One loan, one month, ``width`` paths: terms, draws, rates and settlement; its flows join the first rows of ``work``."""
    prepare, draw = build_terms_row(ops, width), build_draw_row(ops, width)
    advance = _build_advance(ops, width, prepayment, default, severity, decrement)
    sampled, lag_column = decrement == "sampled", int(Count.LAG)

    @ops.function
    def step(
        reals, counts, balances, principal_rates, accruals, scenario, n_rows, calendar_month, first_path, key,
        prepayment_parameters, default_parameters, severity_parameters, lag_size, loan, j, month, work, state, ring, history,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        lag = counts[loan, lag_column]
        slot = (j * lag_size + (month - 1) % lag) * width
        prepare(
            reals, counts, balances, principal_rates, accruals, scenario, n_rows,
            loan, j * N_STATE * width, slot, month, work, state, history,
        )  # fmt: skip
        if sampled and (month - 1) % DRAWS_PER_BLOCK == 0:
            draw(counts, loan, (month - 1) // DRAWS_PER_BLOCK, j * N_STATE * width, first_path, key, state)
        advance(
            reals, counts, scenario, n_rows, loan, j * N_STATE * width, slot, month, (calendar_month + month - 1) % 12,
            prepayment_parameters, default_parameters, severity_parameters, work, state, ring,
        )  # fmt: skip

    return step


def _build_advance(
    ops: Ops, width: int, prepayment: Model, default: Model, severity: Model, decrement: str
) -> Callable[..., None]:
    """One loan, one month, ``width`` paths."""
    observe = build_observe_row(ops, width, decrement == "sampled")
    prepay, fail = build_rate_row(ops, width, prepayment, SMM), build_rate_row(ops, width, default, MDR)
    settle = build_settle_row(ops, width, severity, decrement)
    calendar, real, one, per_month = build_calendar(ops), ops.real, ops.real(1), ops.real(1 / 12)
    region_at, fee_at, principal_at, interest_at, lag_at = (
        int(Count.REGION), int(Real.SERVICING_RATE), int(Count.ADVANCES_PRINCIPAL), int(Count.ADVANCES_INTEREST),
        int(Count.LAG))  # fmt: skip
    mortgage_row, price_row = int(Row.MORTGAGE_RATE), int(Row.HOME_PRICE)

    @ops.function
    def advance(
        reals, counts, scenario, n_rows, loan, s, slot, month, calendar_month,
        prepayment_parameters, default_parameters, severity_parameters, work, state, ring,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        age, default_allowed, matures = calendar(counts, loan, month)
        rates = ((month - 1) * n_rows + mortgage_row) * width
        prices = ((month - 1) * n_rows + price_row + counts[loan, region_at]) * width
        observe(reals, scenario, prices, loan, s, work, state)
        lag, advances_interest = real(counts[loan, lag_at]), real(counts[loan, interest_at])
        prepay(month, age, calendar_month, scenario, rates, lag, advances_interest, prepayment_parameters, one, work)
        fail(month, age, calendar_month, scenario, rates, lag, advances_interest, default_parameters, default_allowed, work)
        settle(
            month, age, calendar_month, scenario, rates, lag, severity_parameters, s, slot, matures,
            reals[loan, fee_at] * per_month, real(counts[loan, principal_at]), advances_interest, work, state, ring,
        )  # fmt: skip

    return advance
