"""What every tape is checked for: each problem of each row becomes a :class:`~mcsim.tapes.rejects.Reject`."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcsim.ranges import RATE
from mcsim.tapes.notes import Note
from mcsim.tapes.rejects import Reject

# The 50 states and DC: the regions of the FHFA all-transactions state index, without which a loan has no home-price path.
STATES = frozenset({
    "AK", "AL", "AR", "AZ", "CA", "CO", "CT", "DC", "DE", "FL", "GA", "HI", "IA", "ID", "IL", "IN", "KS", "KY", "LA", "MA",
    "MD", "ME", "MI", "MN", "MO", "MS", "MT", "NC", "ND", "NE", "NH", "NJ", "NM", "NV", "NY", "OH", "OK", "OR", "PA", "RI",
    "SC", "SD", "TN", "TX", "UT", "VA", "VT", "WA", "WI", "WV", "WY",
})  # fmt: skip
NATION = "US"
"""Region of a loan that lies in none of them: the nation's home prices, of which the states' are made."""
TERRITORIES = {"PR": "Puerto Rico", "VI": "the Virgin Islands", "GU": "Guam", "AS": "American Samoa",
               "MP": "the Northern Mariana Islands"}  # fmt: skip
"""Without a state index."""
PROPERTY_TYPES = (
    "single_family", "condominium", "planned_unit_development", "manufactured", "cooperative", "multifamily", "office",
    "retail", "industrial", "warehouse", "lodging", "mixed_use", "self_storage", "health_care", "mobile_home_park",
    "securities", "other",
)  # fmt: skip

# Limits: wide enough for any mortgage in the layouts read, narrow enough for percent-for-unit and keying errors.
MOST_BALANCE = 1e10  # USD; the largest securitised commercial loans are of a few 1e9
MOST_RATE = RATE.highest  # annual
MOST_FEE = 0.05  # annual
MOST_TERM = 600  # months; the longest terms lent are 40 years, 50 with an extension
MOST_LTV = 3.0
LEAST_RATE, LEAST_LTV = 0.001, 0.01
"""Under which a rate or ratio is more likely one of another unit. Of the tapes that this was held against (Fannie Mae, Freddie Mac
K-series and multifamily, a research sample) no rate is under a quarter of a percent, and no ratio at origination under 6%."""
ODD_FEE = 0.01  # annual; trustee, master and primary servicer together take less of almost any loan
NO_INTEREST = 0.0025  # annual: a loan at less, subsidised or modified, pays servicing from principal by its nature
# Contracts end negative amortisation at 110% to 125% of what was lent; with arrears capitalised 138% was seen.
MOST_OVER_ORIGINAL = 1.5
ROUNDED_ORIGINAL = 500.0  # USD: the agencies round what was lent to 1,000
FIRST_YEAR = 1950  # level-payment mortgages of 30 years are younger

_FEW, _NEAR = 3, 3.0  # values that have a usual one; times the median, either way, that rates of one tape lie apart
_FULL_SIZE = 0.1  # of the median balance: a loan that is nearly paid has a small ratio of its own
NEARLY_OVER = 12  # months: the balance of a loan that ends may be of any size
_SMALL_SHARE = (
    "cooperative",
    "securities",
)  # a loan on all of a building's flats, or on no property, is a small part of a value
_NOTED_IDS = 100  # the attributes of a store are no place for a million


@dataclass
class Candidates:
    """Rows of a tape before the checks.

    Attributes
    ----------
    rows : array of int64
        Number of each row in its source.
    loans : dict
        Columns of :class:`~mcsim.loans.Loans`, numbers as float64 with NaN for what is missing or not a number.
    besides : dict
        What the checks need besides: ``term`` (original, months), ``original_ltv``, ``given_payment``,
        ``original_amortisation`` and ``original_interest_only`` (months); ``datetime64[D]`` with NaT:
        ``origination``, ``first_payment`` and, where the tape has it, ``maturity_date``.
    columns : dict
        Name in ``loans`` or ``besides`` → the tape's own name of the column.
    texts : dict
        The tape's own name of a column → its text, an array of str.
    rejects : list
        What the reader itself found.
    n_rows : int
        Rows of the tape, those that could not be split into columns included.
    notes : list
        What the reader applied, left out, imputed or did not know.
    sources : dict
        Name in ``loans`` or ``besides`` → the tape's own name of the column row by row, where rows have it from different ones.
    expected : dict
        Name in ``loans`` or ``besides`` → what was expected of it, where the tape has something else in that column: a value, of
        which the loan-to-value ratio follows, or dates of its own form.
    extra : dict
        Of :attr:`mcsim.loans.Loans.extra`: float64, NaN for what is not known.
    """

    rows: np.ndarray
    loans: dict[str, Any]
    besides: dict[str, np.ndarray]
    columns: dict[str, str]
    texts: dict[str, np.ndarray]
    rejects: list[Reject] = field(default_factory=list)
    n_rows: int = 0
    notes: list[Note] = field(default_factory=list)
    sources: dict[str, np.ndarray] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)
    extra: dict[str, np.ndarray] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """Column ``name`` of ``loans`` or ``besides``; None where the tape has none."""
        return self.loans.get(name, self.besides.get(name))

    def flag(self, name: str, bad: np.ndarray, reason: str | Callable[[int], str]) -> None:
        """Reject the rows where ``bad``, under the tape's name of column ``name``; once a row and column."""
        known = {(reject.row, reject.column) for reject in self.rejects} if bad.any() else set()
        for i in np.flatnonzero(bad):
            column = str(self.sources[name][i]) if name in self.sources else self.columns.get(name, name)
            value = str(self.texts[column][i]) if column in self.texts else str(self.get(name)[i])
            text = reason if isinstance(reason, str) else reason(int(i))
            if (int(self.rows[i]), column) not in known:
                self.rejects.append(Reject(int(self.rows[i]), str(self.loans["loan_id"][i]), column, value, text))

    def note(self, subject: str, text: str, where: np.ndarray) -> None:
        """A note, if it concerns any row."""
        if where.any():
            ids = tuple(str(i) for i in self.loans["loan_id"][where][:_NOTED_IDS])
            self.notes.append(Note(subject, text, int(where.sum()), float(np.nansum(self.loans["balance"][where])), ids))


