"""Months, payments, resets and loan-to-value ratios of a table of one's own."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest

from mcsim.errors import InputError
from tests.mcsim.tapes.tables import ARM, LOAN, load, subjects, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.csv"


def test_dates_for_terms(path: Path) -> None:
    """docs/theory/tapes.md: due on the 1st, latest due D is December 2020, so s = D − F + 1 and maturity = M − D."""
    row = {name: text for name, text in LOAN.items() if name not in ("age", "remaining_term")}
    row |= {"first_payment": "2019-02-01", "maturity_date": "2049-01-01"}
    loans = load(write(path, row)).loans
    assert (loans.age[0], loans.maturity[0]) == (23, 337)
    # Due on the 15th: at 10 December the latest due date is November's.
    row |= {"first_payment": "2019-02-15", "maturity_date": "2049-01-15"}
    loans = load(write(path, row), cut_off="2020-12-10").loans
    assert (loans.age[0], loans.maturity[0]) == (22, 338)


def test_a_payment_due_on_the_day_of_the_cut_off_is_past(path: Path) -> None:
    row = {name: text for name, text in LOAN.items() if name not in ("age", "remaining_term")}
    row |= {"first_payment": "2019-02-15", "maturity_date": "2049-01-15"}
    assert load(write(path, row), cut_off="2020-12-15").loans.age[0] == 23
    assert load(write(path, row), cut_off="2020-12-14").loans.age[0] == 22


def test_a_first_payment_that_is_to_come(path: Path) -> None:
    row = {name: text for name, text in LOAN.items() if name not in ("age", "remaining_term")}
    loans = load(write(path, row | {"first_payment": "2021-02-01", "maturity_date": "2051-01-01"})).loans
    assert (loans.age[0], loans.maturity[0], loans.interest_only[0]) == (0, 361, 1)


def test_the_original_term_gives_what_is_missing(path: Path) -> None:
    by_age = {name: text for name, text in LOAN.items() if name != "remaining_term"} | {"original_term": "360"}
    by_left = {name: text for name, text in LOAN.items() if name != "age"} | {"original_term": "360"}
    assert load(write(path, by_age)).loans.maturity[0] == 300
    assert load(write(path, by_left)).loans.age[0] == 60
    with pytest.raises(InputError, match="remaining_term: no column"):
        load(write(path, {name: text for name, text in by_age.items() if name != "age"}))


def test_a_form_of_date(path: Path) -> None:
    row = {name: text for name, text in LOAN.items() if name != "remaining_term"} | {"Mat": "01/2049"}
    assert (
        load(write(path, row), {"columns": {"maturity_date": {"column": "Mat", "format": "MM/YYYY"}}}).loans.maturity[0] == 337
    )
    with pytest.raises(InputError, match=r"holds no date YYYY-MM-DD, such as '01/2049'; \{column: Mat, format: MM/YYYY\}"):
        load(write(path, row), {"columns": {"maturity_date": "Mat"}})


def test_terms_that_disagree_are_said(path: Path) -> None:
    tape = load(write(path, LOAN | {"maturity_date": "2049-01-01"}))  # 337 months, not 300
    assert (tape.loans.maturity[0], subjects(tape)["terms disagree"]) == (300, 1)
    assert subjects(load(write(path, LOAN | {"maturity_date": "2046-02-01"})))["terms disagree"] == 1  # 302
    assert "terms disagree" not in subjects(load(write(path, LOAN | {"maturity_date": "2046-01-01"})))  # 301


def test_interest_only_and_balloon(path: Path) -> None:
    left = load(write(path, LOAN | {"interest_only": "24", "amortisation": "324"})).loans
    agreed = load(write(path, LOAN | {"interest_only_term": "84", "amortization_term": "300"})).loans  # 60 payments made
    for loans in (left, agreed):
        assert (loans.interest_only[0], loans.amortisation[0], loans.maturity[0]) == (24, 324, 300)
    life = load(write(path, LOAN | {"interest_only_term": "360", "amortisation_term": "0"})).loans
    assert (life.interest_only[0], life.amortisation[0]) == (300, 300)


def test_interest_only_months_that_are_over(path: Path) -> None:
    """24 of them, 60 payments made: none is left, and of 336 level payments 36 are made."""
    loans = load(write(path, LOAN | {"interest_only_term": "24", "amortisation_term": "336"})).loans
    assert (loans.interest_only[0], loans.amortisation[0]) == (0, 300)


@pytest.mark.parametrize(("io_term", "made"), [(0, 60), (24, 36), (60, 0), (84, 0)])
def test_a_balance_after_every_payment_made_on_time(path: Path, io_term: int, made: int) -> None:
    """BMA *Standard Formulas* SF-4 after the ``made`` of the level payments that follow the interest-only months."""
    row = {name: text for name, text in LOAN.items() if name != "balance"}
    row |= {"original_balance": "200000", "interest_only_term": str(io_term)}
    growth, level = 1.005, 360 - io_term
    expected = 2e5 * (growth**level - growth**made) / (growth**level - 1)
    loans = load(write(path, row), {"impute": {"balance": "scheduled"}}).loans
    assert loans.balance[0] == pytest.approx(expected, abs=0.005)  # to the cent


def test_the_level_payment_after_interest_only_months_is_that_of_the_months_left(path: Path) -> None:
    """120 of 300 months to come: 180 level payments, 31% more each than 300, which would be an escrow or worse."""
    level = 2e5 * 0.005 / (1 - 1.005**-180)
    tape = load(write(path, LOAN | {"interest_only": "120", "payment": f"{level:.2f}"}))
    assert tape.loans.payment[0] == round(level, 2) and "payment" not in subjects(tape)


def test_interest_only_past_maturity_is_a_reject(path: Path) -> None:
    tape = load(write(path, LOAN, LOAN | {"loan_id": "2", "interest_only": "301"}), share=0.5)
    assert [(r.loan_id, r.column) for r in tape.rejects] == [("2", "interest_only")]
    tape = load(write(path, LOAN, LOAN | {"loan_id": "2", "amortisation": "299"}), share=0.5)
    assert [(r.loan_id, r.column) for r in tape.rejects] == [("2", "amortisation")]


def test_payments(path: Path) -> None:
    rate, balance = 0.005, 2e5
    level = balance * rate / (1 - (1 + rate) ** -300)
    rows = [
        LOAN | {"loan_id": "level", "payment": f"{level:.2f}"},
        LOAN | {"loan_id": "escrow", "payment": f"{1.3 * level:.2f}"},
        LOAN | {"loan_id": "28 days", "payment": f"{balance * 0.06 * 28 / 360:.2f}", "interest_only": "24"},
        LOAN | {"loan_id": "31 days", "payment": f"{balance * 0.06 * 31 / 360:.2f}", "interest_only": "24"},
        LOAN | {"loan_id": "zero", "payment": "0.00", "interest_only": "24"},
        # And no interest-only months: one would never be repaid, the other in a hundred years.
        LOAN | {"loan_id": "30 days'", "payment": f"{balance * rate:.2f}"},
        LOAN | {"loan_id": "31 days'", "payment": f"{balance * 0.06 * 31 / 360:.2f}"},
        LOAN | {"loan_id": "too little", "payment": f"{balance * 0.003:.2f}"},
        LOAN | {"loan_id": "blank", "payment": ""},
    ]
    tape = load(write(path, *rows), share=0.5)
    payment = dict(zip(tape.loans.loan_id.tolist(), tape.loans.payment.tolist(), strict=True))
    assert payment["level"] == round(level, 2)
    assert payment["escrow"] == round(1.3 * level, 2)
    assert all(np.isnan(payment[name]) for name in ("28 days", "31 days", "zero", "blank"))
    assert [(r.loan_id, r.column) for r in tape.rejects] == [
        (name, "payment") for name in ("30 days'", "31 days'", "too little")
    ]
    told = {note.text.split(":")[0]: set(note.loan_ids) for note in tape.notes if note.subject == "payment"}
    assert told["interest of the interest-only months"] == {"28 days", "31 days"}
    assert told["0"] == {"zero"}
    assert told["taken as given, more than 5% from the level payment of balance, rate and amortisation"] == {
        "escrow",
        "too little",
    }


def test_a_level_payment_that_is_hardly_more_than_interest(path: Path) -> None:
    """At 18% over thirty years it is 30.2 days' interest, and the level payment all the same."""
    rate = 0.015
    level = 2e5 * rate / (1 - (1 + rate) ** -360)
    loans = load(write(path, LOAN | {"note_rate": "0.18", "remaining_term": "360", "payment": f"{level:.2f}"})).loans
    assert loans.payment[0] == round(level, 2)


