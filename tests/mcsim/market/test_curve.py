"""Curves: the quotes come back from the discount factors; what cannot be a curve is refused by name."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

import numpy as np
import pytest
import QuantLib as ql

from mcsim.data_files import DATA
from mcsim.errors import InputError
from mcsim.market.curve import TREASURY_FILE, flat_curve, load_curve, par_curve
from mcsim.market.par_yields import read_par_yields
from mcsim.settings import Rates

DATE = datetime.date(2020, 12, 31)
RATES = Rates("2020-12-31", None, 0.03, 0.007, 1.0, 0.02, 0.6, 0.3, 0.05, 0.0, 12, 0.02)


@pytest.mark.parametrize("date", ["2019-12-31", "2020-12-31"])
def test_quotes_come_back(date: str) -> None:
    """Bills and par bonds priced by hand from the curve are at par. QuantLib's bootstrap stops within 1e-12 of the price."""
    curve = load_curve(dataclasses.replace(RATES, curve=date))
    quotes = read_par_yields(DATA / TREASURY_FILE)[date]
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


def test_quantlibs_own_date_is_left_as_it_was() -> None:
    """It is one for the whole process: whoever prices with QuantLib beside a run goes on as before."""
    settings = ql.Settings.instance()
    before = settings.evaluationDate
    settings.evaluationDate = ql.Date(15, 6, 2011)
    try:
        load_curve(RATES)
        assert settings.evaluationDate == ql.Date(15, 6, 2011)
    finally:
        settings.evaluationDate = before


def test_printed_quotes_of_the_end_of_2020() -> None:
    quotes = read_par_yields(DATA / TREASURY_FILE)["2020-12-31"]
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
        assert par_curve(DATE, read_par_yields(DATA / TREASURY_FILE)["2020-12-31"]).discount(10.0) == value
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
    with pytest.raises(InputError, match=f"{TREASURY_FILE}: it has 2017-11-13, 2019-12-31, 2020-12-31; give rates.curve_file"):
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
    """A bond that pays 25% for nine years and 10% for ten: what the tenth year owes back leaves it a negative factor."""
    with pytest.raises(InputError, match="no curve through these par yields|imply .* between 108 and 120 months"):
        par_curve(DATE, {12: 0.01, 108: 0.25, 120: -0.05})


@pytest.mark.parametrize(("tenor", "rate"), [(120, 0.000524), (240, 0.10), (84, 0.13)])
def test_a_yield_that_breaks_the_forwards_is_refused_by_its_tenor(tenor: int, rate: float) -> None:
    """No year of 1990 to 2023 has forward rates outside 0 to 10.2%; the bounds are those of any rate, -5 and 25%."""
    yields = {12: 0.05, 60: 0.051, 84: 0.052, 120: 0.0524, 240: 0.056, 360: 0.055}
    par_curve(DATE, yields)
    with pytest.raises(InputError, match=rf"imply .* a year between .*\b{tenor} months"):
        par_curve(DATE, {**yields, tenor: rate})


@pytest.mark.parametrize("date", ["2024-02-29", "2023-08-30", "1990-01-02", "2026-11-13"])
def test_quotes_come_back_on_any_day_of_a_month(date: str) -> None:
    """Times count whole months, whatever the days: the ten-year par rate is the quote (bootstrap: 1e-12 of the price)."""
    yields = {1: 0.039, 3: 0.0385, 6: 0.0375, 12: 0.036, 24: 0.035, 60: 0.0365, 120: 0.0405, 360: 0.0462}
    curve = par_curve(datetime.date.fromisoformat(date), yields)
    for tenor in (12, 24, 60, 120, 360):
        assert curve.par_rate(tenor / 12) == pytest.approx(yields[tenor], abs=1e-11), tenor


def test_a_date_out_of_the_librarys_calendar_is_one_line() -> None:
    with pytest.raises(InputError, match="par curve: no curve"):
        par_curve(datetime.date(1850, 1, 1), {12: 0.01, 120: 0.02})


def test_a_curve_of_ones_own_leaves_out_half_months(tmp_path: Path) -> None:
    path = tmp_path / "daily.csv"
    path.write_text('Date,"1 Mo","1.5 Month","2 Mo","1 Yr","10 Yr"\n11/13/2026,3.90,3.89,3.88,3.60,4.05\n')
    curve = load_curve(dataclasses.replace(RATES, curve="2026-11-13", curve_file=str(path)))
    assert (curve.date, curve.left_out) == (datetime.date(2026, 11, 13), (1.5,))
    assert curve.input is not None and curve.input[0] == str(path)
    assert curve.discount(2 / 12) == pytest.approx(1 / (1 + 0.0388 / 6), abs=1e-12)
    assert curve.par_rate(10.0) == pytest.approx(0.0405, abs=1e-11)
