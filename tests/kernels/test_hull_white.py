"""Hull-White: closed forms against published and library values, the joint step against integrals and against itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

from kernels import hull_white, normal
from kernels.ops import make_ops

OPS = make_ops("numpy", "float64")
RATE, A, SIGMA = np.float64(0.04875825), np.float64(0.048696), np.float64(0.0058904)  # of the two tables below

# QuantLib 1.44 HullWhite.discountBondOption on a flat curve, ten decimals: (T, S, strike, call, put).
BOND_OPTIONS = [
    (1, 1.25, 0.968127, 0.0188171998, 0.0),
    (1, 1.25, 0.987884, 0.0005364901, 0.0005360813),
    (1, 1.25, 1.007642, 0.0, 0.0188173346),
    (1, 6, 0.767978, 0.0172266799, 0.0022993422),
    (1, 6, 0.783651, 0.0075976411, 0.0075974464),
    (1, 6, 0.799324, 0.0024111874, 0.0173381358),
    (5, 5.25, 0.968127, 0.0154829332, 0.0),
    (5, 5.25, 0.987884, 0.0008995373, 0.0008992009),
    (5, 5.25, 1.007642, 0.0, 0.0154830441),
    (5, 10, 0.767978, 0.0196936041, 0.0074112786),
    (5, 10, 0.783651, 0.0127403302, 0.0127401701),
    (5, 10, 0.799324, 0.0076480357, 0.0199300408),
    (10, 20, 0.601827, 0.0215767175, 0.0140340992),
    (10, 20, 0.614109, 0.0177259647, 0.0177258357),
    (10, 20, 0.626391, 0.0143836632, 0.0219260235),
]
# European payer swaptions, annual legs, confirmed by grid integration to 1e-9: (expiry, tenor, strike, value).
SWAPTIONS = [
    (1, 5, 0.03997319, 0.0414764741),
    (1, 5, 0.04996649, 0.0088569987),
    (1, 5, 0.05995979, 0.0002838089),
    (5, 5, 0.03997319, 0.0375182507),
    (5, 5, 0.04996649, 0.0148522239),
    (5, 5, 0.05995979, 0.0037212111),
    (5, 10, 0.03997319, 0.0653025401),
    (5, 10, 0.04996649, 0.0239702087),
    (5, 10, 0.05995979, 0.005065433),
    (10, 10, 0.03997319, 0.0545360512),
    (10, 10, 0.04996649, 0.0238626511),
    (10, 10, 0.05995979, 0.0074343776),
]


def _flat(t: float, rate: float = RATE) -> np.float64:
    return np.float64(math.exp(-rate * t))


def _option(sign: int, expiry: float, maturity: float, strike: float) -> float:
    values = (_flat(expiry), _flat(maturity), np.float64(strike), A, SIGMA, np.float64(expiry), np.float64(maturity))
    return float(hull_white.build_bond_option(OPS)(np.float64(sign), *values))


def test_normal_distribution_is_right() -> None:
    x = np.linspace(-12, 12, 10_001)
    # Half a unit in the last place of 1 is 1.1e-16; Hart's polynomials carry 15 digits.
    np.testing.assert_allclose(normal.build_cdf(OPS)(x), norm.cdf(x), rtol=0, atol=1e-15)


@pytest.mark.parametrize(("expiry", "maturity", "strike", "call", "put"), BOND_OPTIONS)
def test_bond_options_equal_the_library_table(expiry: float, maturity: float, strike: float, call: float, put: float) -> None:
    # Half a unit of the tenth decimal printed.
    assert _option(1, expiry, maturity, strike) == pytest.approx(call, abs=5.1e-11)
    assert _option(-1, expiry, maturity, strike) == pytest.approx(put, abs=5.1e-11)


@pytest.mark.parametrize(("expiry", "tenor", "strike", "expected"), SWAPTIONS)
def test_swaptions_as_sums_of_bond_options(expiry: int, tenor: int, strike: float, expected: float) -> None:
    """Jamshidian (1989): a payer swaption is a sum of puts on the coupon bond's pieces."""
    ends = expiry + np.arange(1.0, tenor + 1)
    coupons = np.full(tenor, strike) + (np.arange(tenor) == tenor - 1)
    log_bond, loading = hull_white.build_log_bond_at_zero(OPS), hull_white.build_loading(OPS)
    start = np.float64(expiry)
    logs, loadings = log_bond(_flat(expiry), np.exp(-RATE * ends), A, SIGMA, start, ends), loading(A, ends - start)
    bond = hull_white.build_bond(OPS)
    critical = brentq(lambda x: float(coupons @ bond(logs, loadings, np.float64(x))) - 1, -1, 1, xtol=1e-15)
    strikes = bond(logs, loadings, np.float64(critical))
    value = sum(c * _option(-1, expiry, end, k) for c, end, k in zip(coupons, ends, strikes, strict=True))
    assert value == pytest.approx(expected, abs=5e-9)  # the table's own worst error against its grid