def test_an_adjustable_loan(path: Path) -> None:
    loans = load(write(path, LOAN | ARM, LOAN | {"loan_id": "2", "adjustable": "no", "margin": "0.02"})).loans
    at = loans.loan_id.tolist().index("1")
    row = [getattr(loans, name)[at] for name in ARM]
    assert row == [True, 0.0225, 0.02, 0.11, 0.0225, 13, 12, 1]
    assert not loans.adjustable[1 - at]
    assert np.isnan(loans.margin[1 - at])


def test_a_margin_says_that_a_loan_is_adjustable(path: Path) -> None:
    rows = {name: text for name, text in ARM.items() if name != "adjustable"}
    assert load(write(path, LOAN | rows, LOAN | {"loan_id": "2"})).loans.adjustable.sum() == 1


def test_the_date_of_a_reset(path: Path) -> None:
    """Interest is paid in arrears: a change on 1 December 2021 is first paid for on 1 January 2022, month 13 of a 2020-12 pool."""
    row = {name: text for name, text in ARM.items() if name != "first_reset"} | {"next_reset_date": "2021-12-01"}
    assert load(write(path, LOAN | row)).loans.first_reset[0] == 13


def test_the_cap_of_the_next_reset_and_rounding(path: Path) -> None:
    plain = load(write(path, LOAN | ARM)).loans
    assert (plain.initial_cap[0], plain.rate_rounding[0]) == (0.02, 0.0)
    loans = load(write(path, LOAN | ARM | {"initial_cap": "0.05", "rate_rounding": "0.00125"})).loans
    assert (loans.initial_cap[0], loans.rate_rounding[0]) == (0.05, 0.00125)
    assert load(write(path, LOAN | ARM | {"initial_cap": "none"})).loans.initial_cap[0] == 1.0
    tape = load(
        write(path, LOAN | ARM, LOAN | ARM | {"loan_id": "2", "initial_cap": "high", "rate_rounding": "half"}), share=0.5
    )
    assert {(r.loan_id, r.column) for r in tape.rejects} == {("2", "initial_cap"), ("2", "rate_rounding")}


