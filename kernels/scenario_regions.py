"""Loops over the paths that the scenario launcher is made of: draws of a quarter, home prices, and writing a result."""

from __future__ import annotations

from collections.abc import Callable

from kernels import home_prices, philox, special
from kernels.ops import Ops
from kernels.scenario_terms import (
    GAP,
    GROWTH,
    LOG_INDEX,
    N_REGION,
    ON_INTEGRAL,
    ON_RATE,
    OWN,
    REGION_GROWTH,
    RESIDUAL,
    RESULT,
    National,
    Region,
)


def build_draw_quarter(ops: Ops) -> Callable[..., None]:
    """The quarter's normals of the rates, two a month, from the counter (path, month, 0, 0)."""
    random, normal, path_counter = philox.build(ops), special.build(ops).normal_from_bits, philox.build_path_counter(ops)
    lanes, at, to_uint32, quarter_months = ops.lanes, ops.at, ops.to_uint32, home_prices.MONTHS_A_QUARTER

    @ops.function
    def draw_quarter(width, first_path, quarter, key, normals):  # type: ignore[no-untyped-def]
        none, k0, k1 = to_uint32(0), key[0], key[1]
        for i in range(quarter_months):
            month = to_uint32((quarter - 1) * quarter_months + i + 1)
            on_rate = (ON_RATE + i) * width
            on_integral = on_rate + (ON_INTEGRAL - ON_RATE) * width
            for p in lanes(width):
                word, another, _, _ = random(path_counter(first_path, p), month, none, none, k0, k1)
                normals[at(on_rate, p)] = normal(word)
                normals[at(on_integral, p)] = normal(another)

    return draw_quarter


def build_grow(ops: Ops) -> Callable[..., None]:
    """Growth of the nation and of each region in the quarter that begins; counter (path, quarter, factor, 0)."""
    random, normal, path_counter = philox.build(ops), special.build(ops).normal_from_bits, philox.build_path_counter(ops)
    grow_nation, grow_region = _build_grow_nation(ops), _build_grow_region(ops)
    lanes, at, to_uint32 = ops.lanes, ops.at, ops.to_uint32

    @ops.function
    def grow(width, first_path, quarter, key, national, regions, factors, work, normals, regional):  # type: ignore[no-untyped-def]
        period, none, k0, k1 = to_uint32(quarter), to_uint32(0), key[0], key[1]
        for i in range(factors.shape[0]):
            factor = to_uint32(factors[i])
            for p in lanes(width):
                word, _, _, _ = random(path_counter(first_path, p), period, factor, none, k0, k1)
                normals[at(OWN * width, p)] = normal(word)
            if i == 0:
                grow_nation(width, national, work, normals)
            else:
                grow_region(width, i - 1, regions, work, normals, regional)

    return grow


def _build_grow_nation(ops: Ops) -> Callable[..., None]:
    shock, national_step, lanes, at = home_prices.build_quarter_shock(ops), home_prices.build_national(ops), ops.lanes, ops.at
    constant_at, momentum_at, reversion_at, sigma_at, trend_at, correlation_at, rest_at = (
        int(National.CONSTANT), int(National.MOMENTUM), int(National.REVERSION), int(National.SIGMA),
        int(National.TREND), int(National.CORRELATION), int(National.REST))  # fmt: skip

    @ops.function
    def grow_nation(width, national, work, normals):  # type: ignore[no-untyped-def]
        constant, momentum, reversion = national[constant_at], national[momentum_at], national[reversion_at]
        sigma, trend, correlation, rest = national[sigma_at], national[trend_at], national[correlation_at], national[rest_at]
        for p in lanes(width):
            innovation = shock(
                normals[at(ON_RATE * width, p)], normals[at((ON_RATE + 1) * width, p)], normals[at((ON_RATE + 2) * width, p)],
                normals[at(OWN * width, p)], correlation, rest,
            )  # fmt: skip
            work[at(GROWTH * width, p)], work[at(GAP * width, p)] = national_step(
                work[at(GROWTH * width, p)], work[at(GAP * width, p)], innovation,
                constant, momentum, reversion, sigma, trend,
            )  # fmt: skip

    return grow_nation


def _build_grow_region(ops: Ops) -> Callable[..., None]:
    region_step, lanes, at = home_prices.build_region(ops), ops.lanes, ops.at
    alpha_at, beta_at, persistence_at, innovation_at = (
        int(Region.ALPHA), int(Region.BETA), int(Region.PERSISTENCE), int(Region.INNOVATION))  # fmt: skip

    @ops.function
    def grow_region(width, s, regions, work, normals, regional):  # type: ignore[no-untyped-def]
        alpha, beta = regions[s, alpha_at], regions[s, beta_at]
        persistence, innovation = regions[s, persistence_at], regions[s, innovation_at]
        base = N_REGION * s * width
        for p in lanes(width):
            regional[at(base + RESIDUAL * width, p)], regional[at(base + REGION_GROWTH * width, p)] = region_step(
                regional[at(base + RESIDUAL * width, p)], work[at(GROWTH * width, p)], normals[at(OWN * width, p)],
                alpha, beta, persistence, innovation,
            )  # fmt: skip

    return grow_region


def build_observe_prices(ops: Ops) -> Callable[..., None]:
    """The month's home-price index of each region into ``prices``."""
    index, write, lanes, at, one = home_prices.build_index(ops), build_write(ops), ops.lanes, ops.at, ops.real(1)

    @ops.function
    def observe_prices(first, count, width, n_paths, n_months, month, n_regions, work, regional, prices):  # type: ignore[no-untyped-def]
        for s in range(n_regions):
            base = N_REGION * s * width
            if month == 0:
                for p in lanes(width):
                    work[at(RESULT * width, p)] = one
            else:
                for p in lanes(width):
                    regional[at(base + LOG_INDEX * width, p)], work[at(RESULT * width, p)] = index(
                        regional[at(base + LOG_INDEX * width, p)], regional[at(base + REGION_GROWTH * width, p)]
                    )
            write(count, RESULT * width, (s * (n_months + 1) + month) * n_paths + first, work, prices)

    return observe_prices


def build_write(ops: Ops) -> Callable[..., None]:
    """A row of the scratch, as far as there are paths, to its place in a result."""
    lanes, at = ops.lanes, ops.at

    @ops.function
    def write(count, source, to, work, result):  # type: ignore[no-untyped-def]
        for p in lanes(count):
            result[at(to, p)] = work[at(source, p)]

    return write
