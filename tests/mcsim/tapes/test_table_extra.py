"""Columns that no tape has, and terms by name: from the mapping to the loans, each cell in its unit, nothing taken in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcsim.errors import InputError
from mcsim.own_loans import settings_with_loans
from mcsim.tapes.portfolio import load_portfolio
from mcsim.tapes.table_mapping import read_mapping
from tests.mcsim.tapes.tables import ARM, LOAN, load, subjects, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.csv"


def rows(*changes: dict[str, str]) -> list[dict[str, str]]:
    """Loans 1, 2, ... of one region and size."""
    return [LOAN | {"loan_id": str(i)} | change for i, change in enumerate(changes, start=1)]


def by_id(loans: Any, name: str) -> list[float]:
    """An extra column in the order of the tape."""
    order = np.argsort([int(i) for i in loans.loan_id])
    return [float(x) for x in loans.extra[name][order]]


CELLS: list[tuple[dict[str, Any], str, float]] = [
    ({}, "38.5", 38.5), ({}, "1,234", 1234.0), ({}, "-2e3", -2000.0),
    ({"unit": "percent"}, "38.5", 0.385), ({"unit": "percent"}, "38.5%", 0.385), ({"unit": "bp"}, "25", 0.0025),
    ({"unit": "per_unit"}, "0.385", 0.385), ({"unit": "per_unit"}, "38.5%", 0.385),
    ({"unit": "thousands"}, "$12.5", 12_500.0), ({"unit": "usd"}, "12,500", 12_500.0), ({"unit": "millions"}, "0.5", 5e5),
    ({"unit": "years"}, "2.5", 30.0), ({"unit": "months"}, "30", 30.0),
    ({"codes": {"Owner": "1", "Investor": "0"}}, "owner", 1.0), ({"codes": {"I": "-0.5"}}, "0.25", 0.25),
]  # fmt: skip


@pytest.mark.parametrize(("says", "cell", "value"), CELLS)
def test_a_cell_in_its_unit(path: Path, says: dict[str, Any], cell: str, value: float) -> None:
    tape = load(write(path, LOAN | {"theirs": cell}), {"extra": {"mine": {"column": "theirs", **says}}})
    assert tape.loans.extra["mine"].tolist() == [value]
    assert "columns not read" not in subjects(tape) and subjects(tape)["extra columns"] == 1


def test_a_column_is_its_loans_whatever_the_order(path: Path) -> None:
    some = rows({"DTI": "10", "state": "TX"}, {"DTI": "20", "state": "AZ"}, {"DTI": "30", "state": "CA"}, {"DTI": "40"})
    for order in (some, some[::-1], [some[2], some[0], some[3], some[1]]):
        loans = load(
            write(path, *order), {"extra": {"dti": {"column": "DTI", "unit": "percent"}, "one": {"value": "1"}}}
        ).loans
        assert by_id(loans, "dti") == [0.1, 0.2, 0.3, 0.4]
        assert by_id(loans, "one") == [1.0] * 4


def test_what_is_bad_is_a_reject_by_its_own_column(path: Path) -> None:
    bad = [("x", "expected 0 to 2"), ("-1", "out of range; expected 0 to 2"), ("201", "out of range"), ("1e999", "expected 0 to 2"),
           ("$3", "expected 0 to 2"), ("3,5", "expected 0 to 2"), ("", "missing; expected 0 to 2"), ("n/a", "missing")]  # fmt: skip
    some = rows(*({"DTI": cell} for cell, _ in bad), *({"DTI": str(i)} for i in range(20)))
    tape = load(
        write(path, *some), {"extra": {"dti": {"column": "DTI", "unit": "percent", "range": [0, 2], "required": True}}}, 0.5
    )
    assert len(tape.loans) == 20 and np.isfinite(tape.loans.extra["dti"]).all()
    assert [(reject.row, reject.column, reject.value) for reject in tape.rejects] == [
        (i + 2, "DTI", cell) for i, (cell, _) in enumerate(bad)
    ]
    for reject, (_, reason) in zip(tape.rejects, bad, strict=True):
        assert reason in reject.reason


def test_what_is_missing_is_not_known_and_said(path: Path) -> None:
    some = rows({"DTI": "10"}, {"DTI": ""}, {"DTI": "999"}, {"DTI": "U"})
    says = {"column": "DTI", "unit": "percent", "range": [0, 1], "missing": [999, "u"]}
    tape = load(write(path, *some), {"extra": {"dti": says}})
    assert np.array_equal(by_id(tape.loans, "dti"), [0.1, np.nan, np.nan, np.nan], equal_nan=True)
    assert subjects(tape)["dti not known"] == 3
    for value, filled in (("0.3", 0.3), ("median", 0.1), ("mean", 0.1)):
        tape = load(path, {"extra": {"dti": says}, "impute": {"dti": value}})
        assert by_id(tape.loans, "dti") == [0.1, filled, filled, filled]
        assert subjects(tape)["imputed dti"] == 3 and "dti not known" not in subjects(tape)


def test_a_unit_that_cannot_be_meant(path: Path) -> None:
    some = rows({"DTI": "38"}, {"DTI": "41"})
    with pytest.raises(
        InputError, match=r"extra\.dti: column 'DTI' has a median of 38 \(per_unit\); expected 0 to 2.*unit: percent"
    ):
        load(write(path, *some), {"extra": {"dti": {"column": "DTI", "unit": "per_unit", "range": [0, 2]}}})
    for cell, hint in (("38%", "unit: percent"), ("high", "write digits alone")):
        with pytest.raises(InputError, match=rf"extra\.dti: column 'DTI' holds no number, such as '{cell}'; .*{hint}"):
            load(write(path, LOAN | {"DTI": cell}), {"extra": {"dti": "DTI"}})


def test_open_ranges(path: Path) -> None:
    some = rows({"a": "-1", "b": "1"}, {"a": "5", "b": "-5"})
    says = {"a": {"column": "a", "range": [0, None]}, "b": {"column": "b", "range": [None, 0]}}
    tape = load(write(path, *some, *rows(*[{"a": "1", "b": "-1"}] * 9)[2:]), {"extra": says}, 0.9)
    assert sorted((reject.column, reject.reason) for reject in tape.rejects) == [
        ("a", "out of range; expected at least 0"), ("b", "out of range; expected at most 0"),
    ]  # fmt: skip


def test_a_column_that_is_not_there_is_refused_with_the_nearest(path: Path) -> None:
    with pytest.raises(InputError, match=r"extra\.dti = 'DTX': the table has no such column; did you mean 'DTI'"):
        load(write(path, LOAN | {"DTI": "1"}), {"extra": {"dti": "DTX"}})


def test_a_column_of_ones_own_is_never_read_by_its_name_alone(path: Path) -> None:
    tape = load(write(path, LOAN | {"dti": "1"}))
    assert tape.loans.extra == {} and subjects(tape)["columns not read"] == 1


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"ltv": "LTV"}, r"extra\.ltv: is a field; map it with columns: \{ltv: COLUMN\}"),
    ({"score": "FICO"}, r"extra\.score: is a field"),
    ({"maturity": "M"}, r"extra\.maturity: is what every loan has already"),
    ({"mortgage_rate": "M"}, r"extra\.mortgage_rate: is what every loan has already"),
    ({"extra": "M"}, r"extra\.extra: is what every loan has"),
    ({"Debt To Income": "M"}, r"extra\.Debt To Income: no name .*, such as debt_to_income"),
    ({"1st": "M"}, r"extra\.1st: no name"), ({"_a": "M"}, r"extra\._a: no name .*, such as a"),
    ({"class": "M"}, r"extra\.class: no name"),
    ({"x" * 65: "M"}, "no name that a model can read.*at most 64"),
    ({"dti": ["M"]}, r"extra\.dti = .*: expected a column's name"),
    ({"dti": {"column": "M", "value": "1"}}, r"extra\.dti: expected a column, or a value"),
    ({"dti": {"colum": "M"}}, r"extra\.dti\.colum: unknown key; did you mean 'column'"),
    ({"dti": {"column": "M", "rnge": [0, 1]}}, r"extra\.dti\.rnge: unknown key; did you mean 'range'"),
    ({"dti": {"column": "M", "unit": "percents"}}, r"extra\.dti\.unit = .*percents.*: unknown unit; did you mean 'percent'"),
    ({"dti": {"column": "M", "range": [1, 0]}}, r"extra\.dti\.range = .*: expected \[lowest, highest\]"),
    ({"dti": {"column": "M", "range": [1, 1]}}, r"extra\.dti\.range"),
    ({"dti": {"column": "M", "range": "0-1"}}, r"extra\.dti\.range"),
    ({"dti": {"column": "M", "range": [0, "x"]}}, r"extra\.dti\.range"),
    ({"dti": {"column": "M", "range": [0]}}, r"extra\.dti\.range"),
    ({"dti": {"column": "M", "missing": "U"}}, r"extra\.dti\.missing = .*expected a list"),
    ({"dti": {"column": "M", "required": "perhaps"}}, r"extra\.dti\.required = .*expected true or false"),
    ({"dti": {"column": "M", "format": "MM/YYYY"}}, r"extra\.dti\.format = .*: expected none: dti is no date"),
    ({"dti": {"value": "x"}}, r"extra\.dti\.value = 'x': expected a number"),
    ({"dti": {"value": "3", "unit": "per_unit", "range": [0, 2]}}, r"extra\.dti\.value = '3': out of range; expected 0 to 2"),
    ({"dti": {"column": "M", "codes": {"A": "high"}}}, r"extra\.dti\.codes\.A = 'high': expected a number"),
    ("dti", r"extra = 'dti': expected a mapping"),  # type: ignore[list-item]
]  # fmt: skip


@pytest.mark.parametrize(("says", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_wrong_with_the_mapping_is_told_before_the_table_is_read(says: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_mapping({"extra": says})


def test_an_imputed_value_is_held_to_the_range() -> None:
    with pytest.raises(InputError, match=r"impute\.dti = '3': out of range; expected 0 to 2"):
        read_mapping({"extra": {"dti": {"column": "M", "range": [0, 2]}}, "impute": {"dti": 3}})
    with pytest.raises(InputError, match=r"impute\.dtx = '3': unknown field; did you mean 'dti'"):
        read_mapping({"extra": {"dti": "M"}, "impute": {"dtx": 3}})


def test_money_of_a_repline_is_shared_and_a_ratio_is_not(path: Path) -> None:
    row = LOAN | {"count": "4", "second": "80", "DTI": "40"}
    says = {"second_lien": {"column": "second", "unit": "thousands"}, "dti": {"column": "DTI", "unit": "percent"}}
    whole = load(write(path, row), {"extra": says}).loans
    assert (whole.extra["second_lien"].tolist(), whole.extra["dti"].tolist()) == ([80_000.0], [0.4])
    split = load(path, {"extra": says, "replines": "split"}).loans
    assert (split.extra["second_lien"].tolist(), split.extra["dti"].tolist()) == ([20_000.0] * 4, [0.4] * 4)
    assert split.balance.tolist() == [50_000.0] * 4


@given(
    st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=8).filter(lambda text: '"' not in text and "\n" not in text))
)
def test_any_cell_is_a_number_or_missing_or_a_reject(tmp_path_factory: pytest.TempPathFactory, cells: dict[str, str]) -> None:
    """Never a traceback, and never another loan's value."""
    path = tmp_path_factory.getbasetemp() / "any.csv"
    good = {"a": "1", "b": "0.5"}
    some = rows(cells, good, good, good)
    try:
        tape = load(
            write(path, *some),
            {"extra": {"a": {"column": "a", "range": [0, 9]}, "b": {"column": "b", "unit": "per_unit"}}},
            0.9,
        )
    except InputError:
        return
    left = dict(zip(tape.loans.loan_id.tolist(), range(len(tape.loans)), strict=True))
    for name, column in tape.loans.extra.items():
        assert [column[left[i]] for i in ("2", "3", "4")] == [float(good[name])] * 3
        assert "1" in left or any(reject.row == 2 for reject in tape.rejects)


