"""Scenarios by blocks of paths: tables by month in float64 once, then the launcher on the run's target and precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kernels import home_prices as home_price_model
from kernels import hull_white, mortgage_rate, scenario_paths
from kernels.launch import compile_launcher
from kernels.launch import is_compiled as launcher_is_compiled
from kernels.observables import MARKET_ROWS
from kernels.ops import Ops, make_ops
from kernels.scenario_terms import scratch_sizes
from mcsim.backend import Backend
from mcsim.conventions import COUPONS_A_YEAR, MONTHS_A_YEAR
from mcsim.errors import InputError
from mcsim.scenario import Scenario
from mcsim.scenarios.dynamics import NATION, RegionDynamics, choose_regions, load_dynamics
from mcsim.settings import HomePrices, Rates

if TYPE_CHECKING:
    from mcsim.market.curve import Curve

RATE_STREAM, PRICE_STREAM = 1, 2
"""Second words of the random key. Stream 0 moves the loans, stream 3 draws portfolios."""

TENORS_OF_MORTGAGE_RULE = (2.0, 10.0)  # years: rows TWO_YEARS and TEN_YEARS of the coupon tables
NATIONAL_FACTOR = 0
_WORD = 2**32
_STARTS = "a number; mcsim.market.start.load_market fills in what is null"


class ScenarioGenerator:
    """Draws blocks of paths. A path depends on the seed and its index alone, not on the block or the regions beside it.

    Parameters
    ----------
    rates : Rates
    home_prices : HomePrices
    curve : Curve
        Curve of the cut-off; month m is m / 12 years.
    regions : sequence of str
        Two letters each, none twice; ``US`` is the nation itself.
    n_months : int
        Months to simulate.
    seed : int
        32 bits, unsigned.
    backend : Backend

    Raises
    ------
    InputError
        With every parameter that cannot be used and every region without dynamics.

    Examples
    --------
    >>> generator = ScenarioGenerator(rates, home_prices, curve, ("CA", "TX"), 360, 1, backend)  # doctest: +SKIP
    >>> generator.generate(0, 256).home_price.shape  # doctest: +SKIP
    (2, 361, 256)
    """

    def __init__(
        self,
        rates: Rates,
        home_prices: HomePrices,
        curve: Curve,
        regions: Sequence[str],
        n_months: int,
        seed: int,
        backend: Backend,
    ) -> None:
        _check(rates, home_prices, n_months, seed)
        known = load_dynamics(home_prices.region_file)
        dynamics = choose_regions(known, regions, home_prices.region_file)
        self.regions = tuple(regions)
        self.n_months = n_months
        self._ops = backend.ops
        self._keys = [np.array([seed, stream], dtype=np.uint32) for stream in (RATE_STREAM, PRICE_STREAM)]
        tables = [*_rate_tables(rates, curve, n_months), *_price_tables(home_prices, dynamics, known[NATION])]
        self._tables = [t if t.dtype == np.int64 else np.ascontiguousarray(t, dtype=self._ops.real) for t in tables]
        self._factors = np.array([NATIONAL_FACTOR, *(factor_number(region) for region in regions)], dtype=np.int64)
        if self._ops.target == "cuda":
            from kernels.device import put_all

            self._keys, self._tables, self._factors = (
                put_all((*self._keys,)),
                put_all((*self._tables,)),
                put_all(self._factors),
            )
        self._run = _launcher(self._ops)

    def generate(self, first_path: int, n_paths: int) -> Scenario:
        """Paths ``first_path`` to ``first_path + n_paths - 1``. Safe to call from several threads.

        Raises
        ------
        InputError
            If a path's index does not fit into 32 bits, or there is no path.
        """
        if first_path < 0 or n_paths < 1 or first_path + n_paths > _WORD:
            raise InputError(f"paths {first_path} to {first_path + n_paths - 1}; expected one or more, from 0 to {_WORD - 1}")
        if self._ops.target == "cuda":
            from kernels.device import device
            from mcsim.device_scenario import DeviceScenario

            return DeviceScenario(first_path, self.regions, *self._fill(device().empty, first_path, n_paths))
        market, prices = self._fill(np.empty, first_path, n_paths)
        return Scenario(first_path, self.regions, {**dict(zip(MARKET_ROWS, market, strict=True)), "home_price_index": prices})

    def _fill(self, empty: Callable[..., Any], first_path: int, n_paths: int) -> tuple[Any, Any]:
        """``market`` and ``prices`` of the launcher, in memory of ``empty``: the host's, or the device's."""
        real, n_regions = self._ops.real, len(self.regions)
        scratch = [empty(size, dtype=real) for size in scratch_sizes(self._ops, n_paths, n_regions)]
        market = empty((len(MARKET_ROWS), self.n_months + 1, n_paths), dtype=real)
        prices = empty((n_regions, self.n_months + 1, n_paths), dtype=real)
        self._run(
            n_paths, n_paths, self.n_months, first_path, *self._keys, *self._tables, self._factors,
            *scratch, market.reshape(-1), prices.reshape(-1),
        )  # fmt: skip
        return market, prices


def factor_number(region: str) -> int:
    """Number of a region in the random counter, from its letters: adding a region to a run does not change the others' draws."""
    return 1 + 26 * (ord(region[0]) - ord("A")) + (ord(region[1]) - ord("A"))


