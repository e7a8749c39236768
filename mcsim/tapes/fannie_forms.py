"""The forms in which a Fannie Mae acquisition file comes, and the files that are taken for one.

Read: any delimiter, quotes, a header row (its names then say which column is which, in any order), a 26th column. Named and
refused: the other files of the two agencies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mcsim.errors import InputError
from mcsim.tapes.cells import numbers
from mcsim.tapes.recognise import Recognised, fields_of_line, recognise
from mcsim.tapes.rejects import Reject
from mcsim.tapes.table_fields import own_name

if TYPE_CHECKING:
    import polars as pl

LAYOUT = (
    "loan_id", "channel", "seller", "orig_rate", "orig_upb", "orig_term", "orig_date", "first_pay", "oltv", "ocltv",
    "num_borrowers", "dti", "fico", "first_time_buyer", "purpose", "prop_type", "num_units", "occupancy", "state", "zip3",
    "mi_pct", "product", "co_fico", "mi_type", "relocation",
)  # fmt: skip
READ = (
    "loan_id",
    "orig_rate",
    "orig_upb",
    "orig_term",
    "orig_date",
    "first_pay",
    "oltv",
    "ocltv",
    "prop_type",
    "state",
    "product",
)
EXPECTED = "a Fannie Mae acquisition file (25 columns delimited by |: loan_id, channel, seller, orig_rate, ...)"

_NUMBERS = ("orig_rate", "orig_upb", "orig_term", "oltv")
_CALLED = {
    "loan_id": ("loan_identifier", "loanid"), "orig_rate": ("orig_rt", "original_interest_rate", "original_rate"),
    "orig_upb": ("orig_amt", "original_upb", "original_unpaid_principal_balance", "original_amount"),
    "orig_term": ("orig_trm", "original_loan_term", "original_term"), "orig_date": ("orig_dte", "origination_date"),
    "first_pay": ("frst_dte", "frst_pay", "first_payment_date"),
    "oltv": ("original_ltv", "original_loan_to_value", "original_loan_to_value_ltv", "original_loan_to_value_ratio_ltv"),
    "ocltv": ("cltv", "original_cltv", "original_combined_loan_to_value", "original_combined_loan_to_value_cltv",
              "original_combined_loan_to_value_ratio_cltv"),
    "prop_type": ("prop_typ", "prop", "property_type"), "state": ("property_state",),
    "product": ("product_type", "prod_type", "amortisation_type"),
}  # fmt: skip
"""Names that header rows give the columns, besides our own."""

_FREDDIE_ID = re.compile(r"[FA]\d{2}Q[1-4]\w{7}")
_AS_TABLE = "give it a header row and read it with portfolio=table and a mapping (docs/tapes.md)"
_ONE_MONTH = "it has a row a loan and month: keep the month of the cut-off, " + _AS_TABLE
_PROBES: tuple[tuple[str, str, Callable[[Sequence[str]], bool]], ...] = (
    ("Freddie Mac's origination file", _AS_TABLE, lambda f: len(f) > 19 and bool(_FREDDIE_ID.fullmatch(f[19]))),
    ("Freddie Mac's monthly performance file", _ONE_MONTH, lambda f: bool(_FREDDIE_ID.fullmatch(f[0]))),
    (
        "Freddie Mac's multifamily loan performance file", _ONE_MONTH,
        lambda f: len(f) > 1 and bool(re.fullmatch(r"[yY]\d{2}[qQ][1-4]", f[1])),
    ),
    ("Fannie Mae's combined file (acquisition and performance)", _ONE_MONTH, lambda f: len(f) in (108, 110, 113)),
    (
        "Fannie Mae's monthly performance file", _ONE_MONTH,
        lambda f: len(f) > 25 and bool(re.fullmatch(r"\d\d/\d\d/\d{4}", f[1])),
    ),
)  # fmt: skip
"""Files of the agencies, what to do with them, and how they are told: by where their ids and dates stand."""


def read_lines(path: Path) -> tuple[pl.DataFrame, list[Reject], int]:
    """Lines of the file as texts of the columns :data:`READ` with their line numbers (``row``), the rest as rejects, how many.

    Raises
    ------
    InputError
        One line: what was found instead, and what to do.
    """
    import polars as pl

    found = recognise(path, EXPECTED)
    if found.layout != "delimited":
        raise found.refusal(EXPECTED)
    delimiter = found.delimiter or "|"
    text = pl.Series("line", found.content.decode("utf-8").split("\n")).str.strip_chars_end("\r")
    # By line, not as CSV: every line is counted, and none is padded or cut to the layout's width.
    frame = pl.DataFrame({"line": text}).with_row_index("row", offset=1).filter(pl.col("line").str.strip_chars() != "")
    frame = frame.with_columns(pl.col("row").cast(pl.Int64), _fields(frame["line"], delimiter))
    head = [[str(cell).strip() for cell in fields] for fields in frame["fields"].head(3).to_list()]
    _refuse_other_files(found, head)
    positions, width = _positions(found, head[0])
    frame = frame.slice(int(_is_header(head[0]))).with_columns(pl.col("fields").list.len().alias("width"))
    fits = frame["width"].is_in(width)
    if frame.is_empty():
        raise InputError(f"{path}: holds no loans, only the names of the columns; expected {EXPECTED}")
    if not fits.any():
        raise found.refusal(EXPECTED)
    rejects = [
        Reject(
            row,
            line.partition(delimiter)[0][:40],
            "line",
            line[:80],
            f"{n} columns; expected {width[0]} delimited by {delimiter}",
        )
        for row, line, n in frame.filter(~fits).select("row", "line", "width").iter_rows()
    ]
    picked = [pl.col("fields").list.get(at).str.strip_chars().alias(name) for name, at in positions.items()]
    return frame.filter(fits).select("row", *picked), rejects, len(frame)


def _fields(lines: pl.Series, delimiter: str) -> pl.Series:
    if not lines.str.contains('"', literal=True).any():
        return lines.str.split(delimiter).alias("fields")
    import polars as pl

    split = [fields_of_line(line, delimiter) if '"' in line else line.split(delimiter) for line in lines]
    return pl.Series("fields", split, dtype=pl.List(pl.String))


def _refuse_other_files(found: Recognised, head: Sequence[Sequence[str]]) -> None:
    for what, advice, is_it in _PROBES:
        if any(is_it(fields) for fields in head):
            raise InputError(
                f"{found.path}: found {what} ({found.width} columns delimited by {found.delimiter}); expected {EXPECTED}; {advice}"
            )


def _is_header(fields: Sequence[str]) -> bool:
    """Names where the layout has numbers; by name where the columns stand in another order. A column of row numbers has none."""
    values, _ = numbers(fields)
    names = [own_name(cell) for cell in fields]
    return not np.isfinite(values).any() and sum(map(bool, names)) > 1 and (names[0] != "" or names[1] in LAYOUT)


def _positions(found: Recognised, fields: Sequence[str]) -> tuple[dict[str, int], list[int]]:
    """Where each column stands, and the widths that a line may have."""
    if not _is_header(fields):
        if len(fields) not in (len(LAYOUT), len(LAYOUT) + 1):
            raise found.refusal(EXPECTED)
        return {name: LAYOUT.index(name) for name in READ}, [len(LAYOUT), len(LAYOUT) + 1]
    names = [own_name(cell) for cell in fields]
    found_at = {
        name: names.index(called)
        for name in READ
        for called in (name, *_CALLED[name])
        if called in names
    }  # fmt: skip
    missing = [name for name in READ if name not in found_at]
    if missing:
        told = ", ".join(f"{name} ({_CALLED[name][0]})" for name in missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise InputError(
            f"{found.path}: found a header row ({', '.join(fields[:4])}, ...) without {told}; expected {EXPECTED}; "
            "remove the row if the columns stand in that order, or read the file with portfolio=table and a mapping (docs/tapes.md)"
        )
    return found_at, [len(fields)]
