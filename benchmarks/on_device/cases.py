"""Loans, paths and tables for ``benchmarks.device``, made of ``kernels/`` and numpy alone. Values only have to be plausible."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kernels import home_prices, hull_white
from kernels.amortization import build_level_principal_rate
from kernels.behaviour import KINDS
from kernels.behaviour.model import Model
from kernels.device import device
from kernels.launchers.groups import ByModel, Inputs, Market
from kernels.loan_on_device import Block, Collateral
from kernels.loan_terms import Count, Real, Tables
from kernels.observables import MARKET_ROWS, ROW, n_rows
from kernels.ops import Ops, make_ops
from kernels.scenario_terms import Tenor

KEY = np.array([20201231, 0], np.uint32)
N_REGIONS, LAG, COUPONS = 3, 12, 20
FULL = ByModel("richard_roll", "ltv_hazard", "ltv_severity")
"""The models that cost most."""

VALUES: dict[str, dict[str, float | list[float]]] = {
    "richard_roll": {
        "level": 0.2406, "height": 0.1389, "steepness": 5.952, "centre": 1.089, "ramp_months": 30, "burnout_floor": 0.3,
        "burnout_slope": 0.7, "multiplier": 1,
        "seasonality": [0.94, 0.76, 0.74, 0.95, 0.98, 0.92, 0.98, 1.10, 1.18, 1.22, 1.23, 0.98],
    },
    "ltv_hazard": {
        "base": 0.004, "slope": 4, "pivot": 0.8, "ramp_months": 24, "lowest_ltv": 0.3, "highest_ltv": 1.5
    },
    "ltv_severity": {"proceeds": 0.7, "carrying": 0.02, "fixed_costs": 0.08, "dispersion": 0.2},
}  # fmt: skip
"""Parameters of models by name; of a model that is not listed, :func:`parameters` makes some."""


def parameters(name: str, model: Model) -> dict[str, Any]:
    """Those of :data:`VALUES`, or a number in the range of each."""
    made: dict[str, Any] = {}
    for position, (parameter, known) in enumerate(model.parameters.items()):
        low, high = max(known.range.lowest, 0.0), min(known.range.highest, 10.0)
        number = low + 0.02 * (position + 1) * (high - low)
        made[parameter] = [number] * (known.length or 5) if known.table else number
    return {**made, **VALUES.get(name, {})}


def collateral(names: ByModel, n_loans: int, n_months: int, real: Any) -> Collateral:
    """Loans and what their models read."""
    return Collateral(inputs(names, n_loans, real), loans(n_loans, n_months, real), 0, KEY)


def put_block(given: Market, n_paths: int) -> Block:
    """A block of paths, put on the device."""
    return Block(device().put(given.rows), given.n_rows, n_paths, given.first_path)


def inputs(names: ByModel, n_loans: int, real: Any) -> ByModel:
    """What each model reads beside what is observed."""

    def of_model(name: str, model: Model) -> Inputs:
        columns = np.full((n_loans, len(model.column_names)), 0.5, real)
        return Inputs(np.array(model.values(parameters(name, model)), real), columns, np.empty(0, real))

    return ByModel(*(of_model(name, KINDS[kind][name]) for kind, name in names._asdict().items()))


def loans(n_loans: int, n_months: int, real: Any, adjustable_share: float = 0.125) -> Tables:
    """Loans of all ages, note rates in eighths, some adjustable, liquidated a year after default."""
    rng, level = np.random.default_rng(1), build_level_principal_rate(make_ops("numpy", "float64"))
    reals, counts = np.zeros((n_loans, len(Real))), np.zeros((n_loans, len(Count)), np.int64)
    eighths = rng.integers(16, 64, n_loans)
    distinct, rows = np.unique(eighths, return_inverse=True)
    adjustable = rng.random(n_loans) < adjustable_share
    maturity = rng.integers(max(n_months // 2, 1), n_months + 1, n_loans)
    own: dict[Real, Any] = {
        Real.BALANCE: rng.uniform(1e5, 2e6, n_loans), Real.LTV: rng.uniform(0.4, 1.1, n_loans), Real.NOTE_RATE: eighths / 800,
        Real.SERVICING_RATE: 0.0025, Real.MARGIN: 0.0225, Real.INITIAL_CAP: 0.05, Real.PERIODIC_CAP: 0.02, Real.LIFE_CAP: 0.1,
        Real.LIFE_FLOOR: 0.0225, Real.RATE_ROUNDING: 0.00125,
    }  # fmt: skip
    whole: dict[Count, Any] = {
        Count.AGE: rng.integers(0, 60, n_loans), Count.MATURITY: maturity, Count.AMORTISATION: maturity,
        Count.LAST_DEFAULT: np.maximum(maturity - LAG, 0), Count.LAG: LAG, Count.REGION: rng.integers(0, N_REGIONS, n_loans),
        Count.ADJUSTABLE: adjustable, Count.FIRST_RESET: rng.integers(1, 13, n_loans), Count.RESET_PERIOD: 12,
        Count.LOOKBACK: 1, Count.ADVANCES_PRINCIPAL: 1, Count.ADVANCES_INTEREST: 1, Count.ID_LOW: np.arange(n_loans),
        Count.NOTE_RATE_ROW: np.where(adjustable, -1, rows),
    }  # fmt: skip
    for column, values in own.items():
        reals[:, column] = values
    for place, numbers in whole.items():
        counts[:, place] = numbers
    month = np.arange(1, n_months + 1)
    left = np.maximum(maturity[:, None] - (month - 1), 1).astype(float)
    rates = np.where(month <= maturity[:, None], level(reals[:, Real.NOTE_RATE, None] / 12, left), 0.0)
    rates[month == maturity[:, None]] = 1.0
    falls = np.cumprod(np.where(month < maturity[:, None], 1 - rates, 1.0), axis=1)
    balances = reals[:, Real.BALANCE, None] * np.concatenate([np.ones((n_loans, 1)), falls[:, :-1]], axis=1)
    note_rates, accruals = np.repeat(distinct[:, None] / 800, n_months, 1), np.full((1, n_months), 1 / 12)
    return Tables(reals.astype(real), counts, *(a.astype(real) for a in (balances, rates, note_rates, accruals)), LAG)


def market(n_months: int, n_paths: int, real: Any) -> Market:
    """Walks, wide enough to reach the models' caps and floors."""
    rng = np.random.default_rng(2)
    steps = np.cumsum(rng.normal(0, 0.003, (n_months + 1, 1, n_paths)), 0)
    rows = np.empty((n_months + 1, n_rows(N_REGIONS), n_paths), real)
    rows[:, : len(MARKET_ROWS)] = np.clip(0.04 + steps, 0.005, 0.2)
    shape = n_months + 1, rows.shape[1] - len(MARKET_ROWS), n_paths
    rows[:, ROW["home_price_index"] :] = np.exp(np.cumsum(rng.normal(-0.001, 0.02, shape), 0))
    return Market(rows.reshape(-1), rows.shape[1], 0, 0, KEY)


