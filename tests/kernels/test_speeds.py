"""Speeds against their definitions; the printed tables are in tests/golden/test_bma.py."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.ops import PRECISIONS
from kernels.speeds import SHORT_MOST
from tests.elementwise import speed_functions

RATES = np.concatenate([[0.0], np.logspace(-9, -0.01, 400), [0.999]])
AGES = np.arange(1.0, 361.0)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_monthly_rate_keeps_its_relative_accuracy_however_small(precision: str) -> None:
    rates = RATES.astype(precision)
    exact = -np.expm1(np.log1p(-rates.astype(np.longdouble)) / 12)
    # log and expm1 contribute a few units in the last place each; a rate that forgot what 1 - annual rounds off fails by 1e3.
    value = speed_functions("numpy", precision, rates)["monthly"]
    np.testing.assert_allclose(value, exact.astype(float), rtol=8 * float(np.finfo(precision).eps), atol=0)


def test_short_form_of_the_monthly_rate_is_within_its_two_units() -> None:
    """As far as it reaches, whose end is in it; a unit beyond, the other form holds."""
    most = np.float32(SHORT_MOST["float32"])
    annual = np.concatenate([np.linspace(0, most, 100_001), np.logspace(-9, np.log10(most), 20_000)]).astype(np.float32)[1:]
    annual = np.minimum(annual, most)
    exact = -np.expm1(np.log1p(-annual.astype(float)) / 12)
    apart = np.abs(speed_functions("numpy", "float32", annual)["monthly"] - exact) / np.spacing(exact.astype(np.float32))
    assert apart.max() <= 2
    beyond = np.linspace(np.nextafter(most, np.float32(1)), 1 - 2**-20, 10_001).astype(np.float32)
    exact = -np.expm1(np.log1p(-beyond.astype(float)) / 12)
    np.testing.assert_allclose(speed_functions("numpy", "float32", beyond)["monthly"], exact, rtol=8 * 2**-23, atol=0)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_ends_of_the_scale(target: str, precision: str) -> None:
    value = speed_functions(target, precision, [0.0, 1.0, 1.2])
    assert value["monthly"].tolist() == [0, 1, 1]  # a rate of 1 leaves nobody; above it (high multiples of PSA) nobody too
    assert value["annual"][:2].tolist() == [0, 1]


def test_annual_and_monthly_are_inverse() -> None:
    monthly = speed_functions("numpy", "float64", RATES)["monthly"]
    back = speed_functions("numpy", "float64", monthly)["annual"]
    np.testing.assert_allclose(back, RATES, rtol=0, atol=2e-15)  # (1 - m)^12: a dozen roundings near 1


@pytest.mark.parametrize("multiple", [0.0, 0.5, 1.0, 3.0])
def test_psa_curve(multiple: float) -> None:
    exact = multiple * np.minimum(0.002 * AGES, 0.06)  # SF-6: 0.2% a month up to 6% at month 30
    value = speed_functions("numpy", "float64", 0 * AGES, AGES, multiple)["psa"]
    np.testing.assert_allclose(value, exact, rtol=4e-16, atol=0)


@pytest.mark.parametrize("multiple", [0.0, 0.5, 1.0, 3.0])
def test_sda_curve(multiple: float) -> None:
    # SF-18: 0.02% in month 1, 0.02% more each month to 0.60% at 30, flat to 60, 0.0095% less each month to 0.03% at 120, flat.
    exact = multiple * np.interp(AGES, [0, 30, 60, 120], [0, 0.006, 0.006, 0.0003])
    value = speed_functions("numpy", "float64", 0 * AGES, AGES, multiple)["sda"]
    np.testing.assert_allclose(value, exact, rtol=1e-13, atol=0)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_numpy_and_cpu_agree_to_the_last_bit(precision: str) -> None:
    width: Literal[32, 64] = 32 if precision == "float32" else 64
    row = st.tuples(
        st.floats(0, 1.5, width=width), st.integers(0, 600), st.floats(0, 20, width=width), st.integers(1, 600)
    )  # rate, age, multiple, payments left

    @settings(max_examples=60, deadline=None)
    @given(st.lists(row, min_size=1, max_size=40))
    def check(rows: list[tuple[float, int, float, int]]) -> None:
        columns = [np.array(c, float) for c in zip(*rows, strict=True)]
        on_numpy, on_cpu = (speed_functions(target, precision, *columns) for target in ("numpy", "cpu"))
        for name, value in on_numpy.items():
            np.testing.assert_array_equal(value.view(np.uint8), on_cpu[name].view(np.uint8), err_msg=name)

    check()
