"""Hull and White's one-factor model: the exact monthly step of the rate and its integral, and the closed forms.

r(t) = x(t) + alpha(t), dx = -a x dt + sigma dW, x(0) = 0. Times in years, rates annual and continuously compounded.

Sources: Hull and White, *Pricing interest-rate-derivative securities*, Rev. Financial Studies 3 (1990), 573-592; Brigo and
Mercurio, *Interest Rate Models*, 2nd ed. (2006), section 3.3 (their equation numbers below); exact joint step: Glasserman,
*Monte Carlo Methods in Financial Engineering* (2004), section 3.3. Theory: docs/theory/hull_white.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from kernels import normal, special
from kernels.ops import Ops


@lru_cache(maxsize=None)
def build_loading(ops: Ops) -> Callable[..., Any]:
    """``loading(a, u)``: B(a, u) = (1 - exp(-a u)) / a in years, and ``u`` where ``a`` is 0 (BM 3.39)."""
    expm1, where = special.build(ops).expm1, ops.where
    least, one = ops.real(1e-30), ops.real(1)  # B and u differ by a u^2 / 2; a u stays a normal number in float32

    @ops.function
    def loading(a, u):  # type: ignore[no-untyped-def]
        reverts = a > least
        return where(reverts, -expm1(-a * u) / where(reverts, a, one), u)

    return loading


@lru_cache(maxsize=None)
def build_rate_variance(ops: Ops) -> Callable[..., Any]:
    """``rate_variance(a, sigma, u)``: variance of x after ``u`` years, sigma^2 B(2a, u) (BM 3.37)."""
    loading, two = build_loading(ops), ops.real(2)

    @ops.function
    def rate_variance(a, sigma, u):  # type: ignore[no-untyped-def]
        return sigma * sigma * loading(two * a, u)

    return rate_variance


@lru_cache(maxsize=None)
def build_integral_variance(ops: Ops) -> Callable[..., Any]:
    """``integral_variance(a, sigma, u)``: V(u), variance of the integral of x over ``u`` years.

    V(u) = sigma^2 / a^2 (u - 2 B(a, u) + B(2a, u)) (Brigo and Mercurio 4.10 with one factor). The bracket is of order a^2 u^3, so
    for a u <= 1 its Taylor series is summed: the form above would lose eight digits in a month.
    """
    loading = build_loading(ops)
    # The series alternates; its terms at a u = 1 fall below half a unit in the last place of 1/3 after these many.
    terms = 14 if ops.precision == "float32" else 25
    series = special.build_polynomial(
        ops, [(-1) ** (k + 1) * (2 ** (k - 1) - 2) / math.factorial(k) for k in range(3, 3 + terms)]
    )
    where, zero, one, two = ops.where, ops.real(0), ops.real(1), ops.real(2)

    @ops.function
    def integral_variance(a, sigma, u):  # type: ignore[no-untyped-def]
        y = a * u
        small = y <= one
        rate = where(small, one, a)
        direct = (u - two * loading(rate, u) + loading(two * rate, u)) / (rate * rate)
        return sigma * sigma * where(small, u * u * u * series(where(small, y, zero)), direct)

    return integral_variance


@lru_cache(maxsize=None)
def build_shift(ops: Ops) -> Callable[..., Any]:
    """``shift(forward, a, sigma, t)``: alpha(t) = f(0, t) + sigma^2 B(a, t)^2 / 2, the mean of the short rate (BM 3.36)."""
    loading, half = build_loading(ops), ops.real(0.5)

    @ops.function
    def shift(forward, a, sigma, t):  # type: ignore[no-untyped-def]
        b = sigma * loading(a, t)
        return forward + half * b * b

    return shift


@lru_cache(maxsize=None)
def build_step_terms(ops: Ops) -> Callable[..., Any]:
    """``step_terms(a, sigma, u)``: decay, loading and three coefficients of the exact joint step over ``u`` years.

    From Var x = sigma^2 B(2a, u), Cov(x, integral) = sigma^2 B(a, u)^2 / 2 and Var integral = V(u), by Cholesky.

    Returns
    -------
    tuple
        ``(decay, loading, rate_on_1, integral_on_1, integral_on_2)``, as :func:`build_step` takes them.
    """
    exp, sqrt = special.build(ops).exp, special.build_square_root(ops)
    loading, rate_variance, integral_variance = build_loading(ops), build_rate_variance(ops), build_integral_variance(ops)
    where, zero, half, one = ops.where, ops.real(0), ops.real(0.5), ops.real(1)

    @ops.function
    def step_terms(a, sigma, u):  # type: ignore[no-untyped-def]
        b = loading(a, u)
        rate_on_1 = sqrt(rate_variance(a, sigma, u))
        covariance = half * (sigma * b) * (sigma * b)
        integral_on_1 = covariance / where(rate_on_1 > zero, rate_on_1, one)
        left = integral_variance(a, sigma, u) - integral_on_1 * integral_on_1
        return exp(-a * u), b, rate_on_1, integral_on_1, sqrt(where(left > zero, left, zero))

    return step_terms


@lru_cache(maxsize=None)
def build_step(ops: Ops) -> Callable[..., Any]:
    """``step(x, integral, z1, z2, decay, loading, rate_on_1, integral_on_1, integral_on_2)``: new x and integral of x.

    Exact for any step: ``z1`` and ``z2`` are independent standard normals, the rest comes from :func:`build_step_terms`.
    """

    @ops.function
    def step(x, integral, z1, z2, decay, loading, rate_on_1, integral_on_1, integral_on_2):  # type: ignore[no-untyped-def]
        new_integral = integral + (x * loading + (integral_on_1 * z1 + integral_on_2 * z2))
        return x * decay + rate_on_1 * z1, new_integral

    return step


@lru_cache(maxsize=None)
def build_discount(ops: Ops) -> Callable[..., Any]:
    """``discount(bond, half_variance, integral)``: P(0, t) exp(-V(t)/2 - integral of x), whose mean is P(0, t) exactly."""
    exp = special.build(ops).exp

    @ops.function
    def discount(bond, half_variance, integral):  # type: ignore[no-untyped-def]
        return bond * exp(-(half_variance + integral))

    return discount


@lru_cache(maxsize=None)
def build_log_bond_at_zero(ops: Ops) -> Callable[..., Any]:
    """``log_bond_at_zero(p_start, p_end, a, sigma, start, end)``: ln P(start, end) where x(start) = 0.

    ln P(t, T) = ln(P(0, T) / P(0, t)) + (V(T - t) - V(T) + V(t)) / 2 - B(a, T - t) x(t) (BM 3.39 in terms of x); ``p_start``
    and ``p_end`` are today's discount factors.
    """
    log, variance, half = special.build(ops).log, build_integral_variance(ops), ops.real(0.5)

    @ops.function
    def log_bond_at_zero(p_start, p_end, a, sigma, start, end):  # type: ignore[no-untyped-def]
        convexity = variance(a, sigma, end - start) - variance(a, sigma, end) + variance(a, sigma, start)
        return log(p_end / p_start) + half * convexity

    return log_bond_at_zero


@lru_cache(maxsize=None)
def build_bond(ops: Ops) -> Callable[..., Any]:
    """``bond(log_bond_at_zero, loading, x)``: price now of 1 USD at the end of the tenor whose loading is B(a, tenor)."""
    exp = special.build(ops).exp

    @ops.function
    def bond(log_bond_at_zero, loading, x):  # type: ignore[no-untyped-def]
        return exp(log_bond_at_zero - loading * x)

    return bond


@lru_cache(maxsize=None)
def build_bond_loss(ops: Ops) -> Callable[..., Any]:
    """``bond_loss(log_bond_at_zero, loading, x)``: 1 less the bond's price, without the rounding of the price."""
    expm1 = special.build(ops).expm1

    @ops.function
    def bond_loss(log_bond_at_zero, loading, x):  # type: ignore[no-untyped-def]
        return -expm1(log_bond_at_zero - loading * x)

    return bond_loss


