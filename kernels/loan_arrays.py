"""Launcher of the loan months on ``numpy``: the loans of a tile times the paths of a block, as one array.

What numpy pays for is calls and memory, so a month of a tile is some two hundred operations on arrays that stay in the second-level
cache. What differs by loan alone is a column; what is the same for all of a tile is a number, and costs next to nothing. The terms of
adjustable-rate loans are computed where there are any. Arithmetic and sums are those of :mod:`kernels.loan_blocks`, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kernels import philox, special
from kernels.amortization import build_adjustable_terms
from kernels.behaviour.model import Model
from kernels.loan_month import FIELDS, build_bounded, build_flows, build_leave, build_observe
from kernels.loan_sums import fold
from kernels.loan_terms import TILE, Count, Real, Row, build_adjustable_calendar, build_calendar
from kernels.ops import LANES, Ops
from kernels.philox import DRAWS_PER_BLOCK
from kernels.speeds import SHORT_MOST, build_log_survival, build_monthly, build_short_monthly

Array = Any
_BALANCE, _LTV, _NOTE_RATE, _SERVICING_RATE = int(Real.BALANCE), int(Real.LTV), int(Real.NOTE_RATE), int(Real.SERVICING_RATE)
_LAG, _REGION, _DAY_COUNT, _ADJUSTABLE, _ADVANCES_PRINCIPAL, _ADVANCES_INTEREST = (
    int(Count.LAG), int(Count.REGION), int(Count.DAY_COUNT), int(Count.ADJUSTABLE), int(Count.ADVANCES_PRINCIPAL),
    int(Count.ADVANCES_INTEREST))  # fmt: skip
_MORTGAGE_RATE, _ADJUSTABLE_INDEX, _HOME_PRICE = int(Row.MORTGAGE_RATE), int(Row.ADJUSTABLE_INDEX), int(Row.HOME_PRICE)
ELEMENTS = 32768
"""Loans times paths of one array: at 8,192 the calls cost two fifths more, beyond 32,768 nothing is gained (docs/adr/0002)."""

MONTH_ARRAYS = 50
"""Arrays of a month that are alive at once, at most."""


def paths_at_once(n_loans: int, n_paths: int) -> int:
    """Paths of a block, so that a full tile, or all the loans there are, has :data:`ELEMENTS` elements.

    Blocks of one size, whole groups of :data:`kernels.ops.LANES` paths where there are several: loans are summed by group.
    """
    blocks = -(-n_paths // (ELEMENTS // min(TILE, max(n_loans, 1))))
    return n_paths if blocks == 1 else LANES * -(-n_paths // (blocks * LANES))


class _Terms(NamedTuple):
    """Terms of a tile this month: numbers, columns (loan, 1) or arrays (loan, path)."""

    note: Array
    interest_rate: Array
    principal_rate: Array
    opening: Array
    at_default: Array


def uniform(column: Array) -> Array:
    """The number that stands in all of ``column``, or the column."""
    return column[0, 0] if (column == column[0, 0]).all() else column


def _by_month(values: Array) -> list[Array]:
    """:func:`uniform` of each month of (month, loan, 1)."""
    same = (values == values[:, :1]).all(axis=(1, 2)).tolist()
    return [month[0, 0] if alike else month for month, alike in zip(values, same, strict=True)]


class _Tile:
    """The loans of a tile: what is known of all months beforehand, and what is carried from month to month."""

    def __init__(
        self, ops: Ops, tables: tuple[Array, ...], first: int, width: int, lag_size: int, scratch: tuple[Array, ...]
    ) -> None:
        reals, counts, balances, principal_rates, accruals = tables
        loans = slice(first, first + TILE)
        self.reals, self.counts = reals[loans], counts[loans]
        n = len(self.reals)
        self._know_months(ops, balances[loans], principal_rates[loans], accruals[self.counts[:, _DAY_COUNT]])
        columns, real = self.reals[:, :, None], reals.dtype
        self.inverse_balance = ops.real(1) / columns[:, _BALANCE]
        self.ltv_per_usd = columns[:, _LTV] * self.inverse_balance
        self.servicing_rate = uniform(columns[:, _SERVICING_RATE]) * ops.real(1 / 12)
        self.lag, self.advances_principal, self.advances_interest = (
            uniform(self.counts[:, which, None].astype(real)) for which in (_LAG, _ADVANCES_PRINCIPAL, _ADVANCES_INTEREST)
        )
        self.regions = self.counts[:, _REGION]
        self.ring, self.history = (x[: n * lag_size * width].reshape(lag_size, n, width) for x in scratch)
        self.ring[:], self.history[:] = 0, 0
        self.performing = self.expected = np.ones((n, width), real)
        self.foreclosed = self.foreclosed_low = np.zeros((n, width), real)
        self.adjustable = np.flatnonzero(self.counts[:, _ADJUSTABLE])
        self.note_rate = np.repeat(columns[self.adjustable, _NOTE_RATE], width, axis=1)
        self.scheduled = np.repeat(columns[self.adjustable, _BALANCE], width, axis=1)
        self.uniforms: tuple[Array, ...] = ()

    def _know_months(self, ops: Ops, balances: Array, principal_rates: Array, accruals: Array) -> None:
        """Terms of fixed-rate loans, calendar, and where the ring holds what happened one lag ago, of every month."""
        n, n_months = principal_rates.shape
        month, lags = np.arange(1, n_months + 1), self.counts[:, _LAG]
        note, before = self.reals[:, _NOTE_RATE, None], month[:, None] - 1 - lags
        at_default = np.where(before >= 0, balances[np.arange(n), np.maximum(before, 0)], ops.real(0))
        self.accruals = accruals.T[:, :, None]
        by_month = (note * accruals).T, principal_rates.T, balances.T, at_default
        rows = zip(*(_by_month(values[:, :, None]) for values in by_month), strict=True)
        self.terms = [_Terms(uniform(note), *row) for row in rows]
        calendar = build_calendar(ops)(self.counts[:, :, None], slice(None), month[:, None, None])
        self.calendar = list(zip(*(_by_month(values) for values in calendar), strict=True))
        slots = (month[:, None] - 1) % lags
        alike = (slots == slots[:, :1]).all(axis=1).tolist()
        self.slots = [slot[0] if same else (slot, np.arange(n)) for slot, same in zip(slots, alike, strict=True)]


def build_loan_arrays(ops: Ops, prepayment: Model, default: Model, severity: Model, decrement: str) -> Callable[..., None]:
    """``simulate(...)`` as :func:`kernels.loan_blocks.build_loan_block`'s, on as many paths as ``scenario`` has."""
    terms_of, draw = _build_terms(ops), _build_draw(ops)
    advance = _build_advance(ops, prepayment, default, severity, decrement)
    sampled = decrement == "sampled"

    def simulate(
        reals, counts, balances, principal_rates, accruals, scenario, n_rows, calendar_month, first_path, key,
        prepayment_parameters, default_parameters, severity_parameters, lag_size, work, state, ring, history, pool,
        *of_loans,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        n_loans, n_months = principal_rates.shape
        market = scenario.reshape(n_months + 1, n_rows, -1)
        width, parameters = market.shape[2], (prepayment_parameters, default_parameters, severity_parameters)
        flows_of_pool = pool.reshape(n_months, len(FIELDS), width)
        kept, loan_sums = (of_loans[0], of_loans[3].reshape(n_loans, n_months, len(FIELDS), -1)) if of_loans else (0, None)
        tables = reals, counts, balances, principal_rates, accruals
        for first in range(0, n_loans, TILE):
            tile = _Tile(ops, tables, first, width, lag_size, (ring, history))
            for month in range(1, n_months + 1):
                terms = terms_of(tile, market, month)
                if sampled and (month - 1) % DRAWS_PER_BLOCK == 0:
                    draw(tile, month, first_path, width, key)
                flows = advance(tile, terms, market[month - 1], month, (calendar_month + month - 1) % 12, parameters)
                flows_of_pool[month - 1] += _in_order(flows, tile.performing.shape, reals.dtype)
                if loan_sums is not None:
                    for field, flow in enumerate(flows):
                        by_loan = np.broadcast_to(flow, tile.performing.shape)
                        loan_sums[first : first + TILE, month - 1, field] = fold(by_loan[:, :kept])

    return simulate


def _in_order(flows: tuple[Array, ...], shape: tuple[int, int], real: Any) -> Array:
    """(field, path) sums over the loans of a tile, one after the other, in the run's precision."""
    sums = np.empty((len(flows), shape[1]), real)
    for total, flow in zip(sums, flows, strict=True):
        by_loan = flow if np.shape(flow) == shape else np.broadcast_to(flow, shape)
        if shape[1] > 1:
            np.add.reduce(by_loan, axis=0, out=total)  # row after row: numpy sums pairwise along the contiguous axis alone
        else:
            total[:] = np.add.accumulate(by_loan, axis=0)[-1]
    return sums


def _build_terms(ops: Ops) -> Callable[..., _Terms]:
    adjust, calendar = build_adjustable_terms(ops), build_adjustable_calendar(ops)
    real, where, zero, one, half = ops.real, ops.where, ops.real(0), ops.real(1), ops.real(0.5)

    def terms(tile: _Tile, market: Array, month: int) -> _Terms:
        fixed, who, slot = tile.terms[month - 1], tile.adjustable, tile.slots[month - 1]
        if not len(who):
            return fixed
        mixed = _Terms(*(np.array(np.broadcast_to(term, tile.performing.shape)) for term in fixed))
        of_month = [calendar(tile.reals, tile.counts, j, month) for j in who]
        resets, cap, index_month, remaining, amortises = (np.array(column)[:, None] for column in zip(*of_month, strict=True))
        matures = where(tile.counts[who, Count.MATURITY, None] == month, one, zero)
        margin, life_cap, life_floor, rounding = (
            tile.reals[who, which, None] for which in (Real.MARGIN, Real.LIFE_CAP, Real.LIFE_FLOOR, Real.RATE_ROUNDING)
        )
        note, principal_rate = adjust(
            tile.note_rate, market[index_month[:, 0], _ADJUSTABLE_INDEX], resets, margin, cap.astype(real), life_cap, life_floor,
            rounding, remaining.astype(real), amortises.astype(real), matures,
        )  # fmt: skip
        opening = tile.scheduled
        mixed.note[who], mixed.principal_rate[who], mixed.opening[who] = note, principal_rate, opening
        mixed.interest_rate[who] = note * tile.accruals[month - 1, who]
        mixed.at_default[who] = tile.history[slot][who]
        tile.history[slot] = mixed.opening
        tile.note_rate = note
        tile.scheduled = where(matures > half, opening, opening - opening * principal_rate)
        return mixed

    return terms


def _build_draw(ops: Ops) -> Callable[..., None]:
    random, uniform_from_bits = philox.build(ops), special.build(ops).uniform_from_bits
    path_of, to_uint32 = philox.build_path_counter(ops), ops.to_uint32

    def draw(tile: _Tile, month: int, first_path: int, width: int, key: Array) -> None:
        low, high = (to_uint32(tile.counts[:, which, None]) for which in (Count.ID_LOW, Count.ID_HIGH))
        block = to_uint32((month - 1) // DRAWS_PER_BLOCK)
        words = random(path_of(first_path, slice(0, width)), block, low, high, key[0], key[1])
        tile.uniforms = tuple(uniform_from_bits(word) for word in words)

    return draw


def _build_monthly_rate(ops: Ops, model: Model) -> Callable[..., Array]:
    rate_of, bounded, convert = model.build(ops), build_bounded(ops, model.bounded), _build_convert(ops)
    annual = model.annual

    def rate(observables: tuple[Any, ...], parameters: Array, allowed: Array) -> Array:
        raw = np.asarray(bounded(rate_of(*observables, parameters)))
        if np.ndim(allowed) or allowed != 1:
            raw = allowed * raw
        return convert(raw) if annual else raw

    return rate


def _build_convert(ops: Ops) -> Callable[..., Array]:
    log_survival, monthly, short = build_log_survival(ops), build_monthly(ops), build_short_monthly(ops)
    most, where = ops.real(SHORT_MOST[ops.precision]), ops.where

    def convert(annual: Array) -> Array:
        within = annual <= most
        return short(annual) if within.all() else where(within, short(annual), monthly(log_survival(annual), annual))

    return convert


def _build_advance(ops: Ops, prepayment: Model, default: Model, severity: Model, decrement: str) -> Callable[..., Any]:
    """One tile, one month: updates its state, returns the flows of its loans."""
    look, bounded, severity_of = build_observe(ops), build_bounded(ops, severity.bounded), severity.build(ops)
    prepay, fail = _build_monthly_rate(ops, prepayment), _build_monthly_rate(ops, default)
    leave, expect, flows_of = build_leave(ops, decrement), build_leave(ops, "expected"), build_flows(ops, decrement)
    one, sampled = ops.real(1), decrement == "sampled"

    def advance(
        tile: _Tile, terms: _Terms, market: Array, month: int, calendar_month: int, parameters: tuple[Array, ...]
    ) -> tuple[Array, ...]:
        age, allowed, matures = tile.calendar[month - 1]
        share, slot = tile.expected if sampled else tile.performing, tile.slots[month - 1]
        balance_factor, ltv, defaulted_ltv = look(
            terms.opening, terms.at_default, share, tile.inverse_balance, tile.ltv_per_usd, market[_HOME_PRICE + tile.regions]
        )
        seen, of_loan = (
            (month, age, calendar_month, terms.note, market[_MORTGAGE_RATE], balance_factor),
            (tile.lag, tile.advances_interest),
        )
        observables = (*seen, ltv, *of_loan)
        smm, mdr = prepay(observables, parameters[0], one), fail(observables, parameters[1], allowed)
        if sampled:
            defaults, prepays = expect(share, smm, mdr, one)
            tile.expected = (share - defaults - prepays) * (one - matures)
        uniforms = tile.uniforms[(month - 1) % DRAWS_PER_BLOCK] if sampled else one
        defaulted, prepaid = leave(tile.performing, smm, mdr, uniforms)
        tile.performing, tile.foreclosed, tile.foreclosed_low, entering, *flows = flows_of(
            terms.opening, tile.performing, tile.foreclosed, tile.foreclosed_low, defaulted, prepaid, tile.ring[slot],
            terms.at_default, terms.interest_rate, terms.principal_rate, matures,
            bounded(np.asarray(severity_of(*seen, defaulted_ltv, *of_loan, parameters[2]))), tile.servicing_rate,
            tile.advances_principal, tile.advances_interest,
        )  # fmt: skip
        tile.ring[slot] = entering
        return tuple(flows)

    return advance
