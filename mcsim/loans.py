"""The table of loans that every tape becomes: one array a column, one entry a loan."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from kernels.amortization import build_level_principal_rate
from kernels.ops import make_ops

SECURITIES = "securities"
"""Property type of a defeased loan: government securities stand behind it, no property. It does not default."""


@dataclass(frozen=True)
class Loans:
    """Loans at the cut-off, sorted by (region, number): the order of the tape does not matter.

    Month 0 is the cut-off; months 1, 2, ... are the due dates after it. All columns are 1-D and of one length, those of ``extra`` too.
    """

    cut_off: datetime.date
    loan_id: np.ndarray
    """str, as the tape has it."""
    number: np.ndarray
    """uint64, see :func:`loan_number`; enters the random counter."""
    balance: np.ndarray
    """USD, scheduled balance at the cut-off, > 0."""
    original_balance: np.ndarray
    """USD."""
    ltv: np.ndarray
    """Balance at the cut-off over the property's value then; without meaning for a defeased loan."""
    note_rate: np.ndarray
    """Annual, at the cut-off."""
    servicing_rate: np.ndarray
    """Servicing and trustee fee over the balance that pays interest, annual."""
    age: np.ndarray
    """int64, payments due since origination, at the cut-off, >= 0."""
    maturity: np.ndarray
    """int64, month of the last payment, >= 1."""
    amortisation: np.ndarray
    """int64, month in which level payments would bring the balance to zero, >= ``maturity``; counts interest-only months."""
    interest_only: np.ndarray
    """int64, interest-only months left, 0 to ``maturity``."""
    payment: np.ndarray
    """USD a month, the level payment after the interest-only months as the tape gives it; NaN: to be computed."""
    day_count: np.ndarray
    """str, one of :data:`mcsim.conventions.DAY_COUNTS`."""
    region: np.ndarray
    """str, two letters, or ``US``: outside the 50 states and DC, or not known; the nation's home prices."""
    adjustable: np.ndarray
    """bool."""
    margin: np.ndarray
    """Over the index, annual; NaN where fixed, as the caps and the floor."""
    initial_cap: np.ndarray
    """Largest change at the reset in month ``first_reset``, annual; where left out, ``periodic_cap``."""
    periodic_cap: np.ndarray
    """Largest change at any later reset, annual."""
    life_cap: np.ndarray
    """Highest note rate, annual."""
    life_floor: np.ndarray
    """Lowest note rate, annual."""
    rate_rounding: np.ndarray
    """Index plus margin is rounded to the nearest multiple of this, annual; 0: not rounded, as where left out."""
    first_reset: np.ndarray
    """int64, month of the first reset after the cut-off; 0 where fixed, as the two that follow."""
    reset_period: np.ndarray
    """int64, months between resets."""
    lookback: np.ndarray
    """int64, months before the reset at which the index is read."""
    property_type: np.ndarray
    """str, a name of :data:`mcsim.tapes.checks.PROPERTY_TYPES`."""
    score: np.ndarray
    """Credit score, 300 to 850; NaN: not known."""
    terms: np.ndarray
    """str, how the note rate moves: one of :data:`kernels.terms.TERMS`."""
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    """Columns of the tape's own, by name, float64: what its mapping brings for a model or a term to read; NaN: not known."""

    def __len__(self) -> int:
        return len(self.loan_id)

    def take(self, index: Any) -> Loans:
        """The loans at ``index`` (integers, a slice or a mask), in that order."""
        extra = {name: column[index] for name, column in self.extra.items()}
        return Loans(self.cut_off, **{name: getattr(self, name)[index] for name in COLUMNS}, extra=extra)

    def numbers(self, name: str) -> np.ndarray:
        """A column of :data:`NUMERIC` or of ``extra``, float64; NaN where a loan has none.

        Raises
        ------
        KeyError
            The loans have no such column, or it is not of numbers.
        """
        return np.asarray(getattr(self, name) if name in NUMERIC else self.extra[name], np.float64)

    def summary(self) -> dict[str, float]:
        """Count, balances in USD and balance-weighted means: what a term sheet prints of a pool."""
        weight = self.balance / self.balance.sum()
        on_property = weight * (self.property_type != SECURITIES)
        valued = on_property if on_property.any() else weight  # the weights of a ratio to a value: there must be one
        return {
            "loans": len(self),
            "balance": float(self.balance.sum()),
            "original_balance": float(self.original_balance.sum()),
            "average_balance": float(self.balance.mean()),
            "note_rate": float(weight @ self.note_rate),
            "servicing_rate": float(weight @ self.servicing_rate),
            "ltv": float(valued @ self.ltv / valued.sum()),
            "age": float(weight @ self.age),
            "maturity": float(weight @ self.maturity),
            "interest_only_share": float(weight @ (self.interest_only > 0)),
            "balloon_share": float(weight @ ((self.amortisation > self.maturity) | (self.interest_only == self.maturity))),
            "adjustable_share": float(weight @ self.adjustable),
        }


