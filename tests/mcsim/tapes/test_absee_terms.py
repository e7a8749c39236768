"""Months, rates and payments of a loan: closed forms, both sides of every bound, and a schedule recomputed on its own."""

from __future__ import annotations

import calendar
import math
from pathlib import Path

import numpy as np
import pytest

from mcsim.loans import Loans
from mcsim.settings import Portfolio
from mcsim.simulation.prepare import prepare_loans
from mcsim.tapes.absee_property import VALUE
from mcsim.tapes.absee_terms import AMORTISATION, BALANCE, HYPER_DATE, PAYMENT, RATE
from tests.mcsim.tapes.exhibits import INTEREST_ONLY, PROPERTY, loan, noted, read, terms, write

# Interest only for 24 of 120 months from January 2017, then 30 years' amortisation; 5.80%, actual/360.
PARTLY = {
    "originationDate": "12-10-2016", "maturityDate": "12-06-2026", "firstLoanPaymentDueDate": "01-06-2017", "paymentTypeCode": "5",
    "originalInterestOnlyTermNumber": "24", "interestAccrualMethodCode": "3", RATE: "0.0580", BALANCE: "10000000.00",
    "originalInterestRatePercentage": "0.0580",
}  # fmt: skip
LEVEL = 58675.30  # 10m x r / (1 - (1 + r)^-360), r = .058 / 12: 58,675.295


def schedule(loans: Loans) -> tuple[np.ndarray, np.ndarray]:
    """Balance at the start of each month and scheduled principal, USD, as the simulation has them."""
    portfolio = Portfolio("p", "absee", "", "", 0.0, 0.0, 12, "none")
    regions = tuple(sorted(set(loans.region)))
    prepared = prepare_loans(loans, portfolio, regions, int(loans.maturity.max()), "float64")
    return prepared.balances[0], prepared.balances[0] * prepared.principal_rates[0]


def by_hand(
    balance: float, rate: float, payment: float, interest_only: int, maturity: int, year: int, month: int
) -> list[float]:
    """Principal of each month, actual/360, the balloon last: a loop of its own over calendar months."""
    principal = []
    for count in range(1, maturity + 1):
        interest = balance * rate * calendar.monthrange(year, month)[1] / 360
        due = balance if count == maturity else 0.0 if count <= interest_only else payment - interest
        principal.append(due)
        balance -= due
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return principal


@pytest.mark.parametrize(
    ("filed", "note"),
    [
        (f"{LEVEL}", ""),
        *((f"{10e6 * 0.058 * days / 360:.2f}", "payment is interest") for days in (28, 29, 30, 31)),
        (f"{10e6 * 0.058 * 365 / 360 / 12:.2f}", "payment is interest"),  # an average month's
        *((text, "payment not given") for text in ("0.00", "0", "", "NA", "98")),
        ("41.00", "payment before amortisation"),
        ("90000.00", "payment before amortisation"),  # of a first period of 56 days
    ],
)
def test_a_loan_that_will_amortise_pays_the_level_payment(tmp_path: Path, filed: str, note: str) -> None:
    """Whatever the field holds while nothing but interest is due: balloon 8,838,014, principal of month 21 9,081."""
    tape = read(write(tmp_path, loan(**PARTLY | {PAYMENT: filed})))
    assert (terms(tape)["interest_only"], terms(tape)["amortisation"], terms(tape)["maturity"]) == (13, 373, 109)
    assert terms(tape)["payment"] == LEVEL
    assert {n.subject for n in tape.notes} == {"lines"} | ({note} if note else set())
    balances, principal = schedule(tape.loans)
    assert round(balances[108]) == 8_838_014
    assert round(principal[20]) == 9_081
    # The simulation's schedule in float64 against the loop: 1e-6 USD over 109 roundings of amounts of 1e7.
    np.testing.assert_allclose(principal, by_hand(10e6, 0.058, LEVEL, 13, 109, 2017, 11), atol=1e-6)


def test_interest_in_the_field_of_a_loan_that_amortises_already(tmp_path: Path) -> None:
    """The payment at securitisation stays in the field when the interest-only months are over."""
    filed = f"{10e6 * 0.048 * 30 / 360:.2f}"
    changes = {"paymentTypeCode": "5", "originalInterestOnlyTermNumber": "6", PAYMENT: filed, BALANCE: "9910000.00"}
    tape = read(write(tmp_path, loan(**changes)))
    assert noted(tape, "payment is interest") == ["1"]
    assert terms(tape)["payment"] == 52466.54  # of what was lent, over 360 months; of what is owed it would be .1% more
    assert (terms(tape)["interest_only"], terms(tape)["amortisation"]) == (0, 353)


@pytest.mark.parametrize(
    ("filed", "note"),
    [("52466.54", None), ("51500.00", None), ("53500.00", None), ("45000.00", "own schedule"), ("70000.00", "own schedule")],
)
def test_a_payment_of_an_amortising_loan_is_read_as_filed(tmp_path: Path, filed: str, note: str | None) -> None:
    """Within 2% of the level payment without a word, further off with one."""
    tape = read(write(tmp_path, loan(**{PAYMENT: filed})))
    assert terms(tape)["payment"] == float(filed)
    assert {n.subject for n in tape.notes} == {"lines"} | ({note} if note else set())


