"""The price table as text, for the terminal and the notebook; the report shows the same cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mcsim.reports.digits import amount, is_nothing, quantity

Row = Mapping[str, float]


def _shown(name: str, position: int, rule: Callable[[float, float], tuple[str, str]] = quantity) -> Callable[[Row], str]:
    return lambda row: rule(row[name], row[f"{name}_standard_error"])[position]


def _interest(row: Row) -> str:
    """A share of nothing is no share."""
    nothing = is_nothing(row["value"], row["value_standard_error"])
    return "" if nothing else f"{row['interest_share'] * 100:.1f}"


def _loss(row: Row) -> str:
    """What has no principal, to be paid or written down, can lose none."""
    nothing = math.isnan(row["wal"]) and row["principal_loss"] == 0
    return "" if nothing else f"{row['principal_loss'] * 100:.3f}"


Column = tuple[str, Callable[[Row], str]]

COLUMNS: dict[str, Column] = {
    "original_balance": ("balance, USD", lambda row: f"{row['original_balance']:,.0f}" if row["original_balance"] else ""),
    "price": ("price", _shown("price", 0)),
    "price_standard_error": ("± s.e.", _shown("price", 1)),
    "value": ("value, USD", _shown("value", 0, amount)),
    "value_standard_error": ("± s.e.", _shown("value", 1, amount)),
    "wal": ("WAL, years", _shown("wal", 0)),
    "wal_standard_error": ("± s.e.", _shown("wal", 1)),
    "spread": ("spread, bp", lambda row: f"{row['spread'] * 1e4:,.0f}"),
    "principal_loss": ("loss, %", _loss),
    "interest_share": ("interest, %", _interest),
}
"""Variable of the group ``prices`` → heading and format. What there is no figure for is left blank: a strip or a residual of a
deal has no balance, hence no price per 100, no average life of principal and no loss; it has a value, with its error. A position
without principal has no average life and no loss."""

PRINTED = tuple(name for name in COLUMNS if name != "interest_share")

OF_POSITIONS: dict[str, Column] = {"share": ("share, %", lambda row: f"{100 * row['share']:.10g}"), **COLUMNS}
"""As :data:`COLUMNS`, of the group ``positions/prices``."""


def inputs_shown(inputs: Mapping[str, float]) -> str:
    """Inputs of a position but the spread, which has a column: what two of one instrument differ in."""
    return ", ".join(f"{name} {value:.10g}" for name, value in inputs.items() if name != "spread")


def price_cells(prices: Mapping[Any, Any], columns: Sequence[str] = PRINTED) -> list[tuple[str, ...]]:
    """One row a class or position: its name and a cell for each of ``columns``.

    Parameters
    ----------
    prices : mapping
        The group ``prices`` of a deal or of the positions, as a dataset or as arrays by name, ``tranche`` or ``position`` among them.
    columns : sequence of str
        Keys of :data:`OF_POSITIONS`.
    """
    values = {name: np.asarray(prices[name], np.float64) for name in OF_POSITIONS if name in prices}
    rows = []
    for position, label in enumerate(np.asarray(prices[_label(prices)]).tolist()):
        row = {name: float(column[position]) for name, column in values.items()}
        rows.append((str(label), *("" if math.isnan(row[name]) else OF_POSITIONS[name][1](row) for name in columns)))
    return rows


def total_cells(
    what: str, prices: Mapping[Any, Any], value: float, error: float, columns: Sequence[str] = PRINTED
) -> tuple[str, ...]:
    """The row below :func:`price_cells`: ``what``, the sum of the balances, the value of all and its standard error, USD."""
    balance = float(np.nansum(np.asarray(prices["original_balance"])))
    totals = {"original_balance": f"{balance:,.0f}" if balance else ""}
    totals["value"], totals["value_standard_error"] = amount(value, error)
    return (what, *(totals.get(name, "") for name in columns))


def price_table(prices: Mapping[Any, Any], columns: Sequence[str] = PRINTED) -> list[tuple[str, ...]]:
    """:func:`price_cells` below a row of headings."""
    heading = "position" if _label(prices) == "position" else "class"
    return [(heading, *(OF_POSITIONS[name][0] for name in columns)), *price_cells(prices, columns)]


def _label(prices: Mapping[Any, Any]) -> str:
    return "position" if "position" in prices else "tranche"


def aligned(rows: Sequence[Sequence[str]], blank: str = " ") -> list[tuple[str, ...]]:
    """Rows of cells that are set flush right: blanks behind the shorter fractions put decimal points below one another."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    for column in columns[1:]:
        tails = [len(cell) - cell.find(".") if "." in cell else 0 for cell in column]
        column[:] = [cell + blank * (max(tails) - tail) if cell else "" for cell, tail in zip(column, tails, strict=True)]
    return list(zip(*columns, strict=True))


def laid_out(rows: Sequence[Sequence[str]]) -> list[str]:
    """A row of headings and rows of cells as lines of text: the first column to the left, the others to the right."""
    table = [tuple(rows[0]), *aligned(rows[1:])]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            [f"{line[0]:<{widths[0]}}", *(f"{cell:>{w}}" for cell, w in zip(line[1:], widths[1:], strict=True))]
        ).rstrip()
        for line in table
    ]
