"""The mapping language: what it reads, and every mistake with its repair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcsim.errors import InputError
from mcsim.tapes.table_fields import FIELDS, REQUIRED, UNITS, field_called
from mcsim.tapes.table_mapping import Source, as_texts, read_mapping, yaml_word
from tests.mcsim.tapes.tables import LOAN, load, write


def test_a_mapping_file(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(
        "columns:\n"
        "  loan_id: 'Loan #'\n"
        "  note_rate: {column: Coupon, unit: '%'}\n"
        "  state: {value: CA}\n"
        "  adjustable: {column: Type, codes: {NO: false, ARM: true, 0012: false}}\n"
        "  amortization: {column: Am, unit: years}\n"
        "impute: {ltv: median, age: 12, loan_id: row}\n"
        "ignore: [Notes]\n"
        "replines: split\n"
        "file: {delimiter: tab, decimal: ','}\n",
        encoding="utf-8",
    )
    mapping = read_mapping(str(path))
    assert mapping.columns == {
        "loan_id": Source("Loan #"),
        "note_rate": Source("Coupon", unit="percent"),
        "state": Source(value="CA"),
        "adjustable": Source(
            "Type", codes={"no": "false", "arm": "true", "0012": "false"}
        ),  # NO is no boolean, 0012 no number
        "amortisation": Source("Am", unit="years"),
    }
    assert mapping.impute == {"ltv": "median", "age": "12", "loan_id": "row"}
    assert (mapping.ignore, mapping.split_replines, mapping.delimiter, mapping.decimal) == (("Notes",), True, "\t", ",")


def test_every_mistake_is_told_at_once_with_its_repair() -> None:
    wrong = {
        "colums": {},
        "columns": {
            "fico": "FICO", "balace": "UPB", "note_rate": {"column": "C", "unit": "pcnt"}, "age": {"colum": "A"},
            "state": {"column": "St", "value": "CA"}, "score": {"column": "S", "unit": "percent"},
            "origination": {"column": "D", "format": "MMDD"}, "ltv": {"value": 70},
            "property_type": {"column": "P", "codes": {"SF": "single_famly"}}, "remaining_term": {"column": "T", "format": "MM/YYYY"},
        },
        "impute": {"ltv": "70", "first_payment": "2020-01-01", "score": "mode", "state": "median", "loan_id": "1", "lvt": "1"},
        "ignore": "Notes",
        "replines": "both",
        "file": {"delimiter": "||", "decimal": "x", "sheet": "1"},
    }  # fmt: skip
    with pytest.raises(InputError) as caught:
        read_mapping(wrong)
    text = "\n".join(caught.value.problems)
    for expected in (
        "colums: unknown section; did you mean 'columns'", "columns.fico: unknown field; did you mean 'score'",
        "columns.balace: unknown field; did you mean 'balance'",
        "columns.note_rate.unit = 'pcnt': unknown unit; did you mean 'percent'",
        "columns.age.colum: unknown key; did you mean 'column'", "columns.state: expected a column, or a value",
        "columns.score.unit = 'percent': unknown unit; this field has no unit", "columns.origination.format = 'MMDD': expected a form",
        "columns.ltv.value = '70': out of range; expected 0 to 3, per unit", "did you mean 'single_family'",
        "columns.remaining_term.format = 'MM/YYYY': expected none", "impute.ltv = '70': out of range; expected 0 to 3, per unit",
        "impute.first_payment = '2020-01-01': is never imputed; impute age", "impute.score = 'mode': expected a number",
        "impute.state = 'median': a median is of numbers only", "impute.loan_id = '1': expected row",
        "impute.lvt = '1': unknown field; did you mean 'ltv'", "ignore = 'Notes': expected a list",
        "replines = 'both': expected one of whole, split", "file.delimiter = '||'", "file.decimal = 'x'",
        "file.sheet: unknown key",
    ):  # fmt: skip
        assert expected in text, expected


def test_a_file_that_is_no_mapping(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    for text, message in (
        ("- 1\n", "expected a mapping"), ("a: [", "cannot be read as YAML"), ("a: &x 1\n", "anchor"),
        ("columns: {balance: A, balance: B}\n", "a second time"), ("columns: [a]\n", "expected a mapping, such as columns"),
    ):  # fmt: skip
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            read_mapping(str(path))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from([*FIELDS, "percent", "median"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["column", "value", "unit", "codes", "format", "balance", "x", *FIELDS]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["columns", "impute", "ignore", "replines", "file", "x"]), ANYTHING, max_size=4))
def test_no_mapping_makes_a_traceback(raw: dict[str, Any]) -> None:
    try:
        read_mapping(raw)
    except InputError as error:
        assert error.problems


def test_a_written_out_mapping_reads_as_its_file() -> None:
    raw = {"columns": {"ltv": {"value": 0.7}, "adjustable": {"column": "A", "codes": {"F": False}}}, "impute": {"age": 12}}
    assert read_mapping(as_texts(raw)) == read_mapping(raw)


def test_the_table_of_fields_is_whole() -> None:
    for name, spec in FIELDS.items():
        assert spec.kind in {*UNITS, "text", "number", "date", "flag", "choice"}, name
        assert set(spec.instead) <= set(FIELDS), name
        assert spec.high > spec.low or spec.kind not in UNITS, name
        assert field_called(name) == name
    assert all(not FIELDS[name].without for name in REQUIRED)
    words = [word for spec in FIELDS.values() for word in spec.called]
    assert len(words) == len(set(words))  # a word of two fields would point to the wrong one


def test_words_that_yaml_would_read_otherwise_are_quoted() -> None:
    assert [yaml_word(name) for name in ("UPB", "Loan Age", "Loan #", "LTV %")] == ["UPB", "Loan Age", '"Loan #"', '"LTV %"']


def test_a_mapping_as_the_text_of_a_setting(tmp_path: Path) -> None:
    """On the command line the section is text in braces: read as what it says, unless a file has that name."""
    path = write(tmp_path / "mine.csv", {("Coupon" if name == "note_rate" else name): text for name, text in LOAN.items()})
    assert load(path, "{columns: {note_rate: Coupon}}").loans.note_rate.tolist() == [0.06]
    for text, reason in (
        ("{columns: {note_rate: Coupon}", "cannot be read as YAML"),
        ("{column: {}}", "column: unknown section"),
    ):
        with pytest.raises(InputError, match=f"portfolio.mapping: .*{reason}"):
            load(path, text)
