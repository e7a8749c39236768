"""Mortgage-rate rule: December 2020 by hand, decay and floor."""

from __future__ import annotations

import numpy as np
import pytest

from kernels import mortgage_rate
from kernels.ops import make_ops

OPS = make_ops("numpy", "float64")
RULE = [np.float64(v) for v in (0.020657, 0.6078, 0.2626, 0.0536, 0.02)]  # conf/rates/hull_white.yaml
NO_RESIDUAL = np.float64(0)


def _rate(ten: float, lagged: float, two: float, residual: float = 0.0) -> float:
    return float(mortgage_rate.build_mortgage_rate(OPS)(*(np.float64(v) for v in (ten, lagged, two, residual)), *RULE))


def test_december_2020() -> None:
    """Monthly averages: ten-year .934% (November .870%), two-year .136%; the rule says 2.87%, printed to a basis point."""
    assert _rate(0.00934, 0.00870, 0.00136) == pytest.approx(0.0287, abs=0.5e-4)
    assert _rate(0.00934, 0.00870, 0.00136, -0.0019) == pytest.approx(0.0268, abs=0.5e-4)  # the survey's average, 2.684%


def test_floor_binds_the_whole() -> None:
    assert _rate(-0.01, -0.01, -0.01) == 0.02
    assert _rate(0.0, 0.0, 0.0, -0.01) == 0.02


def test_a_nan_is_not_the_floor() -> None:
    assert np.isnan(_rate(np.nan, 0.01, 0.01)) and np.isnan(_rate(0.01, 0.01, 0.01, np.nan))


def test_residual_halves_every_half_life() -> None:
    residual = mortgage_rate.build_residual(OPS)
    values = [float(residual(np.float64(-0.0019), np.float64(m), np.float64(12))) for m in (0, 12, 24)]
    assert values == pytest.approx([-0.0019, -0.00095, -0.000475], rel=1e-15)
