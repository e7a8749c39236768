"""Rows of a tape that cannot be used, and why."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from mcsim.errors import InputError

_SHOWN = 5  # rejects shown in the message; the rest stands in rejects.csv


@dataclass(frozen=True)
class Reject:
    """One problem of one row.

    Attributes
    ----------
    row : int
        Line of a delimited tape, or position of the ``<assets>`` element in an XML tape; the first is 1.
    loan_id : str
        As the tape has it; empty where it is missing.
    column : str
        The tape's own name of the column.
    value : str
        The tape's own text.
    reason : str
        What is wrong and what was expected.
    """

    row: int
    loan_id: str
    column: str
    value: str
    reason: str


def write_rejects(rejects: tuple[Reject, ...], path: str | Path) -> None:
    """Write ``rejects`` as CSV (UTF-8) with the header row,loan_id,column,value,reason.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        with open(path, "w", newline="", encoding="utf-8", errors="backslashreplace") as stream:
            writer = csv.writer(stream)
            writer.writerow([f.name for f in fields(Reject)])
            writer.writerows(astuple(reject) for reject in rejects)
    except OSError as error:
        raise InputError(f"rejects cannot be written to {path}: {error.strerror}") from None


def limit_rejects(rejects: tuple[Reject, ...], n_rows: int, max_share: float, source: str, noted: Sequence[str] = ()) -> int:
    """Number of rejected rows, if the run may go on without them.

    Parameters
    ----------
    rejects : tuple of Reject
        A row may appear more than once.
    n_rows : int
        Rows of the tape, good and bad.
    max_share : float
        Largest rejected share of the rows, 0 to 1.
    source : str
        Name of the tape for the message.
    noted : sequence of str
        What else the reader found that may be the cause: lines that join no loan, say.

    Raises
    ------
    InputError
        If the tape has no rows, if none is left, or if the rejected share is above ``max_share``.
    """
    if n_rows == 0:
        raise InputError(f"{source}: holds no loans; expected at least one")
    n_rejected = len({reject.row for reject in rejects})
    if n_rejected <= max_share * n_rows and n_rejected < n_rows:
        return n_rejected
    if n_rejected == n_rows:
        headline = f"{source}: all {n_rows} rows are rejected; correct the tape"
    else:
        headline = (
            f"{source}: {n_rejected} of {n_rows} rows are rejected, a share of {n_rejected / n_rows:.4g}; at most "
            f"portfolio.max_reject_share = {max_share:g} may be; correct the tape or raise the limit"
        )
    shown = [f"  row {r.row}, loan {r.loan_id!r}, {r.column} = {r.value!r}: {r.reason}" for r in rejects[:_SHOWN]]
    more = [f"  and {len(rejects) - _SHOWN} more problems"] if len(rejects) > _SHOWN else []
    raise InputError([headline, *shown, *more, *(f"  noted: {line}" for line in noted)])
