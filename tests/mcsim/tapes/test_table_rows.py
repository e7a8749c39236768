"""What a table of one's own does not say: imputed where the mapping says so, and said."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcsim.errors import InputError
from mcsim.tapes.table_fields import FIELDS
from mcsim.tapes.table_mapping import read_mapping
from tests.mcsim.tapes.tables import ARM, LOAN, load, subjects, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.csv"


def test_nothing_is_imputed_unless_the_mapping_says_so(path: Path) -> None:
    rows = [
        LOAN | {"loan_id": str(i), "balance": str(100_000 * (i + 1)), "ltv": ltv}
        for i, ltv in enumerate(("0.5", "0.8", "", "n/a"))
    ]
    tape = load(write(path, *rows), share=0.5)
    assert [r.column for r in tape.rejects] == ["ltv", "ltv"]
    for by, value in (("0.6", 0.6), ("median", 0.65), ("mean", (0.5 * 1 + 0.8 * 2) / 3)):
        tape = load(write(path, *rows), {"impute": {"ltv": by}})
        ltv = dict(zip(tape.loans.loan_id.tolist(), tape.loans.ltv.tolist(), strict=True))
        assert ltv["2"] == ltv["3"] == pytest.approx(value, rel=1e-15)  # a mean in another order of addition
        (note,) = [note for note in tape.notes if note.subject == "imputed ltv"]
        assert (note.count, note.balance, set(note.loan_ids)) == (2, 700_000, {"2", "3"})


VALUES = {
    "loan_id": "row", "balance": "scheduled", "state": "TX", "property_type": "office", "day_count": "actual/360",
    "adjustable": "TRUE",
    "amortisation": "360", "interest_only": "12", "payment": "1300", "note_rate": "0.05", "servicing_rate": "0.001", "score": "650",
    "remaining_term": "200", "age": "50", "ltv": "0.6", "original_balance": "250000", **{n: ARM[n] for n in ARM if n != "adjustable"},
    "initial_cap": "none", "rate_rounding": "0.00125",
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_no_field_is_imputed_in_silence(path: Path, name: str) -> None:
    """Or not at all: a value of the mapping that did nothing would be taken for the loan's."""
    full = LOAN | ARM | {"original_balance": "250000", "adjustable": "" if name == "adjustable" else "yes"}
    tape = load(write(path, {key: text for key, text in full.items() if key != name}), {"impute": {name: VALUES[name]}})
    column = {"remaining_term": "maturity", "state": "region"}.get(name, name)
    assert subjects(tape)[f"imputed {name}"] == 1
    if name not in ("loan_id", "balance", "initial_cap"):
        found = getattr(tape.loans, column)[0]
        assert str(found) == VALUES[name] or float(found) == float(VALUES[name] if name != "adjustable" else True)


def test_every_field_that_may_be_imputed_is_tried() -> None:
    for name in FIELDS:
        value = VALUES.get(name, "1")
        try:
            read_mapping({"impute": {name: value}})
        except InputError:
            assert name not in VALUES, name
        else:
            assert name in VALUES, name


def test_what_is_wrong_is_not_imputed(path: Path) -> None:
    rows = [LOAN, LOAN | {"loan_id": "2", "ltv": "high"}, LOAN | {"loan_id": "3", "ltv": "5"}]
    tape = load(write(path, *rows), {"impute": {"ltv": "0.6"}}, share=0.7)
    assert [(r.loan_id, r.column) for r in tape.rejects] == [("2", "ltv"), ("3", "ltv")]


def test_an_alternative_that_is_wrong_is_not_imputed(path: Path) -> None:
    row = {name: text for name, text in LOAN.items() if name != "ltv"}
    rows = [row | {"property_value": "4e5"}, row | {"loan_id": "2", "property_value": "much"}, row | {"loan_id": "3"}]
    tape = load(write(path, *rows), {"impute": {"ltv": "0.6"}}, share=0.5)
    assert dict(zip(tape.loans.loan_id.tolist(), tape.loans.ltv.tolist(), strict=True)) == {"1": 0.5, "3": 0.6}
    assert {(r.loan_id, r.column) for r in tape.rejects} == {("2", "property_value")}
    assert subjects(tape)["imputed ltv"] == 1


def test_a_table_of_which_no_loan_is_left(path: Path) -> None:
    with pytest.raises(InputError, match="no loan is left of 2 rows; 1 are rejected, others left out"):
        load(write(path, LOAN | {"balance": "0"}, LOAN | {"loan_id": "2", "ltv": "9"}), share=1.0)


def test_a_column_that_is_not_there_is_imputed(path: Path) -> None:
    row = {name: text for name, text in LOAN.items() if name not in ("age", "state", "loan_id")}
    tape = load(write(path, row, row), {"impute": {"age": "12", "state": "TX", "loan_id": "row"}})
    assert (tape.loans.age.tolist(), tape.loans.region.tolist()) == ([12, 12], ["TX", "TX"])
    assert sorted(tape.loans.loan_id) == ["row 2", "row 3"]
    found = subjects(tape)
    assert (found["imputed age"], found["imputed state"], found["imputed loan_id"]) == (2, 2, 2)


def test_a_balance_on_schedule(path: Path) -> None:
    row = {name: text for name, text in LOAN.items() if name != "balance"} | {"original_balance": "250000"}
    with pytest.raises(InputError, match="balance: no column for it"):
        load(write(path, row))
    tape = load(write(path, row), {"impute": {"balance": "scheduled"}})
    r = 0.005
    closed_form = 250_000 * ((1 + r) ** 360 - (1 + r) ** 60) / ((1 + r) ** 360 - 1)
    assert tape.loans.balance[0] == round(closed_form, 2)  # to the cent: the two forms differ by rounding near 1e-10
    assert subjects(tape)["imputed balance"] == 1


@pytest.mark.parametrize("name", ["original_balance", "count"])
def test_a_blank_cell_that_is_read_by_default_is_said(path: Path, name: str) -> None:
    (note,) = [n for n in load(write(path, LOAN | {name: "250000"}, LOAN | {"loan_id": "2", name: ""})).notes
               if n.subject == f"blank {name}"]  # fmt: skip
    assert note.loan_ids == ("2",)


@pytest.mark.parametrize("name", ["age", "remaining_term", "ltv", "note_rate"])
def test_dollars_are_of_money_alone(path: Path, name: str) -> None:
    """Two columns swapped: $0.5 is no ratio, $60 no age."""
    tape = load(write(path, LOAN | {name: f"${LOAN[name]}"}, LOAN | {"loan_id": "2"}), share=0.5)
    assert {(r.loan_id, r.column) for r in tape.rejects} == {("1", name)}
    assert load(write(path, LOAN | {"balance": "$200,000"})).loans.balance.tolist() == [200_000]
