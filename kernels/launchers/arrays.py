"""Launcher of the loan months on ``numpy``: the loans of a tile times the paths of a block, as one array.

What numpy pays for is calls and memory, so a month of a tile is some two hundred operations on arrays that stay in the second-level
cache. What differs by loan alone is a column; what is the same for all of a tile is a number, and costs next to nothing. The terms of
adjustable-rate loans are computed where there are any. Arithmetic and sums are those of :mod:`kernels.launchers.cpu`, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kernels import special
from kernels.behaviour.model import Model
from kernels.dynamics.hazard import (
    Leaving,
    build_balance_factor,
    build_bounded,
    build_expect,
    build_leave,
    build_ltv,
    build_settle,
)
from kernels.flows import N_FIELDS
from kernels.launchers.groups import ByModel, Market
from kernels.launchers.here import build_words
from kernels.launchers.seeing import Loaders, build_part, build_rate, tables_pay
from kernels.launchers.tiles import Tile
from kernels.loan_sums import fold
from kernels.loan_terms import TILE, Calendar, Count, Terms, build_accrue
from kernels.observables import MARKET_ROWS, REGION_ROWS, ROW
from kernels.ops import Ops
from kernels.philox import DRAWS_PER_BLOCK
from kernels.speeds import build_to_monthly
from kernels.terms import adjustable

Array = Any


class _Hand(NamedTuple):
    """What a model has at hand: a tile in a month."""

    tile: Tile
    month: int
    calendar_month: int
    terms: Terms
    market: Array
    """(row, path)"""
    parts: _Parts | None
    balance_factor: Array = None
    ltvs: Any = None
    """Of the balance now, and of the balance at default."""

    @property
    def calendar(self) -> Calendar:
        """What the month is to the loans."""
        return self.tile.calendar[self.month - 1]

    def regional(self, row: int) -> Array:
        """Of each loan's region, (loan, path)."""
        return self.market[row + len(REGION_ROWS) * self.tile.tables.counts[:, Count.REGION]]


class _Parts:
    """Parts of the models by note rate and path, a month at a time, made when a tile asks first: the same for all tiles."""

    def __init__(self, ops: Ops, models: ByModel, parameters: ByModel, note_rates: Array) -> None:
        self._note_rates, self._known = note_rates, dict[tuple[str, str, int], Array]()
        loaders: Loaders = {
            **_market_loaders(),
            "month": lambda hand, p: hand.month,
            "calendar_month": lambda hand, p: hand.calendar_month,
            "note_rate": lambda hand, p: hand.note_rate,
        }
        self._of = {
            (kind, name): (build_part(ops, model, name, loaders), getattr(parameters, kind))
            for kind, model in models._asdict().items()
            for name in model.tabled
        }

    def __call__(self, kind: str, name: str, hand: _Hand) -> Array:
        """The part for the loans of a tile: by path where all have one note rate, else (loan, path)."""
        key = kind, name, hand.month
        if key not in self._known:
            part, parameters = self._of[kind, name]
            at_rate = _AtRate(hand.month, hand.calendar_month, self._note_rates[:, hand.month - 1, None], hand.market)
            self._known[key] = part(at_rate, parameters, 0)
        rows = hand.tile.note_rate_rows
        return self._known[key][rows[0] if (rows == rows[0]).all() else rows]


class _AtRate(NamedTuple):
    """What a part has at hand where its table is made."""

    month: int
    calendar_month: int
    note_rate: Array
    market: Array


