"""Home prices: national error correction with momentum, regions by their beta and an autoregressive residual.

All growth rates are logarithmic and quarterly. Form: Case and Shiller, *The efficiency of the market for single-family homes*,
American Economic Review 79 (1989), 125-137 (momentum), and Abraham and Hendershott, *Bubbles in metropolitan housing markets*,
J. Housing Research 7 (1996), 191-207 (reversion to a level). Estimates and their origin: docs/theory/home_prices.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from kernels import special
from kernels.ops import Ops

MONTHS_A_QUARTER = 3


@lru_cache(maxsize=None)
def build_quarter_shock(ops: Ops) -> Callable[..., Any]:
    """``quarter_shock(z1, z2, z3, own, correlation, rest)``: the national innovation, a standard normal.

    correlation (z1 + z2 + z3) / sqrt(3) + rest own, with ``z1`` to ``z3`` the normals that drive the short rate in the
    quarter's three months, ``own`` an independent normal and ``rest`` = sqrt(1 - correlation^2).
    """
    scale = ops.real(1 / math.sqrt(MONTHS_A_QUARTER))

    @ops.function
    def quarter_shock(z1, z2, z3, own, correlation, rest):  # type: ignore[no-untyped-def]
        return correlation * (scale * (z1 + z2 + z3)) + rest * own

    return quarter_shock


@lru_cache(maxsize=None)
def build_complement(ops: Ops) -> Callable[..., Any]:
    """``complement(rho)``: sqrt(1 - rho^2), the weight of what is independent; |rho| <= 1."""
    sqrt, one = special.build_square_root(ops), ops.real(1)

    @ops.function
    def complement(rho):  # type: ignore[no-untyped-def]
        return sqrt((one - rho) * (one + rho))

    return complement


@lru_cache(maxsize=None)
def build_national(ops: Ops) -> Callable[..., Any]:
    """``national(growth, gap, shock, constant, momentum, reversion, sigma, trend)``: the next quarter's growth and gap.

    g(t) = constant + momentum g(t-1) - reversion gap(t-1) + sigma shock; gap(t) = gap(t-1) + g(t) - trend, the log index
    less its linear trend. ``trend`` is quarterly.
    """

    @ops.function
    def national(growth, gap, shock, constant, momentum, reversion, sigma, trend):  # type: ignore[no-untyped-def]
        new_growth = (constant + momentum * growth) + (sigma * shock - reversion * gap)
        return new_growth, gap + (new_growth - trend)

    return national


@lru_cache(maxsize=None)
def build_region(ops: Ops) -> Callable[..., Any]:
    """``region(residual, national_growth, z, alpha, beta, persistence, innovation)``: new residual and the region's growth.

    u(t) = persistence u(t-1) + innovation z; growth = alpha + beta national_growth + u(t).
    """

    @ops.function
    def region(residual, national_growth, z, alpha, beta, persistence, innovation):  # type: ignore[no-untyped-def]
        new_residual = persistence * residual + innovation * z
        return new_residual, (alpha + beta * national_growth) + new_residual

    return region


@lru_cache(maxsize=None)
def build_alpha(ops: Ops) -> Callable[..., Any]:
    """``alpha(regional_mean, national_mean, beta)``: intercept of a least-squares line, quarterly, from annual mean growth rates.

    A least-squares line passes through the means: alpha = (regional_mean - beta national_mean) / 4.
    """
    per_quarter = ops.real(0.25)

    @ops.function
    def alpha(regional_mean, national_mean, beta):  # type: ignore[no-untyped-def]
        return per_quarter * (regional_mean - beta * national_mean)

    return alpha


@lru_cache(maxsize=None)
def build_index(ops: Ops) -> Callable[..., Any]:
    """``index(log_index, quarter_growth)``: log index a month on, and the index: equal growth in each month of a quarter."""
    exp, per_month = special.build(ops).exp, ops.real(1 / MONTHS_A_QUARTER)

    @ops.function
    def index(log_index, quarter_growth):  # type: ignore[no-untyped-def]
        new_log_index = log_index + per_month * quarter_growth
        return new_log_index, exp(new_log_index)

    return index
