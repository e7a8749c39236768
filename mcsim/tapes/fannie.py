"""Fannie Mae Single-Family Loan Performance, acquisition file: one pipe-delimited line a loan.

The layout is Fannie Mae's *Single-Family Loan Performance Dataset: File Layout* for the files up to 2019 (25 columns); some
processed copies carry a 26th, the quarter of the file, which is not read. The data's terms forbid redistribution: none of it
ships. What each field becomes is in docs/theory/tapes.md.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import numpy as np

from mcsim.errors import InputError
from mcsim.loans import scheduled_balance
from mcsim.tapes.cells import date_form, dates, month_number, numbers
from mcsim.tapes.checks import LEAST_RATE, MOST_TERM, Candidates, usual_of
from mcsim.tapes.fannie_forms import READ, read_lines
from mcsim.tapes.marking import HomePriceRatio, price_ratio
from mcsim.tapes.notes import Note

COLUMNS = {
    "loan_id": "loan_id", "balance": "orig_upb", "original_balance": "orig_upb", "note_rate": "orig_rate",
    "servicing_rate": "portfolio.servicing_rate", "term": "orig_term", "maturity": "orig_term", "amortisation": "orig_term",
    "interest_only": "orig_term", "origination": "orig_date", "first_payment": "first_pay", "original_ltv": "oltv",
    "ltv": "oltv", "region": "state", "property_type": "prop_type",
}  # fmt: skip
PROPERTY_TYPES = {
    "SF": "single_family", "CO": "condominium", "PU": "planned_unit_development", "MH": "manufactured", "CP": "cooperative",
}  # fmt: skip

DATE_FORMS = (
    "MM/YYYY", "MMYYYY", "YYYY-MM-DD", "YYYY-MM", "MM/DD/YYYY", "DD/MM/YYYY", "YYYYMM", "YYYYMMDD", "YYYY/MM/DD", "MM-DD-YYYY",
    "MM-YYYY", "YYYY/MM", "DD-MON-YYYY", "MON-YYYY", "MON YYYY", "MON-YY", "MM/DD/YY", "DD/MM/YY",
)  # fmt: skip
"""Of the layout, and of copies of its files."""

_OF_ANOTHER_UNIT = {
    "orig_rate": (0.01, 100 * LEAST_RATE, "percent"),
    "oltv": (0.01, 1.0, "percent"),
    "orig_upb": (1.0, 1_000.0, "USD"),
}
"""Where the median of a column lies that is per unit, or in thousands; and the layout's unit."""
_TIME = re.compile(r"[T ][0-9]{2}:[0-9]{2}\S*$")


def read_fannie_acquisition(
    path: Path, cut_off: datetime.date, servicing_rate: float, home_price_ratio: HomePriceRatio | None = None
) -> Candidates:
    """Loans of an acquisition file, aged on schedule from their first payment to the cut-off.

    Parameters
    ----------
    path : Path
        The text file.
    cut_off : date
        Month 0. Loans made later, or whose last payment is due earlier, are rejected.
    servicing_rate : float
        Annual, of every loan: the file has none.
    home_price_ratio : callable, optional
        Marks the loan-to-value ratio from origination to the cut-off; without it the value at origination stands.

    Raises
    ------
    InputError
        If the file cannot be read, is of another layout, or is in other units than it.
    """
    table, rejects, n_rows = read_lines(path)
    texts = {name: table[name].to_numpy().astype(object) for name in READ}
    notes: list[Note] = []
    number = {name: _plain(texts[name]) for name in ("orig_rate", "orig_upb", "orig_term", "oltv", "ocltv")}
    _check_units(path, number)
    made, first = _dates(texts["orig_date"], []), _dates(texts["first_pay"], notes)
    original, note_rate, term = number["orig_upb"], number["orig_rate"] / 100, number["orig_term"]
    # Payments fall due on the first of a month: those of the cut-off's own month are past. Negative before the first one.
    seasoning = cut_off.year * 12 + cut_off.month - 1 - month_number(first) + 1
    age = np.maximum(seasoning, 0.0)
    no_interest_only = np.zeros(len(term))
    with np.errstate(all="ignore"):
        balance = scheduled_balance(
            original, note_rate, term, no_interest_only, np.where(age < np.minimum(term, MOST_TERM), age, 0.0)
        )
        original_ltv = number["oltv"] / 100
        ltv = original_ltv * balance / original / price_ratio(texts["state"], made, cut_off, home_price_ratio)
    loans: dict[str, Any] = {
        "loan_id": texts["loan_id"], "balance": balance, "original_balance": original, "ltv": ltv, "note_rate": note_rate,
        "servicing_rate": np.full(len(term), servicing_rate), "age": age, "maturity": term - seasoning,
        "amortisation": term - seasoning, "interest_only": np.maximum(-seasoning, 0.0),
        "day_count": np.full(len(term), "30/360"), "region": texts["state"],
        "property_type": np.array([PROPERTY_TYPES.get(t, "other") for t in texts["prop_type"]], dtype=object),
    }  # fmt: skip
    besides = {"term": term, "original_ltv": original_ltv, "origination": made, "first_payment": first}
    candidates = Candidates(table["row"].to_numpy(), loans, besides, COLUMNS, texts, rejects, n_rows, notes)
    other = np.array([t != "FRM" for t in texts["product"]], dtype=bool)
    candidates.flag("product", other, "product not in this layout; expected FRM (fixed rate, fully amortising)")
    _note(candidates, number)
    return candidates


