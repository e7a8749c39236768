"""Where the scenarios start: one market date moves curve, home prices and mortgage rate; given wins; without history, refused."""

from __future__ import annotations

import csv
import datetime
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kernels.behaviour import KINDS
from mcsim.backend import Backend
from mcsim.configuration import load_settings
from mcsim.data_files import DATA
from mcsim.errors import InputError
from mcsim.market.start import SURVEY_FILE, Market, load_market
from mcsim.scenarios.generate import ScenarioGenerator

GROWTH, GAP, RESIDUAL = "home_prices.initial_growth_quarterly", "home_prices.initial_gap", "rates.mortgage_residual"
NEUTRAL = ("behaviour/prepayment=psa", "behaviour/default=sda", "behaviour/severity=fixed")
"""Models that read neither home prices nor the mortgage rate."""


def market(*overrides: str) -> Market:
    return load_market(load_settings(overrides))


def refused(*overrides: str) -> list[str]:
    with pytest.raises(InputError) as error:
        market(*overrides)
    return error.value.problems


def own_curve(folder: Path, date: str) -> str:
    path = folder / "daily.csv"
    path.write_text(f"Date,1 Yr,2 Yr,10 Yr,30 Yr\n{date},3.60,3.50,4.05,4.62\n")
    return f"rates.curve_file={path}"


# Quotes of the shipped curves, percent: two and ten years; the survey; growth and gap of docs/theory/home_prices.md.
DATES = {
    "2017-11-13": (1.70, 2.40, 3.90, 0.0074, -0.0986),
    "2019-12-31": (1.58, 1.92, 3.74, 0.0089, -0.0794),
    "2020-12-31": (0.13, 0.93, 2.67, 0.0221, -0.0562),
}


@pytest.mark.parametrize("date", DATES)
def test_one_date_moves_them_together(date: str) -> None:
    two, ten, observed, growth, gap = DATES[date]
    found = market(f"portfolio.cut_off={date}")
    assert found.curve.date == datetime.date.fromisoformat(date)
    values = {name: start.value for name, start in found.starts.items()}
    # Par yields come back from the curve to 1e-12 of a price; growth and gap as many digits as the page prints.
    rule = 0.020657 + (0.6078 + 0.2626) * ten / 100 + 0.0536 * two / 100
    assert values[RESIDUAL] == pytest.approx(observed / 100 - rule, abs=1e-11)
    assert (values[GROWTH], values[GAP]) == pytest.approx((growth, gap), abs=5e-5)
    assert all(start.origin.startswith("derived") for start in found.starts.values())
    assert found.settings.rates.mortgage_residual == values[RESIDUAL]
    assert found.settings.home_prices.initial_gap == values[GAP]
    assert found.mixed_dates(datetime.date.fromisoformat(date)) == []


def test_the_first_month_shows_what_was_observed() -> None:
    found = market("market_date=2017-11-13", "portfolio.cut_off=2017-11-13")
    settings = found.settings
    backend = Backend("numpy", "float64", "test")
    scenario = ScenarioGenerator(settings.rates, settings.home_prices, found.curve, ("CA",), 1, 7, backend).generate(0, 2)
    assert scenario.mortgage_rate[0] == pytest.approx(0.0390, abs=1e-15)


def test_every_shipped_curve_has_its_survey(shared_file: Callable[[str], Path]) -> None:
    """The last weekly figure at or before the date, against the survey's series, which does not ship."""
    with (DATA / SURVEY_FILE).open() as file:
        rows = {row["date"]: row for row in csv.DictReader(file)}
    with (DATA / "treasury_par_curve.csv").open() as file:
        assert [row["date"] for row in csv.DictReader(file)] == list(rows)
    with shared_file("data/rates/MORTGAGE30US.csv").open() as file:
        series = {row["date"]: float(row["value"]) for row in csv.DictReader(file)}
    for date, row in rows.items():
        last = max(week for week in series if week <= date)
        assert (row["survey_date"], float(row["rate"])) == (last, series[last])


def test_what_is_given_wins_and_is_said() -> None:
    found = market(f"{GROWTH}=0.01", f"{GAP}=0.02", f"{RESIDUAL}=-0.003", "market_date=2019-12-31")
    assert {name: (s.value, s.origin) for name, s in found.starts.items()} == {
        GROWTH: (0.01, "given"), GAP: (0.02, "given"), RESIDUAL: (-0.003, "given")
    }  # fmt: skip
    assert found.curve.date == datetime.date(2019, 12, 31)
    assert [Path(path).name for path, _ in found.inputs] == ["treasury_par_curve.csv", "home_price_dynamics.csv"]