@lru_cache(maxsize=None)
def build_par_rate(ops: Ops) -> Callable[..., Any]:
    """``par_rate(final_loss, annuity, spacing)``: annual coupon at which a bond is worth its face.

    (1 - P_n) / (spacing sum P_k): ``final_loss`` is 1 - P_n, ``annuity`` the sum of the bonds at the coupon dates, ``spacing``
    the years between them. With one coupon it is the simple rate of the tenor.
    """

    @ops.function
    def par_rate(final_loss, annuity, spacing):  # type: ignore[no-untyped-def]
        return final_loss / (spacing * annuity)

    return par_rate


@lru_cache(maxsize=None)
def build_bond_option(ops: Ops) -> Callable[..., Any]:
    """``bond_option(sign, p_expiry, p_maturity, strike, a, sigma, expiry, maturity)``: option on a zero bond (BM 3.40).

    ``sign`` is 1 for a call and -1 for a put, ``p_*`` today's discount factors; value today in units of the bond's face.
    """
    log, sqrt, cdf = special.build(ops).log, special.build_square_root(ops), normal.build_cdf(ops)
    loading, rate_variance = build_loading(ops), build_rate_variance(ops)
    half = ops.real(0.5)

    @ops.function
    def bond_option(sign, p_expiry, p_maturity, strike, a, sigma, expiry, maturity):  # type: ignore[no-untyped-def]
        deviation = loading(a, maturity - expiry) * sqrt(rate_variance(a, sigma, expiry))
        h = log(p_maturity / (strike * p_expiry)) / deviation + half * deviation
        return sign * (p_maturity * cdf(sign * h) - strike * p_expiry * cdf(sign * (h - deviation)))

    return bond_option


@lru_cache(maxsize=None)
def build_futures_forward(ops: Ops) -> Callable[..., Any]:
    """``futures_forward(futures_rate, a, sigma, start, end)``: forward rate from a futures rate, both simple over the period.

    Source: Kirikos and Novak, *Convexity conundrums*, Risk (March 1997): 1 + u F = (1 + u f) exp(-z) with u = end - start and
    z = sigma^2 B(a, u) (B(a, u) B(2a, start) + B(a, start)^2 / 2).
    """
    expm1 = special.build(ops).expm1
    loading, half, one, two = build_loading(ops), ops.real(0.5), ops.real(1), ops.real(2)

    @ops.function
    def futures_forward(futures_rate, a, sigma, start, end):  # type: ignore[no-untyped-def]
        u = end - start
        b, b_start = loading(a, u), loading(a, start)
        z = sigma * sigma * b * (b * loading(two * a, start) + half * b_start * b_start)
        return futures_rate + expm1(-z) * (futures_rate + one / u)

    return futures_forward
