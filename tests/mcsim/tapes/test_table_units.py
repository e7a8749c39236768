"""Units and forms of a table, by column and by row: what is in another one is refused with the one that is right, or said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcsim.errors import InputError
from mcsim.tapes.cells import date_form, dates, numbers
from tests.mcsim.tapes.tables import ARM, LOAN, load, subjects, write

PERCENT = {"columns": {name: {"column": name, "unit": "percent"} for name in ("note_rate", "ltv", "life_cap")}}
IN_PERCENT = LOAN | ARM | {"note_rate": "4.0", "ltv": "70", "life_cap": "11", "life_floor": "0.0225"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.csv"


def rows(base: dict[str, str], *changes: dict[str, str], good: int = 10) -> list[dict[str, str]]:
    return [base | {"loan_id": str(i)} | change for i, change in enumerate([{}] * good + list(changes))]


def test_a_row_in_another_unit_than_its_column(path: Path) -> None:
    """Ten rows in percent, one per unit: not a loan at four basis points on .7% of its value."""
    odd = [{"note_rate": "0.04", "ltv": "0.70", "life_floor": "0"}, {"life_cap": "0.09"}, {"margin": "0.000225"}]
    tape = load(write(path, *rows(IN_PERCENT, *odd)), PERCENT, share=0.5)
    assert {(r.loan_id, r.column) for r in tape.rejects} == {
        ("10", "note_rate"), ("10", "ltv"), ("11", "life_cap"), ("12", "margin")}  # fmt: skip
    assert all("a hundredth of the" in r.reason and "median" in r.reason for r in tape.rejects)


@pytest.mark.parametrize(
    "change",
    [
        {"note_rate": "0.1"}, {"note_rate": "25"}, {"note_rate": "0", "servicing_rate": "0"},
        {"ltv": "1"}, {"ltv": "300"}, {"balance": "1500", "ltv": "0.6"},  # nearly paid: its ratio is its own
    ],
)  # fmt: skip
def test_what_real_tapes_hold_is_no_reject(path: Path, change: dict[str, str]) -> None:
    base = {key: text for key, text in IN_PERCENT.items() if key not in ARM} | {"servicing_rate": "0.0005"}
    assert (
        load(write(path, *rows(base, change)), {"columns": {k: v for k, v in PERCENT["columns"].items() if k in base}}).rejects
        == ()
    )


@pytest.mark.parametrize(
    ("field", "cells", "unit", "hint"),
    [
        ("ltv", ("0.007", "0.006"), "per_unit", r"median of 0\.006 \(per_unit\); expected 0\.01 to 3 \(per_unit\)$"),
        ("ltv", ("0.7", "0.6", "400"), "percent", r"median of 0\.7 \(percent\).*unit: per_unit"),
        ("note_rate", ("0.04", "0.05", "30"), "percent", r"median of 0\.05 \(percent\).*unit: per_unit"),
        ("note_rate", ("4", "5"), "basis_points", r"median of 4 \(basis_points\).*unit: percent"),
        ("note_rate", ("0.0004", "0.0005"), "per_unit", r"expected 0\.001 to 0\.25"),
    ],
)
def test_a_column_under_what_it_can_be(path: Path, field: str, cells: tuple[str, ...], unit: str, hint: str) -> None:
    mapping = {"columns": {field: {"column": field, "unit": unit}}}
    with pytest.raises(InputError, match=hint):
        load(write(path, *[LOAN | {"loan_id": str(i), field: cell} for i, cell in enumerate(cells)]), mapping, share=1.0)


def test_a_size_that_is_a_thousandth_of_the_others(path: Path) -> None:
    """500 among 500,000s, and the other way; not a loan that ends, one that was prepaid, or a repline."""
    base = LOAN | {"balance": "500000"}
    odd = ({"balance": "500"}, {"balance": "500000000"}, {"balance": "500", "remaining_term": "6"})
    tape = load(write(path, *rows(base, *odd)), share=0.5)
    assert [(r.loan_id, r.column) for r in tape.rejects] == [("10", "balance"), ("11", "balance")]
    assert "median is 500,000 USD" in tape.rejects[0].reason
    lent = base | {"original_balance": "520000"}
    tape = load(write(path, *rows(lent, {"balance": "500"}, {"balance": "500", "original_balance": "520"})), share=0.5)
    assert [(r.loan_id, r.column) for r in tape.rejects] == [("11", "original_balance")]
    assert subjects(tape)["units"] == 1
    assert not load(write(path, *rows(base | {"count": "1"}, {"count": "1000", "balance": "5e8"}))).rejects


def test_balances_in_thousands_or_millions(path: Path) -> None:
    for balance, unit in (("350.5", "thousands"), ("0.35", "millions"), ("12", "millions")):
        tape = load(write(path, *rows(LOAN | {"balance": balance})))
        assert next(n.text for n in tape.notes if n.subject == "units").endswith(f"in {unit}? unit: {unit}")


def test_a_decimal_comma_is_no_thousands_sign_of_a_rate(path: Path) -> None:
    for cell in ("0,035", "3,125"):
        row = LOAN | {"note_rate": cell, "ltv": "0,7"}
        with pytest.raises(InputError) as caught:
            load(
                write(path, row, row | {"loan_id": "2"}),
                {"columns": {"note_rate": {"column": "note_rate", "unit": "percent"}}},
            )
        assert f"holds no number, such as {cell!r}; a decimal comma is file: {{decimal: ','}}" in str(caught.value)
        assert "basis_points" not in str(caught.value)
    text = "\n".join((";".join(LOAN), "1;200000;0,06;300;60;0,7;CA"))
    path.write_text(text)
    assert load(path, {"file": {"decimal": ","}}).loans.note_rate.tolist() == [0.06]
    assert numbers(["0,035", "1,035", "10,035.5"])[0].tolist()[1:] == [1035.0, 10035.5]


def test_excel_s_dates_are_known(path: Path) -> None:
    row = {key: text for key, text in LOAN.items() if key != "remaining_term"}
    with pytest.raises(InputError, match=r"such as '52963'; \{column: maturity_date, format: excel\}\?"):
        load(write(path, row | {"maturity_date": "52963"}, row | {"loan_id": "2", "maturity_date": "53000"}))
    assert date_form(["360", "300"]) == ""  # counts of months, not days of 1900


@pytest.mark.parametrize("zone", ["Z", "+00:00", "-0500"])
def test_dates_with_a_time_zone(zone: str) -> None:
    assert str(dates([f"2020-12-31T00:00:00{zone}"])[0]) == str(dates([f"2020-12-31 00:00:00.000{zone}"])[0]) == "2020-12-31"


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"life_floor": "0.0601"}, "life_floor"), ({"lookback": "99"}, "lookback"), ({"lookback": "13"}, "lookback"),
        ({"margin": "0.16"}, "margin"), ({"reset_period": "181"}, "reset_period"), ({"rate_rounding": "0.011"}, "rate_rounding"),
        ({"life_cap": "0.0599"}, "life_cap"), ({"periodic_cap": "1"}, "periodic_cap"),
    ],
)  # fmt: skip
def test_terms_of_adjustable_loans_have_ranges(path: Path, change: dict[str, str], column: str) -> None:
    base = LOAN | ARM | {"rate_rounding": "0.00125"}
    tape = load(write(path, *rows(base, change, {"life_floor": "0.06", "lookback": "12", "margin": "0.15"})), share=0.5)
    assert [(r.loan_id, r.column) for r in tape.rejects] == [("10", column)]


def test_a_ratio_and_a_value_that_disagree_are_said(path: Path) -> None:
    base = LOAN | {"property_value": "285714"}
    tape = load(write(path, *rows(base, {"property_value": "40000"})))
    (note,) = [note for note in tape.notes if note.subject == "terms disagree"]
    assert (note.loan_ids, note.text) == (("10",), "ltv taken, balance over property_value is more than 5% from it")


def test_an_age_and_a_first_payment_that_disagree_are_said(path: Path) -> None:
    base = LOAN | {"first_payment": "2016-01-01"}  # 60 payments by December 2020
    tape = load(write(path, *rows(base, {"age": "12"})))
    assert [n.text for n in tape.notes if n.subject == "terms disagree"] == [
        "age taken, first_payment is more than a month from it"
    ]


def test_a_ratio_that_no_index_reaches_names_the_index(path: Path) -> None:
    def since_1975(state: str, start: Any, end: Any) -> float:
        return 2.0 if start.year >= 1975 else float("nan")

    row = {key: text for key, text in LOAN.items() if key != "ltv"} | {"original_ltv": "0.8", "original_balance": "200000"}
    tape = load(write(path, row, row | {"loan_id": "2", "age": "600", "remaining_term": "12"}), share=0.5, ratio=since_1975)
    assert [(r.loan_id, r.column, r.value) for r in tape.rejects] == [("2", "original_ltv", "0.8")]
    assert "no home-price index for its state in the month of origination" in tape.rejects[0].reason
    assert tape.loans.ltv.tolist() == [0.4]


def test_a_reject_names_the_column_of_its_row(path: Path) -> None:
    """Where rows have a field from different columns, each is blamed for its own."""
    base = {key: text for key, text in LOAN.items() if key != "ltv"}
    tape = load(write(path, *rows(base | {"ltv": "0.7"}, {"ltv": "", "property_value": "1000"})), share=0.5)
    assert [(r.column, r.value) for r in tape.rejects] == [("property_value", "1000")]
    assert "expected a loan-to-value ratio of more than 0 and at most 3" in tape.rejects[0].reason


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        (
            "freddie_kseries/FREMF_2016-K59_201701_PERIODIC.CSV",
            {
                "loan_id": "Loan ID", "balance": "Current Ending Scheduled  Balance", "note_rate": "Current Note Rate",
                "servicing_rate": "Servicer and Trustee Fee Rate", "ltv": {"value": "0.7"},
                "maturity_date": {"column": "Maturity Date", "format": "YYYYMMDD"},
            },
        ),
        (
            "credit_risk_analytics_sample/mortgage_sample_9573.csv",
            {
                "loan_id": "id", "balance": "balance_time", "original_balance": "balance_orig_time",
                "note_rate": {"column": "interest_rate_time", "unit": "percent"}, "ltv": {"column": "LTV_time", "unit": "percent"},
            },
        ),
    ],
)  # fmt: skip
def test_real_tapes_pass(shared_file: Any, path: Path, name: str, columns: dict[str, Any]) -> None:
    """No loan of a K-series deal, or of a research sample with balances up to 1.38 times what was lent, is in another unit."""
    mapping = {"columns": columns | {"state": {"value": "CA"}, "age": {"value": "5"}, "amortisation": {"value": "600"}}}
    if "maturity_date" not in columns:
        mapping["columns"]["remaining_term"] = {"value": "200"}
    header, *lines = shared_file(f"data/{name}").read_text(encoding="utf-8-sig").splitlines()
    more = lines[0].count(",") - header.count(",")  # columns that the header of the deal's file does not name
    path.write_text("\n".join([header + "".join(f",more {i}" for i in range(more)), *lines]))
    tape = load(path, mapping, share=0.5, cut_off="2017-01-31")
    assert len(tape.loans) > 60
    assert not [
        r for r in tape.rejects if "another unit" in r.reason or "original balance" in r.reason or "servicing" in r.reason
    ]


@pytest.mark.parametrize("cell", ["400 000", "400'000", "\N{EURO SIGN}400000", "(400000)", "400000 USD", "four"])
def test_what_a_decimal_comma_does_not_mend_is_not_told_to_use_one(path: Path, cell: str) -> None:
    with pytest.raises(InputError) as caught:
        load(write(path, *rows(LOAN | {"balance": cell}, good=3)), {})
    assert "columns.balance: column 'balance' holds no number" in str(caught.value)
    assert "write digits alone" in str(caught.value) and "decimal comma" not in str(caught.value)


@pytest.mark.parametrize("name", ["Total", "GRAND TOTAL:", "Sub-total", "Sum", "Average"])
def test_a_line_of_totals_is_no_loan(tmp_path: Path, name: str) -> None:
    """Full in every column, as a spreadsheet ends: read as a loan it would double the pool."""
    rows = [LOAN | {"loan_id": str(i), "balance": f"{100_000 + i}.25"} for i in range(6)]
    tape = load(write(tmp_path / "mine.csv", *rows, LOAN | {"loan_id": name, "balance": "600016.50"}), share=0.5)
    assert [(r.loan_id, r.column) for r in tape.rejects] == [(name, "loan_id")]
    assert tape.loans.balance.sum() == 600_016.5


@pytest.mark.parametrize(("last", "said"), [("600016.50", True), ("600016.49", False)])
def test_a_last_balance_that_is_the_sum_of_the_others_is_said(tmp_path: Path, last: str, said: bool) -> None:
    rows = [LOAN | {"loan_id": str(i), "balance": f"{100_000 + i}.25"} for i in range(6)]
    tape = load(write(tmp_path / "mine.csv", *rows, LOAN | {"loan_id": "7", "balance": last}))
    assert [note.loan_ids for note in tape.notes if note.subject == "totals"] == ([("7",)] if said else [])


def test_a_sum_without_a_name_is_said_in_a_small_table(tmp_path: Path) -> None:
    """Numbered by the mapping, the line of totals has the name of a row."""
    rows = [LOAN | {"loan_id": "", "balance": f"{balance}"} for balance in (100_000, 150_000, 200_000, 450_000)]
    tape = load(write(tmp_path / "mine.csv", *rows), {"impute": {"loan_id": "row"}})
    assert [note.loan_ids for note in tape.notes if note.subject == "totals"] == [("row 5",)]
