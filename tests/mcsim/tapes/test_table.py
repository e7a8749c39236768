"""A table of one's own: each field, what follows from others, what is imputed and counted, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcsim.errors import InputError
from tests.mcsim.tapes.tables import ARM, LOAN, load, subjects, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.csv"


def test_a_loan_under_our_own_names(path: Path) -> None:
    tape = load(write(path, LOAN))
    loans = tape.loans
    assert (loans.loan_id[0], loans.balance[0], loans.note_rate[0], loans.ltv[0], loans.region[0]) == (
        "1",
        2e5,
        0.06,
        0.7,
        "CA",
    )
    assert (loans.age[0], loans.maturity[0], loans.amortisation[0], loans.interest_only[0]) == (60, 300, 300, 0)
    assert (loans.servicing_rate[0], loans.day_count[0], loans.property_type[0]) == (0.0025, "30/360", "other")
    assert np.isnan(loans.payment[0])
    assert np.isnan(loans.score[0])
    assert not loans.adjustable[0]
    assert subjects(tape) == {"servicing_rate": 1, "not in the table": 10}
    assert tape.inputs[0].rows == 1


UNITS: list[tuple[str, str, str, str, float]] = [
    ("note_rate", "6", "percent", "note_rate", 0.06), ("note_rate", "6%", "percent", "note_rate", 0.06),
    ("note_rate", "6%", "per_unit", "note_rate", 0.06), ("note_rate", "600", "bp", "note_rate", 0.06),
    ("ltv", "70", "percent", "ltv", 0.7), ("balance", "200", "thousands", "balance", 2e5),
    ("balance", "0.2", "millions", "balance", 2e5), ("balance", "$200,000.00", "usd", "balance", 2e5),
    ("remaining_term", "25", "years", "maturity", 300), ("age", "5", "years", "age", 60),
    ("servicing_rate", "25", "bps", "servicing_rate", 0.0025), ("servicing_rate", "0.02", "percent", "servicing_rate", 0.0002),
]  # fmt: skip


@pytest.mark.parametrize(("field", "cell", "unit", "column", "value"), UNITS)
def test_units(path: Path, field: str, cell: str, unit: str, column: str, value: float) -> None:
    mapping = {"columns": {field: {"column": "theirs", "unit": unit}}}
    row = {name: text for name, text in LOAN.items() if name != field}
    loans = load(write(path, row | {"theirs": cell}), mapping).loans
    assert getattr(loans, column)[0] == value


@pytest.mark.parametrize(
    ("field", "cells", "unit", "hint"),
    [
        # Each in the unit in which it is usual, and not said to be: refused by range, with the mapping that would be right.
        ("note_rate", ("4.5", "6.125"), "", r"median of 4\.5 \(per_unit\); expected 0 to 0\.25.*unit: percent"),
        ("ltv", ("80", "65"), "", r"median of 65.*unit: percent"),
        ("ltv", ("30",), "", r"median of 30 .*unit: percent"),
        ("remaining_term", ("360", "300"), "years", r"median of 300 \(years\).*unit: months"),
        ("balance", ("250000", "3e7"), "millions", r"unit: usd"),
        ("note_rate", ("0.045", "0.06"), "percent", r"largest value is 0\.06; .*per unit"),
        ("ltv", ("0.8", "0.65"), "percent", r"largest value is 0\.8; .*per unit"),
    ],
)
def test_a_unit_that_cannot_be_meant(path: Path, field: str, cells: tuple[str, ...], unit: str, hint: str) -> None:
    mapping: dict[str, Any] = {"columns": {field: {"column": field, **({"unit": unit} if unit else {})}}}
    rows = [LOAN | {"loan_id": str(i), field: cell} for i, cell in enumerate(cells)]
    with pytest.raises(InputError, match=hint):
        load(write(path, *rows), mapping, share=1.0)


def test_units_that_may_be_meant_are_said(path: Path) -> None:
    rows = [LOAN | {"loan_id": str(i), "balance": "350.5", "remaining_term": "30", "age": "1"} for i in range(3)]
    texts = [note.text for note in load(write(path, *rows)).notes if note.subject == "units"]
    assert [text.split("; ")[1] for text in texts] == ["in thousands? unit: thousands", "in years? unit: years"]


def test_one_bad_row_is_a_reject_by_its_own_column(path: Path) -> None:
    bad = [{"note_rate": "4.5"}, {"ltv": "80"}, {"ltv": "x"}, {"balance": "-1"}, {"balance": "1e11"}, {"remaining_term": "0"},
           {"remaining_term": "601"}, {"age": "-1"}, {"age": "601"}, {"state": "PR"}, {"state": "XX"}, {"state": ""},
           {"note_rate": ""}, {"loan_id": ""}, {"servicing_rate": "0.06"}]  # fmt: skip
    good = [LOAN | {"loan_id": f"good {i}", "servicing_rate": "0.0025"} for i in range(30)]
    rows = [LOAN | {"loan_id": f"bad {i}", "servicing_rate": "0.0025"} | change for i, change in enumerate(bad)]
    tape = load(write(path, *good, *rows), share=0.5)
    assert sorted(tape.loans.loan_id) == sorted(row["loan_id"] for row in good)
    found = {(reject.row, reject.column) for reject in tape.rejects}
    assert found == {(32 + i, next(iter(change))) for i, change in enumerate(bad)}  # line 1 is the header
    assert "Puerto Rico" in next(reject.reason for reject in tape.rejects if reject.value == "PR")


def test_what_is_missing_is_told_with_what_may_be_it(path: Path) -> None:
    row = {"Loan #": "1", "Current UPB": "2e5", "Coupon": "6", "WAM": "300", "FICO": "700", "lvt": "0.7"}
    with pytest.raises(InputError) as caught:
        load(write(path, row), {"columns": {"score": "FICOO"}})
    told = "\n".join(caught.value.problems)
    for expected in (
        "loan_id: no column for it; 'Loan #' may be it", 'columns: {loan_id: "Loan #"}',
        "note_rate: no column for it; 'Coupon' may be it",
        "remaining_term: no column for it; 'WAM' may be it", "age: no column for it",
        "ltv: no column for it", "state: no column for it",
        "columns.score = 'FICOO': the table has no such column; did you mean 'FICO'",
    ):  # fmt: skip
        assert expected in told, expected
    assert len(caught.value.problems) == 8


def test_columns_that_nobody_reads_are_said(path: Path) -> None:
    row = LOAN | {"Investor": "A", "Zip": "9"}
    (note,) = [note for note in load(write(path, row), {"ignore": ["Zip"]}).notes if note.subject == "columns not read"]
    assert note.text.endswith(": Investor")
    (note,) = [note for note in load(write(path, row | {"Rate Type": "ARM"})).notes if note.subject == "columns not read"]
    assert note.text.endswith(": Investor, Zip, Rate Type (adjustable?)")
    with pytest.raises(InputError, match="ignore: 'Zap': the table has no such column; did you mean 'Zip'"):
        load(write(path, row), {"ignore": ["Zap"]})


def test_a_column_that_two_fields_read_is_said(path: Path) -> None:
    """A slip, or what is meant: age and remaining term of one column read."""
    tape = load(write(path, {**LOAN, "WAM": "300"}), {"columns": {"remaining_term": "WAM", "age": "WAM"}})
    (note,) = [note for note in tape.notes if note.subject == "columns read twice"]
    assert note.text.endswith(": WAM (remaining_term, age)")


def test_a_value_for_all_rows(path: Path) -> None:
    row = {name: text for name, text in LOAN.items() if name != "state"}
    mapping = {"columns": {"state": {"value": "TX"}, "day_count": {"value": "actual/360"}}}
    loans = load(write(path, row, row | {"loan_id": "2"}), mapping).loans
    assert (loans.region.tolist(), loans.day_count.tolist()) == (["TX", "TX"], ["actual/360", "actual/360"])


def test_scores(path: Path) -> None:
    rows = [LOAN | {"loan_id": str(i), "score": score} for i, score in enumerate(("300", "850", "299", "999", "", "9999"))]
    tape = load(write(path, *rows))
    assert sorted(tape.loans.score[np.isfinite(tape.loans.score)]) == [300, 850]
    assert subjects(tape)["score not known"] == 3
    tape = load(write(path, *rows), {"impute": {"score": "700"}})
    assert (tape.loans.score == 700).sum() == subjects(tape)["imputed score"] == 4


def test_words_and_codes(path: Path) -> None:
    rows = [LOAN | {"loan_id": "1", "T": "SFR", "state": "California"}, LOAN | {"loan_id": "2", "T": "sfr", "state": "new york"},
            LOAN | {"loan_id": "3", "T": "Mixed Use"}, LOAN | {"loan_id": "4", "T": "IGLOO"}, LOAN | {"loan_id": "5"}]  # fmt: skip
    tape = load(write(path, *rows), {"columns": {"property_type": {"column": "T", "codes": {"SFR": "single_family"}}}})
    types = dict(zip(tape.loans.loan_id.tolist(), tape.loans.property_type.tolist(), strict=True))
    assert types == {"1": "single_family", "2": "single_family", "3": "mixed_use", "4": "other", "5": "other"}
    assert set(tape.loans.region) == {"CA", "NY"}
    (unknown,) = [note for note in tape.notes if note.subject == "property type not known"]
    assert (unknown.count, "IGLOO" in unknown.text) == (1, True)
    assert subjects(tape)["blank property_type"] == 1


def test_day_counts(path: Path) -> None:
    rows = [LOAN | {"loan_id": "1", "day_count": "Actual/360"}, LOAN | {"loan_id": "2", "day_count": "monthly"}]
    tape = load(write(path, *rows), share=0.5)
    assert tape.loans.day_count.tolist() == ["actual/360"]
    assert [(r.loan_id, r.column) for r in tape.rejects] == [("2", "day_count")]


def test_where_a_loan_stands(path: Path) -> None:
    words = ("performing", "", "delinquent", "defaulted", "paid_off", "REO")
    rows = [LOAN | {"loan_id": word or "blank", "status": word} for word in words] + [
        LOAN | {"loan_id": "zero", "balance": "0"}
    ]
    tape = load(write(path, *rows), share=0.5)
    assert sorted(tape.loans.loan_id) == ["blank", "delinquent", "performing"]
    assert [r.loan_id for r in tape.rejects] == ["defaulted", "REO"]  # those that are paid off are none
    assert subjects(tape)["paid off"] == 2
    assert subjects(tape)["delinquent"] == 1
    with pytest.raises(InputError, match="every loan is paid off"):
        load(write(path, LOAN | {"balance": "0"}))


def test_a_repline_is_one_loan_and_says_so(path: Path) -> None:
    tape = load(write(path, LOAN | {"count": "40"}, LOAN | {"loan_id": "2"}))
    assert len(tape.loans) == 2
    (note,) = [note for note in tape.notes if note.subject == "replines"]
    assert note.count == 1
    assert "stand for 40 loans" in note.text
    assert "sampled" in note.text


def test_an_average_balance(path: Path) -> None:
    row = {name: text for name, text in LOAN.items() if name != "balance"} | {"average_balance": "5000", "count": "40"}
    assert load(write(path, row)).loans.balance[0] == 200_000
    with pytest.raises(InputError, match="average_balance: needs count"):
        load(write(path, {name: text for name, text in row.items() if name != "count"}))


def test_a_repline_is_split_into_its_loans(path: Path) -> None:
    rows = [LOAN | {"count": "40", "payment": "60000", "original_balance": "400000"}, LOAN | {"loan_id": "2"}]
    loans = load(write(path, *rows), {"replines": "split"}).loans
    assert len(loans) == 41
    assert sorted(loans.loan_id)[:3] == ["1/1", "1/10", "1/11"]
    assert loans.balance.sum() == 400_000
    of_the_row = loans.loan_id != "2"
    assert set(loans.balance[of_the_row]) == {5000}
    assert set(loans.payment[of_the_row]) == {1500}
    assert set(loans.original_balance[of_the_row]) == {10_000}
    average = {name: text for name, text in LOAN.items() if name != "balance"} | {"average_balance": "5000", "count": "40"}
    assert load(write(path, average), {"replines": "split"}).loans.balance.tolist() == [5000.0] * 40


def test_a_count_of_loans(path: Path) -> None:
    for count in ("0", "1.5", "x", "-3"):
        tape = load(write(path, LOAN | {"count": "2"}, LOAN | {"loan_id": "2", "count": count}), share=0.5)
        assert {(r.loan_id, r.column) for r in tape.rejects} == {("2", "count")}, count
    with pytest.raises(InputError, match="at most 10,000,000; use replines: whole"):
        load(write(path, LOAN | {"count": "9999999"}, LOAN | {"loan_id": "2", "count": "9999999"}), {"replines": "split"})


def test_whole_months(path: Path) -> None:
    tape = load(write(path, LOAN | {"remaining_term": "299.6", "age": "60.4"}))
    assert (tape.loans.maturity[0], tape.loans.amortisation[0], tape.loans.age[0]) == (300, 300, 60)
    assert next(note.text for note in tape.notes if note.subject == "rounded") == "age: to whole months"


CELLS = st.one_of(
    st.text(alphabet=st.characters(exclude_characters='"\n\r\0', exclude_categories=("Cs",)), max_size=8),
    st.sampled_from(
        ["", "0", "-1", "1e308", "1e999", "-0", "nan", "inf", "none", "12/2200", "2020-01-01", "true", "5%", "$1", "٣"]
    ),
    st.floats().map(str),
)
COLUMNS = [*LOAN, "count", "average_balance", "original_balance", "original_term", "maturity_date", "first_payment", "origination",
           "amortisation", "amortisation_term", "interest_only", "interest_only_term", "payment", "day_count", "status", "score",
           "property_type", "property_value", "original_ltv", "next_reset_date", "servicing_rate", *ARM]  # fmt: skip


@given(st.dictionaries(st.sampled_from(COLUMNS), CELLS, max_size=6), st.booleans())
def test_a_row_of_anything(tmp_path_factory: pytest.TempPathFactory, changes: dict[str, str], split: bool) -> None:
    """The good row survives beside any other, and what is left can be simulated."""
    path = tmp_path_factory.mktemp("table") / "t.csv"
    good = LOAN | {"loan_id": "good", **{name: ARM[name] for name in ARM if name in changes and name != "adjustable"}}
    if any(name in ARM for name in changes):
        good = LOAN | ARM | {"loan_id": "good"}
    try:
        tape = load(write(path, good, LOAN | changes), {"replines": "split"} if split else None, share=0.5)
    except InputError as error:
        # A repline of more loans than can be simulated; a column in another unit, as far as it is filled.
        assert any(word in str(error) for word in ("loans in all", "unit: "))
        return
    loans = tape.loans
    assert "good" in loans.loan_id.tolist()
    for name in ("balance", "original_balance", "ltv", "note_rate", "servicing_rate"):
        assert np.isfinite(getattr(loans, name)).all()
    assert (loans.balance > 0).all()
    assert (loans.ltv > 0).all()
    assert ((loans.age >= 0) & (loans.age <= 600)).all()
    assert ((loans.maturity >= 1) & (loans.maturity <= 600)).all()
    assert (loans.amortisation >= loans.maturity).all()
    assert ((loans.interest_only >= 0) & (loans.interest_only <= loans.maturity)).all()
    assert (np.isnan(loans.payment) | (loans.payment > loans.balance * loans.note_rate / 12)).all()
    arm = loans.adjustable
    for name in ("margin", "periodic_cap", "life_cap", "life_floor"):
        assert np.isfinite(getattr(loans, name)[arm]).all()
    assert (loans.reset_period[arm] >= 1).all()
    assert set(loans.day_count) <= {"30/360", "actual/360", "actual/365"}
