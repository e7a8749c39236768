"""What many paths say together: the curve, a bond option, dispersion of home prices, and the parameters that went in."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from kernels import hull_white
from kernels.ops import make_ops
from mcsim.market.curve import Curve
from mcsim.scenario import Scenario
from mcsim.scenarios.dynamics import load_dynamics
from mcsim.settings import HomePrices, Rates

OPS = make_ops("numpy", "float64")
QUARTERS = np.array([4, 8, 12, 20, 28, 40])  # 1, 2, 3, 5, 7 and 10 years


def _factor(scenario: Scenario, curve: Curve, rates: Rates) -> NDArray[np.float64]:
    """x, from the short rate; (month, path)."""
    times = np.arange(scenario.short_rate.shape[0]) / 12
    shift = hull_white.build_shift(OPS)
    mean = shift(curve.instantaneous_forward(times), np.float64(rates.mean_reversion), np.float64(rates.sigma), times)
    return scenario.short_rate.astype(np.float64) - mean[:, None]


def _quarterly_growth(scenario: Scenario, region: str) -> NDArray[np.float64]:
    price = scenario.home_price_index[scenario.regions.index(region), ::3].astype(np.float64)
    return np.diff(np.log(price), axis=0)


def test_discount_factors_reprice_the_curve(many_paths: Scenario, curve: Curve) -> None:
    simulated = many_paths.discount_factor.astype(np.float64)
    error = simulated.mean(axis=1) - curve.discount(np.arange(361) / 12)
    standard_error = simulated.std(axis=1, ddof=1) / math.sqrt(simulated.shape[1])
    assert np.all(np.abs(error[1:]) <= 3 * standard_error[1:])


def test_short_rate_has_its_closed_moments(many_paths: Scenario, curve: Curve, rates: Rates) -> None:
    x = _factor(many_paths, curve, rates)
    n = x.shape[1]
    for month in (1, 12, 120, 360):
        inputs = (np.float64(v) for v in (rates.mean_reversion, rates.sigma, month / 12))
        variance = hull_white.build_rate_variance(OPS)(*inputs)
        assert abs(x[month].mean()) < 3 * math.sqrt(variance / n)
        assert x[month].std() == pytest.approx(math.sqrt(variance), rel=3 / math.sqrt(2 * n))  # 3 s.e. of a normal sample's sd


def test_five_into_ten_bond_option(many_paths: Scenario, curve: Curve, rates: Rates) -> None:
    a, sigma, five, fifteen = (np.float64(v) for v in (rates.mean_reversion, rates.sigma, 5, 15))
    p_five, p_fifteen = curve.discount(five), curve.discount(fifteen)
    log_bond = hull_white.build_log_bond_at_zero(OPS)(p_five, p_fifteen, a, sigma, five, fifteen)
    loading = hull_white.build_loading(OPS)(a, fifteen - five)
    bond = hull_white.build_bond(OPS)(log_bond, loading, _factor(many_paths, curve, rates)[60])
    strike = p_fifteen / p_five
    payoff = many_paths.discount_factor[60].astype(np.float64) * np.maximum(bond - strike, 0)
    closed = hull_white.build_bond_option(OPS)(np.float64(1), p_five, p_fifteen, strike, a, sigma, five, fifteen)
    standard_error = payoff.std(ddof=1) / math.sqrt(payoff.size)
    assert standard_error < 0.015 * closed  # the check has power
    assert abs(payoff.mean() - closed) < 3 * standard_error


def _moments(prices: HomePrices, quarters: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and sd of the national log index by quarter from the known start: a linear recursion, apart from the kernels."""
    move = np.array(
        [
            [prices.momentum, -prices.reversion, 0],
            [prices.momentum, 1 - prices.reversion, 0],
            [prices.momentum, -prices.reversion, 1],
        ]
    )
    drift = np.array([prices.constant, prices.constant - prices.trend_annual / 4, prices.constant])
    region = np.array([prices.initial_growth_quarterly, prices.initial_gap, 0])
    shock = np.full(3, prices.sigma_quarterly)
    covariance, means, sds = np.zeros((3, 3)), [0.0], [0.0]
    for _ in range(quarters):
        region = drift + move @ region
        covariance = move @ covariance @ move.T + np.outer(shock, shock)
        means.append(region[2])
        sds.append(math.sqrt(covariance[2, 2]))
    return np.array(means), np.array(sds)


