"""The rows of a table of one's own while they become loans: settled field by field, what is imputed noted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mcsim.tapes.cells import numbers
from mcsim.tapes.notes import Note
from mcsim.tapes.rejects import Reject
from mcsim.tapes.table_cells import Column, statistic
from mcsim.tapes.table_fields import LIMITS
from mcsim.tapes.table_mapping import STATISTICS, TableMapping

_NOTED_IDS = 100  # of a note: the attributes of a store are no place for a million


@dataclass
class Rows:
    """The rows of a table while they become loans."""

    numbers: np.ndarray
    columns: dict[str, Column]
    mapping: TableMapping
    n_rows: int
    rejects: list[Reject] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """Field → the column that its rejects name."""
    sources: dict[str, np.ndarray] = field(default_factory=dict)
    """Field → the column that it came from, row by row, where there are several."""
    balance: np.ndarray = field(default_factory=lambda: np.zeros(0))
    used: set[str] = field(default_factory=set)
    """Fields from which others were derived."""

    def __len__(self) -> int:
        return len(self.numbers)

    def number(self, name: str) -> np.ndarray:
        """Values of a field as the table has them; NaN where it has none."""
        return self.columns[name].values.copy() if name in self.columns else np.full(len(self), np.nan)

    def date(self, name: str) -> np.ndarray:
        if name in self.columns:
            return self.columns[name].values
        return np.full(len(self), np.datetime64("NaT"), dtype="datetime64[D]")

    def blank(self, name: str) -> np.ndarray:
        """Where the table has nothing for the field."""
        return self.columns[name].blank if name in self.columns else np.ones(len(self), dtype=bool)

    def limits(self, name: str) -> np.ndarray:
        """Where a cap or floor is said to be none."""
        values = self.number(name)
        imputed = self.blank(name) & (self.mapping.impute.get(name) == "none")
        return imputed | (values == LIMITS[name]) if name in LIMITS else np.zeros(len(self), dtype=bool)

    def ids(self) -> np.ndarray:
        return self.columns["loan_id"].values if "loan_id" in self.columns else np.full(len(self), "", dtype=object)

    def note(self, subject: str, text: str, where: np.ndarray) -> None:
        """A note, if it concerns any row."""
        if where.any():
            balance = float(np.nansum(self.balance[where])) if len(self.balance) else None
            ids = tuple(str(i) for i in self.ids()[where][:_NOTED_IDS])
            self.notes.append(Note(subject, text, int(where.sum()), balance, ids))

    def reject(self, name: str, bad: np.ndarray, reason: str) -> None:
        """Rejects where ``bad``; the first one of a row and column stands."""
        column = self.columns.get(name)
        shown = name if column is None else column.name
        known = {(reject.row, reject.column) for reject in self.rejects} if bad.any() else set()
        for i in np.flatnonzero(bad):
            value = "" if column is None else str(column.text[i])
            if (int(self.numbers[i]), shown) not in known:
                self.rejects.append(Reject(int(self.numbers[i]), str(self.ids()[i]), shown, value, reason))

    def settle(self, name: str, *others: tuple[str, np.ndarray]) -> np.ndarray:
        """A number: from its own column, where that is blank from the first of ``others`` that has it, else imputed."""
        values, open_ = self.number(name), self.blank(name).copy()
        present = [key for key in (name, *(other for other, _ in others)) if key in self.columns]
        self.names[name] = self.columns[present[0]].name if present else name
        source = np.full(len(self) if len(present) > 1 else 0, self.names[name], dtype=object)
        for other, derived in others:
            if len(source) and other in self.columns:
                source[open_ & ~self.blank(other)] = self.columns[other].name
            take = open_ & ~np.isnan(derived)
            values[take] = derived[take]
            open_ &= ~take & self.blank(other)
            self.used |= {other} if take.any() else set()
        if len(source):
            self.sources[name] = source
        return self._impute(name, values, open_)

    def _impute(self, name: str, values: np.ndarray, open_: np.ndarray) -> np.ndarray:
        given = self.mapping.impute.get(name)
        if (
            given is None or not open_.any() or name == "balance"
        ):  # which follows from the rest: see :func:`mcsim.tapes.table_terms.scheduled`
            return values
        spec, by = self.mapping.spec(name), "by the mapping"
        if given in STATISTICS:
            high = spec.high if spec.bounded else np.inf
            low = spec.low if spec.bounded else -np.inf
            usable = np.where((values >= low) & (values <= high), values, np.nan)
            weights = self.balance if len(self.balance) else np.ones(len(self))
            value, by = statistic(given, usable, weights), f"the {given} of the rows that have one"
            value = round(value) if spec.kind == "months" and np.isfinite(value) else value
        else:
            value = LIMITS[name] if name in LIMITS and given == "none" else float(numbers([given])[0][0])
        values[open_] = value
        self.note(f"imputed {name}", f"{value:g}, {by}", open_)
        return values

    def words(self, name: str, without: str) -> np.ndarray:
        """A text or choice; ``without`` where the table has none. What is given and unknown is left empty."""
        if name not in self.columns:
            values, open_ = np.full(len(self), "", dtype=object), np.ones(len(self), dtype=bool)
        else:
            values, open_ = self.columns[name].values.copy(), self.blank(name)
            self.names[name] = self.columns[name].name
        given = self.mapping.impute.get(name)
        values[open_] = without if given is None else given
        if given is not None:
            self.note(f"imputed {name}", f"{given}, by the mapping", open_)
        elif name in self.columns and without:
            self.note(f"blank {name}", f"read as {without}", open_)
        return values