def build_loan_arrays(ops: Ops, models: ByModel, decrement: str) -> Callable[..., None]:
    """``simulate(inputs, tables, market, scratch, pool)``: as :data:`kernels.launchers.block.Simulate`, on the market's own paths."""
    terms_of, draw = _build_terms(ops), _build_draw(ops)
    advance = _build_advance(ops, models, decrement)
    parameters_of = ByModel(*(model.build_parameters(ops) for model in models))
    sampled = decrement == "sampled"

    def simulate(inputs, tables, market, scratch, pool, of_loans=None):  # type: ignore[no-untyped-def]
        n_loans, n_months = tables.principal_rates.shape
        rows = market.rows.reshape(n_months + 1, market.n_rows, -1)
        width = rows.shape[2]
        parameters = ByModel(*(of(x.parameters) for of, x in zip(parameters_of, inputs, strict=True)))
        parts = _Parts(ops, models, parameters, tables.note_rates) if tables_pay(models, tables) else None
        flows_of_pool = pool.reshape(n_months, N_FIELDS, width)
        for first in range(0, n_loans, TILE):
            tile = Tile(ops, tables, inputs, first, width, (scratch.ring, scratch.history))
            for month in range(1, n_months + 1):
                terms = terms_of(tile, rows, month)
                if sampled and (month - 1) % DRAWS_PER_BLOCK == 0:
                    draw(tile, market, month)
                calendar_month = (market.calendar_month + month - 1) % 12
                flows = advance(_Hand(tile, month, calendar_month, terms, rows[month - 1], parts), parameters)
                flows_of_pool[month - 1] += _in_order(flows, tile.shape, ops.real)
                if of_loans is not None:
                    sums = of_loans.sums.reshape(n_loans, n_months, N_FIELDS, -1)
                    for field, flow in enumerate(flows):
                        by_loan = np.broadcast_to(flow, tile.shape)
                        sums[first : first + TILE, month - 1, field] = fold(by_loan[:, : of_loans.kept])

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


def _build_terms(ops: Ops) -> Callable[..., Terms]:
    step, of_month, roll = (
        adjustable.TERMS.build_step(ops), adjustable.TERMS.build_month(ops), adjustable.TERMS.build_roll(ops))  # fmt: skip
    accrue, real, where, zero, one = build_accrue(ops), ops.real, ops.where, ops.real(0), ops.real(1)

    def terms(tile: Tile, market: Array, month: int) -> Terms:
        known, who, slot = tile.terms[month - 1], tile.adjustable, tile.slots[month - 1]
        if not len(who):
            return known
        mixed = Terms(*(np.array(np.broadcast_to(term, tile.shape)) for term in known))
        months = [of_month(tile.tables.reals, tile.tables.counts, j, month) for j in who]
        columns = (np.array(column)[:, None] for column in zip(*months, strict=True))
        adjustment = adjustable.Adjustment(*(x if x.dtype.kind in "bi" else x.astype(real) for x in columns))
        matures = where(tile.count(Count.MATURITY)[who] == month, one, zero)
        index = market[adjustment.index_month[:, 0], ROW["adjustable_index"]]
        note, principal_rate = step(tile.note_rate, index, matures, adjustment)
        opening = tile.scheduled
        mixed.note_rate[who], mixed.principal_rate[who], mixed.opening[who] = note, principal_rate, opening
        mixed.interest_rate[who] = accrue(tile.tables, who[:, None], month, note)
        mixed.at_default[who] = tile.history[slot][who]
        tile.history[slot] = mixed.opening
        tile.note_rate, tile.scheduled = note, roll(opening, principal_rate, matures)
        return mixed

    return terms


def _build_draw(ops: Ops) -> Callable[..., None]:
    words_of, uniform_from_bits = build_words(ops), special.build(ops).uniform_from_bits

    def draw(tile: Tile, market: Market, month: int) -> None:
        n, width = tile.shape
        words = words_of(tile.tables.counts, market, np.arange(n)[:, None], month, slice(0, width))
        tile.uniforms = tuple(uniform_from_bits(word) for word in words)

    return draw


