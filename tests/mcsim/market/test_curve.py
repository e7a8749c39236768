"""Curves: the quotes come back from the discount factors; what cannot be a curve is refused by name."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

import numpy as np
import pytest
import QuantLib as ql

from mcsim.errors import InputError
from mcsim.market.curve import TREASURY_FILE, flat_curve, load_curve, par_curve, read_par_curves
from mcsim.market.sources import data_file
from mcsim.settings import Rates

DATE = datetime.date(2020, 12, 31)
RATES = Rates("2020-12-31", None, 0.03, 0.007, 1.0, 0.02, 0.6, 0.3, 0.05, 0.0, 12, 0.02)


@pytest.mark.parametrize("date", ["2019-12-31", "2020-12-31"])
def test_quotes_come_back(date: str) -> None:
    """Bills and par bonds priced by hand from the curve are at par. QuantLib's bootstrap stops within 1e-12 of the price."""
    curve = load_curve(dataclasses.replace(RATES, curve=date))
    quotes = read_par_curves(data_file(TREASURY_FILE))[date]
    assert len(quotes) == 12
    for tenor, rate in quotes.items():
        years = tenor / 12
        if tenor <= 6:
            worth = curve.discount(years) * (1 + rate * years)
        else:
            worth = rate / 2 * curve.discount(np.arange(1, tenor // 6 + 1) / 2).sum() + curve.discount(years)
        assert worth == pytest.approx(1, abs=5e-12), tenor
    assert curve.date == datetime.date.fromisoformat(date)
    assert curve.input is not None and len(curve.input[1]) == 64


def test_printed_quotes_of_the_end_of_2020() -> None:
    quotes = read_par_curves(data_file(TREASURY_FILE))["2020-12-31"]
    assert (quotes[3], quotes[24], quotes[120], quotes[360]) == pytest.approx((0.0009, 0.0013, 0.0093, 0.0165), rel=1e-14)


def test_forward_is_the_slope_and_has_no_jumps() -> None:
    curve = load_curve(RATES)
    times = np.linspace(0.05, 40, 800)
    h = 1e-4
    slope = -np.log(curve.discount(times + h) / curve.discount(times - h)) / (2 * h)
    # Central difference: h^2 times the third derivative of ln P (below 10 between bills), and rounding 1e-16 / h.
    np.testing.assert_allclose(curve.instantaneous_forward(times), slope, atol=1e-6)
    assert np.abs(np.diff(curve.instantaneous_forward(times))).max() < 5e-4
    # QuantLib differences over 1e-4 years: rounding 1e-16 / 1e-4.
    beyond = curve.instantaneous_forward([30.0, 35.0, 40.0])
    assert np.ptp(beyond) < 1e-11 and curve.discount(0.0) == 1


def test_curve_does_not_move_with_the_evaluation_date() -> None:
    before = ql.Settings.instance().evaluationDate
    curve = load_curve(RATES)
    assert ql.Settings.instance().evaluationDate == before
    value = curve.discount(10.0)
    ql.Settings.instance().evaluationDate = ql.Date(1, 1, 2015)
    try:
        assert curve.discount(10.0) == value
        assert par_curve(DATE, read_par_curves(data_file(TREASURY_FILE))["2020-12-31"]).discount(10.0) == value
    finally:
        ql.Settings.instance().evaluationDate = before


def test_flat_curve() -> None:
    curve = load_curve(dataclasses.replace(RATES, curve="flat", flat_rate=0.01))
    np.testing.assert_allclose(curve.discount([[0, 1], [10, 40]]), np.exp([[0, -0.01], [-0.1, -0.4]]), rtol=1e-15)
    assert curve.instantaneous_forward(3.0) == 0.01
    assert curve.date is None and curve.input is None


@pytest.mark.parametrize("time", [-0.1, np.nan, np.inf])
def test_bad_times_are_refused(time: float) -> None:
    with pytest.raises(InputError, match="time"):
        flat_curve(0.01).discount([1.0, time])


def test_unknown_date_and_missing_rate() -> None:
    with pytest.raises(InputError, match="did you mean '2020-12-31'"):
        load_curve(dataclasses.replace(RATES, curve="2020-12-30"))
    with pytest.raises(InputError, match="flat_rate is None"):
        load_curve(dataclasses.replace(RATES, curve="flat"))


def test_every_bad_tenor_and_yield_is_named() -> None:
    with pytest.raises(InputError) as error:
        par_curve(DATE, {-1: 0.01, 12: 0.01, 7: 0.01, 24: float("nan"), 36: 1.62})
    assert len(error.value.problems) == 5
    for expected in ("tenor of -1 months", "7 months after 12", "tenor of 7 months", "nan at 24", "1.62 at 36"):
        assert expected in str(error.value)


def test_yields_without_a_curve_are_refused() -> None:
    with pytest.raises(InputError, match="no curve through these par yields"):
        par_curve(DATE, {12: 0.01, 120: 0.9, 360: -0.9})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("date,1 yr,2 years\n2020-12-31,1,2\n", "column '2 years'"),
        ("date,1 yr,2 yr\n2020-12-31,1,2\n2020-12-31,1,2\n", "row 3: date '2020-12-31'"),
        ("date,1 yr,2 yr\n31.12.2020,1,2\n", "row 2: date '31.12.2020'"),
        ("date,1 yr,2 yr\n2020-12-31,1\n", "row 2: 2 columns; expected 3"),
        ("date,1 yr,2 yr\n2020-12-31,1,x\n", "row 2, 24 months: yield 'x'"),
        ("", "the file is empty"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_par_curves(path)
    assert expected in str(error.value)


def test_missing_file_is_named() -> None:
    with pytest.raises(InputError, match="did you mean 'treasury_par_curve.csv'"):
        data_file("treasury_par_curv.csv")
