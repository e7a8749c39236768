"""Blocks of paths: the same bits whatever the block, the target and the regions beside; rates recomputed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kernels import hull_white
from kernels.ops import make_ops
from mcsim.errors import InputError
from mcsim.market.curve import Curve
from mcsim.scenario import Scenario
from mcsim.scenarios.generate import ScenarioGenerator, factor_number
from mcsim.settings import Rates

FIELDS = ("mortgage_rate", "adjustable_index", "short_rate", "discount_factor", "home_price_index")
Make = Callable[..., ScenarioGenerator]


def _assert_same(one: Scenario, other: Scenario) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_numpy_and_cpu_are_equal_to_the_last_bit(make_generator: Make, precision: str) -> None:
    # 25 months: the last quarter is broken off. 1,000 paths from 123: a ragged last tile.
    numpy, cpu = (make_generator(target, precision, n_months=25).generate(123, 1000) for target in ("numpy", "cpu"))
    _assert_same(numpy, cpu)
    assert cpu.discount_factor.dtype == precision
    assert cpu.discount_factor.shape == (26, 1000)
    assert cpu.home_price_index.shape == (3, 26, 1000)


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("block", [256, 300])
def test_blocks_do_not_matter(make_generator: Make, target: str, block: int) -> None:
    generator = make_generator(target)
    whole = generator.generate(0, 1000)
    for first in range(0, 1000, block):
        count = min(block, 1000 - first)
        part = generator.generate(first, count)
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[..., first : first + count], err_msg=name)


def test_states_beside_do_not_matter(make_generator: Make) -> None:
    both, alone = make_generator("cpu", regions=("CA", "TX")), make_generator("cpu", regions=("TX",))
    np.testing.assert_array_equal(both.generate(0, 64).home_price_index[1], alone.generate(0, 64).home_price_index[0])


def test_longer_runs_begin_alike_and_seeds_differ(make_generator: Make) -> None:
    short, long = (make_generator("cpu", n_months=n).generate(5, 64) for n in (10, 24))
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name)[..., :11, :], err_msg=name)
    other = make_generator("cpu", n_months=10, seed=8).generate(5, 64)
    assert not np.any(other.short_rate[1] == short.short_rate[1])
    assert not np.any(other.home_price_index[:2, 1] == short.home_price_index[:2, 1])


def test_single_precision_is_close(make_generator: Make) -> None:
    """Largest error relative to the field's size: 24 months of a few roundings each, 6e-8 a rounding."""
    single, double = (make_generator("cpu", precision, n_months=25).generate(0, 256) for precision in ("float32", "float64"))
    for name in FIELDS:
        one, other = getattr(single, name), getattr(double, name)
        assert np.abs(one - other).max() < 3e-6 * np.abs(other).max(), name


def test_month_zero_is_today(make_generator: Make, curve: Curve) -> None:
    scenario = make_generator("cpu", "float64", n_months=25).generate(0, 3)
    # The par yields of the day come back: 1, 2 and 10 years at .10, .13 and .93%. Bootstrap error below 1e-12.
    assert scenario.adjustable_index[0] == pytest.approx(0.0010, abs=1e-11)
    assert scenario.mortgage_rate[0] == pytest.approx(
        0.0267, abs=1e-15
    )  # what was observed: the residual makes up for the rule
    assert scenario.short_rate[0] == pytest.approx(float(curve.instantaneous_forward(0.0)), abs=1e-15)
    assert np.all(scenario.discount_factor[0] == 1) and np.all(scenario.home_price_index[:, 0] == 1)


def test_par_rates_and_mortgage_rate_recomputed(make_generator: Make, curve: Curve, rates: Rates) -> None:
    """From the short rate alone, bond by bond, in plain numpy."""
    n_months, a, sigma = 25, rates.mean_reversion, rates.sigma
    scenario = make_generator("cpu", "float64", n_months=n_months).generate(0, 40)
    ops = make_ops("numpy", "float64")
    variance = hull_white.build_integral_variance(ops)
    t = np.arange(n_months + 1)[:, None] / 12
    alpha = curve.instantaneous_forward(t) + (sigma * (1 - np.exp(-a * t)) / a) ** 2 / 2
    x = scenario.short_rate - alpha

    def par(years: float) -> np.ndarray:
        bonds = []
        for ahead in np.arange(1, 2 * years + 1) / 2:
            convexity = variance(a, sigma, np.full_like(t, ahead)) - variance(a, sigma, t + ahead) + variance(a, sigma, t)
            forward = curve.discount(t + ahead) / curve.discount(t)
            bonds.append(forward * np.exp(convexity / 2 - (1 - np.exp(-a * ahead)) / a * x))
        return 2 * (1 - bonds[-1]) / np.sum(bonds, axis=0)

    # 1 - P of a one-year bond is .001: its last digit is the thirteenth of the rate.
    np.testing.assert_allclose(scenario.adjustable_index, par(1), atol=1e-14)
    ten = par(10)
    lagged = np.concatenate([ten[:1], ten[:-1]])
    residual = rates.mortgage_residual * 0.5 ** (t * 12 / 12)
    rule = 0.020657 + residual + 0.6078 * ten + 0.2626 * lagged + 0.0536 * par(2)
    np.testing.assert_allclose(scenario.mortgage_rate, np.maximum(rule, 0.02), atol=1e-14)


