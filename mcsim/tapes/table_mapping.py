"""The mapping file of a table of one's own: which of its columns is which field, in which unit, and what may be imputed.

::

    columns:
      loan_id: Loan Number
      note_rate: {column: Coupon, unit: percent}
      state: {value: CA}
    extra: {dti: {column: DTI, unit: percent, range: [0, 2]}}
    impute: {age: 12, ltv: median}

The language is in docs/tapes.md; the fields are those of :data:`mcsim.tapes.table_fields.FIELDS`, and in ``extra`` columns of one's
own (:mod:`mcsim.tapes.table_extra`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcsim import yaml_files
from mcsim.errors import InputError, nearest, shown
from mcsim.tapes.cells import DATE_WORDS, date_pattern, number_of
from mcsim.tapes.table_extra import EXTRA_KEYS, Extra, read_extra
from mcsim.tapes.table_fields import FIELDS, LIMITS, UNITS, Field, field_called, own_name, unit_called

STATISTICS = ("median", "mean")
SECTIONS = ("columns", "extra", "impute", "ignore", "replines", "file")
SOURCE_KEYS = ("column", "value", "unit", "codes", "format")
FILE_KEYS = ("delimiter", "decimal", "names")
REPLINES = ("whole", "split")
NEVER_IMPUTED = ("count", "status")


@dataclass(frozen=True)
class Source:
    """Where a field comes from: a column (``value`` empty) or one ``value`` for all rows, as text in the own unit."""

    column: str = ""
    value: str = ""
    unit: str = ""
    codes: dict[str, str] = field(default_factory=dict)
    """The table's codes, small letters → ours."""
    format: str = ""
    """Of dates, as :func:`mcsim.tapes.cells.date_pattern` reads it; empty is ISO."""


