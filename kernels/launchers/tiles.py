"""A tile of loans on ``numpy``: what is known of all months beforehand, and what is carried from month to month."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.dynamics.hazard import Servicing, Shares
from kernels.launchers.groups import ByModel
from kernels.loan_terms import TILE, Calendar, Count, Real, Tables, Terms, build_calendar, build_known_terms
from kernels.ops import LANES, Ops

Array = Any
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


def uniform(column: Array) -> Array:
    """The number that stands in all of ``column``, or the column."""
    return column[0, 0] if (column == column[0, 0]).all() else column


def _by_month(values: Array) -> list[Array]:
    """:func:`uniform` of each month of (month, loan, 1)."""
    same = (values == values[:, :1]).all(axis=(1, 2)).tolist()
    return [month[0, 0] if alike else month for month, alike in zip(values, same, strict=True)]


class Tile:
    """The loans of a tile: what is known of all months beforehand, and what is carried from month to month.

    A column of a tile is (loan, 1), or a number where it is the same for all; what differs by path is (loan, path).
    """

    def __init__(self, ops: Ops, tables: Tables, inputs: ByModel, first: int, width: int, scratch: tuple[Array, ...]) -> None:
        loans = slice(first, first + TILE)
        of_tile = {name: getattr(tables, name)[loans] for name in ("reals", "counts", "balances", "principal_rates")}
        self.tables = tables._replace(**of_tile)
        self.columns = ByModel(*([uniform(c[:, None]) for c in x.columns[loans].T] for x in inputs))
        n, real = len(self.tables.reals), tables.reals.dtype
        self._know_months(ops)
        columns = self.tables.reals[:, :, None]
        self.inverse_balance = ops.real(1) / columns[:, Real.BALANCE]
        self.ltv_per_usd = columns[:, Real.LTV] * self.inverse_balance
        self.lag = uniform(self.count(Count.LAG).astype(real))
        self.servicing = Servicing(
            uniform(columns[:, Real.SERVICING_RATE]) * ops.real(1 / 12),
            uniform(self.count(Count.ADVANCES_PRINCIPAL).astype(real)),
            uniform(self.count(Count.ADVANCES_INTEREST).astype(real)),
        )
        size = n * tables.lag_size * width
        self.ring, self.history = (x[:size].reshape(tables.lag_size, n, width) for x in scratch)
        self.ring[:], self.history[:] = 0, 0
        ones, zeros = np.ones((n, width), real), np.zeros((n, width), real)
        self.shares, self.expected, self.shape = Shares(ones, zeros, zeros), ones, (n, width)
        self.adjustable = np.flatnonzero(self.tables.counts[:, Count.ADJUSTABLE])
        self.note_rate = np.repeat(columns[self.adjustable, Real.NOTE_RATE], width, axis=1)
        self.scheduled = np.repeat(columns[self.adjustable, Real.BALANCE], width, axis=1)
        self.note_rate_rows = self.tables.counts[:, Count.NOTE_RATE_ROW]
        self.uniforms: tuple[Array, ...] = ()

    def count(self, which: int) -> Array:
        """A column of the table of integers, (loan, 1)."""
        return self.tables.counts[:, which, None]

    def _know_months(self, ops: Ops) -> None:
        """Terms of loans whose rate is known beforehand, calendar, and where the ring holds what happened one lag ago."""
        n, n_months = self.tables.principal_rates.shape
        month, loan = np.arange(1, n_months + 1), np.arange(n)[None, :, None]
        terms = build_known_terms(ops)(self.tables, loan, month[:, None, None])
        self.terms = [Terms(*row) for row in zip(*map(_by_month, terms), strict=True)]
        calendar = build_calendar(ops)(self.tables.counts, loan, month[:, None, None])
        self.calendar = [Calendar(*row) for row in zip(*map(_by_month, calendar), strict=True)]
        slots = (month[:, None] - 1) % self.tables.counts[:, Count.LAG]
        alike = (slots == slots[:, :1]).all(axis=1).tolist()
        self.slots = [slot[0] if same else (slot, np.arange(n)) for slot, same in zip(slots, alike, strict=True)]
