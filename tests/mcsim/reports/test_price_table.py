"""The price table: decimals that the error allows, a value where there is no price, one rule for terminal and report."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcsim.reports.digits import MOST, amount, decimals, quantity
from mcsim.reports.price_table import PRINTED, aligned, inputs_shown, laid_out, price_cells, price_table
from mcsim.variables import GROUPS


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (0.2, "0.20"), (0.213, "0.21"), (1.3, "1.3"), (0.0043, "0.0043"), (0.0996, "0.10"), (0.0994, "0.099"), (9.96, "10"),
        (250.0, "250"), (1.0, "1.0"), (0.1, "0.10"), (4e-6, "0.000004"), (0.0, "0.000"), (1e-13, "0.000"),
    ],
)  # fmt: skip
def test_an_error_has_two_digits(error: float, shown: str) -> None:
    assert f"{error:.{decimals(error)}f}" == shown


def test_without_an_error_there_are_three() -> None:
    assert [decimals(x) for x in (math.nan, math.inf, 0.0, -1.0)] == [3, 3, 3, 3]


@given(error=st.floats(1e-4, 9.9))
def test_the_digits_shown_are_those_that_are_known(error: float) -> None:
    """Rounding adds at most a twentieth of the error, and the digit before the last is larger than it."""
    step = 10.0 ** -decimals(error)
    assert step / 2 <= error / 19 and step * 100 > error * 0.995 and decimals(error) <= MOST


def prices() -> dict[str, np.ndarray]:
    """A class with a small error, one with a large one, a strip."""
    columns = {name: np.array([1.0, 2.0, 3.0]) for name in GROUPS["prices"]}
    columns |= {
        "tranche": np.array(["A1", "B", "X"], dtype=object),
        "original_balance": np.array([1e6, 5e5, 0.0]),
        "price": np.array([99.47712, 65.123, np.nan]),
        "price_standard_error": np.array([0.0213, 1.26, np.nan]),
        "value": np.array([994771.2, 325615.0, 157686.6]),
        "value_standard_error": np.array([213.0, 6300.0, 1536.4]),
        "wal": np.array([6.714, 23.56, np.nan]),
        "wal_standard_error": np.array([0.118, 0.246, np.nan]),
        "principal_loss": np.array([0.0, 0.101, np.nan]),
    }
    return columns


def test_a_strip_shows_its_value_and_no_dash() -> None:
    cells = dict(zip(PRINTED, price_cells(prices())[2][1:], strict=True))
    assert (cells["value"], cells["value_standard_error"]) == ("157,687", "1,536")
    assert [name for name, cell in cells.items() if not cell] == [
        "original_balance", "price", "price_standard_error", "wal", "wal_standard_error", "principal_loss",
    ]  # fmt: skip
    assert not {"-", "–", "nan"} & {cell for row in price_table(prices()) for cell in row}


def test_what_has_no_principal_has_no_loss() -> None:
    """A strip of a collateral has a price, no life and no loss; what was lost whole was never paid, and shows its loss."""
    lost = {"wal": np.array([6.7, np.nan, np.nan]), "principal_loss": np.array([0.0, 1.0, 0.0])}
    assert [row[1] for row in price_cells(prices() | lost, ("principal_loss",))] == ["0.000", "100.000", ""]


def test_inputs_without_a_column_are_shown() -> None:
    assert inputs_shown({"spread": 0.04, "stripped": 0.8, "strike": 1e-4}) == "stripped 0.8, strike 0.0001"
    assert inputs_shown({"spread": 0.04}) == ""
    assert inputs_shown({"price": 99.5, "spread": 0.04}) == "price 99.5"  # an input, and no result of that name


def test_points_stand_below_one_another() -> None:
    lines = laid_out(price_table(prices(), ("price", "price_standard_error", "value")))
    assert lines == [
        "class   price  ± s.e.  value, USD",
        "A1     99.477   0.021     994,771",
        "B      65.1     1.3       325,615",
        "X                         157,687",
    ]
    assert aligned([("A", "1.25"), ("B", "")], "_") == [("A", "1.25"), ("B", "")]
    assert aligned([("A", "1.25"), ("B", "3.5"), ("C", "4")], "_")[1:] == [("B", "3.5_"), ("C", "4___")]


def test_dust_is_nothing_and_a_small_value_shows_what_its_error_allows() -> None:
    """A residual of 1.4e-8 USD has no value and no share; one of 0.20 has its digits; a life with an error of 1e-18 has none."""
    columns = prices() | {
        "value": np.array([1.4e-8, 0.2031, 157686.6]),
        "value_standard_error": np.array([1e-9, 0.0142, 1536.4]),
        "wal": np.array([10.0, 10.00033, np.nan]),
        "wal_standard_error": np.array([1e-18, 3.3e-5, np.nan]),
        "interest_share": np.array([1.0, 0.5, 1.0]),
    }
    names = ("value", "value_standard_error", "wal", "wal_standard_error", "interest_share")
    assert [row[1:] for row in price_cells(columns, names)] == [
        ("0", "0", "10.000", "0", ""),
        ("0.203", "0.014", "10.000330", "0.000033", "50.0"),
        ("157,687", "1,536", "", "", "100.0"),
    ]


def test_one_path_has_no_error() -> None:
    assert quantity(99.47712, math.nan) == ("99.477", "")
    assert amount(994771.2, math.nan) == ("994,771", "")