def _build_rate(ops: Ops, kind: str, model: Model) -> Callable[..., Array]:
    """``rate(hand, parameters, allowed)``: of a month, in force."""
    loaders, bounded, to_monthly = _loaders(kind, model), build_bounded(ops, model.bounded), build_to_monthly(ops)
    inline = build_rate(ops, model, loaders)
    known = {name: _load_part(kind, name) for name in model.tabled}
    tabled = build_rate(ops, model, loaders, known)
    annual = model.annual

    def rate(hand: _Hand, parameters: Any, allowed: Array) -> Array:
        whole = hand.parts is None or len(hand.tile.adjustable)  # the note rate of an adjustable-rate loan is in no table
        raw = bounded(np.asarray((inline if whole else tabled)(hand, parameters, 0)))
        if np.ndim(allowed) or allowed != 1:
            raw = allowed * raw
        return to_monthly(raw) if annual else raw

    return rate


def _load_part(kind: str, name: str) -> Callable[..., Array]:
    return lambda hand, parameters, p: hand.parts(kind, name, hand)


def _market_loaders() -> dict[str, Callable[..., Any]]:
    """Of what is the same for every region."""

    def load(row: int) -> Callable[..., Any]:
        return lambda hand, p: hand.market[row]

    return {name: load(ROW[name]) for name in MARKET_ROWS}


def _loaders(kind: str, model: Model) -> Loaders:
    """All that the model may read, from :class:`_Hand`."""

    def regional(row: int) -> Callable[..., Any]:
        return lambda hand, p: hand.regional(row)

    def column(k: int) -> Callable[..., Any]:
        return lambda hand, p: getattr(hand.tile.columns, kind)[k]

    of_default = int(kind == "severity")
    return {
        **_market_loaders(),
        **{name: regional(ROW[name]) for name in REGION_ROWS},
        **{name: column(k) for k, name in enumerate(model.column_names)},
        "month": lambda hand, p: hand.month,
        "calendar_month": lambda hand, p: hand.calendar_month,
        "age": lambda hand, p: hand.calendar.age,
        "lag": lambda hand, p: hand.tile.lag,
        "advances_interest": lambda hand, p: hand.tile.servicing.advances_interest,
        "note_rate": lambda hand, p: hand.terms.note_rate,
        "balance_factor": lambda hand, p: hand.balance_factor,
        "ltv": lambda hand, p: hand.ltvs[of_default],
    }


def _build_advance(ops: Ops, models: ByModel, decrement: str) -> Callable[..., Any]:
    """One tile, one month: updates its state, returns the flows of its loans."""
    factor_of, ltv_of = build_balance_factor(ops), build_ltv(ops)
    rates = ByModel(*(_build_rate(ops, kind, model) for kind, model in models._asdict().items()))
    leave, expect, settle = build_leave(ops, decrement), build_expect(ops), build_settle(ops, decrement)
    one, sampled, price = ops.real(1), decrement == "sampled", ROW["home_price_index"]
    observed = {name for model in models for name in model.observes}

    def advance(hand: _Hand, parameters: ByModel) -> tuple[Array, ...]:
        tile, calendar, slot = hand.tile, hand.calendar, hand.tile.slots[hand.month - 1]
        share = tile.expected if sampled else tile.shares.performing
        if "balance_factor" in observed:
            hand = hand._replace(balance_factor=factor_of(hand.terms.opening, share, tile.inverse_balance))
        if "ltv" in observed:
            hand = hand._replace(ltvs=ltv_of(hand.terms, tile.ltv_per_usd, hand.regional(price)))
        smm = rates.prepayment(hand, parameters.prepayment, one)
        mdr = rates.default(hand, parameters.default, calendar.default_allowed)
        severity = rates.severity(hand, parameters.severity, one)
        if sampled:
            tile.expected = expect(share, smm, mdr, calendar.matures)
        uniforms = tile.uniforms[(hand.month - 1) % DRAWS_PER_BLOCK] if sampled else one
        defaulted, prepaid = leave(tile.shares.performing, smm, mdr, uniforms)
        leaving = Leaving(defaulted, prepaid, tile.ring[slot])
        tile.shares, tile.ring[slot], flows = settle(
            hand.terms, calendar.matures, tile.shares, leaving, severity, tile.servicing
        )
        return flows

    return advance
