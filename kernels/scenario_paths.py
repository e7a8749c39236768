"""Launcher of the scenarios: short rate, discount factor, mortgage rate, index and home prices of a block of paths.

Months run outside, paths innermost, in short loops over rows of one scratch array. A path's numbers depend on the keys and its
index alone: the counter of the rates is (path, month, 0, 0), that of the home prices (path, quarter, factor, 0), factor 0 the
nation. On ``cpu`` the paths go in tiles of :data:`kernels.ops.LANES`, which keeps the scratch in the cache and the width of the
inner loops known to the compiler; on the other targets in one piece.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache
from typing import Any

from kernels import home_prices, hull_white, mortgage_rate, philox, special
from kernels.ops import LANES, Ops


class Variable(IntEnum):
    """First axis of ``market``."""

    MORTGAGE_RATE = 0
    """Primary mortgage rate, annual."""
    INDEX = 1
    """Par rate that adjustable-rate loans follow, annual."""
    SHORT_RATE = 2
    """Short rate, annual, continuously compounded."""
    DISCOUNT = 3
    """Value today of 1 USD at the end of the month on this path."""


class Tenor(IntEnum):
    """Par rates computed in every month: rows of the coupon tables."""

    INDEX = 0
    TWO_YEARS = 1
    TEN_YEARS = 2


class National(IntEnum):
    """Entries of ``national``, in the units of :func:`kernels.home_prices.build_national`."""

    CONSTANT = 0
    MOMENTUM = 1
    REVERSION = 2
    SIGMA = 3
    TREND = 4
    CORRELATION = 5
    REST = 6
    INITIAL_GROWTH = 7
    INITIAL_GAP = 8


class State(IntEnum):
    """Columns of ``states``, in the units of :func:`kernels.home_prices.build_state`."""

    ALPHA = 0
    BETA = 1
    PERSISTENCE = 2
    INNOVATION = 3


# Rows of the scratch: state of the path, scratch of the month, the quarter's normals; then three rows a state.
X, INTEGRAL, GROWTH, GAP, LAGGED, ANNUITY, RESULT, PAR_RATES = range(8)
ON_RATE = PAR_RATES + len(Tenor)
ON_INTEGRAL = ON_RATE + home_prices.MONTHS_A_QUARTER
OWN = ON_INTEGRAL + home_prices.MONTHS_A_QUARTER
STATES = OWN + 1
RESIDUAL, STATE_GROWTH, LOG_INDEX = range(3)
ROWS_A_STATE = 3


def scratch_size(ops: Ops, n_paths: int, n_states: int) -> int:
    """Elements of ``work``."""
    return (STATES + ROWS_A_STATE * n_states) * (LANES if ops.target == "cpu" else n_paths)


@lru_cache(maxsize=None)
def build(ops: Ops) -> Callable[..., None]:
    """``scenario_paths(...)``: fills ``market`` and ``prices`` for ``n_paths`` paths from ``first_path`` on.

    Arguments, all C-contiguous, reals in the run's precision (n months, S states, K coupons of the longest tenor):

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
    ``states``          (S, 4)                         :class:`State`
    ``factors``         (S,) int64                     number of each state, from 1, in the random counter
    ``work``            flat, :func:`scratch_size`     scratch
    ``market``          flat (4, n + 1, path)          written: :class:`Variable`
    ``prices``          flat (S, n + 1, path)          written: home-price index over its value at month 0
    ==================  =============================  ===========================================================

    The ten-year rate lagged a month is at month 0 that of month 0.
    """
    begin, draw_quarter, grow = _build_begin(ops), _build_draw_quarter(ops), _build_grow(ops)
    step, observe, observe_prices = _build_step(ops), _build_observe(ops), _build_observe_prices(ops)
    quarter_months, width_of_tile = home_prices.MONTHS_A_QUARTER, LANES

    @ops.function
    def block(
        first, count, width, n_paths, n_months, first_path, rate_key, price_key, step_terms, months,
        coupons, spacings, loadings, log_bonds, mortgage, national, states, factors, work, market, prices,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        n_states = states.shape[0]
        begin(width, national, n_states, work)
        for month in range(n_months + 1):
            if month > 0:
                of_quarter = (month - 1) % quarter_months
                if of_quarter == 0:
                    quarter = (month - 1) // quarter_months + 1
                    draw_quarter(width, first_path + first, quarter, rate_key, price_key, work)
                    grow(width, first_path + first, quarter, price_key, national, states, factors, work)
                step(width, of_quarter, step_terms, work)
            observe(
                first, count, width, n_paths, n_months, month, months,
                coupons, spacings, loadings, log_bonds, mortgage, work, market,
            )  # fmt: skip
            observe_prices(first, count, width, n_paths, n_months, month, n_states, work, prices)

    def tiled(
        n_paths, n_months, first_path, rate_key, price_key, step_terms, months,
        coupons, spacings, loadings, log_bonds, mortgage, national, states, factors, work, market, prices,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        for first in range(0, n_paths, width_of_tile):
            block(
                first, min(width_of_tile, n_paths - first), width_of_tile, n_paths, n_months, first_path, rate_key, price_key,
                step_terms, months, coupons, spacings, loadings, log_bonds, mortgage, national, states, factors,
                work, market, prices,
            )  # fmt: skip

    def whole(
        n_paths, n_months, first_path, rate_key, price_key, step_terms, months,
        coupons, spacings, loadings, log_bonds, mortgage, national, states, factors, work, market, prices,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        block(
            0, n_paths, n_paths, n_paths, n_months, first_path, rate_key, price_key, step_terms, months,
            coupons, spacings, loadings, log_bonds, mortgage, national, states, factors, work, market, prices,
        )  # fmt: skip

    return tiled if ops.target == "cpu" else whole


def _build_begin(ops: Ops) -> Callable[..., None]:
    """The state of a path at month 0."""
    lanes, at, zero = ops.lanes, ops.at, ops.real(0)
    growth_at, gap_at = int(National.INITIAL_GROWTH), int(National.INITIAL_GAP)

    @ops.function
    def begin(width, national, n_states, work):  # type: ignore[no-untyped-def]
        growth, gap = national[growth_at], national[gap_at]
        for p in lanes(width):
            work[at(X * width, p)] = zero
            work[at(INTEGRAL * width, p)] = zero
            work[at(GROWTH * width, p)] = growth
            work[at(GAP * width, p)] = gap
        for row in range(STATES, STATES + ROWS_A_STATE * n_states):
            for p in lanes(width):
                work[at(row * width, p)] = zero

    return begin


def _build_normals(ops: Ops) -> Callable[..., None]:
    """Two normals a path into rows ``one`` and ``other`` from the counter (path, period, factor, 0)."""
    random, normal, path_counter = philox.build(ops), special.build(ops).normal_from_bits, philox.build_path_counter(ops)
    lanes, at, to_uint32 = ops.lanes, ops.at, ops.to_uint32

    @ops.function
    def normals(width, first_path, period, factor, key, one, other, work):  # type: ignore[no-untyped-def]
        c1, c2, c3 = to_uint32(period), to_uint32(factor), to_uint32(0)
        k0, k1 = key[0], key[1]
        for p in lanes(width):
            word, another, _, _ = random(path_counter(first_path, p), c1, c2, c3, k0, k1)
            work[at(one * width, p)] = normal(word)
            work[at(other * width, p)] = normal(another)

    return normals


def _build_normal(ops: Ops) -> Callable[..., None]:
    """One normal a path into ``row`` from the counter (path, period, factor, 0)."""
    random, normal, path_counter = philox.build(ops), special.build(ops).normal_from_bits, philox.build_path_counter(ops)
    lanes, at, to_uint32 = ops.lanes, ops.at, ops.to_uint32

    @ops.function
    def one_normal(width, first_path, period, factor, key, row, work):  # type: ignore[no-untyped-def]
        c1, c2, c3 = to_uint32(period), to_uint32(factor), to_uint32(0)
        k0, k1 = key[0], key[1]
        for p in lanes(width):
            word, _, _, _ = random(path_counter(first_path, p), c1, c2, c3, k0, k1)
            work[at(row * width, p)] = normal(word)

    return one_normal


def _build_draw_quarter(ops: Ops) -> Callable[..., None]:
    """The normals of a quarter: two a month for the rates, one for the nation's home prices."""
    normals, one_normal = _build_normals(ops), _build_normal(ops)
    quarter_months = home_prices.MONTHS_A_QUARTER

    @ops.function
    def draw_quarter(width, first_path, quarter, rate_key, price_key, work):  # type: ignore[no-untyped-def]
        for i in range(quarter_months):
            month = (quarter - 1) * quarter_months + i + 1
            normals(width, first_path, month, 0, rate_key, ON_RATE + i, ON_INTEGRAL + i, work)
        one_normal(width, first_path, quarter, 0, price_key, OWN, work)

    return draw_quarter


