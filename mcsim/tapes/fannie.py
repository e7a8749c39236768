"""Fannie Mae Single-Family Loan Performance, acquisition file: one pipe-delimited line a loan, no header.

The layout is Fannie Mae's *Single-Family Loan Performance Dataset: File Layout* for the files up to 2019 (25 columns); some
processed copies carry a 26th, the quarter of the file, which is not read. The data's terms forbid redistribution: none of it
ships. What each field becomes is in docs/theory/tapes.md.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcsim.errors import InputError
from mcsim.tapes.checks import MOST_TERM, Candidates
from mcsim.tapes.loans import scheduled_balance
from mcsim.tapes.rejects import Reject

if TYPE_CHECKING:
    import polars as pl

LAYOUT = (
    "loan_id", "channel", "seller", "orig_rate", "orig_upb", "orig_term", "orig_date", "first_pay", "oltv", "ocltv",
    "num_borrowers", "dti", "fico", "first_time_buyer", "purpose", "prop_type", "num_units", "occupancy", "state", "zip3",
    "mi_pct", "product", "co_fico", "mi_type", "relocation",
)  # fmt: skip
_READ = ("loan_id", "orig_rate", "orig_upb", "orig_term", "orig_date", "first_pay", "oltv", "prop_type", "state", "product")
COLUMNS = {
    "loan_id": "loan_id", "balance": "orig_upb", "original_balance": "orig_upb", "note_rate": "orig_rate",
    "servicing_rate": "servicing_rate", "term": "orig_term", "maturity": "orig_term", "amortisation": "orig_term",
    "interest_only": "orig_term", "origination": "orig_date", "first_payment": "first_pay", "original_ltv": "oltv",
    "ltv": "oltv", "state": "state", "property_type": "prop_type",
}  # fmt: skip
PROPERTY_TYPES = {
    "SF": "single_family", "CO": "condominium", "PU": "planned_unit_development", "MH": "manufactured", "CP": "cooperative",
}  # fmt: skip

HomePriceRatio = Callable[[str, datetime.date, datetime.date], float]
"""``ratio(state, from_date, to_date)``: home-price index of ``to_date`` over that of ``from_date``."""


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
        If the file is empty or cannot be read, or if no line has 25 or 26 columns.
    """
    table, rejects, n_rows = _split(path)
    texts = {name: table[name].to_numpy().astype(object) for name in _READ}
    number = {name: _numbers(table, name) for name in ("orig_rate", "orig_upb", "orig_term", "oltv")}
    months = {name: _months(table, name) for name in ("orig_date", "first_pay")}
    original, note_rate, term = number["orig_upb"], number["orig_rate"] / 100, number["orig_term"]
    # Payments fall due on the first of a month: those of the cut-off's own month are past. Negative before the first one.
    seasoning = (cut_off.year * 12 + cut_off.month) - months["first_pay"] + 1
    age = np.maximum(seasoning, 0.0)
    no_interest_only = np.zeros(len(term))
    with np.errstate(all="ignore"):
        balance = scheduled_balance(
            original, note_rate, term, no_interest_only, np.where(age < np.minimum(term, MOST_TERM), age, 0.0)
        )
        original_ltv = number["oltv"] / 100
        ratio = _price_ratio(texts["state"], months["orig_date"], cut_off, home_price_ratio)
        ltv = original_ltv * balance / original / ratio
    loans: dict[str, Any] = {
        "loan_id": texts["loan_id"], "balance": balance, "original_balance": original, "ltv": ltv, "note_rate": note_rate,
        "servicing_rate": np.full(len(term), servicing_rate), "age": age, "maturity": term - seasoning,
        "amortisation": term - seasoning, "interest_only": np.maximum(-seasoning, 0.0),
        "day_count": np.full(len(term), "30/360"), "state": texts["state"],
        "property_type": np.array([PROPERTY_TYPES.get(t, "other") for t in texts["prop_type"]], dtype=object),
    }  # fmt: skip
    extra = {
        "term": term, "original_ltv": original_ltv,
        "origination": _first_of_month(months["orig_date"]), "first_payment": _first_of_month(months["first_pay"]),
    }  # fmt: skip
    candidates = Candidates(table["row"].to_numpy(), loans, extra, COLUMNS, texts, rejects, n_rows)
    other = np.array([t != "FRM" for t in texts["product"]], dtype=bool)
    candidates.flag("product", other, "product not in this layout; expected FRM (fixed rate, fully amortising)")
    return candidates


