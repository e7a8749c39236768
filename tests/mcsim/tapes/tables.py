"""A table of loans, invented, for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mcsim.settings import Portfolio
from mcsim.tapes.portfolio import HomePriceRatio, Tape, load_portfolio

CUT_OFF = "2020-12-31"
LOAN = {
    "loan_id": "1", "balance": "200000", "note_rate": "0.06", "remaining_term": "300", "age": "60", "ltv": "0.7", "state": "CA",
}  # fmt: skip
"""What a loan cannot be read without."""

ARM = {"adjustable": "yes", "margin": "0.0225", "periodic_cap": "0.02", "life_cap": "0.11", "life_floor": "0.0225",
       "first_reset": "13", "reset_period": "12", "lookback": "1"}  # fmt: skip
"""Of an adjustable one."""


def write(path: Path, *loans: dict[str, str]) -> Path:
    """A CSV of the loans; the columns are those of all of them."""
    names = list(dict.fromkeys(name for loan in loans for name in loan))
    lines = [",".join(names), *(",".join(f'"{loan.get(name, "")}"' for name in names) for loan in loans)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def load(
    path: Path, mapping: str | dict[str, Any] | None = None, share: float = 0.0, ratio: HomePriceRatio | None = None,
    cut_off: str = CUT_OFF,
) -> Tape:  # fmt: skip
    portfolio = Portfolio("t", "table", str(path), cut_off, share, 0.0025, 12, "none", mapping=mapping)
    return load_portfolio(portfolio, ratio)


def subjects(tape: Tape) -> dict[str, int]:
    """Subject → count of the notes."""
    return {note.subject: note.count for note in tape.notes}
