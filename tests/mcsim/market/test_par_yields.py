"""Files of par yields: the Treasury's own layout and the shipped one, the unit, and what a bad file gets."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from mcsim.data_files import DATA
from mcsim.errors import InputError
from mcsim.market.par_yields import doubtful_unit, missing_date, read_par_yields

TREASURY = (
    'Date,"1 Mo","1.5 Month","2 Mo","3 Mo","4 Mo","6 Mo","1 Yr","2 Yr","3 Yr","5 Yr","7 Yr","10 Yr","20 Yr","30 Yr"\n'
    "11/16/2026,3.91,3.90,3.88,3.86,3.81,3.75,3.61,3.51,3.53,3.66,3.86,4.06,4.61,4.63\n"
    "11/13/2026,3.90,3.89,3.88,3.85,3.80,3.75,3.60,3.50,3.52,3.65,3.85,4.05,4.60,4.62\n"
)
"""As the Treasury's site gives it: the newest day first."""


def read(folder: Path, text: str) -> dict[str, dict[float, float]]:
    path = folder / "curve.csv"
    path.write_text(text)
    return read_par_yields(path)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as error:
        read(folder, text)
    return str(error.value)


def test_the_treasurys_own_file(tmp_path: Path) -> None:
    curves = read(tmp_path, TREASURY)
    assert list(curves) == ["2026-11-16", "2026-11-13"]
    assert list(curves["2026-11-13"]) == [1, 1.5, 2, 3, 4, 6, 12, 24, 36, 60, 84, 120, 240, 360]
    assert curves["2026-11-13"][120] == pytest.approx(0.0405, rel=1e-15)


def test_forms_that_say_the_same(tmp_path: Path) -> None:
    """Dates as ISO or with two digits of the year, columns in any order and case, cells that are not quoted."""
    same = {12: 0.01, 24: 0.02}
    for text in (
        "date,1 yr,2 yr\n2020-12-31,1,2\n",
        "Date,2 Yr,1 Yr\n12/31/2020,2,1\n",
        "DATE,12 Mo,2 YEARS\n12/31/20,1,2.00\n",
        "Date,1 Yr,2 Yr,10 Yr\n12/31/2020,1,2,N/A\n",
        "Date,1 Yr,2 Yr,10 Yr\r\n12/31/2020,1,2,\r\n01/01/2021,,,\r\n",
    ):
        assert read(tmp_path, text) == {"2020-12-31": pytest.approx(same, rel=1e-15)}


def test_every_day_of_a_third_of_a_century_is_percent(shared_file: Callable[[str], Path]) -> None:
    """The check of the unit refuses none of the Treasury's 8,506 days, the lowest of 2020 among them."""
    path = shared_file("data/rates/par-yield-curve-rates-1990-2023.csv")
    curves = read_par_yields(path)
    assert len(curves) == 8506
    assert curves["2020-08-04"][120] == pytest.approx(0.0052) and curves["2023-04-20"][1] == pytest.approx(0.034)
    shipped = read_par_yields(DATA / "treasury_par_curve.csv")
    assert all(curves[date] == yields for date, yields in shipped.items())


def test_the_treasurys_layout_of_the_case(shared_file: Callable[[str], Path]) -> None:
    curves = read_par_yields(shared_file("cases/09-own-treasury-curve/daily-treasury-rates.csv"))
    assert curves["2026-11-13"][1.5] == pytest.approx(0.0389)


def as_rates_per_unit(text: str, column: int | None = None) -> str:
    rows = list(csv.reader(text.splitlines()))
    for i, cell in enumerate(rows[-1]):
        if i and column in (None, i):
            rows[-1][i] = f"{float(cell) / 100:.4f}"
    return "\n".join(",".join(row) for row in rows)


def test_a_row_per_unit_in_a_file_of_percent_is_refused(tmp_path: Path) -> None:
    message = refused(tmp_path, as_rates_per_unit(TREASURY))
    assert "2026-11-13, 360 months: yield 0.0462 would be 0.046%, a rate per unit by its looks" in message
    assert "write 4.05 for 4.05%" in message


@pytest.mark.parametrize("column", range(1, 15))
def test_one_yield_per_unit_is_refused_by_its_tenor(tmp_path: Path, column: int) -> None:
    months = [1, 1.5, 2, 3, 4, 6, 12, 24, 36, 60, 84, 120, 240, 360][column - 1]
    message = refused(tmp_path, as_rates_per_unit(TREASURY, column))
    assert f"2026-11-13, {months} months" in message and message.count("\n") == 0


