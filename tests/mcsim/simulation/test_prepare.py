"""Loans as the kernels read them: schedules against closed forms, terms in their columns, the horizon's rules."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest

from kernels.loan_terms import Count, Real
from mcsim.errors import InputError
from mcsim.loans import Loans, loan_number, make_loans
from mcsim.settings import Portfolio
from mcsim.simulation.prepare import PreparedLoans, horizon, prepare_loans

CUT_OFF = datetime.date(2020, 12, 31)
CENT = 0.005
PORTFOLIO = Portfolio("test", "generator", None, "2020-12-31", 0.0, 0.0025, 12, "principal_and_interest")


def make(*rows: dict[str, Any], cut_off: datetime.date = CUT_OFF) -> Loans:
    """Loans of the rows, each a new 30-year loan of 100,000 at 6% but for what it says."""
    base: dict[str, Any] = {
        "balance": 1e5, "original_balance": 1e5, "ltv": 0.8, "note_rate": 0.06, "servicing_rate": 0.0025, "age": 0,
        "maturity": 360, "amortisation": 360, "interest_only": 0, "payment": np.nan, "day_count": "30/360", "region": "CA",
        "property_type": "single_family", "adjustable": False, "margin": np.nan, "periodic_cap": np.nan, "life_cap": np.nan,
        "life_floor": np.nan, "initial_cap": np.nan, "rate_rounding": 0.0, "first_reset": 0, "reset_period": 0, "lookback": 0,
    }  # fmt: skip
    full = [{**base, "loan_id": f"L{i}", **row} for i, row in enumerate(rows)]
    return make_loans(cut_off, {name: [row[name] for row in full] for name in full[0]})


def portfolio(lag: int = 12, advances: str = "principal_and_interest") -> Portfolio:
    return Portfolio(**{**PORTFOLIO.__dict__, "liquidation_lag": lag, "advances": advances})


def prepared(loans: Loans, precision: str = "float64", n_months: int = 0, **changes: Any) -> PreparedLoans:
    chosen = portfolio(**changes)
    regions = tuple(sorted(set(loans.region.tolist())))
    return prepare_loans(loans, chosen, regions, n_months or horizon(loans, chosen), precision)


def payments(loans: PreparedLoans, loan: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Balance at the start of each month and scheduled principal, USD."""
    return loans.balances[loan], loans.balances[loan] * loans.principal_rates[loan]


def level_balance(balance: float, rate: float, term: int, paid: np.ndarray) -> np.ndarray:
    """Balance after ``paid`` level payments, BMA *Standard Formulas* SF-4: ``B ((1+c)^M - (1+c)^n) / ((1+c)^M - 1)``."""
    growth = 1 + rate / 12
    return balance * (growth**term - growth**paid) / (growth**term - 1)


@pytest.mark.parametrize(("rate", "term"), [(0.06, 360), (0.095, 180), (0.0275, 361)])
def test_level_payments(rate: float, term: int) -> None:
    loans = prepared(make({"note_rate": rate, "maturity": term, "amortisation": term}))
    balance, principal = payments(loans)
    # 360 roundings of float64 on 1e5, each some 1e-11.
    np.testing.assert_allclose(balance[:term], level_balance(1e5, rate, term, np.arange(term)), rtol=0, atol=1e-7)
    assert principal[:term].sum() == pytest.approx(1e5, abs=1e-7)
    payment = principal[: term - 1] + balance[: term - 1] * rate / 12
    np.testing.assert_allclose(payment, payment[0], rtol=1e-10)


def test_the_first_payment_of_the_standard() -> None:
    """BMA *Standard Formulas* SF-4: a new 30-year loan at 9.5% has 0.99950812 of its balance left after a payment."""
    balance, _ = payments(prepared(make({"balance": 1.0, "note_rate": 0.095})))
    assert balance[1] == pytest.approx(0.99950812, abs=0.5e-8)


def test_a_rate_of_zero_pays_in_equal_parts() -> None:
    _, principal = payments(prepared(make({"note_rate": 0.0, "maturity": 10, "amortisation": 10})))
    np.testing.assert_allclose(principal[:10], 1e4, rtol=1e-12)


def test_interest_only_then_level() -> None:
    """Ten years of interest, then 240 level payments on the whole balance."""
    balance, principal = payments(prepared(make({"interest_only": 120})))
    assert not principal[:120].any() and (balance[:121] == 1e5).all()
    np.testing.assert_allclose(balance[120:360], level_balance(1e5, 0.06, 240, np.arange(240)), rtol=0, atol=1e-7)