def _build_grow(ops: Ops) -> Callable[..., None]:
    """Growth of the nation and of each state in the quarter that begins."""
    shock, national_step, state_step = (
        home_prices.build_quarter_shock(ops), home_prices.build_national(ops), home_prices.build_state(ops))  # fmt: skip
    one_normal = _build_normal(ops)
    lanes, at = ops.lanes, ops.at
    constant_at, momentum_at, reversion_at, sigma_at, trend_at, correlation_at, rest_at = (
        int(National.CONSTANT), int(National.MOMENTUM), int(National.REVERSION), int(National.SIGMA),
        int(National.TREND), int(National.CORRELATION), int(National.REST))  # fmt: skip
    alpha_at, beta_at, persistence_at, innovation_at = (
        int(State.ALPHA), int(State.BETA), int(State.PERSISTENCE), int(State.INNOVATION))  # fmt: skip

    @ops.function
    def grow(width, first_path, quarter, key, national, states, factors, work):  # type: ignore[no-untyped-def]
        constant, momentum, reversion = national[constant_at], national[momentum_at], national[reversion_at]
        sigma, trend, correlation, rest = national[sigma_at], national[trend_at], national[correlation_at], national[rest_at]
        for p in lanes(width):
            work[at(GROWTH * width, p)], work[at(GAP * width, p)] = national_step(
                work[at(GROWTH * width, p)], work[at(GAP * width, p)],
                shock(
                    work[at(ON_RATE * width, p)], work[at((ON_RATE + 1) * width, p)], work[at((ON_RATE + 2) * width, p)],
                    work[at(OWN * width, p)], correlation, rest,
                ),
                constant, momentum, reversion, sigma, trend,
            )  # fmt: skip
        for s in range(states.shape[0]):
            row = STATES + ROWS_A_STATE * s
            one_normal(width, first_path, quarter, factors[s], key, OWN, work)
            alpha, beta = states[s, alpha_at], states[s, beta_at]
            persistence, innovation = states[s, persistence_at], states[s, innovation_at]
            for p in lanes(width):
                work[at((row + RESIDUAL) * width, p)], work[at((row + STATE_GROWTH) * width, p)] = state_step(
                    work[at((row + RESIDUAL) * width, p)], work[at(GROWTH * width, p)], work[at(OWN * width, p)],
                    alpha, beta, persistence, innovation,
                )  # fmt: skip

    return grow


