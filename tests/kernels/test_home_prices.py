"""Home prices: one step by hand, and what the formulas imply."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels import home_prices
from kernels.ops import make_ops

OPS = make_ops("numpy", "float64")


def _reals(*values: float) -> list[np.float64]:
    return [np.float64(v) for v in values]


def test_national_step_by_hand() -> None:
    growth, gap = home_prices.build_national(OPS)(*_reals(0.02, -0.05, 1.5, 0.003, 0.7, 0.01, 0.008, 0.009))
    assert growth == pytest.approx(0.003 + 0.014 + 0.0005 + 0.012, rel=1e-15)
    assert gap == pytest.approx(-0.05 + 0.0295 - 0.009, rel=1e-14)


def test_region_step_by_hand() -> None:
    residual, growth = home_prices.build_region(OPS)(*_reals(0.004, 0.01, -2.0, 0.001, 1.5, 0.5, 0.003))
    assert residual == pytest.approx(0.002 - 0.006, rel=1e-14)
    assert growth == pytest.approx(0.001 + 0.015 - 0.004, rel=1e-14)


def test_alpha_puts_the_line_through_the_means() -> None:
    alpha = home_prices.build_alpha(OPS)(*_reals(0.04, 0.03, 1.2))
    assert alpha + 1.2 * 0.03 / 4 == pytest.approx(0.04 / 4, rel=1e-15)


@given(st.floats(-1, 1))
def test_complement_keeps_the_shock_standard(rho: float) -> None:
    rest = float(home_prices.build_complement(OPS)(np.float64(rho)))
    assert rho**2 + rest**2 == pytest.approx(1, rel=1e-15)
    # Weights of the four independent normals.
    shock = home_prices.build_quarter_shock(OPS)
    weights = [float(shock(*_reals(*row), np.float64(rho), np.float64(rest))) for row in np.eye(4)]
    assert math.fsum(w * w for w in weights) == pytest.approx(1, rel=1e-14)
    assert sum(weights[:3]) / math.sqrt(3) == pytest.approx(rho, rel=1e-14, abs=1e-300)


def test_three_months_make_the_quarter() -> None:
    log_index = np.float64(0)
    for _ in range(3):
        log_index, price = home_prices.build_index(OPS)(log_index, np.float64(0.03))
    assert price == pytest.approx(math.exp(0.03), rel=1e-15)