def test_futures_convexity_of_kirikos_and_novak() -> None:
    futures_rate, a, sigma, start, end = (np.float64(v) for v in (0.06, 0.03, 0.015, 5.0, 5.25))
    forward = hull_white.build_futures_forward(OPS)(futures_rate, a, sigma, start, end)
    assert forward == pytest.approx(0.0573037, abs=5e-8)  # Risk, March 1997: seven decimals printed


def test_golden_values_on_a_flat_curve() -> None:
    """Own closed-form values, flat 1%, a .03, sigma .007, computed apart from this code."""
    a, sigma, ten = np.float64(0.03), np.float64(0.007), np.float64(10)
    five, fifteen = np.float64(5), np.float64(15)
    b = hull_white.build_loading(OPS)(a, ten)
    assert b == pytest.approx(8.639392643942738, rel=1e-15)
    assert math.sqrt(hull_white.build_rate_variance(OPS)(a, sigma, ten)) == pytest.approx(0.019195585356791764, rel=1e-14)
    assert hull_white.build_shift(OPS)(np.float64(0.01), a, sigma, ten) == pytest.approx(0.011828658078777192, rel=1e-15)
    today = _flat(5, 0.01), _flat(15, 0.01)
    at_zero = hull_white.build_log_bond_at_zero(OPS)(*today, a, sigma, five, fifteen)
    # The convexity is a difference of V's that are forty times larger: two digits fewer than float64 holds.
    assert hull_white.build_bond(OPS)(at_zero, b, np.float64(0)) == pytest.approx(0.8936310004556118, rel=1e-14)
    option = hull_white.build_bond_option(OPS)(np.float64(1), *today, today[1] / today[0], a, sigma, five, fifteen)
    assert option == pytest.approx(0.043130842955774906, rel=1e-13)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.just(0.0), st.floats(1e-12, 4)), st.floats(1 / 365, 50))
def test_variance_of_the_integral_is_its_integral(a: float, u: float) -> None:
    """V(u) = sigma^2 integral of B(a, s)^2 ds, by quadrature; either side of the switch from series to closed form."""
    b = lambda s: s if a == 0 else -math.expm1(-a * s) / a
    expected, _ = quad(lambda s: b(s) ** 2, 0, u, epsabs=0, epsrel=1e-13, limit=200)
    value = hull_white.build_integral_variance(OPS)(np.float64(a), np.float64(0.01), np.float64(u))
    # Just above the switch the closed form cancels to a sixth of its terms, squared and divided by a^2: under 100 units.
    assert value == pytest.approx(1e-4 * expected, rel=2e-14)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.just(0.0), st.floats(1e-12, 2)), st.floats(1 / 365, 2))
def test_two_steps_are_one(a: float, u: float) -> None:
    """The exact step composes: the covariance after two steps of u is that of one step of 2u."""

    def system(length: float) -> tuple[np.ndarray, np.ndarray]:
        decay, b, s, c1, c2 = hull_white.build_step_terms(OPS)(np.float64(a), np.float64(0.01), np.float64(length))
        root = np.array([[s, 0], [c1, c2]])
        return np.array([[decay, 0], [b, 1]]), root @ root.T

    moves, once = system(u)
    both, twice = system(2 * u)
    np.testing.assert_allclose(moves @ moves, both, rtol=1e-14)
    np.testing.assert_allclose(moves @ once @ moves.T + once, twice, rtol=1e-13)


def test_step_draws_what_its_terms_say() -> None:
    terms = hull_white.build_step_terms(OPS)(np.float64(0.03), np.float64(0.007), np.float64(1 / 12))
    x, integral, z1, z2 = (np.float64(v) for v in (0.01, 0.2, 1.5, -0.5))
    decay, b, s, c1, c2 = terms
    assert hull_white.build_step(OPS)(x, integral, z1, z2, *terms) == pytest.approx(
        (x * decay + s * z1, integral + x * b + c1 * z1 + c2 * z2), rel=1e-15
    )


def test_no_volatility_is_no_error() -> None:
    terms = hull_white.build_step_terms(OPS)(np.float64(0.03), np.float64(0), np.float64(1 / 12))
    assert [float(t) for t in terms[2:]] == [0, 0, 0]


def test_par_rate_prices_its_bond_at_par() -> None:
    times = np.arange(1, 21) / 2
    bonds = np.exp(-0.01 * times)
    rate = hull_white.build_par_rate(OPS)(1 - bonds[-1], bonds.sum(), np.float64(0.5))
    assert 0.5 * rate * bonds.sum() + bonds[-1] == pytest.approx(1, rel=1e-15)
    assert rate == pytest.approx(2 * math.expm1(0.005), rel=1e-12)  # flat: the semi-annual rate of 1% continuous