def _build_step(ops: Ops) -> Callable[..., None]:
    """x and its integral a month on; the month's ten-year rate becomes the lagged one."""
    advance, lanes, at = hull_white.build_step(ops), ops.lanes, ops.at
    ten = PAR_RATES + int(Tenor.TEN_YEARS)

    @ops.function
    def step(width, of_quarter, terms, work):  # type: ignore[no-untyped-def]
        decay, loading, rate_on_1, integral_on_1, integral_on_2 = terms[0], terms[1], terms[2], terms[3], terms[4]
        on_rate, on_integral = (ON_RATE + of_quarter) * width, (ON_INTEGRAL + of_quarter) * width
        for p in lanes(width):
            work[at(LAGGED * width, p)] = work[at(ten * width, p)]
            work[at(X * width, p)], work[at(INTEGRAL * width, p)] = advance(
                work[at(X * width, p)], work[at(INTEGRAL * width, p)], work[at(on_rate, p)], work[at(on_integral, p)],
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
    write, lanes, at = _build_write(ops), ops.lanes, ops.at
    index_row, two_row, ten_row = (PAR_RATES + int(t) for t in (Tenor.INDEX, Tenor.TWO_YEARS, Tenor.TEN_YEARS))
    mortgage_at, index_at, short_at, discount_at = (int(v) for v in Variable)

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


def _build_observe_prices(ops: Ops) -> Callable[..., None]:
    """The month's home-price index of each state into ``prices``."""
    index, write, lanes, at, one = home_prices.build_index(ops), _build_write(ops), ops.lanes, ops.at, ops.real(1)

    @ops.function
    def observe_prices(first, count, width, n_paths, n_months, month, n_states, work, prices):  # type: ignore[no-untyped-def]
        for s in range(n_states):
            growth = (STATES + ROWS_A_STATE * s + STATE_GROWTH) * width
            log_index = (STATES + ROWS_A_STATE * s + LOG_INDEX) * width
            if month == 0:
                for p in lanes(width):
                    work[at(RESULT * width, p)] = one
            else:
                for p in lanes(width):
                    work[at(log_index, p)], work[at(RESULT * width, p)] = index(work[at(log_index, p)], work[at(growth, p)])
            write(count, RESULT * width, (s * (n_months + 1) + month) * n_paths + first, work, prices)

    return observe_prices


def _build_write(ops: Ops) -> Callable[..., None]:
    """A row of the scratch, as far as there are paths, to its place in a result."""
    lanes, at = ops.lanes, ops.at

    @ops.function
    def write(count, source, to, work, result):  # type: ignore[no-untyped-def]
        for p in lanes(count):
            result[at(to, p)] = work[at(source, p)]

    return write