@pytest.mark.parametrize(
    ("filed", "reason"),
    [
        ("35000.00", "does not cover a month's interest"),  # interest of 30 days is 39,352; of 28, 36,729
        ("80000.00", "1.52 times the level payment"),
        ("-52466.54", "missing or not a number"),
        ("x", "missing or not a number"),
    ],
)
def test_a_payment_that_cannot_be_the_contract_s_is_rejected(tmp_path: Path, filed: str, reason: str) -> None:
    tape = read(write(tmp_path, loan(**{PAYMENT: filed}), loan(assetNumber="2")), share=0.5)
    assert [(r.loan_id, r.column, r.value) for r in tape.rejects] == [("1", PAYMENT, filed)]
    assert reason in tape.rejects[0].reason


def test_a_payment_just_below_interest_is_rejected(tmp_path: Path) -> None:
    """Interest of a month, 39,352 USD on 9,838,000 at 4.80%, is outside the 28 to 31 days of 40 millions: no interest payment."""
    rate = {RATE: "0.0700", "originalInterestRatePercentage": "0.0700"}  # interest 57,388.33, of 28 days 53,562
    tape = read(write(tmp_path, loan(**rate | {PAYMENT: "53000.00"}), loan(assetNumber="2")), share=0.5)
    assert [r.reason for r in tape.rejects] == ["does not cover a month's interest; expected a level payment"]


def test_the_field_of_a_loan_that_never_amortises_is_not_looked_at(tmp_path: Path) -> None:
    for filed in ("0.00", "", "x", "1", "40000.00"):
        tape = read(write(tmp_path, loan(**INTEREST_ONLY | {PAYMENT: filed})))
        assert math.isnan(tape.loans.payment[0])
        assert terms(tape)["interest_only"] == terms(tape)["maturity"] == 107


@pytest.mark.parametrize(
    ("changes", "months"),
    [
        ({}, (107, 107)),
        ({AMORTISATION: ""}, (107, 107)),  # type 3 says that it never amortises
        ({AMORTISATION: "360"}, (107, 107)),  # nor does it before it matures, whatever the term
        ({"originalInterestOnlyTermNumber": ""}, (107, 107)),
        ({"originalInterestOnlyTermNumber": "121"}, (107, 107)),  # a first payment in the month after next
        ({"originalInterestOnlyTermNumber": "119"}, (107, 107)),
        ({"originalInterestOnlyTermNumber": "60", AMORTISATION: "360", PAYMENT: "0"}, (47, 407)),
    ],
)
def test_interest_only_months(tmp_path: Path, changes: dict[str, str], months: tuple[int, int]) -> None:
    tape = read(write(tmp_path, loan(**INTEREST_ONLY | changes)))
    assert (terms(tape)["interest_only"], terms(tape)["amortisation"]) == months


@pytest.mark.parametrize("changed", ["118", "122"])
def test_interest_only_for_life_of_another_length_is_rejected(tmp_path: Path, changed: str) -> None:
    tape = read(
        write(tmp_path, loan(**INTEREST_ONLY | {"originalInterestOnlyTermNumber": changed}), loan(assetNumber="2")), 0.5
    )
    assert {r.loan_id for r in tape.rejects} == {"1"}


@pytest.mark.parametrize(
    ("day", "age", "maturity"),
    [("06", 13, 107), ("13", 13, 107), ("14", 12, 108)],  # the cut-off is the 13th: what is due on it is paid
)
def test_due_days(tmp_path: Path, day: str, age: int, maturity: int) -> None:
    tape = read(write(tmp_path, loan(firstLoanPaymentDueDate=f"11-{day}-2016", maturityDate=f"10-{day}-2026")))
    assert (terms(tape)["age"], terms(tape)["maturity"], terms(tape)["amortisation"]) == (age, maturity, 360 - age)


def test_anticipated_repayment(tmp_path: Path) -> None:
    """At the date given, else at the end of the original term; a loan past it hyper-amortises and is rejected by that name."""
    hyper = INTEREST_ONLY | {"maturityDate": "10-06-2046"}
    for changes in (
        {"paymentTypeCode": "7"}, {"paymentTypeCode": "7", HYPER_DATE: "10-06-2046"}, {HYPER_DATE: "10-06-2026"},
        {"paymentTypeCode": "7", HYPER_DATE: "10-06-2026", "originalTermLoanNumber": "360"},
    ):  # fmt: skip
        tape = read(write(tmp_path, loan(**hyper | changes)))
        assert terms(tape)["maturity"] == 107
        assert noted(tape, "anticipated repayment") == ["1"]
    tape = read(write(tmp_path, loan(**hyper | {HYPER_DATE: "10-06-2017"}), loan(assetNumber="2")), 0.5)
    assert "the anticipated repayment date has passed" in " ".join(r.reason for r in tape.rejects)