def test_a_months_two_normals_are_two(make_generator: Make, curve: Curve, rates: Rates) -> None:
    """Taken back out of rate and discount factor by the exact step: of unit variance, and independent of each other.

    24,000 pairs: a mean product has a standard deviation of 1 / 155, a variance one of sqrt(2) / 155; within four of them.
    """
    months, paths = 24, 1000
    scenario = make_generator("numpy", "float64", n_months=months).generate(0, paths)
    ops = make_ops("numpy", "float64")
    a, sigma = np.float64(rates.mean_reversion), np.float64(rates.sigma)
    t = np.arange(months + 1)[:, None] / 12
    x = scenario.short_rate - (curve.instantaneous_forward(t) + (sigma * (1 - np.exp(-a * t)) / a) ** 2 / 2)
    integral = np.log(curve.discount(t) / scenario.discount_factor) - hull_white.build_integral_variance(ops)(a, sigma, t) / 2
    decay, loading, rate_on_1, integral_on_1, integral_on_2 = hull_white.build_step_terms(ops)(a, sigma, np.float64(1 / 12))
    first = (x[1:] - x[:-1] * decay) / rate_on_1
    second = (np.diff(integral, axis=0) - x[:-1] * loading - integral_on_1 * first) / integral_on_2
    error = 1 / np.sqrt(months * paths)
    assert abs((first * second).mean()) < 4 * error
    assert abs(first.var() - 1) < 4 * np.sqrt(2) * error and abs(second.var() - 1) < 4 * np.sqrt(2) * error


def test_short_index_tenor_is_a_simple_rate(make_generator: Make, curve: Curve) -> None:
    scenario = make_generator("numpy", "float64", n_months=1, index_tenor_years=0.25).generate(0, 1)
    assert scenario.adjustable_index[0] == pytest.approx(4 * (1 / float(curve.discount(0.25)) - 1), rel=1e-11)


def test_factor_numbers_are_distinct() -> None:
    letters = [chr(c) for c in range(ord("A"), ord("Z") + 1)]
    assert len({0} | {factor_number(a + b) for a in letters for b in letters}) == 1 + 26**2


def test_every_problem_is_named(make_generator: Make) -> None:
    with pytest.raises(InputError) as error:
        make_generator(
            "numpy", sigma=-1.0, index_tenor_years=0.7, mortgage_residual_half_life_months=0, correlation_with_rates=2.0,
            momentum=1.2, n_months=0, seed=-1,
        )  # fmt: skip
    named = ("sigma", "index_tenor_years", "half_life", "correlation_with_rates", "momentum", "n_months", "seed")
    assert len(error.value.problems) == len(named)
    assert all(name in str(error.value) for name in named)


@pytest.mark.parametrize(("momentum", "reversion", "explodes"), [(0.7, 0.0, False), (1.0, 0.0, True), (0.9, 0.01, False)])
def test_home_prices_that_explode_are_refused(make_generator: Make, momentum: float, reversion: float, explodes: bool) -> None:
    """Without reversion the level is a random walk, as it may be, and growth one too at a momentum of 1, as it may not."""
    if not explodes:
        make_generator("numpy", momentum=momentum, reversion=reversion)
        return
    with pytest.raises(InputError, match="an eigenvalue has size 1"):
        make_generator("numpy", momentum=momentum, reversion=reversion)


def test_unknown_regions_are_named_together(make_generator: Make) -> None:
    with pytest.raises(InputError) as error:
        make_generator("numpy", regions=("CA", "XX", "Tx", "CA"))
    assert [word in str(error.value) for word in ("'XX'", "'Tx'", "'CA' is given twice")] == [True] * 3


def test_paths_beyond_the_counter_are_refused(make_generator: Make) -> None:
    with pytest.raises(InputError, match="4294967295"):
        make_generator("numpy").generate(2**32 - 1, 2)


_SIMULATED = """
import numpy as np, sys
sys.path.insert(0, "tests/mcsim/scenarios")
from conftest import HOME_PRICES, MARKET, RATES
from mcsim.backend import Backend
from mcsim.scenarios.generate import ScenarioGenerator
settings = RATES, HOME_PRICES, MARKET.curve, ("CA", "US"), 4, 7
made = [ScenarioGenerator(*settings, Backend(target, "float64", "")).generate(9, 3) for target in ("cuda", "numpy")]
for name in ("mortgage_rate", "adjustable_index", "short_rate", "discount_factor", "home_price_index"):
    np.testing.assert_array_equal(getattr(made[0], name), getattr(made[1], name), err_msg=name)
print("equal")
"""


def test_cuda_simulator_equals_numpy() -> None:
    pytest.importorskip("numba_cuda")
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _SIMULATED],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "equal", done.stderr