def _plain(texts: np.ndarray) -> np.ndarray:
    values, percent = numbers(texts.tolist())
    return np.where(percent, np.nan, values)


def _check_units(path: Path, number: dict[str, np.ndarray]) -> None:
    """Raise where a column as a whole is in another unit than the layout's; single rows are looked at later."""
    problems = []
    for name, (low, high, unit) in _OF_ANOTHER_UNIT.items():
        usual = usual_of(number[name])
        if low <= usual < high:
            problems.append(
                f"{path}: {name} has a median of {usual:.6g}; expected {unit}, a median of at least {high:g}; in another unit? "
                "Give the file as it was published, or read it with portfolio=table and a mapping (docs/tapes.md)"
            )
    if problems:
        raise InputError(problems)


def _dates(given: np.ndarray, notes: list[Note]) -> np.ndarray:
    """Dates of the form that most of the column has; of two, that by which more are the first of a month, as the layout's are."""
    day = {text: _TIME.sub("", text) for text in set(given)}
    texts = [day[text] for text in given]
    form = date_form(texts, DATE_FORMS) or DATE_FORMS[0]
    other = form.replace("MM/DD", "DD/MM")
    found, swapped = dates(texts, form), dates(texts, other)
    if _on_the_first(swapped) > _on_the_first(found):
        form, found = other, swapped
    if form != DATE_FORMS[0]:
        notes.append(Note("dates", f"of the form {form}; the layout has {DATE_FORMS[0]}", int((~np.isnat(found)).sum())))
    return found.astype("datetime64[M]").astype("datetime64[D]")


def _on_the_first(days: np.ndarray) -> int:
    return int((days == days.astype("datetime64[M]").astype("datetime64[D]")).sum())


def _note(candidates: Candidates, number: dict[str, np.ndarray]) -> None:
    """What the reader does not use as it stands."""
    texts, balance = candidates.texts, candidates.loans["balance"]
    unknown = np.array([t not in PROPERTY_TYPES for t in texts["prop_type"]], dtype=bool)
    codes = ", ".join(sorted({str(t)[:20] or "blank" for t in texts["prop_type"][unknown]})[:10])
    known = ", ".join(PROPERTY_TYPES)
    with np.errstate(invalid="ignore"):
        second = number["ocltv"] > number["oltv"]
    for subject, text, where in (
        ("property type not known", f"read as other: {codes}; known: {known}", unknown),
        ("second liens", "the combined ratio (ocltv) is higher; the ratio of the first lien counts", second),
    ):
        if where.any():
            ids = tuple(str(i) for i in texts["loan_id"][where][:100])
            candidates.notes.append(Note(subject, text, int(where.sum()), float(np.nansum(balance[where])), ids))
