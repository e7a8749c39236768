"""Pool flows of prepared loans: BMA's cash flow A, superblocks, models' parameters, scenario rows, sampled against expected."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kernels import behaviour
from kernels.flows import FIELDS
from kernels.loan_terms import TILE
from kernels.observables import MARKET_ROWS, ROW, n_rows
from mcsim.backend import choose_backend
from mcsim.configuration import load_settings
from mcsim.loans import make_loans
from mcsim.scenario import Scenario
from mcsim.settings import Behaviour, ModelChoice, Portfolio
from mcsim.simulation import simulator
from mcsim.simulation.prepare import horizon, prepare_loans
from mcsim.simulation.simulator import LoanSimulator, parameter_array, scenario_rows
from tests.golden.test_bma import check_cash_flow_a

SEED = 20201231
BMA = Behaviour(  # SF-22: 1% SMM, 1% MDR, 20% severity
    ModelChoice("smm", {"smm": [0.01]}),
    ModelChoice("mdr", {"mdr": [0.01]}),
    ModelChoice("fixed", {"severity": [0.2]}),
    "expected",
)
TWELVE_MONTHS = Portfolio("bma", "generator", None, "2020-12-31", 0.0, 0.0, 12, "principal_and_interest")


def scenario(n_months: int, n_paths: int, real: Any = np.float64, first_path: int = 0) -> Scenario:
    """Rates and prices that tell path, month and row apart."""
    grid = np.arange((n_months + 1) * n_paths, dtype=real).reshape(n_months + 1, n_paths) * real(1e-6)
    prices = np.stack([1 + grid, 2 + grid])
    market = dict(zip(MARKET_ROWS, (0.03 + grid, 0.02 + grid, 0.01 + grid, np.exp(-grid)), strict=True))
    return Scenario(first_path, ("CA", "TX"), market | {"home_price_index": prices})


def simulate(n_loans: int, models: Behaviour, n_paths: int = 1, term: int = 360, **terms: Any) -> np.ndarray:
    """Flows (month, field, path) of a pool of 1e8 USD: new loans at 8% in equal parts."""
    chosen = choose_backend("numpy", "float64")
    columns = {
        "loan_id": [f"L{i}" for i in range(n_loans)], "balance": 1e8 / n_loans, "original_balance": 1e8 / n_loans, "ltv": 0.8,
        "note_rate": 0.08, "servicing_rate": 0.0, "age": 0, "maturity": term, "amortisation": term, "interest_only": 0,
        "day_count": "30/360", "region": "CA", "property_type": "single_family", **terms,
    }  # fmt: skip
    loans = make_loans(datetime.date(2020, 12, 31), columns)
    n_months = horizon(loans, TWELVE_MONTHS)
    prepared = prepare_loans(loans, TWELVE_MONTHS, ("CA", "TX"), n_months, chosen.precision)
    return LoanSimulator(prepared, models, SEED, chosen).pool(scenario(n_months, n_paths, chosen.ops.real))


def test_cash_flow_a() -> None:
    """Every printed cell of BMA's table, SF-22 to SF-29, from a tape of one loan to the pool."""
    check_cash_flow_a(simulate(1, BMA)[:, :, 0])