def hundredth_of_the_rest(values: np.ndarray, least: float, given: np.ndarray) -> np.ndarray:
    """Where a value is under ``least`` and a hundredth of the others': within three times their median, as the others are.

    ``given`` are the values that count; fewer than three of them have no usual one.
    """
    if given.sum() < _FEW:
        return np.zeros(len(values), dtype=bool)
    with np.errstate(invalid="ignore", over="ignore"):
        times = values * 100 / usual_of(values[given])
        return np.asarray(given & (values < least) & (times >= 1 / _NEAR) & (times <= _NEAR))


def usual_of(values: np.ndarray) -> float:
    """Median of what is finite, the lower of the middle two; NaN of none."""
    there = values[np.isfinite(values)]
    return float(np.quantile(there, 0.5, method="lower")) if len(there) else float("nan")


def check(candidates: Candidates, cut_off: datetime.date) -> tuple[Reject, ...]:
    """Every problem of every row, the reader's own included, in the order of the tape."""
    _check_ids(candidates)
    _check_amounts(candidates)
    _check_units(candidates)
    _check_dates(candidates, cut_off)
    _check_terms(candidates)
    _check_consequences(candidates)
    _check_fees(candidates)
    _check_growth(candidates)
    return tuple(sorted(candidates.rejects, key=lambda reject: reject.row))


def _check_ids(candidates: Candidates) -> None:
    ids = candidates.loans["loan_id"]
    times = Counter(str(i) for i in ids)
    candidates.flag("loan_id", np.array([not str(i).strip() for i in ids], dtype=bool), "missing; expected the loan's id")
    # Every row of a duplicate id, not all but the first: which is right is not to hang on the order of the tape.
    repeated = np.array([bool(str(i).strip()) and times[str(i)] > 1 for i in ids], dtype=bool)
    candidates.flag("loan_id", repeated, lambda i: f"duplicate id: {times[str(ids[i])]} rows have it; expected one")
    regions = candidates.loans["region"]
    unknown = np.array([str(s) not in STATES and str(s) != NATION for s in regions], dtype=bool)
    candidates.flag("region", unknown, lambda i: _state_reason(str(regions[i])))