COLUMNS = tuple(f.name for f in fields(Loans) if f.name not in ("cut_off", "extra"))

_COUNTS = ("age", "maturity", "amortisation", "interest_only", "first_reset", "reset_period", "lookback")
_TEXTS = ("loan_id", "day_count", "region", "property_type", "terms")
NUMERIC = tuple(name for name in COLUMNS if name not in (*_TEXTS, "number"))
"""Columns that every loan has and that a model can read."""
_ABSENT: dict[str, Any] = {
    "payment": np.nan, "adjustable": False, "margin": np.nan, "periodic_cap": np.nan, "life_cap": np.nan, "life_floor": np.nan,
    "rate_rounding": 0.0, "first_reset": 0, "reset_period": 0, "lookback": 0, "score": np.nan,
}  # fmt: skip


def loan_number(loan_id: str) -> int:
    """Number of a loan: the first 8 bytes, little-endian, of the BLAKE2b digest (RFC 7693) of its id in UTF-8."""
    return int.from_bytes(hashlib.blake2b(loan_id.encode("utf-8", "surrogatepass")).digest()[:8], "little")


def make_loans(cut_off: datetime.date, columns: Mapping[str, Any], extra: Mapping[str, Any] | None = None) -> Loans:
    """``Loans`` of ``columns`` and ``extra``, typed and sorted by (region, number).

    ``number`` is computed from ``loan_id``; the columns of adjustable-rate loans may be left out, and so may ``payment`` and
    ``terms``: a loan is then ``adjustable`` or ``level``, as the column of that name says. A month count is rounded to an integer.
    """
    n = len(columns["loan_id"])
    number = np.array([loan_number(i) for i in columns["loan_id"]], dtype=np.uint64)
    table = {**_ABSENT, **columns, "number": number}
    table.setdefault("initial_cap", table["periodic_cap"])
    table.setdefault("terms", np.where(table["adjustable"], "adjustable", "level"))
    typed = {name: np.array(np.broadcast_to(_typed(name, table[name]), (n,))) for name in COLUMNS}
    further = {name: np.array(np.broadcast_to(_typed(name, values), (n,))) for name, values in (extra or {}).items()}
    order = np.lexsort((typed["number"], typed["region"]))
    columns, further = ({name: column[order] for name, column in some.items()} for some in (typed, further))
    return Loans(cut_off, **columns, extra=further)


def _typed(name: str, values: Any) -> np.ndarray:
    if name in _COUNTS:
        return np.rint(np.asarray(values, dtype=np.float64)).astype(np.int64)
    if name in _TEXTS:
        return np.asarray(values, dtype=np.str_)
    return np.asarray(values, dtype={"number": np.uint64, "adjustable": np.bool_}.get(name, np.float64))


def scheduled_balance(
    original: np.ndarray, note_rate: np.ndarray, amortisation: np.ndarray, interest_only: np.ndarray, age: np.ndarray
) -> np.ndarray:
    """Balance after ``age`` level payments made on time, USD, to the cent.

    Parameters
    ----------
    original : array
        USD at origination.
    note_rate : array
        Annual; a twelfth of it accrues a month.
    amortisation, interest_only, age : array
        Months from the first payment: to a balance of zero (interest-only months included), of interest only, and paid.

    Examples
    --------
    >>> one = lambda x: np.array([float(x)])
    >>> scheduled_balance(one(100_000), one(0.095), one(360), one(0), one(1))   # BMA, Standard Formulas, SF-4
    array([99950.81])
    """
    level_principal_rate = build_level_principal_rate(make_ops("numpy", "float64"))
    balance = np.array(original, dtype=np.float64)
    # A damaged tape may hold any number: past its last payment a balance no longer changes.
    last = np.nan_to_num(np.minimum(age, amortisation), nan=0.0)
    for month in range(1, int(last.max(initial=0.0)) + 1):
        left = np.maximum(amortisation - (month - 1), 1.0)
        pays = (month > interest_only) & (month <= last)
        balance -= np.where(pays, balance * level_principal_rate(note_rate / 12, left), 0.0)
    return np.round(balance, 2)
