"""Launcher of the scenarios: short rate, discount factor, mortgage rate, index and home prices of a block of paths.

Months run outside, paths innermost, in short loops over rows of scratch arrays. A path's numbers depend on the keys and its
index alone: the counter of the rates is (path, month, 0, 0), that of the home prices (path, quarter, factor, 0), factor 0 the
nation. On ``cpu`` the paths go in tiles of :data:`kernels.ops.LANES`, which keeps the scratch in the cache and the width of
the inner loops known to the compiler; on the other targets in one piece.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from kernels import home_prices, hull_white, mortgage_rate
from kernels.observables import ROW
from kernels.ops import LANES, Ops
from kernels.scenario_regions import build_draw_quarter, build_grow, build_observe_prices, build_write
from kernels.scenario_terms import (
    ANNUITY,
    GAP,
    GROWTH,
    INTEGRAL,
    LAGGED,
    N_REGION,
    ON_INTEGRAL,
    ON_RATE,
    PAR_RATES,
    RESULT,
    National,
    Tenor,
    X,
)


@lru_cache(maxsize=None)
def build(ops: Ops) -> Callable[..., None]:
    """``scenario_paths(...)``: fills ``market`` and ``prices`` for ``n_paths`` paths from ``first_path`` on.

    Arguments, all C-contiguous, reals in the run's precision (n months, S regions, K coupons of the longest tenor):

    ==================  =============================  ===========================================================
    ``n_paths``         int
    ``n_months``        int
    ``first_path``      int                            index of the block's first path
    ``rate_key``        (2,) uint32                    key of the rates' random numbers
    ``price_key``       (2,) uint32                    key of the home prices' random numbers
    ``step_terms``      (5,)                           :func:`kernels.hull_white.build_step_terms` of a month
    ``months``          (4, n + 1)                     shift of the short rate, V/2, P(0, t), mortgage residual
    ``coupons``         (3,) int64                     coupons of each :class:`Tenor`
    ``spacings``        (3,)                           years between its coupons
    ``loadings``        (3, K)                         B(a, tenor of the coupon)
    ``log_bonds``       (3, n + 1, K)                  ln P(t, t + tenor of the coupon) where x is 0
    ``mortgage``        (5,)                           constant, on ten, on ten lagged, on two, floor
    ``national``        (9,)                           :class:`National`
    ``regions``         (S, 4)                         :class:`Region`
    ``factors``         (1 + S,) int64                 factor of the nation, 0, and of each region in the random counter
    ``work``            flat, :func:`scratch_sizes`    scratch
    ``normals``         flat                           scratch
    ``regional``        flat                           scratch
    ``market``          flat (4, n + 1, path)          written: :data:`kernels.observables.MARKET_ROWS`
    ``prices``          flat (S, n + 1, path)          written: home-price index over its value at month 0
    ==================  =============================  ===========================================================

    The ten-year rate lagged a month is at month 0 that of month 0.
    """
    begin, draw_quarter, grow = _build_begin(ops), build_draw_quarter(ops), build_grow(ops)
    step, observe, observe_prices = _build_step(ops), _build_observe(ops), build_observe_prices(ops)
    quarter_months, width_of_tile = home_prices.MONTHS_A_QUARTER, LANES

    @ops.function
    def block(
        first, count, width, n_paths, n_months, first_path, rate_key, price_key, step_terms, months,
        coupons, spacings, loadings, log_bonds, mortgage, national, regions, factors, work, normals, regional, market, prices,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        n_regions = regions.shape[0]
        begin(width, national, n_regions, work, regional)
        for month in range(n_months + 1):
            if month > 0:
                of_quarter = (month - 1) % quarter_months
                if of_quarter == 0:
                    quarter = (month - 1) // quarter_months + 1
                    draw_quarter(width, first_path + first, quarter, rate_key, normals)
                    grow(width, first_path + first, quarter, price_key, national, regions, factors, work, normals, regional)
                step(width, of_quarter, step_terms, work, normals)
            observe(
                first, count, width, n_paths, n_months, month, months,
                coupons, spacings, loadings, log_bonds, mortgage, work, market,
            )  # fmt: skip
            observe_prices(first, count, width, n_paths, n_months, month, n_regions, work, regional, prices)

    def tiled(
        n_paths, n_months, first_path, rate_key, price_key, step_terms, months,
        coupons, spacings, loadings, log_bonds, mortgage, national, regions, factors, work, normals, regional, market, prices,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        for first in range(0, n_paths, width_of_tile):
            block(
                first, min(width_of_tile, n_paths - first), width_of_tile, n_paths, n_months, first_path, rate_key, price_key,
                step_terms, months, coupons, spacings, loadings, log_bonds, mortgage, national, regions, factors,
                work, normals, regional, market, prices,
            )  # fmt: skip

    def whole(
        n_paths, n_months, first_path, rate_key, price_key, step_terms, months,
        coupons, spacings, loadings, log_bonds, mortgage, national, regions, factors, work, normals, regional, market, prices,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        block(
            0, n_paths, n_paths, n_paths, n_months, first_path, rate_key, price_key, step_terms, months,
            coupons, spacings, loadings, log_bonds, mortgage, national, regions, factors,
            work, normals, regional, market, prices,
        )  # fmt: skip

    return tiled if ops.target == "cpu" else whole


def _build_begin(ops: Ops) -> Callable[..., None]:
    """The state of a path at month 0."""
    lanes, at, zero = ops.lanes, ops.at, ops.real(0)
    growth_at, gap_at = int(National.INITIAL_GROWTH), int(National.INITIAL_GAP)

    @ops.function
    def begin(width, national, n_regions, work, regional):  # type: ignore[no-untyped-def]
        growth, gap = national[growth_at], national[gap_at]
        for p in lanes(width):
            work[at(X * width, p)] = zero
            work[at(INTEGRAL * width, p)] = zero
            work[at(GROWTH * width, p)] = growth
            work[at(GAP * width, p)] = gap
        for row in range(N_REGION * n_regions):
            for p in lanes(width):
                regional[at(row * width, p)] = zero

    return begin


def _build_step(ops: Ops) -> Callable[..., None]:
    """x and its integral a month on; the month's ten-year rate becomes the lagged one."""
    advance, lanes, at = hull_white.build_step(ops), ops.lanes, ops.at
    ten = PAR_RATES + int(Tenor.TEN_YEARS)

    @ops.function
    def step(width, of_quarter, terms, work, normals):  # type: ignore[no-untyped-def]
        decay, loading, rate_on_1, integral_on_1, integral_on_2 = terms[0], terms[1], terms[2], terms[3], terms[4]
        on_rate = (ON_RATE + of_quarter) * width
        on_integral = on_rate + (ON_INTEGRAL - ON_RATE) * width
        for p in lanes(width):
            work[at(LAGGED * width, p)] = work[at(ten * width, p)]
            work[at(X * width, p)], work[at(INTEGRAL * width, p)] = advance(
                work[at(X * width, p)], work[at(INTEGRAL * width, p)], normals[at(on_rate, p)], normals[at(on_integral, p)],
                decay, loading, rate_on_1, integral_on_1, integral_on_2,
            )  # fmt: skip

    return step


