"""What a reader did with a tape besides reading it: nothing that changes a contract passes without a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

LINES_WITHOUT_A_LOAN = "lines without a loan"
"""Subject of the lines that were left out: what is missing of the loans that are refused may stand there."""
_SHOWN = 8  # ids in a line; the record has them all


@dataclass(frozen=True)
class Note:
    """One kind of thing that was applied, left out, imputed or not known.

    Attributes
    ----------
    subject : str
        In a word or two: ``modified``, ``paid off``, ``defeased``, ``imputed score``.
    text : str
        What was done about it.
    count : int
        Rows or loans concerned.
    balance : float or None
        Their balance at the cut-off, USD; None where it means nothing.
    loan_ids : tuple of str
        Which.
    """

    subject: str
    text: str
    count: int
    balance: float | None = None
    loan_ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        balance = "" if self.balance is None else f", {self.balance:,.0f} USD"
        shown = ", ".join(self.loan_ids[:_SHOWN]) + (", ..." if len(self.loan_ids) > _SHOWN else "")
        return f"{self.subject}: {self.count}{balance}: {self.text}" + (f" ({shown})" if shown else "")


def notes_record(notes: Sequence[Note]) -> list[dict[str, Any]]:
    """Notes as plain JSON values, for the store and the report."""
    return [{**asdict(note), "loan_ids": list(note.loan_ids)} for note in notes]