LAUNCHER = "scenario_paths"


def is_compiled(precision: str) -> bool:
    """Whether the ``cpu`` target's launcher is in the disk cache."""
    ops = make_ops("cpu", precision)
    return launcher_is_compiled(ops, scenario_paths.build(ops), LAUNCHER)


def _launcher(ops: Ops) -> Callable[..., None]:
    function = scenario_paths.build(ops)
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    writes = tuple(names.index(name) for name in ("market", "prices"))
    return compile_launcher(ops, function, LAUNCHER, writes)


def _check(rates: Rates, home_prices: HomePrices, n_months: int, seed: int) -> None:
    """What the model needs; the configuration's own check of ranges is narrower."""
    coupons = rates.index_tenor_years * COUPONS_A_YEAR
    checks = [
        (rates.mean_reversion >= 0, "rates.mean_reversion", rates.mean_reversion, "0 or more a year"),
        (rates.sigma >= 0, "rates.sigma", rates.sigma, "0 or more"),
        (
            rates.index_tenor_years > 0 and (coupons < 1 or coupons == round(coupons)),
            "rates.index_tenor_years",
            rates.index_tenor_years,
            "less than half a year (a simple rate), or a multiple of half a year (semi-annual coupons)",
        ),
        (
            rates.mortgage_residual_half_life_months > 0,
            "rates.mortgage_residual_half_life_months",
            rates.mortgage_residual_half_life_months,
            "more than 0 months",
        ),
        (
            abs(home_prices.correlation_with_rates) <= 1,
            "home_prices.correlation_with_rates",
            home_prices.correlation_with_rates,
            "a correlation between -1 and 1",
        ),
        (home_prices.sigma_quarterly >= 0, "home_prices.sigma_quarterly", home_prices.sigma_quarterly, "0 or more"),
        (rates.mortgage_residual is not None, "rates.mortgage_residual", None, _STARTS),
        (home_prices.initial_growth_quarterly is not None, "home_prices.initial_growth_quarterly", None, _STARTS),
        (home_prices.initial_gap is not None, "home_prices.initial_gap", None, _STARTS),
        (n_months >= 1, "n_months", n_months, "1 or more"),
        (0 <= seed < _WORD, "seed", seed, f"0 to {_WORD - 1}"),
    ]
    problems = [f"{name} = {value!r}: expected {expected}" for holds, name, value, expected in checks if not holds]
    problems += _explosive(home_prices)
    if problems:
        raise InputError(problems)


def _explosive(home_prices: HomePrices) -> list[str]:
    """The national process as a vector autoregression of growth and gap: every eigenvalue must stay within the unit circle."""
    momentum, reversion = home_prices.momentum, home_prices.reversion
    size = float(np.abs(np.linalg.eigvals(np.array([[momentum, -reversion], [momentum, 1 - reversion]]))).max())
    if size < 1 or (reversion == 0 and abs(momentum) < 1):  # without reversion the level is a random walk, which is meant
        return []
    return [
        f"home_prices.momentum = {momentum!r} with home_prices.reversion = {reversion!r}: an eigenvalue has size {size:.6g}, "
        "so the gap explodes; expected less than 1"
    ]


