"""Cells as numbers and dates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcsim.tapes.cells import DATE_FORMS, date_form, date_pattern, dates, number_of, numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1234.5", 1234.5), ("1,234.5", 1234.5), ("1,234,567", 1234567.0), ("$1,150.00", 1150.0), (" 7 ", 7.0), ("-3", -3.0),
        (".5", 0.5), ("200000.", 2e5), ("1e6", 1e6), ("1,5", np.nan), ("1,2345", np.nan), ("12,34,567", np.nan), ("1e999", np.nan),
        ("nan", np.nan), ("inf", np.nan), ("0x10", np.nan), ("", np.nan), ("٣", np.nan), ("1 000", np.nan), ("--1", np.nan),
        ("(5)", np.nan),
    ],
)  # fmt: skip
def test_numbers(text: str, value: float) -> None:
    values, percent = numbers([text])
    np.testing.assert_array_equal(values, [value])
    assert not percent[0]


def test_a_percent_sign_is_told_apart() -> None:
    values, percent = numbers(["4.5%", "4.5 %", "4.5"])
    assert (values.tolist(), percent.tolist()) == ([4.5, 4.5, 4.5], [True, True, False])
    assert number_of("4.5%") is None


def test_a_decimal_comma() -> None:
    assert numbers(["1.234,5", "4,5", "1.000.000"], ",")[0].tolist() == [1234.5, 4.5, 1e6]
    assert np.isnan(numbers(["1,234.5"], ",")[0][0])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_written_out_is_itself(value: float) -> None:
    assert numbers([repr(value)])[0][0] == value


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("", "2019-11-05"), ("", "2019-11-05T00:00:00"), ("", "2019-11-05 00:00:00.000000"), ("YYYY-MM-DD", "2019-11-05"),
        ("MM/DD/YYYY", "11/05/2019"), ("MM/DD/YYYY", "11/5/2019"), ("DD.MM.YYYY", "05.11.2019"), ("DD-MON-YYYY", "05-Nov-2019"),
        ("YYYYMMDD", "20191105"), ("MM/DD/YY", "11/05/19"), ("mm/dd/yyyy", "11/05/2019"), ("excel", "43774"),
    ],
)  # fmt: skip
def test_dates(form: str, text: str) -> None:
    assert dates([text], form)[0] == np.datetime64("2019-11-05")


@pytest.mark.parametrize(
    ("form", "text"), [("", "2019-11"), ("MM/YYYY", "11/2019"), ("MMYYYY", "112019"), ("YYYYMM", "201911")]
)
def test_a_date_without_a_day_is_the_first(form: str, text: str) -> None:
    assert dates([text], form)[0] == np.datetime64("2019-11-01")


@pytest.mark.parametrize(
    ("form", "text"),
    [("", "11/2019"), ("", "2019-13-01"), ("", "2019-02-30"), ("MM/YYYY", "13/2019"), ("MMYYYY", "201911"), ("YYYYMM", "112019"),
     ("MM/YYYY", "11/9999"), ("YYYYMM", "189912"), ("excel", "x"), ("excel", "1e30"), ("", "")],
)  # fmt: skip
def test_what_is_no_date(form: str, text: str) -> None:
    assert np.isnat(dates([text], form)[0])


def test_forms() -> None:
    assert date_pattern("MM/DD/YYYY") == "%m/%d/%Y"
    assert not any(date_pattern(form) for form in ("", "YYYY", "MM", "nonsense", "%Y-%m", "HH:MM"))
    assert all(date_pattern(form) for form in DATE_FORMS)
    assert date_form(["13/01/2020", "01/02/2020", ""]) == "DD/MM/YYYY"
    assert date_form(["012020", "112019"]) == "MMYYYY"
    assert date_form(["x"]) == date_form([]) == ""
