"""Groups of arrays that launchers take. All C-contiguous; reals in the run's precision; path last.

Of the module, so that a compiled launcher that takes one can be kept on disk.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Market(NamedTuple):
    """A block of paths."""

    rows: Any
    """flat (month 0..n, row, path): :data:`kernels.observables.ROW`."""
    n_rows: Any
    """int, of a month."""
    calendar_month: Any
    """int, of month 1; January is 0."""
    first_path: Any
    """int, index of the block's first path."""
    key: Any
    """(2,) uint32, of the random numbers."""


class ByModel(NamedTuple):
    """One for each kind of model."""

    prepayment: Any
    default: Any
    severity: Any


class Inputs(NamedTuple):
    """What one model reads beside what is observed."""

    parameters: Any
    """flat, :meth:`kernels.behaviour.model.Model.values`."""
    columns: Any
    """(loan, column): those of :attr:`kernels.behaviour.model.Model.column_names`."""
    parts: Any
    """flat (part, month, note-rate row, path): :attr:`~kernels.behaviour.model.Model.tabled`; empty: loan by loan."""


class Scratch(NamedTuple):
    """Work space of a launch, flat."""

    work: Any
    """(row, path): sums of the month, then rows of the loan at hand."""
    state: Any
    """(loan of the tile, row, path)"""
    ring: Any
    """(loan of the tile, lag, path): what entered foreclosure."""
    history: Any
    """(loan of the tile, lag, path): balances of loans whose rate is not known beforehand."""


class LoanSums(NamedTuple):
    """Where each loan's sums over paths go."""

    kept: Any
    """int, paths that count: the first ones."""
    tile: Any
    """flat (field, path), scratch"""
    folded: Any
    """(64,) float64, scratch"""
    sums: Any
    """flat (loan, month, field, group) float64: written, see :mod:`kernels.loan_sums`."""