def _build_par_rates(ops: Ops) -> Callable[..., None]:
    """Par rate of each tenor from x by closed form, one loop a coupon."""
    bond, bond_loss, par_rate = hull_white.build_bond(ops), hull_white.build_bond_loss(ops), hull_white.build_par_rate(ops)
    lanes, at, zero, one, tenors = ops.lanes, ops.at, ops.real(0), ops.real(1), len(Tenor)

    @ops.function
    def par_rates(width, month, coupons, spacings, loadings, log_bonds, work):  # type: ignore[no-untyped-def]
        for tenor in range(tenors):
            last, row, spacing = coupons[tenor] - 1, (PAR_RATES + tenor) * width, spacings[tenor]
            for p in lanes(width):
                work[at(ANNUITY * width, p)] = zero
            for k in range(last):
                log_bond, loading = log_bonds[tenor, month, k], loadings[tenor, k]
                for p in lanes(width):
                    work[at(ANNUITY * width, p)] += bond(log_bond, loading, work[at(X * width, p)])
            log_bond, loading = log_bonds[tenor, month, last], loadings[tenor, last]
            for p in lanes(width):
                loss = bond_loss(log_bond, loading, work[at(X * width, p)])
                work[at(row, p)] = par_rate(loss, work[at(ANNUITY * width, p)] + (one - loss), spacing)

    return par_rates


def _build_observe(ops: Ops) -> Callable[..., None]:
    """The month's rates and discount factor into ``market``."""
    par_rates, discount, mortgage_of = (
        _build_par_rates(ops), hull_white.build_discount(ops), mortgage_rate.build_mortgage_rate(ops))  # fmt: skip
    write, lanes, at = build_write(ops), ops.lanes, ops.at
    index_row, two_row, ten_row = (PAR_RATES + int(t) for t in (Tenor.ADJUSTABLE_INDEX, Tenor.TWO_YEARS, Tenor.TEN_YEARS))
    mortgage_at, index_at, short_at, discount_at = (
        ROW[name] for name in ("mortgage_rate", "adjustable_index", "short_rate", "discount_factor")
    )

    @ops.function
    def observe(
        first, count, width, n_paths, n_months, month, months,
        coupons, spacings, loadings, log_bonds, mortgage, work, market,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        stride = (n_months + 1) * n_paths
        to = month * n_paths + first
        shift, half_variance, bond, residual = months[0, month], months[1, month], months[2, month], months[3, month]
        par_rates(width, month, coupons, spacings, loadings, log_bonds, work)
        if month == 0:
            for p in lanes(width):
                work[at(LAGGED * width, p)] = work[at(ten_row * width, p)]
        constant, on_ten, on_lagged, on_two, floor = mortgage[0], mortgage[1], mortgage[2], mortgage[3], mortgage[4]
        for p in lanes(width):
            work[at(RESULT * width, p)] = mortgage_of(
                work[at(ten_row * width, p)], work[at(LAGGED * width, p)], work[at(two_row * width, p)],
                residual, constant, on_ten, on_lagged, on_two, floor,
            )  # fmt: skip
        write(count, RESULT * width, mortgage_at * stride + to, work, market)
        write(count, index_row * width, index_at * stride + to, work, market)
        for p in lanes(width):
            work[at(RESULT * width, p)] = work[at(X * width, p)] + shift
        write(count, RESULT * width, short_at * stride + to, work, market)
        for p in lanes(width):
            work[at(RESULT * width, p)] = discount(bond, half_variance, work[at(INTEGRAL * width, p)])
        write(count, RESULT * width, discount_at * stride + to, work, market)

    return observe