def test_cash_flow_a_of_many_loans(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool of equal loans pays what the one does, over superblocks."""
    monkeypatch.setattr(simulator, "SUPERBLOCK", TILE)
    flows = simulate(TILE + 3, BMA)
    check_cash_flow_a(flows[:, :, 0])
    # 35 additions of float64 to sums of at most 1e8: 1e8 x 35 x 1.1e-16, and as much from the balances' division by 35.
    np.testing.assert_allclose(flows, simulate(1, BMA), rtol=0, atol=1e-6)


def test_paths_that_see_the_same_get_the_same() -> None:
    """Static vectors read no scenario: whatever the number of paths and lanes, every path has the flows of the one."""
    flows = simulate(1, BMA, n_paths=7)
    np.testing.assert_array_equal(flows, np.repeat(simulate(1, BMA), 7, axis=2))


@pytest.mark.parametrize("decrement", ["expected", "sampled"])
def test_lanes_of_a_few_paths_are_those_of_the_whole(decrement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three paths at a time, the last time one: each block sees its own rates and prices, and draws for its own paths."""
    models = load_settings(["campaign=prime_jumbo", f"behaviour.decrement={decrement}"]).only_collateral.behaviour
    whole = simulate(5, models, n_paths=7, term=60, ltv=1.2)
    assert len(np.unique(whole.sum(axis=0), axis=1).T) == 7, "the paths differ"
    monkeypatch.setattr(simulator, "lane_width", lambda *_: 3)
    np.testing.assert_array_equal(simulate(5, models, n_paths=7, term=60, ltv=1.2), whole)


@pytest.mark.parametrize("mdr", [0.01, 0.0])
def test_sampled_is_all_or_nothing_with_the_mean_of_expected(mdr: float) -> None:
    """The paired difference of each field's total over 2,000 paths is within 4 of its standard errors of nothing.

    Eleven fields: a chance of 1 in 1,400 for a right program and a seed not yet seen; this seed is fixed.
    """
    both = replace(BMA, default=ModelChoice("mdr", {"mdr": [mdr]}))
    expected = simulate(1, both, 2000, term=24).sum(0)
    sampled_flows = simulate(1, replace(both, decrement="sampled"), 2000, term=24)
    balance = sampled_flows[:, FIELDS.index("balance")]
    assert (np.diff((balance > 0).astype(int), axis=0) <= 0).all(), "a loan that has left does not come back"
    difference = sampled_flows.sum(0) - expected
    error = difference.std(axis=1, ddof=1) / np.sqrt(2000)
    for name, mean, e in zip(FIELDS, difference.mean(axis=1), error, strict=True):
        assert abs(mean) <= 4 * e + 1e-9 * 1e8, f"{name}: {mean:.0f}, standard error {e:.0f}"


def test_draws_belong_to_loan_path_and_seed() -> None:
    """Two equal loans fare differently, and so do two paths; one loan alone fares as in the pool."""
    sampled = replace(BMA, decrement="sampled")
    pair = simulate(2, sampled, 64, term=60)[:, FIELDS.index("balance")]
    one = simulate(1, sampled, 64, term=60, balance=5e7, original_balance=5e7)[:, FIELDS.index("balance")]
    assert len(np.unique(one, axis=1).T) > 16
    left = pair - one  # of the second loan
    assert (left != one).any() and left.min() > -1e-6


def test_parameters_in_the_kernels_order() -> None:
    names = list(behaviour.PREPAYMENT["richard_roll"].parameters)
    tables = [name for name, parameter in behaviour.PREPAYMENT["richard_roll"].parameters.items() if parameter.table]
    assert tables == names[-1:] == ["seasonality"]
    given = {name: float(i) for i, name in enumerate(names)} | {"seasonality": list(range(100, 112))}
    values = parameter_array("prepayment", ModelChoice("richard_roll", dict(reversed(given.items()))))
    assert values.dtype == np.float64
    assert values.tolist() == [*map(float, range(len(names) - 1)), *map(float, range(100, 112))]


def test_scenario_rows() -> None:
    rates = scenario(5, 4, np.float32)
    rows = scenario_rows(rates, 3, np.array([2, 3, 3]))  # a short block repeats its last path
    assert rows.shape == (4, n_rows(2), 3) and rows.dtype == np.float32
    np.testing.assert_array_equal(rows[:, ROW["mortgage_rate"]], rates.mortgage_rate[:4, [2, 3, 3]])
    np.testing.assert_array_equal(rows[:, ROW["adjustable_index"]], rates.adjustable_index[:4, [2, 3, 3]])
    np.testing.assert_array_equal(rows[:, ROW["home_price_index"] + 1], rates.home_price_index[1, :4, [2, 3, 3]].T)
    np.testing.assert_array_equal(scenario_rows(rates, 5, slice(None))[:, ROW["home_price_index"]], rates.home_price_index[0])
