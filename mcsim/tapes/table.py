"""Loans from a table of one's own: CSV, Parquet, or a frame, with a mapping of its columns. docs/tapes.md is the manual.

A field comes from its column, else from the fields it follows from, else from what the mapping imputes; nothing else is filled
in, and what was is noted with its count and balance.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mcsim.errors import InputError
from mcsim.tapes.checks import Candidates
from mcsim.tapes.generator import MOST_LOANS
from mcsim.tapes.marking import HomePriceRatio
from mcsim.tapes.notes import Note
from mcsim.tapes.table_cells import Column, known_score, read_columns
from mcsim.tapes.table_fields import ARM_FIELDS, ARM_OPTIONS, FIELDS, REQUIRED, Field, field_called
from mcsim.tapes.table_mapping import Source, TableMapping, yaml_word
from mcsim.tapes.table_rows import Rows
from mcsim.tapes.table_terms import arm, ltv, payments, rate_terms, scheduled, times
from mcsim.tapes.table_units import check_rates, check_sizes, check_totals, note_units
from mcsim.tapes.text_table import read_texts

_CHECKED_LATER = frozenset({
    "loan_id", "balance", "original_balance", "note_rate", "servicing_rate", "remaining_term", "ltv", "state", "score",
    *ARM_FIELDS, *ARM_OPTIONS,
})  # fmt: skip
"""Fields whose cells are looked at where they are used: by :func:`mcsim.tapes.checks.check`, and by the terms of adjustable loans."""
_ALTERNATIVES = tuple(dict.fromkeys(other for spec in FIELDS.values() for other in spec.instead))
SERVICING = "portfolio.servicing_rate"
_OF_THE_LOANS = ("balance", "original_balance", "payment", "property_value")
"""Money of a repline that is shared among its loans."""


def read_table(
    path: Path,
    mapping: TableMapping,
    cut_off: datetime.date,
    servicing_rate: float,
    home_price_ratio: HomePriceRatio | None = None,
) -> Candidates:
    """Loans of the table in ``path``.

    Parameters
    ----------
    path : Path
        CSV or Parquet, plain or compressed.
    mapping : TableMapping
        Its columns, units, and what may be imputed.
    cut_off : date
        Of the balances: month 0.
    servicing_rate : float
        Annual, of the loans for which the table has none.
    home_price_ratio : callable, optional
        Marks ``original_ltv`` to the cut-off.

    Raises
    ------
    InputError
        Everything that is wrong with the mapping, the columns and their units, together.
    """
    table = read_texts(path, mapping)
    sources, unread, problems = mapping.sources(table.names)
    problems += _missing_problems(sources, mapping, unread)
    there = {name: source for name, source in sources.items() if source.value or source.column in table.names}
    columns = read_columns(table, there, mapping, problems)
    if problems:
        raise InputError([f"{path}: {problem}" for problem in problems])
    rows = Rows(table.rows, columns, mapping, table.n_rows, list(table.rejects))
    rows.notes += _column_notes(unread, there)
    with np.errstate(all="ignore"):  # a damaged table may hold any number; the checks look at what comes out
        _leave_out(rows, path)
        _replines(rows, path)
        return _candidates(rows, cut_off, servicing_rate, home_price_ratio, path)


def _column_notes(unread: Sequence[str], there: Mapping[str, Source]) -> list[Note]:
    """Columns that no field reads, with the field that each may be, and those that two fields read."""
    notes = []
    if unread:
        maybe = {column: field_called(column) for column in unread[:20]}
        shown = [f"{c} ({name}?)" if name and name not in there else c for c, name in maybe.items()]
        text = ", ".join(shown) + (", ..." if len(unread) > 20 else "")
        notes.append(Note("columns not read", f"named by no field of the mapping: {text}", len(unread)))
    read: dict[str, list[str]] = {}
    for name, source in there.items():
        read.setdefault(source.column, []).append(name)
    twice = [f"{column} ({', '.join(names)})" for column, names in read.items() if column and len(names) > 1]
    if twice:
        notes.append(Note("columns read twice", f"by several fields: {', '.join(twice)}", len(twice)))
    return notes


def _missing_problems(sources: dict[str, Source], mapping: TableMapping, unread: list[str]) -> list[str]:
    """Fields without which no row can be read, and those that others need."""
    there = {*sources, *mapping.impute}
    problems = []
    for name in REQUIRED:
        spec = FIELDS[name]
        # The original term gives either from the other.
        other_half = {"remaining_term": {"age", "first_payment"}, "age": {"remaining_term", "maturity_date"}}.get(name, there)
        if name in there or any(
            other in sources and (other != "original_term" or other_half & there) for other in spec.instead
        ):
            continue
        likely = [column for column in unread if field_called(column) == name]
        hint = f"; {likely[0]!r} may be it" if likely else ""
        instead = f" (or {', '.join(spec.instead)})" if spec.instead else ""
        value = {"loan_id": "row", "balance": "scheduled"}.get(name, "VALUE")
        column = yaml_word(likely[0]) if likely else "COLUMN"
        problems.append(
            f"{name}: no column for it{hint}; expected {spec.meaning}{instead}; map it with columns: {{{name}: {column}}}, or "
            f"impute: {{{name}: {value}}}"
        )
    if "average_balance" in sources and "balance" not in sources and "count" not in sources:
        problems.append("average_balance: needs count, the loans that a row stands for; map it, or map balance")
    if "balance" in mapping.impute and "original_balance" not in sources:
        problems.append("impute.balance: needs original_balance, and the age of the loan; map it")
    if "original_ltv" in sources and not {"ltv", "property_value"} & {*sources} and "original_balance" not in sources:
        problems.append("original_ltv: needs original_balance, to mark it to the cut-off; map it, or map ltv")
    return problems


def _leave_out(rows: Rows, path: Path) -> None:
    """Loans that are paid off are no rejects: they are said and left out. Those in default are rejected by name."""
    rows.balance = rows.number("balance")
    status = rows.words("status", "performing")
    done = (status == "paid_off") | (rows.balance == 0)
    rows.note("paid off", "balance 0, or status paid_off: left out", done)
    if len(rows) and done.all() and not rows.rejects:
        raise InputError(f"{path}: every loan is paid off; expected one with a balance at the cut-off")
    kept = np.flatnonzero(~done)
    rows.columns = {name: column.take(kept) for name, column in rows.columns.items()}
    rows.numbers, rows.balance, status = rows.numbers[kept], rows.balance[kept], status[kept]
    if "status" in rows.columns:
        rows.reject(
            "status", status == "", f"unknown status; expected {', '.join(FIELDS['status'].choices)}, or a code of the mapping"
        )
        rows.reject("status", status == "defaulted", "not a performing loan; loans in default or foreclosure are not carried")
    late = status == "delinquent"
    rows.note("delinquent", "read as performing", late)
    for name, column in rows.columns.items():
        if name in _CHECKED_LATER:
            continue
        spec, given = rows.mapping.spec(name), ~column.blank
        rows.reject(name, given & column.missing & (spec.kind not in ("text", "choice")), _expected(spec))
        if spec.bounded and column.values.dtype == np.float64:
            rows.reject(name, (column.values < spec.low) | (column.values > spec.high), "out of range; " + _expected(spec))


def _expected(spec: Field) -> str:
    kinds = {"date": "a date of the form that the mapping names, else YYYY-MM-DD", "flag": "true or false"}
    return "expected " + kinds.get(spec.kind, spec.expected)


def _replines(rows: Rows, path: Path) -> None:
    """Rows that stand for several loans: as one loan each, or split into loans of equal shares."""
    count = rows.number("count")
    rows.reject("count", np.isfinite(count) & (count != np.round(count)), "not a whole number; expected a count of loans")
    several = count > 1
    if not rows.mapping.split_replines:
        rows.note(
            "replines",
            f"stand for {np.nansum(count[several]):,.0f} loans and are simulated as one loan each: right in the mean "
            "(behaviour.decrement=expected); sampled, a row leaves as a whole: replines: split in the mapping cuts it into its loans",
            several,
        )
        return
    usable = several & (count == np.round(count)) & (count <= FIELDS["count"].high)
    times_ = np.where(usable, count, 1.0).astype(np.int64)
    total = int(times_.sum())
    if total > MOST_LOANS:
        raise InputError(f"{path}: replines of {total:,} loans in all; expected at most {MOST_LOANS:,}; use replines: whole")
    rows.note("replines", f"cut into {int(times_[several].sum()):,} loans of equal balance", several)
    index = np.repeat(np.arange(len(rows)), times_)
    place = np.arange(total) - np.repeat(np.cumsum(times_) - times_, times_) + 1
    rows.columns = {name: column.take(index) for name, column in rows.columns.items()}
    rows.numbers, rows.balance = rows.numbers[index], rows.balance[index]
    share = times_[index]
    shared = (*_OF_THE_LOANS, *(name for name, spec in rows.mapping.extra.items() if spec.kind == "money"))
    for name in (name for name in shared if name in rows.columns):
        rows.columns[name] = replace(rows.columns[name], values=rows.columns[name].values / share)
    ids = rows.columns.get("loan_id")
    if ids is not None:
        names = [f"{i}/{k}" if n > 1 else i for i, k, n in zip(ids.values, place, share, strict=True)]
        rows.columns["loan_id"] = replace(ids, values=np.array(names, dtype=object))


def _candidates(
    rows: Rows, cut_off: datetime.date, servicing_rate: float, ratio: HomePriceRatio | None, path: Path
) -> Candidates:
    _number_rows(rows)
    count = np.where(rows.blank("count") | rows.mapping.split_replines, 1.0, rows.number("count"))
    rows.balance = rows.settle("balance", ("average_balance", rows.number("average_balance") * count))
    months = times(rows, cut_off)
    original, rate, terms = rows.settle("original_balance"), rows.settle("note_rate"), rows.words("terms", "")
    scheduled(rows, original, rate, months)
    check_rates(rows)
    check_totals(rows)
    check_sizes(rows, original, months["maturity"])
    fee = rows.settle("servicing_rate")
    unknown_fee = np.isnan(fee) & rows.blank("servicing_rate")
    rows.note("servicing_rate", f"{servicing_rate:g}, portfolio.servicing_rate, where the table has none", unknown_fee)
    loans: dict[str, Any] = {
        "loan_id": rows.ids(), "balance": rows.balance,
        "original_balance": np.where(np.isnan(original) & rows.blank("original_balance"), rows.balance, original),
        "note_rate": rate, "servicing_rate": np.where(unknown_fee, servicing_rate, fee),
        "region": rows.words("state", ""), "day_count": _day_counts(rows), "property_type": _property_types(rows),
        "score": _scores(rows), **arm(rows, cut_off, str(path), terms), **months,
    }  # fmt: skip
    loans["terms"] = rate_terms(rows, loans["adjustable"], terms)
    loans["ltv"] = ltv(rows, loans, months, cut_off, ratio)
    loans["payment"] = payments(rows, loans)
    _note_defaults(rows)
    note_units(rows, months["maturity"])
    names = {"loan_id": rows.columns["loan_id"].name} if "loan_id" in rows.columns else {}
    names |= rows.names | dict.fromkeys(("term", "maturity"), rows.names["remaining_term"])
    names["region"] = rows.names.get("state", "state")
    if "original_balance" not in rows.columns:
        names["original_balance"] = names["balance"]  # one problem is one reject
    texts = {column.name: column.text for column in rows.columns.values()}
    if unknown_fee.all():
        names["servicing_rate"] = SERVICING
    elif unknown_fee.any():
        rows.sources["servicing_rate"] = np.where(unknown_fee, np.array(SERVICING, dtype=object), names["servicing_rate"])
    besides = {"term": months["maturity"]}
    return Candidates(
        rows.numbers, loans, besides, names, texts, rows.rejects, rows.n_rows, rows.notes, rows.sources, extra=_extras(rows)
    )


def _number_rows(rows: Rows) -> None:
    """Names for rows that have none, where the mapping says so."""
    if rows.mapping.impute.get("loan_id") != "row":
        return
    blank = rows.blank("loan_id")
    names = np.array([f"row {i}" for i in rows.numbers], dtype=object)
    ids = np.where(blank, names, rows.ids())
    rows.columns["loan_id"] = Column("loan_id", ids, np.zeros(len(ids), dtype=bool), ids)
    rows.note("imputed loan_id", "the number of the row, by the mapping", blank)


def _day_counts(rows: Rows) -> np.ndarray:
    values = rows.words("day_count", FIELDS["day_count"].without)
    rows.reject("day_count", values == "", f"unknown day count; expected {', '.join(FIELDS['day_count'].choices)}")
    return values


def _property_types(rows: Rows) -> np.ndarray:
    values = rows.words("property_type", FIELDS["property_type"].without)
    unknown = values == ""
    if unknown.any():
        codes = sorted({str(text)[:20] for text in rows.columns["property_type"].text[unknown]})
        rows.note("property type not known", f"read as other: {', '.join(codes[:10])}; name them in codes", unknown)
    return np.where(unknown, "other", values)


def _scores(rows: Rows) -> np.ndarray:
    if "score" in rows.columns:
        column = rows.columns["score"]
        known = known_score(column.values)
        rows.note("score not known", "a code, or not on the scale of 300 to 850", ~column.blank & np.isnan(known))
        rows.columns["score"] = replace(column, values=known, blank=np.isnan(known))
        rows.notes.append(Note("score", "kept with the loan, for a model that reads it", int(np.isfinite(known).sum())))
    return rows.settle("score")


def _extras(rows: Rows) -> dict[str, np.ndarray]:
    """Columns of the table's own; NaN where they are not known."""
    found = {}
    for name, spec in rows.mapping.extra.items():
        found[name] = rows.settle(name)
        open_ = np.isnan(found[name]) & rows.blank(name)
        if spec.required:
            rows.reject(name, open_, f"missing; {_expected(spec)}")
        else:
            rows.note(
                f"{name} not known", "blank: a model or terms that read it refuse the loans; impute it, or say required", open_
            )
    if found:
        text = f"kept with the loans, for a model or terms that read them: {', '.join(found)}"
        rows.notes.append(Note("extra columns", text, len(found)))
    return found


def _note_defaults(rows: Rows) -> None:
    """What the table does not say at all, and what it says for nothing."""
    without = {
        name: spec.without for name, spec in FIELDS.items()
        if spec.without not in ("", "not used") and not {name, *spec.instead} & {*rows.columns}
        and name not in rows.mapping.impute
    }  # fmt: skip
    for name in ("servicing_rate", "terms", *(() if "margin" in rows.columns else ARM_OPTIONS)):
        without.pop(name, None)
    if without:
        text = ", ".join(f"{name} ({value.replace('`', '')})" for name, value in without.items())
        rows.notes.append(Note("not in the table", text, len(without)))
    idle = [name for name in _ALTERNATIVES if name in rows.columns and name not in rows.used and name != "first_payment"]
    if idle:
        rows.notes.append(
            Note("columns not needed", f"what follows from them has a column of its own: {', '.join(idle)}", len(idle))
        )
    for name in ("original_balance", "count", "interest_only", "amortisation"):
        others = {name, *FIELDS[name].instead} & {*rows.columns}
        if others and name not in rows.mapping.impute:
            blank = np.logical_and.reduce([rows.blank(other) for other in others])
            rows.note(f"blank {name}", f"read as {FIELDS[name].without}", blank)