@dataclass(frozen=True)
class TableMapping:
    """A mapping, checked for all that can be known without the table."""

    columns: dict[str, Source] = field(default_factory=dict)
    """Of the fields, and of ``extra``."""
    extra: dict[str, Extra] = field(default_factory=dict)
    impute: dict[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    split_replines: bool = False
    delimiter: str = ""
    decimal: str = "."
    names: tuple[str, ...] = ()

    def spec(self, name: str) -> Field:
        """What a field is, or a column of ``extra``."""
        return self.extra[name] if name in self.extra else FIELDS[name]

    def place(self, name: str) -> str:
        """Where the mapping says whence a field comes."""
        return f"{'extra' if name in self.extra else 'columns'}.{name}"

    def sources(self, names: tuple[str, ...]) -> tuple[dict[str, Source], list[str], list[str]]:
        """Fields of a table with columns ``names``, its columns that are not read, and what does not fit.

        What the mapping names counts; a column that it does not name and that is called as a field is, is that field in the
        own unit.
        """
        found = dict(self.columns)
        used = {source.column for source in found.values()}
        problems = [
            f"{self.place(name)} = {source.column!r}: the table has no such column{nearest(source.column, names)}"
            for name, source in found.items()
            if source.column and source.column not in names
        ]
        problems += [f"ignore: {name!r}: the table has no such column{nearest(name, names)}" for name in self.ignore
                     if name not in names]  # fmt: skip
        for column in names:
            name = own_name(column)
            if column in used or column in self.ignore or name not in FIELDS or name in self.columns:
                continue
            if name in found:
                problems.append(
                    f"columns {found[name].column!r} and {column!r} are both {name}; name the one in columns.{name}"
                )
            found[name] = Source(column)
        used = {source.column for source in found.values()}
        return found, [name for name in names if name not in used and name not in self.ignore], problems


def read_mapping(mapping: str | Mapping[str, Any] | None, file: Path | None = None) -> TableMapping:
    """A mapping from its file, or as a mapping of keys; none maps nothing.

    Parameters
    ----------
    mapping : str, mapping or None
        Path of the file, or the keys themselves.
    file : Path, optional
        Where that file was found.

    Raises
    ------
    InputError
        Everything that is wrong with it, with the nearest known names.
    """
    if mapping is None:
        return TableMapping()
    name = mapping if isinstance(mapping, str) else "portfolio.mapping"
    raw = yaml_files.read_mapping(file or mapping) if isinstance(mapping, str) else mapping
    problems: list[str] = []
    result = _mapping(as_texts(raw), problems)
    if problems:
        raise InputError([f"{name}: {problem}" for problem in problems])
    return result


def yaml_word(name: str) -> str:
    """A column's name as a mapping writes it, in quotes where YAML would read it otherwise."""
    return name if re.fullmatch(r"[A-Za-z][\w ]*", name) else f'"{name}"'


def as_texts(value: Any) -> Any:
    """Scalars of a configuration as the text a file would have."""
    if isinstance(value, Mapping):
        return {as_texts(key): as_texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_texts(item) for item in value]
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _mapping(raw: Any, problems: list[str]) -> TableMapping:
    problems += [f"{key}: unknown section{nearest(key, SECTIONS)}" for key in raw if key not in SECTIONS]
    columns = {}
    for name, given in _section(raw, "columns", problems):
        ours = own_name(name)
        if ours not in FIELDS:
            meant = field_called(name)
            hint = f"; did you mean {meant!r}?" if meant else nearest(ours, FIELDS)
            problems.append(f"columns.{name}: unknown field{hint}")
        elif (source := _source(f"columns.{name}", ours, FIELDS[ours], given, problems)) is not None:
            columns[ours] = source
    extra = {}
    for name, given in _section(raw, "extra", problems):
        extra[name] = read_extra(name, given, f"extra.{name}", problems)
        if (source := _source(f"extra.{name}", name, extra[name], given, problems)) is not None:
            columns[name] = source
    known: dict[str, Field] = FIELDS | extra
    impute = {}
    for name, given in _section(raw, "impute", problems):
        ours = name if name in extra else own_name(name)
        problem = _impute_problem(ours, known, given)
        if problem:
            problems.append(f"impute.{name} = {given!r}: {problem}")
        impute[ours] = str(given).lower() if ours in known and known[ours].kind == "flag" else str(given)
    ignore = raw.get("ignore", [])
    if not isinstance(ignore, list) or not all(isinstance(name, str) for name in ignore):
        problems.append(f"ignore = {ignore!r}: expected a list of columns, such as [Borrower, Notes]")
        ignore = []
    replines = raw.get("replines", "whole")
    if replines not in REPLINES:
        problems.append(f"replines = {replines!r}: expected one of {', '.join(REPLINES)}")
    return TableMapping(columns, extra, impute, tuple(ignore), replines == "split", **_file(raw, problems))


def _section(raw: Any, name: str, problems: list[str]) -> Iterator[tuple[str, Any]]:
    section = raw.get(name) or {}
    if not isinstance(section, dict):
        problems.append(f"{name} = {shown(section)}: expected a mapping, such as {name}: {{balance: ...}}")
        section = {}
    yield from section.items()


def _source(where: str, name: str, spec: Field, given: Any, problems: list[str]) -> Source | None:
    if isinstance(given, str):
        given = {"column": given}
    if not isinstance(given, dict):
        problems.append(f"{where} = {shown(given)}: expected a column's name, or {{column: NAME, unit: ...}}")
        return None
    before, kind = len(problems), spec.kind
    keys = (*SOURCE_KEYS, *EXTRA_KEYS) if isinstance(spec, Extra) else SOURCE_KEYS
    problems += [f"{where}.{key}: unknown key{nearest(key, keys)}" for key in given if key not in keys]
    texts = {key: given.get(key, "") for key in ("column", "value", "unit", "format")}
    problems += [f"{where}.{key} = {shown(text)}: expected text" for key, text in texts.items() if not isinstance(text, str)]
    if len(problems) > before:
        return None
    if bool(texts["column"]) == bool(texts["value"]):
        problems.append(f"{where}: expected a column, or a value for all rows; give one of the two")
    if texts["value"]:
        problem = _value_problem(name, spec, texts["value"])
        problems += [f"{where}.value = {texts['value']!r}: {problem}"] if problem else []
        problems += [
            f"{where}.{key}: not with value, which is in our own unit" for key in ("unit", "format", "codes") if given.get(key)
        ]
    unit = unit_called(texts["unit"]) if isinstance(spec, Extra) else _unit(kind, texts["unit"], where, problems)
    if texts["format"] and (kind != "date" or not date_pattern(texts["format"])):
        expected = f"a form of {DATE_WORDS}" if kind == "date" else f"none: {name} is no date"
        problems.append(f"{where}.format = {texts['format']!r}: expected {expected}")
    codes = _codes(name, spec, given.get("codes", {}), where, problems)
    return None if len(problems) > before else Source(texts["column"], texts["value"], unit, codes, texts["format"])


def _unit(kind: str, given: str, where: str, problems: list[str]) -> str:
    known = UNITS.get(kind, {})
    unit = unit_called(given)
    if unit and unit not in known:
        hint = nearest(unit, known) if known else "; this field has no unit"
        problems.append(f"{where}.unit = {given!r}: unknown unit{hint}")
    return unit


def _codes(name: str, spec: Field, given: Any, where: str, problems: list[str]) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()):
        problems.append(f"{where}.codes = {shown(given)}: expected a mapping from the table's codes to ours")
        return {}
    for code, ours in given.items():
        problem = _value_problem(name, spec, ours)
        if problem:
            problems.append(f"{where}.codes.{code} = {ours!r}: {problem}")
    return {code.strip().casefold(): ours for code, ours in given.items()}