def test_one_given_value_leaves_the_other_derived() -> None:
    found = market(f"{GROWTH}=0.01").starts
    assert found[GROWTH].origin == "given" and found[GAP].value == pytest.approx(-0.0562, abs=5e-5)


def test_files_that_were_read_are_inputs() -> None:
    names = [Path(path).name for path, _ in market().inputs]
    assert names == ["treasury_par_curve.csv", "home_price_dynamics.csv", "fhfa_hpi_at_state.csv", SURVEY_FILE]
    assert all(len(digest) == 64 for _, digest in market().inputs)


def test_dates_without_history_are_refused_where_a_model_reads(tmp_path: Path) -> None:
    overrides = ("portfolio.cut_off=2023-06-30", own_curve(tmp_path, "06/30/2023"))
    prices, rate = refused(*overrides)
    assert prices.startswith(
        f"{GROWTH}, {GAP}: not given, and no home-price growth of 2023Q2: the history is 1975Q1 to 2023Q1"
    )
    assert "default model ltv_hazard and severity model ltv_severity read home prices" in prices
    assert rate.startswith("rates.mortgage_rate: not given, and no survey of 2023-06-30 ships")
    assert "prepayment model richard_roll reads the mortgage rate" in rate
    # Each is asked for only where it is read.
    assert len(refused(*overrides, "behaviour/prepayment=psa")) == 1
    (alone,) = refused(*overrides, "behaviour/default=sda", "rates.mortgage_rate=0.0671")
    assert "severity model ltv_severity reads home prices" in alone
    assert f"{GAP}: not given" in refused(*overrides, f"{GROWTH}=0.01", "rates.mortgage_rate=0.0671")[0]


def test_dates_without_history_start_neutral_where_no_model_reads(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "mcsim"):
        found = market(*NEUTRAL, "portfolio.cut_off=2023-06-30", own_curve(tmp_path, "06/30/2023"))
    values = {name: start.value for name, start in found.starts.items()}
    assert values == {GROWTH: found.settings.home_prices.trend_annual / 4, GAP: 0, RESIDUAL: 0}
    assert all(start.origin.startswith("assumed") for start in found.starts.values())
    assert [message.partition(";")[0] for message in caplog.messages] == [
        "no home-price growth of 2023Q2: the history is 1975Q1 to 2023Q1", "no mortgage rate of 2023-06-30"
    ]  # fmt: skip


def test_a_later_history_of_ones_own_takes_the_place(tmp_path: Path) -> None:
    """Index of 1% a quarter: growth .01, and on its trend."""
    path = tmp_path / "HPI_AT_state.csv"
    rows = [f"CA,{q // 4},{q % 4 + 1},{100 * np.exp(0.01 * (q - 7920)):.12f}" for q in range(7920, 8104)]
    path.write_text("\n".join(rows) + "\n")
    found = market(
        "portfolio.cut_off=2025-09-30", own_curve(tmp_path, "09/30/2025"), f"home_prices.history_file={path}",
        "rates.mortgage_rate=0.0634",
    )  # fmt: skip
    assert found.starts[GROWTH].value == pytest.approx(0.01, abs=1e-12)
    assert found.starts[GAP].value == pytest.approx(0, abs=1e-12)


def test_a_flat_curve_has_the_rule_alone() -> None:
    found = market("rates=flat")
    assert (found.starts[RESIDUAL].value, found.starts[RESIDUAL].origin.partition(":")[0]) == (0, "assumed")
    assert found.starts[GAP].origin.startswith("derived")
    rule = 0.020657 + (0.6078 + 0.2626 + 0.0536) * 2 * np.expm1(0.01 / 2)  # par rates of a flat 1%, paid twice a year
    given = market("rates=flat", "rates.mortgage_rate=0.04").starts[RESIDUAL].value
    assert given == pytest.approx(0.04 - rule, abs=1e-14)


def test_a_curve_of_another_date_is_said_and_keeps_its_own_survey() -> None:
    found = market("rates.curve=2019-12-31")
    assert "survey of 2019-12-26" in found.starts[RESIDUAL].origin and "2020Q4" in found.starts[GAP].origin
    assert found.mixed_dates(datetime.date(2020, 12, 31)) == [
        "the curve is 2019-12-31, the pool's cut-off 2020-12-31: the value mixes two dates"
    ]
    assert len(market("market_date=2019-12-31").mixed_dates(datetime.date(2020, 12, 31))) == 2