def _split(path: Path) -> tuple[pl.DataFrame, list[Reject], int]:
    """Lines of the layout's width as a table of texts with their line numbers, the rest as rejects, and how many there are."""
    import polars as pl

    width = len(LAYOUT)
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path}: empty file; expected {width} columns delimited by |, no header")
        # By line, not as CSV: every line is counted, and none is padded or cut to the layout's width.
        lines = pl.scan_lines(path, row_index_name="row", row_index_offset=1, glob=False)
        split = pl.col("line").str.split("|").alias("fields")
        frame = (
            lines.filter(pl.col("line").str.strip_chars() != "")
            .with_columns(pl.col("row").cast(pl.Int64), split)
            .with_columns(pl.col("fields").list.len().alias("width"))
            .collect()
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path}: not a delimited text file: {str(error).splitlines()[0]}") from None
    fits = frame["width"].is_in([width, width + 1])
    if not fits.any():
        found = int(frame["width"][0]) if len(frame) else 0
        raise InputError(
            f"{path}: wrong layout: the first line has {found} columns delimited by |; "
            f"expected {width} (Fannie Mae acquisition file)"
        )
    rejects = [
        Reject(row, line.partition("|")[0][:40], "line", line[:80], f"{n} columns; expected {width} delimited by |")
        for row, line, n in frame.filter(~fits).select("row", "line", "width").iter_rows()
    ]
    picked = [pl.col("fields").list.get(LAYOUT.index(name)).str.strip_chars().alias(name) for name in _READ]
    return frame.filter(fits).select("row", *picked), rejects, len(frame)


def _numbers(table: pl.DataFrame, name: str) -> np.ndarray:
    """NaN for what is not a finite decimal number."""
    import polars as pl

    plain = pl.col(name).str.contains(r"^[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?$")
    values = pl.when(plain).then(pl.col(name)).otherwise(None).cast(pl.Float64, strict=False).fill_null(float("nan"))
    found = table.select(values)[name].to_numpy().astype(np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def _months(table: pl.DataFrame, name: str) -> np.ndarray:
    """Months since year 0 of a date ``MM/YYYY``, January of year 0 being 1; NaN for what is none."""
    import polars as pl

    parts = pl.col(name).str.extract_groups(r"^(?<month>0[1-9]|1[0-2])/(?<year>[0-9]{4})$")
    month, year = (parts.struct.field(part).cast(pl.Float64) for part in ("month", "year"))
    return table.select((year * 12 + month).fill_null(float("nan")).alias(name))[name].to_numpy().astype(np.float64)


def _first_of_month(months: np.ndarray) -> np.ndarray:
    since_1970 = np.where(np.isnan(months), 0.0, months - (1970 * 12 + 1)).astype(np.int64)
    dates = since_1970.astype("datetime64[M]").astype("datetime64[D]")
    return np.where(np.isnan(months), np.datetime64("NaT"), dates)


def _price_ratio(states: np.ndarray, months: np.ndarray, cut_off: datetime.date, ratio: HomePriceRatio | None) -> np.ndarray:
    """Home-price index at the cut-off over that at origination; NaN where there is none, which the checks then report."""
    result = np.ones(len(states))
    if ratio is None:
        return result
    known: dict[tuple[str, float], float] = {}
    for i, key in enumerate(zip(states, months, strict=True)):
        if key not in known:
            known[key] = _one_ratio(key[0], key[1], cut_off, ratio)
        result[i] = known[key]
    return result


def _one_ratio(state: str, month: float, cut_off: datetime.date, ratio: HomePriceRatio) -> float:
    year, month_of_year = divmod(int(month) - 1, 12) if np.isfinite(month) else (0, 0)
    if year < 1 or datetime.date(year, month_of_year + 1, 1) > cut_off:
        return float("nan")
    try:
        return float(ratio(state, datetime.date(year, month_of_year + 1, 1), cut_off))
    except (InputError, KeyError, ValueError):
        return float("nan")
