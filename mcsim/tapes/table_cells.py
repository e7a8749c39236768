"""Columns of a table as fields in the own units, and what is wrong with a column as a whole: its unit, its form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mcsim.tapes.cells import date_form, dates, numbers
from mcsim.tapes.table_extra import Extra
from mcsim.tapes.table_fields import (
    FALSE,
    HIGHEST_SCORE,
    LEAST,
    LIMITS,
    LOWEST_SCORE,
    MISSING,
    STATE_NAMES,
    TRUE,
    UNITS,
    Field,
    own_name,
)
from mcsim.tapes.table_mapping import Source, TableMapping, yaml_word
from mcsim.tapes.text_table import TextTable

_OF_THE_WHOLE = ("note_rate", "ltv", "original_ltv")
"""Of which half a tape under a tenth of a percent, or 1% of value, is in another unit than it was called."""


@dataclass(frozen=True)
class Column:
    """One field of all rows.

    ``values`` float64, ``datetime64[D]`` or str (object), NaN, NaT or empty where there is none; ``blank`` where the cell holds
    nothing; ``text`` the cells; ``name`` the table's own, or the field's where the mapping gives one value for all rows.
    """

    name: str
    values: np.ndarray
    blank: np.ndarray
    text: np.ndarray

    @property
    def missing(self) -> np.ndarray:
        """Where there is no value, for want of a cell or because the cell is none."""
        if self.values.dtype.kind == "M":
            return np.isnat(self.values)
        return self.values == "" if self.values.dtype == object else np.isnan(self.values)

    def take(self, index: np.ndarray) -> Column:
        return Column(self.name, self.values[index], self.blank[index], self.text[index])


def read_columns(
    table: TextTable, sources: Mapping[str, Source], mapping: TableMapping, problems: list[str]
) -> dict[str, Column]:
    """Fields of the table; what is wrong with whole columns goes to ``problems``."""
    found = {}
    for field, source in sources.items():
        spec = mapping.spec(field)
        if source.value:
            text = np.full(len(table.rows), source.value, dtype=object)
            found[field] = Column(field, _values(field, spec, text, source, "."), np.zeros(len(text), dtype=bool), text)
            continue
        text = table.columns[source.column]
        nothing = MISSING - {"none"} if field in LIMITS else MISSING | (spec.missing if isinstance(spec, Extra) else set())
        blank = np.array([cell.casefold() in nothing for cell in text], bool)
        values = _values(field, spec, np.where(blank, "", text), source, mapping.decimal)
        found[field] = Column(source.column, values, blank, text)
        where = f"{mapping.place(field)}: column {source.column!r}"
        problems += _column_problems(field, spec, source, found[field], where)
    return found


def _values(field: str, spec: Field, text: np.ndarray, source: Source, decimal: str) -> np.ndarray:
    kind = spec.kind
    if source.codes:
        text = np.array([source.codes.get(cell.casefold(), cell) for cell in text], dtype=object)
    if kind == "date":
        return dates(text.tolist(), source.format)
    if kind in ("text", "choice", "flag"):
        known = {cell: _word(field, spec, cell) for cell in set(text.tolist())}
        return np.array([known[cell] for cell in text], dtype=object)
    values, percent = numbers(text.tolist(), decimal)
    if kind != "money":  # a dollar sign says what the column is: not this one
        values = np.where(["$" in cell for cell in text], np.nan, values)
    times, divided = UNITS.get(kind, {}).get(source.unit, (1, 1))
    shares = kind in ("rate", "ratio") and source.unit != "basis_points"
    if shares:  # a rate has no thousands: 3,125 is written with a decimal comma
        sign = "," if decimal == "." else "."
        values = np.where([sign in cell for cell in text], np.nan, values)
    result = np.where(percent, values / 100 if shares else np.nan, values * times / divided)
    if field in LIMITS:
        result = np.where([cell.casefold() == "none" for cell in text], LIMITS[field], result)
    return result


def _word(field: str, spec: Field, cell: str) -> str:
    """A cell as one of our words; empty where it is none of them. Texts stay as they are."""
    name = own_name(cell)
    if spec.kind == "flag":
        return "true" if name in TRUE else "false" if name in FALSE else ""
    if spec.kind == "choice":
        return next((choice for choice in spec.choices if own_name(choice) == name), "")
    if field == "state":
        return STATE_NAMES.get(name, cell.upper())
    return cell


def _column_problems(field: str, spec: Field, source: Source, column: Column, where: str) -> list[str]:
    given = ~column.blank
    if not given.any():
        return []
    # Half of the rows and more are a wrong column; fewer are bad rows.
    if 2 * int(given.sum()) > len(given) and column.missing[given].all() and spec.kind != "text":
        sample = str(column.text[given][0])[:40]
        if spec.kind == "date":
            form = date_form([str(text) for text in column.text[given]])
            hint = (
                f"; {{column: {yaml_word(source.column)}, format: {form}}}?"
                if form
                else "; name its form with format:, such as MM/DD/YYYY or excel"
            )
            return [f"{where} holds no date {source.format or 'YYYY-MM-DD'}, such as {sample!r}{hint}"]
        if spec.kind in ("choice", "flag"):
            words = ", ".join(spec.choices) or "true, false"
            return [f"{where} holds none of {words}, such as {sample!r}; name its codes with codes: {{{sample}: ...}}"]
        if sample.endswith("%"):
            return [f"{where} holds no number, such as {sample!r}; a percent sign needs a unit, such as unit: percent"]
        comma = np.isfinite(numbers([sample], ",")[0]).all()
        hint = "a decimal comma is file: {decimal: ','}" if comma else "write digits alone, such as 400000 or -0.5"
        return [f"{where} holds no number, such as {sample!r}; {hint}"]
    return _unit_problems(field, spec, source, column, where)


def _unit_problems(field: str, spec: Field, source: Source, column: Column, where: str) -> list[str]:
    """A unit that cannot be meant, for more than half of the column or all of it."""
    units = UNITS.get(spec.kind)
    if units is None or not spec.bounded:
        return []
    values = column.values[~column.missing & (column.values > 0) & (column.values != LIMITS.get(field))]
    if not len(values):
        return []
    own = next(iter(units))
    unit, median, largest = source.unit or own, float(np.quantile(values, 0.5, method="lower")), float(values.max())
    times, divided = units[unit]
    raw = median * divided / times
    if median > spec.high:
        better = [name for name, (t, d) in units.items() if name != unit and spec.low <= raw * t / d <= spec.high]
        return [
            f"{where} has a median of {raw:.6g} ({unit}); expected {spec.expected} ({own}); in {name}? "
            f"{field}: {{column: {yaml_word(source.column)}, unit: {name}}}"
            for name in better[:1]
        ]
    signed = any("%" in str(text) for text in column.text[:100])
    if unit == "percent" and field in _OF_THE_WHOLE and not signed and largest * 100 <= spec.high:
        return [
            f"{where} is declared percent, and its largest value is {largest * 100:.6g}; expected more than {spec.high:g}: it looks "
            f"per unit; {field}: {{column: {yaml_word(source.column)}, unit: per_unit}} (or basis_points, where so little is meant)"
        ]
    if field in _OF_THE_WHOLE and median < LEAST[field]:
        better = [name for name, (t, d) in units.items() if name != unit and LEAST[field] <= raw * t / d <= spec.high]
        hint = f"; in {better[0]}? {field}: {{column: {yaml_word(source.column)}, unit: {better[0]}}}" if better else ""
        return [f"{where} has a median of {raw:.6g} ({unit}); expected {LEAST[field]:g} to {spec.high:g} ({own}){hint}"]
    return []


def known_score(values: np.ndarray) -> np.ndarray:
    """Scores on the scale; NaN for the codes by which tapes say that there is none (0, 999, 9999)."""
    return np.where((values >= LOWEST_SCORE) & (values <= HIGHEST_SCORE), values, np.nan)


def statistic(name: str, values: np.ndarray, weights: np.ndarray) -> float:
    """``median``, or ``mean`` weighted by balance, of the rows that have a value; NaN if none has."""
    there = np.isfinite(values) & np.isfinite(weights) & (weights > 0)
    if not there.any():
        return float("nan")
    return float(np.median(values[there]) if name == "median" else np.average(values[there], weights=weights[there]))
