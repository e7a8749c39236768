"""Months, resets, payments and loan-to-value ratios of the rows of a table."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

from kernels.amortization import build_level_payment_rate
from kernels.ops import make_ops
from mcsim.errors import InputError
from mcsim.loans import scheduled_balance
from mcsim.tapes.cells import month_number
from mcsim.tapes.checks import MOST_TERM, NATION, STATES
from mcsim.tapes.marking import HomePriceRatio, price_ratio
from mcsim.tapes.table_fields import ARM_FIELDS, ARM_OPTIONS, FIELDS, LIMITS
from mcsim.tapes.table_rows import Rows

_INTEREST_DAYS = (27.5, 31.5)  # of a month's interest: 28 to 31 days, and rounding
_OTHER_VALUE = 0.05  # of the ratio: beyond rounding, an appraisal of another date
_OTHER_PAYMENT = 0.05  # of the level payment: beyond rounding, an escrow or a curtailment


def times(rows: Rows, cut_off: datetime.date) -> dict[str, np.ndarray]:
    """``age``, ``maturity``, ``amortisation``, ``interest_only`` in whole months: docs/theory/tapes.md, Time."""
    first, last, original = rows.date("first_payment"), rows.date("maturity_date"), rows.number("original_term")
    latest = _latest(cut_off, _day(np.where(np.isnat(first), last, first)))
    by_first, by_last = latest - month_number(first) + 1, month_number(last) - latest
    known_age = np.where(rows.blank("age"), np.maximum(by_first, 0.0), rows.number("age"))
    known_left = np.where(rows.blank("remaining_term"), by_last, rows.number("remaining_term"))
    age = rows.settle("age", ("first_payment", np.maximum(by_first, 0.0)), ("original_term", original - known_left))
    left = rows.settle("remaining_term", ("maturity_date", by_last), ("original_term", original - known_age))
    for name, given, other, by in (
        ("remaining_term", known_left, "maturity_date", by_last), ("age", known_age, "first_payment", np.maximum(by_first, 0.0)),
    ):  # fmt: skip
        rows.note("terms disagree", f"{name} taken, {other} is more than a month from it", np.abs(given - by) > 1)
    apart = ~(rows.blank("age") | rows.blank("remaining_term")) & (np.abs(age + left - original) > 1)
    rows.note("terms disagree", "age and remaining_term taken, their sum is more than a month from original_term", apart)
    seasoning = np.where(np.isnan(by_first), age, by_first)
    months = {"age": age, "maturity": left, **_principal(rows, seasoning, left)}
    for name, values in months.items():
        rows.note("rounded", f"{name}: to whole months", np.isfinite(values) & (values != np.round(values)))
    return {name: np.round(values) for name, values in months.items()}


def _principal(rows: Rows, seasoning: np.ndarray, left: np.ndarray) -> dict[str, np.ndarray]:
    """When principal is due: ``interest_only`` and ``amortisation``."""
    io_term, level_term = rows.number("interest_only_term"), rows.number("amortisation_term")
    io = rows.settle("interest_only", ("interest_only_term", np.maximum(io_term - seasoning, 0.0)))
    # Interest alone is due until the first payment of principal, where that is still to come.
    io = np.where(np.isnan(io) & rows.blank("interest_only"), np.maximum(-seasoning, 0.0), io)
    for_life = (level_term == 0) & rows.blank("amortisation")
    agreed = np.where(np.isnan(io_term), io, io_term - seasoning) + level_term
    amortisation = rows.settle("amortisation", ("amortisation_term", np.where(for_life, left, agreed)))
    amortisation = np.where(np.isnan(amortisation) & rows.blank("amortisation"), left, amortisation)
    return {"interest_only": np.where(for_life, left, io), "amortisation": amortisation}


def _latest(cut_off: datetime.date, due_day: np.ndarray) -> np.ndarray:
    """Month of the latest due date at the cut-off, in months since year 0."""
    return cut_off.year * 12.0 + cut_off.month - 1 - (due_day > cut_off.day)


def _day(dates: np.ndarray) -> np.ndarray:
    """Day of the month; 1 for none."""
    days = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
    return np.where(np.isnat(dates), 1, days)


def scheduled(rows: Rows, original: np.ndarray, rate: np.ndarray, months: dict[str, np.ndarray]) -> np.ndarray:
    """Balance; where the table has none, and the mapping says so, the original one after every payment made on time, USD."""
    wanted = np.isnan(rows.balance) & rows.blank("balance") & rows.blank("average_balance")
    if rows.mapping.impute.get("balance") != "scheduled" or not wanted.any():
        return rows.balance
    age, left = months["age"], months["interest_only"]
    io_term = np.where(left > 0, left + age, np.nan_to_num(rows.number("interest_only_term"), nan=0.0))
    usable = wanted & np.isfinite(original + rate + age + months["amortisation"]) & (age <= MOST_TERM)
    where = np.flatnonzero(usable)
    balance = rows.balance.copy()
    whole = months["amortisation"] + age
    balance[where] = scheduled_balance(*(values[where] for values in (original, rate, whole, io_term, age)))
    rows.balance = balance
    rows.note("imputed balance", "the original one after every payment made on time, by the mapping", usable)
    return balance


def arm(rows: Rows, cut_off: datetime.date, source: str, terms_said: np.ndarray) -> dict[str, np.ndarray]:
    """``adjustable`` and the terms of adjustable loans; what fixed loans say of them is not looked at.

    ``terms_said`` are the names of the loans' terms, empty where the table says nothing.

    Raises
    ------
    InputError
        A loan is adjustable, and a term has neither a column nor a value to impute.
    """
    said = rows.words("adjustable", "")
    implied = ~rows.blank("margin") | (terms_said == "adjustable")
    adjustable = (said == "true") | ((said == "") & rows.blank("adjustable") & implied)
    if not adjustable.any():
        return {"adjustable": adjustable}
    lacking = [
        f"{source}: {name}: no column for it, and {int(adjustable.sum())} loans are adjustable; expected {FIELDS[name].meaning}; "
        f"map it with columns: {{{name}: COLUMN}}, or impute: {{{name}: VALUE}}"
        for name in ARM_FIELDS
        if name not in rows.columns and name not in rows.mapping.impute and not {*FIELDS[name].instead} & {*rows.columns}
    ]
    if lacking:
        raise InputError(lacking)
    change = rows.date("next_reset_date")
    # Interest is paid in arrears: the payment a month after the change is the first of the new rate.
    first = month_number(change) - _latest(cut_off, _day(change)) + 1
    terms = {name: rows.settle(name, *((("next_reset_date", first),) if name == "first_reset" else ())) for name in ARM_FIELDS}
    terms |= {name: rows.settle(name) for name in ARM_OPTIONS}
    for name, values in terms.items():
        spec = FIELDS[name]
        asked = adjustable & ~rows.limits(name) & ~(rows.blank(name) & (name in ARM_OPTIONS))
        bad = asked & ~((values >= spec.low) & (values <= spec.high))
        rows.reject(name, bad, f"of an adjustable loan; expected {spec.low:g} to {spec.high:g}")
        broken = asked & ~bad & (spec.kind == "months") & (values != np.round(values))
        rows.note("rounded", f"{name}: to whole months", broken)
    for name, other in (("initial_cap", terms["periodic_cap"]), ("rate_rounding", np.zeros(len(rows)))):
        blank = np.isnan(terms[name]) & rows.blank(name)
        if name in rows.columns:
            rows.note(f"blank {name}", f"read as {FIELDS[name].without.replace('`', '')}", adjustable & blank)
        terms[name] = np.where(blank, other, terms[name])
    low_cap = adjustable & (terms["life_cap"] < rows.number("note_rate"))
    rows.reject(
        "life_cap", low_cap, "below the note rate; expected the highest note rate, not its distance from the first one"
    )
    high_floor = adjustable & (terms["life_floor"] > rows.number("note_rate"))
    rows.reject("life_floor", high_floor, "above the note rate; expected the lowest note rate that the contract allows")
    for name, none in LIMITS.items():
        terms[name] = np.where(terms[name] == none, np.sign(none), terms[name])
    return {"adjustable": adjustable} | {
        name: np.where(adjustable, values, np.nan if FIELDS[name].kind == "rate" and name != "rate_rounding" else 0.0)
        for name, values in terms.items()
    }


def rate_terms(rows: Rows, adjustable: np.ndarray, said: np.ndarray) -> np.ndarray:
    """How each note rate moves: what is said, else what follows from ``adjustable``; that the two disagree is rejected."""
    unknown = (said == "") & ~rows.blank("terms")
    rows.reject("terms", unknown, f"unknown terms; expected {', '.join(FIELDS['terms'].choices)}, or a code of the mapping")
    rows.reject(
        "terms", (said == "adjustable") & ~adjustable, "adjustable, and the loan's rate does not adjust: see adjustable"
    )
    rows.reject("terms", (said == "level") & adjustable, "level, and the loan's rate adjusts: see adjustable and margin")
    return np.where(said == "", np.where(adjustable, "adjustable", "level"), said)


def payments(rows: Rows, loans: dict[str, Any]) -> np.ndarray:
    """Level payments, USD; NaN, to be computed, where there is none or what is given is a month's interest.

    What is given is held against the level payment of balance, rate and amortisation, and against 28 to 31 days' interest: tapes
    often have the interest of the month in that field, also for loans that will amortise.
    """
    given, rate, balance = rows.settle("payment"), loans["note_rate"], loans["balance"]
    only_interest = loans["interest_only"] > 0
    days = given / (balance * rate) * 360
    months = np.maximum(loans["amortisation"] - loans["interest_only"], 1.0)
    level = balance * build_level_payment_rate(make_ops("numpy", "float64"))(rate / 12, months)
    apart = np.abs(given / level - 1) > _OTHER_PAYMENT
    interest = apart & (days >= _INTEREST_DAYS[0]) & (days <= _INTEREST_DAYS[1])
    rows.note("payment", "0: computed", given == 0)
    rows.note("payment", "interest of the interest-only months: the payment after them is computed", interest & only_interest)
    rows.reject(
        "payment",
        interest & ~only_interest,
        "28 to 31 days' interest, and the loan has no interest-only months; expected its level payment, or map interest_only",
    )
    other = apart & ~interest & (given > 0) & (loans["amortisation"] > loans["interest_only"])
    rows.note("payment", "taken as given, more than 5% from the level payment of balance, rate and amortisation", other)
    return np.where(interest | (given == 0), np.nan, given)


def ltv(
    rows: Rows, loans: dict[str, Any], months: dict[str, np.ndarray], cut_off: datetime.date, ratio: HomePriceRatio | None
) -> np.ndarray:
    """Loan-to-value ratio at the cut-off: given, over the value given, or that of origination marked by balance and prices."""
    over_value = rows.balance / rows.number("property_value")
    marked = rows.number("original_ltv") * rows.balance / loans["original_balance"]
    apart = np.abs(rows.number("ltv") / over_value - 1) > _OTHER_VALUE
    rows.note("terms disagree", "ltv taken, balance over property_value is more than 5% from it", apart)
    wanted = rows.blank("ltv") & rows.blank("property_value") & ~np.isnan(marked)
    if wanted.any():
        made = _origination(rows, months["age"], cut_off)
        where = np.flatnonzero(wanted)
        known = np.isin(loans["region"], [*STATES, NATION])
        marked[where] /= price_ratio(loans["region"][where], made[where], cut_off, ratio)
        rows.reject(
            "original_ltv",
            wanted & known & np.isnan(marked),
            "no home-price index for its state in the month of origination, to mark it to the cut-off; expected an origination (or "
            "age) that the index reaches, or ltv",
        )
    return rows.settle("ltv", ("property_value", over_value), ("original_ltv", marked))


def _origination(rows: Rows, age: np.ndarray, cut_off: datetime.date) -> np.ndarray:
    """Date of the loan; where it is not given the month before the first payment."""
    age_months = np.nan_to_num(age, nan=0.0).astype(np.int64)
    by_age = np.datetime64(cut_off, "M") - age_months
    first = rows.date("first_payment")
    month_before = np.where(np.isnat(first), by_age, first.astype("datetime64[M]") - 1).astype("datetime64[D]")
    given = rows.date("origination")
    return np.where(np.isnat(given), month_before, given)