def _rate_tables(rates: Rates, curve: Curve, n_months: int) -> list[NDArray[Any]]:
    """``step_terms, months, coupons, spacings, loadings, log_bonds, mortgage`` of the launcher, float64."""
    ops = make_ops("numpy", "float64")
    a, sigma, month = np.float64(rates.mean_reversion), np.float64(rates.sigma), np.float64(1 / MONTHS_A_YEAR)
    times = np.arange(n_months + 1) / MONTHS_A_YEAR
    months = np.stack(
        [
            hull_white.build_shift(ops)(curve.instantaneous_forward(times), a, sigma, times),
            hull_white.build_integral_variance(ops)(a, sigma, times) / 2,
            curve.discount(times),
            mortgage_rate.build_residual(ops)(
                np.float64(rates.mortgage_residual),
                np.arange(n_months + 1.0),
                np.float64(rates.mortgage_residual_half_life_months),
            ),
        ]
    )
    mortgage = np.array(
        [
            rates.mortgage_constant,
            rates.mortgage_on_10y,
            rates.mortgage_on_10y_lagged,
            rates.mortgage_on_2y,
            rates.mortgage_floor,
        ]
    )
    step_terms = np.array(hull_white.build_step_terms(ops)(a, sigma, month))
    return [step_terms, months, *_coupon_tables(rates, curve, times), mortgage]


def _coupon_tables(rates: Rates, curve: Curve, times: NDArray[np.float64]) -> list[NDArray[Any]]:
    """``coupons, spacings, loadings, log_bonds``: one row a tenor; entries past its last coupon are not read."""
    ops = make_ops("numpy", "float64")
    a, sigma = np.float64(rates.mean_reversion), np.float64(rates.sigma)
    tenors = (rates.index_tenor_years, *TENORS_OF_MORTGAGE_RULE)
    coupons = np.array([max(1, round(tenor * COUPONS_A_YEAR)) for tenor in tenors], dtype=np.int64)
    spacings = np.array(tenors) / coupons
    loadings = np.zeros((len(tenors), coupons.max()))
    log_bonds = np.zeros((len(tenors), times.size, coupons.max()))
    loading, log_bond = hull_white.build_loading(ops), hull_white.build_log_bond_at_zero(ops)
    start = times[:, np.newaxis]
    for row, (count, spacing) in enumerate(zip(coupons, spacings, strict=True)):
        ahead = spacing * np.arange(1, count + 1)
        loadings[row, :count] = loading(a, ahead)
        log_bonds[row, :, :count] = log_bond(
            curve.discount(start), curve.discount(start + ahead), a, sigma, start, start + ahead
        )
    return [coupons, spacings, loadings, log_bonds]


def _price_tables(
    home_prices: HomePrices, dynamics: list[RegionDynamics], nation: RegionDynamics
) -> list[NDArray[np.float64]]:
    """``national, regions`` of the launcher, float64."""
    ops = make_ops("numpy", "float64")
    alpha, complement = home_price_model.build_alpha(ops), home_price_model.build_complement(ops)
    correlation = np.float64(home_prices.correlation_with_rates)
    national = np.array(
        [
            home_prices.constant,
            home_prices.momentum,
            home_prices.reversion,
            home_prices.sigma_quarterly,
            home_prices.trend_annual / 4,
            correlation,
            complement(correlation),
            home_prices.initial_growth_quarterly,
            home_prices.initial_gap,
        ]
    )
    regions = [
        [
            alpha(d.mean_growth_annual, nation.mean_growth_annual, d.beta_quarterly),
            d.beta_quarterly,
            d.residual_ar1,
            d.residual_sd_quarterly * complement(np.float64(d.residual_ar1)),
        ]
        for d in dynamics
    ]
    return [national, np.array(regions, dtype=np.float64).reshape(len(regions), 4)]