def _state_reason(state: str) -> str:
    """What is wrong with a state."""
    expected = "expected two letters of one of the 50 states or DC"
    if state in TERRITORIES:
        return f"{TERRITORIES[state]} has no FHFA state index; {expected}"
    return f"unknown state; {expected}"


def _in_range(
    candidates: Candidates, name: str, low: float, high: float, *, open_low: bool, optional: bool = False, what: str = ""
) -> None:
    """Reject what is missing, not a number, or outside ``low..high`` (without ``low`` itself where ``open_low``)."""
    values = candidates.get(name)
    if values is None:
        return
    values = np.asarray(values, dtype=np.float64)
    missing = np.isnan(values)
    limits = f"expected {what}{'more than' if open_low else 'at least'} {low:g} and at most {high:g}"
    expected = candidates.expected.get(name, limits)
    if optional:
        text = candidates.texts.get(candidates.columns.get(name, name))
        missing = missing & (text != "") if text is not None else np.zeros_like(missing)
    candidates.flag(name, missing, f"missing or not a number; {expected}")
    with np.errstate(invalid="ignore"):
        outside = (values <= low if open_low else values < low) | (values > high)
    candidates.flag(name, outside, f"out of range; {expected}")


def _check_amounts(candidates: Candidates) -> None:
    _in_range(candidates, "balance", 0, MOST_BALANCE, open_low=True)
    if candidates.columns.get("balance") != candidates.columns.get("original_balance"):
        _in_range(candidates, "original_balance", 0, MOST_BALANCE, open_low=True)
    _in_range(candidates, "note_rate", 0, MOST_RATE, open_low=False)
    _in_range(candidates, "servicing_rate", 0, MOST_FEE, open_low=False)
    ratio = "ltv" if candidates.get("original_ltv") is None else "original_ltv"
    # It may follow from the column that is named: a value in USD.
    _in_range(candidates, ratio, 0, MOST_LTV, open_low=True, what="a loan-to-value ratio of ")
    _in_range(candidates, "given_payment", 0, MOST_BALANCE, open_low=True, optional=True)


def _check_units(candidates: Candidates) -> None:
    """A rate per unit among percentages, or the like, row by row: in range, and a hundredth of what stands beside it."""
    loans = candidates.loans
    balance, kind = np.asarray(loans["balance"], dtype=np.float64), np.asarray(loans["property_type"])
    # Of a building of flats that its tenants own a loan may be a hundredth.
    full = ~(balance < _FULL_SIZE * usual_of(balance)) & (kind != "cooperative")
    for name, least, where in (("note_rate", LEAST_RATE, np.ones(len(balance), dtype=bool)), ("ltv", LEAST_LTV, full)):
        if name in candidates.expected:
            continue  # the tape has a value in USD there, no ratio
        values = np.asarray(loans[name], dtype=np.float64)
        bad = where & hundredth_of_the_rest(values, least, np.isfinite(values) & (values > 0))
        candidates.flag(name, bad, f"a hundredth of the tape's median, {usual_of(values):g} per unit; in another unit?")


def _left(candidates: Candidates) -> np.ndarray:
    """Rows that nothing is wrong with so far."""
    return ~np.isin(candidates.rows, [reject.row for reject in candidates.rejects])


def _check_fees(candidates: Candidates) -> None:
    """Servicing is paid from interest: a fee at or above the note rate would be paid from principal."""
    rate, fee = (np.asarray(candidates.loans[name], dtype=np.float64) for name in ("note_rate", "servicing_rate"))
    left = _left(candidates)
    over = left & (fee >= rate) & (fee > 0)
    candidates.note(
        "servicing above the note rate", f"a note rate under {NO_INTEREST:g}: servicing is paid from principal",
        over & (rate < NO_INTEREST),
    )  # fmt: skip
    candidates.flag(
        "servicing_rate", over & (rate >= NO_INTEREST),
        lambda i: f"servicing of {fee[i]:g} a year is not below the note rate of {rate[i]:g}: principal would pay it; expected less",
    )  # fmt: skip
    candidates.note(
        "servicing", f"more than {ODD_FEE:g} a year: read as given; in another unit?", left & (fee > ODD_FEE) & (fee < rate)
    )