def test_balloon() -> None:
    """Ten years of a 30-year schedule, then the rest at once; afterwards the balance stays as the measure of foreclosures."""
    balance, principal = payments(prepared(make({"maturity": 120})))
    left = level_balance(1e5, 0.06, 360, np.array([119.0, 120.0]))
    assert principal[118] < 300
    assert principal[119] == pytest.approx(left[0], abs=1e-7) and left[1] == pytest.approx(83_685.72, abs=CENT)
    assert len(balance) == 132 and not principal[120:].any()
    np.testing.assert_array_equal(balance[120:], balance[119])


def test_interest_only_for_life_is_paid_at_maturity() -> None:
    balance, principal = payments(prepared(make({"maturity": 60, "amortisation": 60, "interest_only": 60})))
    assert (balance[:60] == 1e5).all() and not principal[:59].any() and principal[59] == 1e5


def test_actual_360_by_hand() -> None:
    """The payment is that of twelve equal months; interest is on the days of the calendar month that begins the period.

    1e5 at 6%, 30 years: 599.55 a month. Cut-off 31 December 2020, so month 1 accrues December's 31 days (516.67), month 2
    January's 31, month 3 February's 28 (to what is left, 466.28...).
    """
    loans = prepared(make({"day_count": "actual/360"}))
    balance, principal = payments(loans)
    payment = 1e5 * 0.005 / (1 - 1.005**-360)
    assert payment == pytest.approx(599.55, abs=CENT)
    by_hand = 1e5
    for month, days in enumerate([31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30]):
        assert balance[month] == pytest.approx(by_hand, abs=1e-8)
        paid = payment - by_hand * 0.06 * days / 360
        assert principal[month] == pytest.approx(paid, abs=1e-8)
        by_hand -= paid
    # A year has five days more than the payment covers: the interest of 30 years of them is left for the last day.
    assert principal[359] > 5 * payment
    assert principal[:360].sum() == pytest.approx(1e5, abs=1e-7)


def test_accruals_by_day_count() -> None:
    accruals = prepared(make({"maturity": 15, "amortisation": 15}), n_months=15).accruals
    days = np.array([31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28])
    np.testing.assert_allclose(accruals, [np.full(15, 1 / 12), days / 360, days / 365], rtol=1e-15)
    leap = prepared(make({"maturity": 3, "amortisation": 3}, cut_off=datetime.date(2023, 12, 31)), n_months=3)
    assert leap.accruals[1, 2] * 360 == pytest.approx(29)


@pytest.mark.parametrize(("payment", "least"), [(800.0, 0), (500.0, 99_000)])
def test_given_payment(payment: float, least: float) -> None:
    """What the tape gives is paid: more ends early, no more than interest repays nothing until the balloon."""
    balance, principal = payments(prepared(make({"payment": payment})))
    interest = balance * 0.005
    running = (balance > payment) & (np.arange(len(balance)) < 359)
    np.testing.assert_allclose((principal + interest)[running], payment, rtol=1e-12)
    assert principal[359] >= least and principal.sum() == pytest.approx(1e5, abs=1e-7)
    if payment == 800:  # n = -ln(1 - B c / P) / ln(1 + c) = 196.7 payments, so nothing is left after the 197th
        assert principal[196] > 0 and not principal[197:].any()


def test_given_payment_below_interest_does_not_add_to_the_balance() -> None:
    balance, principal = payments(prepared(make({"payment": 400.0})))
    assert (balance[:360] == 1e5).all() and principal[359] == 1e5