@pytest.mark.parametrize(
    ("tenors", "models", "months", "said"),
    [
        ("1 Mo,1 Yr", NEUTRAL, 119, "ends at 12 months, before loans of 119 months: "),
        ("1 Mo,1 Yr", (), 12, "ends at 12 months, before the ten-year rate of the mortgage rule: "),
        ("1 Mo,1 Yr", (), 119, "the ten-year rate of the mortgage rule and loans of 119 months: "),
        ("2 Yr,10 Yr", (), 120, ""),
        ("2 Yr,10 Yr", (), 121, "ends at 120 months, before loans of 121 months"),
        ("1 Mo,1 Yr", NEUTRAL, 12, ""),
        ("2 Yr,9 Yr,1.5 Mo", NEUTRAL, 108, ""),
    ],
)
def test_a_curve_that_ends_early_is_said(tenors: str, models: tuple[str, ...], months: int, said: str, tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_text(f"Date,{tenors}\n12/31/2020{',3.9' * len(tenors.split(','))}\n")
    found = market(*models, f"rates.curve_file={path}", "rates.mortgage_residual=0")
    doubts = found.short_of(months)
    assert len(doubts) == bool(said) and said in "".join(doubts)


def test_a_flat_or_shipped_curve_ends_nowhere_near() -> None:
    assert market("rates=flat").short_of(600) == [] and market().short_of(360) == []


def test_a_short_curve_of_small_yields_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "short.csv"
    path.write_text("Date,1 Mo,1 Yr\n12/31/2020,.039,.038\n")
    with caplog.at_level(logging.WARNING, "mcsim"):
        market(f"rates.curve_file={path}", "rates.mortgage_residual=0")
    assert any("one per unit is to be written in percent" in message for message in caplog.messages)


def test_a_rate_far_from_its_rule_is_refused() -> None:
    assert refused("rates.mortgage_rate=0.2")[0].startswith(
        "rates.mortgage_rate = 0.2 (given): the rule on the curve gives 0.0288"
    )


def test_a_missing_date_lists_what_there_is() -> None:
    (problem,) = refused("portfolio.cut_off=2023-06-30")
    assert "no curve of 2023-06-30" in problem and "it has 2017-11-13, 2019-12-31, 2020-12-31" in problem
    assert "rates.curve_file=FILE" in problem


def test_nothing_is_picked_up_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = market()
    for file in DATA.glob("*.csv"):
        (tmp_path / file.name).write_text("no table\n")
    monkeypatch.chdir(tmp_path)
    assert market().record() == before.record() and market().inputs == before.inputs


def test_the_record_says_values_and_origins() -> None:
    record = market(f"{GAP}=0.02").record()
    assert (record["date"], record["curve"]) == ("2020-12-31", "US Treasury par curve of 2020-12-31")
    assert record["starts"][GAP] == {"value": 0.02, "origin": "given"}
    assert record["starts"][GROWTH]["origin"] == "derived: mean over 51 states of the index of 2020Q4, log growth"
    assert record["starts"][RESIDUAL]["origin"] == (
        "derived: mortgage rate of 2.6700% (survey of 2020-12-31) less the rule on the curve"
    )


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("market_date=2020-13-01", "market_date = '2020-13-01': expected a date"),
        ("market_date=soon", "market_date = 'soon': expected a date"),
        ("rates.mortgage_rate=6.71", "rates.mortgage_rate = 6.71: expected at least 0.005 and at most 0.25"),
        ("rates.mortgage_rate=0.015", "below rates.mortgage_floor, 0.02"),
        ("home_prices.trend_from=80", "home_prices.trend_from = 80: expected at least 1,900"),
        ("home_prices.initial_gap=-5.62", "home_prices.initial_gap = -5.62: expected at least -1 and at most 1"),
        ("pricing.spreads.B=1.31", "pricing.spreads.B = 1.31: expected at least -0.05 and at most 0.5"),
    ],
)
def test_values_out_of_bounds_are_told_once(override: str, expected: str) -> None:
    with pytest.raises(InputError) as error:
        load_settings([override])
    assert expected in str(error.value) and len(error.value.problems) == 1


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (("rates=flat", "rates.curve_file=mine.csv"), "rates.curve_file.* does not read it; choose"),
        (("rates.mortgage_rate=0.04", f"{RESIDUAL}=0"), "not read where rates.mortgage_residual is given"),
    ],
)
def test_no_setting_is_ignored_in_silence(overrides: tuple[str, ...], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        load_settings(overrides)


def test_models_of_the_shipped_campaigns_are_derived_whole() -> None:
    assert {name for models in KINDS.values() for model in models.values() for name in model.needs} >= {
        "home_price_index",
        "mortgage_rate",
    }
    for campaign in ("prime_jumbo", "sec_cmbs"):
        assert all(s.origin.startswith("derived") for s in market(f"campaign={campaign}").starts.values())
