"""Scheduled amortisation: the level payment against its closed form, resets against their definition."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.amortization import build_level_principal_rate, build_log1p
from kernels.ops import PRECISIONS, make_ops
from kernels.terms.adjustable import build_reset_rate

OPS = make_ops("numpy", "float64")
LEVEL, RESET = build_level_principal_rate(OPS), build_reset_rate(OPS)


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 0.02), st.integers(1, 480))
def test_level_principal_rate_is_that_of_the_annuity(monthly_rate: float, payments: int) -> None:
    r = Fraction(monthly_rate)
    exact = r / ((1 + r) ** payments - 1) if r else Fraction(1, payments)
    # expm1 carries the error of its argument n log(1 + r), below 10: tens of units in the last place.
    assert float(LEVEL(np.float64(monthly_rate), np.float64(payments))) == pytest.approx(float(exact), rel=1e-14)


@pytest.mark.parametrize("monthly_rate", [1e-16, 1e-12, 1e-9, 1e-8, 2e-8])
def test_level_principal_rate_has_no_step_near_zero(monthly_rate: float) -> None:
    # r / ((1 + r)^n - 1) = 1/n (1 - (n - 1) r / 2 + ...)
    n = 360
    assert float(LEVEL(np.float64(monthly_rate), np.float64(n))) * n == pytest.approx(
        1 - (n - 1) * monthly_rate / 2, abs=1e-11
    )


def test_last_payment_repays_everything() -> None:
    for rate in (0.0, 0.001, 0.05):
        assert float(LEVEL(np.float64(rate), np.float64(1))) == pytest.approx(1.0, rel=1e-15)


def test_schedule_ends_at_zero_and_pays_level() -> None:
    balance, rate = 1e6, 0.065 / 12
    payment = balance * rate / -math.expm1(-360 * math.log1p(rate))
    for month in range(1, 361):
        principal = balance * float(LEVEL(np.float64(rate), np.float64(361 - month)))
        assert balance * rate + principal == pytest.approx(payment, rel=1e-12)
        balance -= principal
    assert abs(balance) < 1e-6


@pytest.mark.parametrize("precision", PRECISIONS)
def test_log1p(precision: str) -> None:
    ops = make_ops("numpy", precision)
    f = np.concatenate([np.logspace(-12, -0.48, 500)]).astype(ops.real)
    exact = np.log1p(f.astype(np.longdouble)).astype(np.float64)
    np.testing.assert_allclose(build_log1p(ops)(f), exact, rtol=4 * float(np.finfo(precision).eps))


rate = st.floats(-0.02, 0.2)
cap = st.floats(0, 0.06)


@settings(max_examples=200, deadline=None)
@given(rate, rate, rate, cap, rate, st.floats(0, 0.2))
def test_reset_stays_within_its_caps(
    old: float, index: float, margin: float, periodic: float, floor: float, above: float
) -> None:
    ceiling = floor + above
    new = float(RESET(*(np.float64(x) for x in (old, index, margin, periodic, ceiling, floor, 0.0))))
    assert floor <= new <= ceiling
    # Lifetime limits go before the periodic one; where they do not bind, the change is within the periodic cap.
    if floor < new < ceiling:
        assert old - periodic <= new <= old + periodic
        if abs(index + margin - old) < periodic:
            assert new == index + margin


@pytest.mark.parametrize(
    ("index", "expected"),
    [(0.01, 0.0375), (0.02, 0.045), (0.03, 0.055), (0.10, 0.07), (-0.05, 0.03)],
)
def test_reset_worked_example(index: float, expected: float) -> None:
    """A loan at 5% with a margin of 2.5%, 2% periodic cap, lifetime 3.75% to 9.5%; at an index of 3% it resets to 5.5%."""
    floor = 0.0375 if index == 0.01 else 0.0
    arguments = (0.05, index, 0.025, 0.02, 0.095, floor, 0.0)
    assert float(RESET(*(np.float64(x) for x in arguments))) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    ("index", "cap", "expected"),
    [
        (0.0234, 0.05, 0.0484 - 0.0484 % 0.00125 + 0.00125),  # 4.84% is nearer 4.875% than 4.75%
        (0.0230, 0.05, 0.0475),  # 4.80%
        (0.0625, 0.05, 0.0875),  # a multiple stays
        (0.0234, 0.0011, 0.0411),  # the caps come after the rounding, and are not rounded
    ],
)
def test_reset_rounds_to_an_eighth_before_the_caps(precision: str, index: float, cap: float, expected: float) -> None:
    reset = build_reset_rate(make_ops("numpy", precision))
    real = np.dtype(precision).type
    new = float(reset(*(real(x) for x in (0.04, index, 0.025, cap, 0.095, 0.0, 0.00125))))
    assert new == pytest.approx(expected, rel=4 * float(np.finfo(precision).eps))


@settings(max_examples=200, deadline=None)
@given(rate, st.floats(0, 0.04))
def test_rounding_moves_a_rate_by_at_most_half_a_step(index: float, margin: float) -> None:
    new = float(RESET(*(np.float64(x) for x in (0.05, index, margin, 1.0, 1.0, -1.0, 0.00125))))
    assert abs(new - (index + margin)) <= 0.00125 / 2 + 1e-16  # a unit in the last place of the rate
    assert abs(new / 0.00125 - round(new / 0.00125)) < 1e-12