def test_no_cap_is_a_word(path: Path) -> None:
    loans = load(write(path, LOAN | ARM | {"periodic_cap": "none", "life_floor": "None"})).loans
    assert (loans.periodic_cap[0], loans.life_floor[0]) == (1.0, -1.0)


@pytest.mark.parametrize("name", [name for name in ARM if name != "adjustable"])
def test_what_an_adjustable_loan_lacks(path: Path, name: str) -> None:
    lacking = {key: text for key, text in ARM.items() if key != name}
    with pytest.raises(InputError, match=f"{name}: no column for it, and 1 loans are adjustable"):
        load(write(path, LOAN | lacking))
    tape = load(write(path, LOAN | ARM, LOAN | lacking | {"loan_id": "2"}), share=0.5)
    assert [(r.loan_id, r.column) for r in tape.rejects] == [("2", name)]
    assert load(write(path, LOAN | lacking), {"impute": {name: ARM[name]}}).loans.adjustable[0]


def test_a_life_cap_is_no_distance(path: Path) -> None:
    tape = load(write(path, LOAN | ARM, LOAN | ARM | {"loan_id": "2", "life_cap": "0.05"}), share=0.5)
    assert [(r.loan_id, r.column) for r in tape.rejects] == [("2", "life_cap")]


def test_loan_to_value(path: Path) -> None:
    row = {name: text for name, text in LOAN.items() if name != "ltv"}
    assert load(write(path, row | {"property_value": "400000"})).loans.ltv[0] == 0.5
    asked = []

    def ratio(state: str, start: datetime.date, end: datetime.date) -> float:
        asked.append((state, start, end))
        return 1.25

    original = row | {"original_ltv": "0.8", "original_balance": "250000"}
    assert load(write(path, original), ratio=ratio).loans.ltv[0] == pytest.approx(0.8 * 0.8 / 1.25, rel=1e-15)
    # 60 payments made, the last in December 2020: the first was due in January 2016, the loan made a month before.
    assert asked == [("CA", datetime.date(2015, 12, 1), datetime.date(2020, 12, 31))]
    load(write(path, original | {"origination": "2015-11-20"}), ratio=ratio)
    assert asked[1][1] == datetime.date(2015, 11, 1)
    load(write(path, original | {"first_payment": "2016-01-01"}), ratio=ratio)
    assert asked[2][1] == datetime.date(2015, 12, 1), "a month before its first payment"
    with pytest.raises(InputError, match="original_ltv: needs original_balance"):
        load(write(path, row | {"original_ltv": "0.8"}))


@pytest.mark.parametrize(("original", "said"), [("360", 0), ("361", 0), ("362", 1), ("30", 1), ("", 0)])
def test_an_original_term_is_held_against_the_months_given(tmp_path: Path, original: str, said: int) -> None:
    """60 months of age and 300 left are of 360: columns that were swapped, or years, show."""
    tape = load(write(tmp_path / "t.csv", LOAN | {"original_term": original}, LOAN | {"loan_id": "2", "original_term": "360"}))
    assert subjects(tape).get("terms disagree", 0) == said
    assert set(tape.loans.maturity) == {300}


@pytest.mark.parametrize("name", ["initial_cap", "rate_rounding"])
def test_a_blank_option_of_an_adjustable_loan_is_said(tmp_path: Path, name: str) -> None:
    fixed = LOAN | {"loan_id": "3", "adjustable": "no"}
    rows = [LOAN | ARM | {name: ""}, LOAN | ARM | {"loan_id": "2", name: "0.005"}, fixed]
    (note,) = [note for note in load(write(tmp_path / "t.csv", *rows)).notes if note.subject == f"blank {name}"]
    assert note.loan_ids == ("1",)


def test_months_of_an_adjustable_loan_are_rounded_aloud(tmp_path: Path) -> None:
    """Half a month, as 15 days are written, is no month."""
    tape = load(write(tmp_path / "t.csv", LOAN | ARM | {"lookback": "0.5"}, LOAN | ARM | {"loan_id": "2"}))
    assert [note.loan_ids for note in tape.notes if note.subject == "rounded"] == [("1",)]
