"""Cells of a table, which are texts, as numbers and dates: what every delimited tape needs."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence

import numpy as np

DATE_WORDS = "YYYY, YY, MM, MON, DD and what stands between them, such as MM/DD/YYYY, or excel"
DATE_FORMS = (
    "YYYY-MM-DD", "MM/DD/YYYY", "DD/MM/YYYY", "MM/YYYY", "MMYYYY", "YYYYMM", "YYYYMMDD", "YYYY/MM/DD", "DD.MM.YYYY", "DD-MON-YYYY",
    "MON-YYYY", "MON-YY", "MM/DD/YY", "excel",
)  # fmt: skip
"""Forms that are looked for where dates are not of the form expected."""

_TOKEN = re.compile(r"YYYY|YY|MON|MM|DD|[^A-Za-z%]+")
_DIRECTIVES = {"YYYY": "%Y", "YY": "%y", "MON": "%b", "MM": "%m", "DD": "%d"}
_ISO = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_EXCEL_ZERO = datetime.date(1899, 12, 30)  # day 0 of a spreadsheet's serial numbers, after its 29 February 1900
_EXCEL_FIRST = np.datetime64("1950-01-01")  # of a serial number that is guessed
_PLAIN = r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$"
_GROUPED = r"^[-+]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?$"
_YEARS = range(1900, 2200)


def numbers(texts: Iterable[str], decimal: str = ".") -> tuple[np.ndarray, np.ndarray]:
    """Decimal numbers, and which of them carry a percent sign; NaN for what is not a finite number.

    Parameters
    ----------
    texts : iterable of str
        ``1234.5``, ``1,234.5``, ``$1,234.5``, ``4.5%``, ``1e6``.
    decimal : str
        The decimal sign, ``.`` or ``,``; the other one groups thousands.

    Returns
    -------
    values, percent : array of float64, array of bool
        ``4.5%`` is 4.5, and True.

    Examples
    --------
    >>> numbers(["1,234.5", "$20", "4.5%", "1,5", "n/a"])[0].tolist()
    [1234.5, 20.0, 4.5, nan, nan]
    """
    import polars as pl

    text = pl.col("text").str.strip_chars()
    if decimal == ",":
        text = text.str.replace_many([".", ","], [",", "."])
    bare = text.str.strip_suffix("%").str.strip_prefix("$").str.strip_chars()
    whole = pl.when(bare.str.contains(_GROUPED)).then(bare.str.replace_all(",", "", literal=True)).otherwise(bare)
    value = pl.when(whole.str.contains(_PLAIN)).then(whole).otherwise(None).cast(pl.Float64, strict=False)
    frame = pl.DataFrame({"text": pl.Series(list(texts), dtype=pl.String)})
    table = frame.select(value=value.fill_null(float("nan")), percent=text.str.ends_with("%"))
    values = table["value"].to_numpy().astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan), table["percent"].to_numpy().astype(bool)


def number_of(text: str) -> float | None:
    """One number without a percent sign; None for what is none."""
    values, percent = numbers([text])
    return None if np.isnan(values[0]) or percent[0] else float(values[0])


def date_pattern(form: str) -> str:
    """The pattern of ``strptime`` for a form such as ``MM/DD/YYYY`` (``excel`` is itself); empty where it is no form of a date."""
    if form == "excel":
        return form
    form = form.upper()
    tokens = _TOKEN.findall(form)
    whole = "".join(tokens) == form
    has_month, has_year = {"MM", "MON"} & {*tokens}, {"YYYY", "YY"} & {*tokens}
    return "".join(_DIRECTIVES.get(token, token) for token in tokens) if whole and has_month and has_year else ""


def dates(texts: Sequence[str], form: str = "") -> np.ndarray:
    """``datetime64[D]``; NaT for what is no date of the form. A date without a day is the first of its month.

    Parameters
    ----------
    texts : sequence of str
        The cells.
    form : str
        See :func:`date_pattern`; empty is ISO: ``YYYY-MM-DD``, ``YYYY-MM``, with or without a time.
    """
    pattern = date_pattern(form) if form else ""
    known = {text: _date(text.strip(), pattern) for text in set(texts)}
    return np.array([known[text] for text in texts], dtype="datetime64[D]")


def date_form(texts: Sequence[str], forms: Sequence[str] = DATE_FORMS) -> str:
    """The form that most of the texts have, the first of several; empty where none has any."""
    some = sorted({text for text in texts if text.strip()})[:1000]
    found = {form: dates(some, form) if some else np.array([], dtype="datetime64[D]") for form in forms}
    if "excel" in found:  # any small number is the serial of a day soon after 1900
        found["excel"] = found["excel"][found["excel"] >= _EXCEL_FIRST]
    count = {form: int((~np.isnat(days)).sum()) for form, days in found.items()}
    best = max(count, key=lambda form: count[form])
    return best if count[best] else ""


def month_number(dates: np.ndarray) -> np.ndarray:
    """Months since year 0, its January being 0; NaN for NaT."""
    months = dates.astype("datetime64[M]").astype(np.int64) + 1970 * 12
    return np.where(np.isnat(dates), np.nan, months.astype(np.float64))


def _date(text: str, pattern: str) -> np.datetime64:
    try:
        if pattern == "excel":
            date = _EXCEL_ZERO + datetime.timedelta(days=int(float(text)))
        elif pattern:
            date = datetime.datetime.strptime(text, pattern).date()
        else:
            match = _ISO.fullmatch(text)
            if match is None:
                return np.datetime64("NaT")
            date = datetime.date(int(match[1]), int(match[2]), int(match[3] or 1))
    except (ValueError, OverflowError):
        return np.datetime64("NaT")
    return np.datetime64(date) if date.year in _YEARS else np.datetime64("NaT")