def _check_growth(candidates: Candidates) -> None:
    """A balance above what was lent: rounding, capitalised interest, or two columns that are not of one loan."""
    balance, original = (np.asarray(candidates.loans[name], dtype=np.float64) for name in ("balance", "original_balance"))
    left = _left(candidates)
    grown = left & (balance > original * MOST_OVER_ORIGINAL + ROUNDED_ORIGINAL)
    candidates.flag(
        "balance", grown,
        lambda i: f"{balance[i] / original[i]:.3g} times the original balance of {original[i]:,.2f}; expected at most "
        f"{MOST_OVER_ORIGINAL:g}: negative amortisation ends before",
    )  # fmt: skip
    candidates.note(
        "balance above the original one", "interest capitalised, or negative amortisation before: the balance is read",
        left & ~grown & (balance > original + ROUNDED_ORIGINAL),
    )  # fmt: skip


def _check_dates(candidates: Candidates, cut_off: datetime.date) -> None:
    first, last = np.datetime64(f"{FIRST_YEAR}-01-01"), np.datetime64(cut_off)
    horizon = last + np.timedelta64(MOST_TERM * 31, "D")  # no month is longer than 31 days
    # A first payment is due at the latest two months after the loan is made, the loan before the cut-off.
    limits = {"origination": last, "first_payment": last + np.timedelta64(2 * 31, "D"), "maturity_date": horizon}
    for name, latest in limits.items():
        dates = candidates.get(name)
        if dates is None:
            continue
        form = f"; {candidates.expected[name]}" if name in candidates.expected else ""
        candidates.flag(name, np.isnat(dates), f"missing or not a date{form}")
        outside = ~np.isnat(dates) & ((dates < first) | (dates > latest))
        candidates.flag(name, outside, f"date out of range; expected {first} to {latest}")


def _check_terms(candidates: Candidates) -> None:
    _in_range(candidates, "term", 1, MOST_TERM, open_low=False)
    _in_range(candidates, "original_amortisation", 0, MOST_TERM, open_low=False)
    _in_range(candidates, "original_interest_only", 0, MOST_TERM, open_low=False)
    for name in ("term", "original_amortisation", "original_interest_only"):
        months = candidates.get(name)
        if months is not None:
            broken = np.isfinite(months) & (months != np.round(months))
            candidates.flag(name, broken, "not a whole number; expected months")


def _check_consequences(candidates: Candidates) -> None:
    """What is computed from several columns, for rows in which each column alone is right."""
    loans, left = candidates.loans, _left(candidates)
    ended = left & ~(loans["maturity"] >= 1)
    candidates.flag("maturity", ended, "the last payment is not after the cut-off; expected a loan that still runs")
    left &= ~ended
    past = left & ~(loans["interest_only"] <= loans["maturity"])
    candidates.flag("interest_only", past, "interest-only months run past maturity")
    short = left & ~past & ~(loans["amortisation"] >= loans["maturity"])
    candidates.flag("amortisation", short, "level payments would end before maturity; expected at least the term")
    no_ltv = left & ~((loans["ltv"] > 0) & (loans["ltv"] <= MOST_LTV))
    candidates.flag(
        "ltv", no_ltv, lambda i: f"loan-to-value ratio at the cut-off is {loans['ltv'][i]:.4g}; expected more than 0, at most "
        f"{MOST_LTV:g} (nan: no home-price index for the state and dates, or no coverage ratio of a part of a loan)"
    )  # fmt: skip
    low = (
        left & (loans["ltv"] < LEAST_LTV) & (loans["maturity"] > NEARLY_OVER) & ~np.isin(loans["property_type"], _SMALL_SHARE)
    )
    candidates.note("loan-to-value ratio", f"under {LEAST_LTV:g}: read as given; balance or value in another unit?", low)
    if "payment" in loans:
        with np.errstate(over="ignore"):
            idle = left & (loans["payment"] <= loans["balance"] * loans["note_rate"] / 12)
        candidates.flag("payment", idle, "does not cover a month's interest; expected a level payment")
