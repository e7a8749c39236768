"""Level terms: the note rate of the cut-off to the end."""

from __future__ import annotations

from typing import Any

from kernels.loan_terms import KnownBeforehand


def note_rate(loans: Any, month: int) -> Any:
    """Annual, of each loan."""
    return loans.note_rate


TERMS = KnownBeforehand(note_rate, reads=("note_rate",))