def test_national_dispersion_by_horizon(many_paths: Scenario, home_price_settings: HomePrices) -> None:
    log_index = np.log(many_paths.home_price_index[many_paths.regions.index("US"), ::3].astype(np.float64))
    means, sds = _moments(home_price_settings, 120)
    n = log_index.shape[1]
    # Exact values to the digits docs/theory/home_prices.md prints; three standard errors of a mean and of a normal sd.
    np.testing.assert_allclose(100 * sds[QUARTERS], [3.07, 5.25, 6.66, 8.26, 9.06, 9.63], atol=0.005)
    assert np.all(np.abs(log_index.mean(axis=1) - means)[QUARTERS] < 3 * sds[QUARTERS] / math.sqrt(n))
    np.testing.assert_allclose(log_index.std(axis=1)[QUARTERS], sds[QUARTERS], rtol=3 / math.sqrt(2 * n))


def test_growth_is_equal_within_a_quarter(many_paths: Scenario) -> None:
    log_index = np.log(many_paths.home_price_index[:, :13, :200].astype(np.float64))
    monthly = np.diff(log_index, axis=1).reshape(3, 4, 3, 200)
    np.testing.assert_allclose(monthly, np.broadcast_to(monthly[:, :, :1], monthly.shape), atol=5e-7)  # float32 near 1


@pytest.mark.parametrize("region", ["CA", "TX"])
def test_region_parameters_are_recovered(many_paths: Scenario, region: str) -> None:
    """Regressions pooled over paths and quarters give back beta, mean, residual sd and AR(1)."""
    known = load_dynamics("home_price_dynamics.csv")
    dynamics, nation = known[region], known["US"]
    own, national = (_quarterly_growth(many_paths, s)[8:] for s in (region, "US"))  # two years: u has left its start
    beta, alpha = np.polyfit(national.ravel(), own.ravel(), 1)
    residual = own - alpha - beta * national
    ar1 = float((residual[1:] * residual[:-1]).sum() / (residual[:-1] ** 2).sum())
    paths, n = residual.shape[1], residual.size
    # Sums over a path differ independently between paths: their spread gives the standard errors.
    score = ((national - national.mean()) * residual).sum(axis=0)
    beta_error = score.std() * math.sqrt(paths) / ((national - national.mean()) ** 2).sum()
    assert abs(beta - dynamics.beta_quarterly) < 3 * beta_error
    assert abs(ar1 - dynamics.residual_ar1) < 3 * math.sqrt((1 - ar1**2) / n)
    inflation = (1 + ar1**2) / (1 - ar1**2)  # of the variance of a sample variance, for an AR(1)
    assert residual.std() == pytest.approx(dynamics.residual_sd_quarterly, rel=3 * math.sqrt(inflation / (2 * n)))
    expected = (dynamics.mean_growth_annual - dynamics.beta_quarterly * nation.mean_growth_annual) / 4
    mean_error = residual.std() * math.sqrt((1 + ar1) / (1 - ar1) / n)  # of the mean of an AR(1)
    assert alpha == pytest.approx(expected, abs=3 * mean_error + 3 * beta_error * abs(national.mean()))


def test_residuals_of_states_are_independent(many_paths: Scenario) -> None:
    known = load_dynamics("home_price_dynamics.csv")
    national = _quarterly_growth(many_paths, "US")[-1]
    left = [_quarterly_growth(many_paths, s)[-1] - known[s].beta_quarterly * national for s in ("CA", "TX")]
    assert abs(np.corrcoef(*left)[0, 1]) < 3 / math.sqrt(national.size)
    assert abs(np.corrcoef(left[0], national)[0, 1]) < 3 / math.sqrt(national.size)


def test_correlation_with_rates(many_paths: Scenario, curve: Curve, rates: Rates, home_price_settings: HomePrices) -> None:
    """The quarter's sum of rate innovations and the national innovation: -.15 in the quarter, none with the next."""
    x = _factor(many_paths, curve, rates)
    shocks = x[1:] - math.exp(-rates.mean_reversion / 12) * x[:-1]
    rate_shocks = shocks[:120].reshape(40, 3, -1).sum(axis=1)
    prices = home_price_settings
    growth = _quarterly_growth(many_paths, "US")[:40]
    earlier = np.concatenate([np.full((1, growth.shape[1]), prices.initial_growth_quarterly), growth[:-1]])
    gap = prices.initial_gap + np.cumsum(growth - prices.trend_annual / 4, axis=0)
    earlier_gap = np.concatenate([np.full((1, growth.shape[1]), prices.initial_gap), gap[:-1]])
    innovation = growth - prices.constant - prices.momentum * earlier + prices.reversion * earlier_gap
    n = innovation.size
    assert innovation.std() == pytest.approx(prices.sigma_quarterly, rel=3 / math.sqrt(2 * n))
    assert np.corrcoef(rate_shocks.ravel(), innovation.ravel())[0, 1] == pytest.approx(-0.15, abs=3 / math.sqrt(n))
    assert abs(np.corrcoef(rate_shocks[1:].ravel(), innovation[:-1].ravel())[0, 1]) < 3 / math.sqrt(n)