@pytest.mark.parametrize(
    ("changes", "rate", "note"),
    [
        ({}, 0.048, None),
        ({RATE: "4.80%"}, 0.048, None),
        ({RATE: ""}, 0.048, "rate of the contract"),
        ({RATE: "0.00"}, 0.048, "rate of the contract"),  # before the first period
        (
            {RATE: "0", "originalInterestRatePercentage": "0", PAYMENT: "28000"},
            0.0,
            "servicing above the note rate",
        ),  # lent free
        ({RATE: "0.0500"}, 0.05, "other rate"),
    ],
)
def test_note_rate(tmp_path: Path, changes: dict[str, str], rate: float, note: str | None) -> None:
    tape = read(write(tmp_path, loan(**changes)))
    assert terms(tape)["note_rate"] == pytest.approx(rate, rel=1e-15)
    assert {n.subject for n in tape.notes} - {"lines", "own schedule"} == ({note} if note else set())


# Both sides of every bound, as near as such a filing comes to it.
@pytest.mark.parametrize(
    ("element", "good", "bad"),
    [
        ("originationDate", "11-13-2017", "11-14-2017"),  # the cut-off, and the day after
        ("originationDate", "09-20-2016", "09-20-2047"),  # 30 years hence
        ("firstLoanPaymentDueDate", "01-06-2018", "02-06-2018"),  # two months after the cut-off at the latest
        ("servicerTrusteeFeeRatePercentage", "0.0479", "0.048"),  # below the note rate
        ("servicerTrusteeFeeRatePercentage", "0", "x"),
        (RATE, "0.25", "0.26"),
        (RATE, "0.048", "4.80"),  # percent for unit
        (AMORTISATION, "120", "119"),  # a month short of maturity
        ("paymentStatusLoanCode", "2", "3"),
        ("paymentFrequencyCode", "1", "2"),
    ],
)
def test_both_sides_of_a_bound(tmp_path: Path, element: str, good: str, bad: str) -> None:
    free = {PAYMENT: "0"}  # computed, so that nothing but the element is at its bound
    assert len(read(write(tmp_path, loan(**free | {element: good}))).loans) == 1
    tape = read(write(tmp_path, loan(**free | {element: bad}), loan(assetNumber="2")), share=0.5)
    assert {(r.loan_id, r.column) for r in tape.rejects} == {("1", element)}


def test_the_largest_fee(tmp_path: Path) -> None:
    """5% a year, of a note that bears more."""
    dear = {RATE: "0.08", "originalInterestRatePercentage": "0.08", PAYMENT: "0"}
    lines = [loan(assetNumber=fee, servicerTrusteeFeeRatePercentage=fee, **dear) for fee in ("0.05", "0.051")]
    tape = read(write(tmp_path, *lines), share=0.5)
    assert [(r.loan_id, r.column) for r in tape.rejects] == [("0.051", "servicerTrusteeFeeRatePercentage")]
    assert noted(tape, "servicing") == ["0.05"]


@pytest.mark.parametrize(("value", "accepted"), [("3333334", True), ("3333333", False), ("333333", False)])
def test_loan_to_value_bound(tmp_path: Path, value: str, accepted: bool) -> None:
    """3 at origination, 10m lent: 30 is a value in thousands, or of one property of many."""
    tape = read(write(tmp_path, loan(PROPERTY | {VALUE: value}), loan(assetNumber="2")), share=0.5)
    assert len(tape.loans) == 1 + accepted
    assert {r.column for r in tape.rejects} == (set() if accepted else {VALUE})


def test_a_missing_fee_is_the_portfolio_s_and_noted(tmp_path: Path) -> None:
    tape = read(write(tmp_path, loan(servicerTrusteeFeeRatePercentage=""), loan(assetNumber="2")))
    assert dict(zip(tape.loans.loan_id.tolist(), tape.loans.servicing_rate.tolist(), strict=True)) == {
        "1": 0.0005,
        "2": 0.0002,
    }
    assert noted(tape, "fee not given") == ["1"]


@pytest.mark.parametrize("value", ["1.00", "", "0", "much"])
def test_a_reject_names_what_was_filed_and_what_was_expected(tmp_path: Path, value: str) -> None:
    """Of a value the value, not the ratio that follows from it."""
    tape = read(write(tmp_path, loan(PROPERTY | {VALUE: value}), loan(assetNumber="2")), share=0.5)
    assert [(r.column, r.value) for r in tape.rejects] == [(VALUE, value)]
    assert "expected the value of the property, USD: what was lent over it is at most 3" in tape.rejects[0].reason


@pytest.mark.parametrize("name", ["maturityDate", "originationDate", "firstLoanPaymentDueDate"])
def test_a_date_of_another_form(tmp_path: Path, name: str) -> None:
    tape = read(write(tmp_path, loan(**{name: "31-12-2026"}), loan(assetNumber="2")), share=0.5)
    assert ("missing or not a date; expected MM-DD-YYYY", name) in [(r.reason, r.column) for r in tape.rejects]