class ScenarioArguments(NamedTuple):
    """Arguments of :func:`kernels.scenario_paths.build`'s launcher between ``first_path`` and its scratch, by its own names."""

    rate_key: Any
    price_key: Any
    step_terms: Any
    months: Any
    coupons: Any
    spacings: Any
    loadings: Any
    log_bonds: Any
    mortgage: Any
    national: Any
    regions: Any
    factors: Any


def scenario_arguments(n_months: int, ops: Ops) -> ScenarioArguments:
    """A flat curve of 4%, three regions that follow the nation."""
    exact, real = make_ops("numpy", "float64"), ops.real
    a, sigma, flat = np.float64(0.05), np.float64(0.01), 0.04
    times = np.arange(n_months + 1) / 12
    months = [
        hull_white.build_shift(exact)(np.full_like(times, flat), a, sigma, times),
        hull_white.build_integral_variance(exact)(a, sigma, times) / 2, np.exp(-flat * times), np.zeros_like(times),
    ]  # fmt: skip
    coupons = np.array([1, 4, COUPONS], np.int64)
    spacings = np.array([1.0, 0.5, 0.5])
    loadings, log_bonds = np.zeros((len(Tenor), COUPONS)), np.zeros((len(Tenor), n_months + 1, COUPONS))
    for row, (count, spacing) in enumerate(zip(coupons, spacings, strict=True)):
        ahead = spacing * np.arange(1, count + 1)
        loadings[row, :count] = hull_white.build_loading(exact)(a, ahead)
        start, end = times[:, None], times[:, None] + ahead
        log_bonds[row, :, :count] = hull_white.build_log_bond_at_zero(exact)(
            np.exp(-flat * start), np.exp(-flat * end), a, sigma, start, end
        )
    correlation = np.float64(-0.2)
    rest = home_prices.build_complement(exact)(correlation)
    national = [0.001, 0.6, 0.02, 0.005, 0.01, correlation, rest, 0.005, 0.0]
    values = (
        np.array(hull_white.build_step_terms(exact)(a, sigma, np.float64(1 / 12))), np.array(months), spacings, loadings,
        log_bonds, np.array([0.01, 0.6, 0.2, 0.1, 0.005]), np.array(national), np.full((N_REGIONS, 4), [0.0, 1.0, 0.3, 0.01]),
    )  # fmt: skip
    step_terms, by_month, spaced, loaded, bonds, mortgage, nation, regions = (np.ascontiguousarray(v, real) for v in values)
    keys = KEY + np.array([0, 1], np.uint32), KEY + np.array([0, 2], np.uint32)
    factors = np.arange(1 + N_REGIONS, dtype=np.int64)
    return ScenarioArguments(*keys, step_terms, by_month, coupons, spaced, loaded, bonds, mortgage, nation, regions, factors)


def market_size(n_months: int, n_paths: int) -> tuple[int, int]:
    """Elements of ``market`` and ``prices`` of the scenario launcher."""
    return len(MARKET_ROWS) * (n_months + 1) * n_paths, N_REGIONS * (n_months + 1) * n_paths