def test_terms_stand_in_their_columns() -> None:
    arm = {
        "loan_id": "arm", "region": "TX", "adjustable": True, "margin": 0.0225, "periodic_cap": 0.02, "life_cap": 0.085,
        "initial_cap": 0.05, "rate_rounding": 0.00125, "life_floor": 0.0225, "first_reset": 49, "reset_period": 12,
        "lookback": 1, "age": 12, "maturity": 348, "amortisation": 348, "interest_only": 108, "note_rate": 0.035, "ltv": 0.71,
        "balance": 2.5e5, "day_count": "actual/365", "servicing_rate": 0.00265,
    }  # fmt: skip
    loans = prepared(make(arm, {"loan_id": "fixed", "region": "CA"}))
    assert loans.counts.dtype == np.int64 and len(loans) == 2
    number = loan_number("arm")
    reals = {
        Real.BALANCE: 2.5e5, Real.LTV: 0.71, Real.NOTE_RATE: 0.035, Real.SERVICING_RATE: 0.00265, Real.MARGIN: 0.0225,
        Real.INITIAL_CAP: 0.05, Real.PERIODIC_CAP: 0.02, Real.LIFE_CAP: 0.085, Real.LIFE_FLOOR: 0.0225,
        Real.RATE_ROUNDING: 0.00125,
    }  # fmt: skip
    counts = {
        Count.AGE: 12, Count.MATURITY: 348, Count.AMORTISATION: 348, Count.INTEREST_ONLY: 108, Count.LAST_DEFAULT: 336,
        Count.LAG: 12, Count.REGION: 1, Count.DAY_COUNT: 2, Count.ADJUSTABLE: 1, Count.FIRST_RESET: 49, Count.RESET_PERIOD: 12,
        Count.LOOKBACK: 1, Count.ADVANCES_PRINCIPAL: 1, Count.ADVANCES_INTEREST: 1, Count.ID_LOW: number % 2**32,
        Count.ID_HIGH: number >> 32, Count.NOTE_RATE_ROW: -1,
    }  # fmt: skip
    assert set(reals) == set(Real) and set(counts) == set(Count)
    assert {column: loans.reals[1, column] for column in Real} == reals
    assert {column: loans.counts[1, column] for column in Count} == counts
    fixed = dict(zip(Real, loans.reals[0], strict=True))
    assert fixed[Real.MARGIN] == fixed[Real.LIFE_CAP] == 0  # read by no fixed-rate loan, and no NaN
    # A period of 0 would divide by zero where the kernel asks whether a month resets, though no fixed loan gets there.
    assert loans.counts[0, Count.RESET_PERIOD] == 1


def test_a_tape_without_a_first_cap_has_the_periodic_one_and_no_rounding() -> None:
    arm = {"loan_id": np.array(["a"]), "adjustable": True, "periodic_cap": 0.02, "region": "CA", "day_count": "30/360",
           "property_type": "single_family", "balance": 1e5, "original_balance": 1e5, "ltv": 0.8, "note_rate": 0.05,
           "servicing_rate": 0.0, "age": 0, "maturity": 360, "amortisation": 360, "interest_only": 0}  # fmt: skip
    loans = make_loans(CUT_OFF, arm)
    assert loans.initial_cap.tolist() == [0.02] and loans.rate_rounding.tolist() == [0.0]


@pytest.mark.parametrize(
    ("advances", "principal", "interest"), [("none", 0, 0), ("interest", 0, 1), ("principal_and_interest", 1, 1)]
)
def test_advances(advances: str, principal: int, interest: int) -> None:
    counts = prepared(make({}), advances=advances).counts[0]
    assert (counts[Count.ADVANCES_PRINCIPAL], counts[Count.ADVANCES_INTEREST]) == (principal, interest)


@pytest.mark.parametrize(
    ("loan", "advances", "last_default", "months"),
    [
        ({}, "principal_and_interest", 348, 360),  # advanced to zero: the last liquidation is with the last payment (SF-22)
        ({}, "interest", 360, 372),  # not advanced: defaults to the last, settled a lag later
        ({"maturity": 120}, "principal_and_interest", 120, 132),  # a balloon is not advanced
        # Interest alone to its maturity is a balloon too, though its term of amortisation is its maturity.
        ({"interest_only": 360}, "principal_and_interest", 360, 372),
        ({"maturity": 5, "amortisation": 5}, "principal_and_interest", 0, 12),  # shorter than the lag
    ],
)
def test_last_default_and_horizon(loan: dict[str, Any], advances: str, last_default: int, months: int) -> None:
    loans, chosen = make(loan), portfolio(advances=advances)
    assert prepared(loans, advances=advances).counts[0, Count.LAST_DEFAULT] == last_default
    assert horizon(loans, chosen) == months


def test_precision_is_rounded_once() -> None:
    single, double = (prepared(make({}), precision) for precision in ("float32", "float64"))
    for name in ("reals", "balances", "principal_rates", "accruals"):
        assert getattr(single, name).dtype == np.float32
        np.testing.assert_array_equal(getattr(single, name), getattr(double, name).astype(np.float32))


def test_calendar_and_slices() -> None:
    loans = prepared(make({}, {"balance": 2e5}), lag=7)
    assert loans.calendar_month == 0 and loans.lag_size == 7  # cut off in December: month 1 is January
    assert prepared(make({}, cut_off=datetime.date(2017, 11, 13))).calendar_month == 11
    one = loans.take(slice(1, 2))
    assert len(one) == 1 and one.n_months == loans.n_months
    np.testing.assert_array_equal(one.reals[0], loans.reals[1])
    assert all(getattr(one, name).flags.c_contiguous for name in ("reals", "counts", "balances", "principal_rates"))


def test_no_lag_is_refused() -> None:
    with pytest.raises(InputError, match="liquidation_lag is 0; expected at least 1 month"):
        prepared(make({}), n_months=360, lag=0)