def _value_problem(name: str, spec: Field, text: str) -> str:
    """What is wrong with ``text`` as a value of the field in its own unit; empty if nothing."""
    if name in LIMITS and text == "none":
        return ""
    if spec.kind == "choice":
        return "" if text in spec.choices else f"unknown{nearest(text, spec.choices)}"
    if spec.kind == "flag":
        return "" if text.casefold() in ("true", "false") else "expected true or false"
    if spec.kind == "date":
        return "" if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else "expected a date, YYYY-MM-DD"
    if spec.kind == "text":
        return ""
    value = number_of(text)
    own = next(iter(UNITS.get(spec.kind, {"": 0})))
    if value is None:
        return "expected a number" + (f" ({own})" if own else "")
    if spec.bounded and not spec.low <= value <= spec.high:
        return f"out of range; expected {spec.expected}" + (f", {own.replace('_', ' ')}" if own else "")
    return ""


def _impute_problem(name: str, known: Mapping[str, Field], text: Any) -> str:
    if name not in known:
        return f"unknown field{nearest(name, known)}"
    spec = known[name]
    if name == "balance":
        return "" if text == "scheduled" else "expected scheduled: every payment since origination made on time"
    if name in NEVER_IMPUTED or spec.without == "not used":
        heads = [head for head, other in FIELDS.items() if name in other.instead]
        return "is never imputed" + (f"; impute {heads[0]}" if heads and heads[0] not in NEVER_IMPUTED else "")
    if not isinstance(text, str):
        return "expected one value"
    if name == "loan_id":
        return "" if text == "row" else "expected row: the rows are numbered"
    if text in STATISTICS:
        return "" if spec.kind in UNITS or spec.kind == "number" else f"a {text} is of numbers only"
    return _value_problem(name, spec, text)


def _file(raw: Any, problems: list[str]) -> dict[str, Any]:
    """How the text file is written."""
    given = dict(_section(raw, "file", problems))
    problems += [f"file.{key}: unknown key{nearest(key, FILE_KEYS)}" for key in given if key not in FILE_KEYS]
    names = given.get("names", [])
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        problems.append(f"file.names = {shown(names)}: expected a list of names, for a table whose first line is a row")
        names = []
    delimiter = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}.get(
        str(given.get("delimiter", "")), given.get("delimiter", "")
    )
    if not isinstance(delimiter, str) or len(delimiter) > 1:
        problems.append(f"file.delimiter = {delimiter!r}: expected one character, or tab")
    decimal = given.get("decimal", ".")
    if decimal not in (".", ","):
        problems.append(f"file.decimal = {decimal!r}: expected '.' or ','")
    return {"delimiter": delimiter, "decimal": decimal, "names": tuple(names)}