def test_a_file_per_unit_is_one_line(tmp_path: Path) -> None:
    rows = "".join(f"{month}/01/2021,.001,.0110,.0165\n" for month in range(1, 13))
    message = refused(tmp_path, "Date,1 Mo,10 Yr,30 Yr\n" + rows)
    assert message.count("\n") == 0 and "so are 11 more in the file" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("date,1 yr,2 yards\n2020-12-31,1,2\n", "column '2 yards'"),
        ("date,1 yr,12 mo\n2020-12-31,1,2\n", "column '12 mo': the tenor stands twice"),
        ("date,1 yr,DGS10\n2020-12-31,1,2\n", "column 'DGS10'; expected a tenor such as '6 Mo' or '10 Yr'"),
        ("when,1 yr,2 yr\n2020-12-31,1,2\n", "first row 'when,1 yr,2 yr'; expected the Treasury's"),
        ("<!DOCTYPE html>\n<html>\n", "first row '<!DOCTYPE html>'; expected the Treasury's"),
        ("date,1 yr,2 yr\n2020-12-31,1,2\n2020-12-31,1,2\n", "row 3: date '2020-12-31'"),
        ("date,1 yr,2 yr\n2020-12-31,1,2\n12/31/2020,1,2\n", "row 3: date '12/31/2020'"),
        ("date,1 yr,2 yr\n31.12.2020,1,2\n", "row 2: date '31.12.2020'"),
        ("date,1 yr,2 yr\n31/12/2020,1,2\n", "expected one date a row as MM/DD/YYYY or YYYY-MM-DD"),
        ("date,1 yr,2 yr\n2020-12-31,1\n", "row 2: 2 columns; expected 3"),
        ("date,1 yr,2 yr\n2020-12-31,1,x\n", "row 2, 24 months: yield 'x'"),
        ("date,1 yr,2 yr\n2020-12-31,1,405\n", "row 2, 24 months: yield '405'; expected percent, -5 to 25"),
        ("date,1 yr,2 yr\n2020-12-31,1,nan\n", "row 2, 24 months: yield 'nan'; expected percent"),
        ("date,1 yr,2 yr\n2020-12-31,inf,1e999\n", "row 2, 12 months: yield 'inf'; expected percent"),
        ("", "the file is empty"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Date,1 Yr,2 Yr\n12/31/2020,1,2\n2020-12-31,1,2\n", "row 3: date '2020-12-31'; stands in a row above"),
        ("Date,1 Yr,2 Yr\n31/12/2020,1,2\n", "row 2: date '31/12/2020'; expected one date a row as MM/DD/YYYY or YYYY-MM-DD"),
        ("Date;1 Yr;2 Yr\n12/31/2020;1;2\n", "expected the Treasury's, with commas"),
    ],
)
def test_a_date_that_stands_twice_is_not_one_that_cannot_be_read(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refused(tmp_path, text)


def test_a_percent_sign_is_the_unit_of_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, "Date,1 Yr,2 Yr\n12/31/2020,1%,2.5%\n")["2020-12-31"] == {12: 0.01, 24: 0.025}


@pytest.mark.parametrize(
    ("yields", "doubtful"),
    [
        ({1: 0.00039, 12: 0.00038}, True),
        ({1: 0.0009, 60: 0.0025}, True),
        ({12: -0.001, 24: 0.0}, True),
        ({1: 0.00039, 12: 0.0026}, False),  # above what a rate per unit may be
        ({1: 0.039, 12: 0.038}, False),
        ({1: 0.0009, 84: 0.0036}, False),  # the Treasury's lowest at seven years
        ({}, False),
    ],
)
def test_a_short_curve_of_small_yields_is_doubted(yields: dict[float, float], doubtful: bool) -> None:
    """Per unit, such a file priced ten-year loans at 130.67 without a word; bills have yielded as little."""
    assert bool(doubtful_unit(yields)) == doubtful


def test_a_missing_date_is_answered_with_those_there_are() -> None:
    few = {f"2026-11-{day:02}": {12.0: 0.04} for day in (13, 16, 17)}
    assert missing_date("2026-11-14", few) == "it has 2026-11-13, 2026-11-16, 2026-11-17"
    many = {f"2026-{month:02}-{day:02}": {12.0: 0.04} for month in range(1, 13) for day in range(2, 28)}
    assert (
        missing_date("2026-03-30", many) == "it has 312 dates from 2026-01-02 to 2026-12-27, nearest 2026-03-27 and 2026-04-02"
    )
    assert missing_date("2025-01-01", many).endswith("nearest 2026-01-02")
    assert missing_date("2026-11-14", {}) == "it has no date with yields"