def test_terms_by_column_by_value_and_where_nothing_is_said(path: Path) -> None:
    arm = {name: text for name, text in ARM.items() if name != "adjustable"}
    some = rows({"Type": "FX"}, {"Type": "AR", **arm}, {"Type": ""}, {"Type": "", **arm})
    tape = load(write(path, *some), {"columns": {"terms": {"column": "Type", "codes": {"FX": "level", "AR": "adjustable"}}}})
    order = np.argsort(tape.loans.loan_id)
    assert tape.loans.terms[order].tolist() == ["level", "adjustable", "level", "adjustable"]
    assert tape.loans.adjustable[order].tolist() == [False, True, False, True]
    assert load(write(path, LOAN), {"columns": {"terms": {"value": "level"}}}).loans.terms.tolist() == ["level"]


def test_terms_that_are_none_or_that_the_loan_is_not(path: Path) -> None:
    said = {"columns": {"terms": "Type"}}
    good = [{"Type": "level"}] * 4
    some = rows(*good, {"Type": "step"}, {"Type": "level", **ARM}, {"Type": "adjustable", **ARM, "adjustable": "no"})
    tape = load(write(path, *some), said, 0.5)
    assert [(reject.row, reject.column, reject.value) for reject in tape.rejects] == [(6, "Type", "step"), (7, "Type", "level"),
                                                                                      (8, "Type", "adjustable")]  # fmt: skip
    for reject, reason in zip(
        tape.rejects, ("unknown terms; expected ", "level, and the loan's", "adjustable, and the"), strict=True
    ):
        assert reason in reject.reason
    with pytest.raises(InputError, match=r"columns\.terms\.value = 'levle': unknown; did you mean 'level'"):
        read_mapping({"columns": {"terms": {"value": "levle"}}})


def test_columns_and_terms_of_loans_from_python(tmp_path: Path) -> None:
    """The mapping is written out in the configuration, lists and all, and reads the frame as a file."""
    frame = {name: [text, text] for name, text in LOAN.items()} | {
        "loan_id": ["a", "b"],
        "DTI": [38.0, None],
        "first": [13, 25],
    }
    mapping = {"extra": {"dti": {"column": "DTI", "unit": "percent", "range": [0, None]}, "first_step": "first"}}
    chosen = ["campaign=prime_jumbo", "portfolio=table", "portfolio.cut_off=2020-12-31"]
    settings, csv = settings_with_loans(chosen, frame, mapping)
    assert csv is not None
    (tmp_path / "loans.csv").write_bytes(csv)
    loans = load_portfolio(settings.only_collateral.portfolio, frame=tmp_path / "loans.csv").loans
    assert dict(zip(loans.loan_id.tolist(), loans.extra["first_step"].tolist(), strict=True)) == {"a": 13.0, "b": 25.0}
    assert sorted(loans.extra["dti"].tolist(), key=np.isnan) == pytest.approx([0.38, np.nan], nan_ok=True)
    assert loans.terms.tolist() == ["level", "level"]
