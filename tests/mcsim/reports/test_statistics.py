"""Fans, convergence and checks against direct computation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from mcsim.reports import statistics as stats


def test_a_fan_of_known_values() -> None:
    """0..100 on 101 paths: the p-th percentile is p, the mean 50."""
    fan = stats.fan_of(np.tile(np.arange(101.0), (3, 1)), np.array([1.0, 2.0, 12.0]))
    assert fan.percentiles[:, 0].tolist() == list(stats.PERCENTILES)
    assert fan.mean.tolist() == [50.0] * 3
    assert fan.years.tolist() == [1 / 12, 2 / 12, 1.0]


@given(st.integers(2, 5000), st.floats(-1e9, 1e9), st.integers(0, 2**32 - 1))
def test_convergence_ends_at_the_estimate_of_all_paths(n: int, level: float, seed: int) -> None:
    values = level + np.random.default_rng(seed).normal(size=n)
    c = stats.converge(values)
    assert c.counts[-1] == n
    assert np.all(np.diff(c.counts) > 0)
    for i in (0, len(c.counts) // 2, -1):
        first = values[: c.counts[i]]
        # one unit in the last place of the level, for the mean; the same over the spread of 1 for the error
        tolerance = 8 * np.spacing(abs(level) + 10)
        assert c.mean[i] == pytest.approx(first.mean(), abs=tolerance)
        if first.size > 1:
            expected = first.std(ddof=1) / np.sqrt(first.size)
            assert c.standard_error[i] == pytest.approx(expected, rel=1e-7, abs=tolerance)


def test_convergence_of_one_path_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        stats.converge(np.array([1.0]))


def test_reading_in_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    data = xr.DataArray(np.random.default_rng(1).normal(size=(2, 5, 100)), dims=("group", "month", "path"))
    whole = stats.read_paths(data)
    monkeypatch.setattr(stats, "READ_PATHS", 7)
    assert np.array_equal(stats.read_paths(data), whole)
    assert np.allclose(whole, data.values.sum(axis=0), rtol=0, atol=1e-15)  # two numbers near 1: one rounding
    assert np.array_equal(stats.read_paths(data.transpose("path", "month", "group")), whole)


def test_values_of_classes_are_those_of_the_prices(synthetic_run: Any) -> None:
    values = stats.value_paths(synthetic_run)
    for name, v in values.items():
        stored = float(synthetic_run.prices["value"].sel(tranche=name))
        assert v.mean() == pytest.approx(stored, rel=1e-12)  # the same sums in another order


def test_opening_balance(synthetic_run: Any) -> None:
    assert stats.opening_balance(synthetic_run.pool) == pytest.approx(2.0e9, rel=1e-14)


def test_every_check_holds_on_a_sound_run(synthetic_run: Any) -> None:
    checks = stats.check_conservation(synthetic_run, "float64", stats.value_paths(synthetic_run))
    assert [c.name for c in checks if not c.holds] == []


@pytest.mark.parametrize("variable", ["collections", "interest_paid", "fee_paid", "account_balance"])
@pytest.mark.parametrize("accounts", [True, False])
def test_the_first_month_of_the_cash_check(synthetic_run: Any, variable: str, accounts: bool) -> None:
    """A cent too much on one path. What an account held at closing is not stored, but it is the same on every path."""
    if not accounts:
        if variable == "account_balance":
            return
        flows = synthetic_run.tranches.drop_vars("account_balance")
        paid = flows.interest_paid.sum("tranche") + flows.principal_paid.sum("tranche") + flows.fee_paid.sum("fee")
        synthetic_run.tranches = flows.assign(collections=paid)

    def largest() -> float:
        checks = stats.check_conservation(synthetic_run, "float64", stats.value_paths(synthetic_run))
        return next(c.difference for c in checks if c.name == "Cash in = cash out")

    assert largest() < stats.HALF_CENT
    array = synthetic_run.tranches[variable].values
    array[(0,) * (array.ndim - 1) + (17,)] += 0.01
    assert largest() == pytest.approx(0.01, rel=1e-3)  # rounding of sums of 1e7 USD


@pytest.mark.parametrize(
    ("group", "variable", "fails"),
    [
        ("tranches", "interest_paid", {"Cash in = cash out", "Prices"}),
        ("tranches", "collections", {"Cash in = cash out", "Pool to deal"}),
        ("tranches", "fee_paid", {"Cash in = cash out"}),
        ("tranches", "account_balance", {"Cash in = cash out"}),
        ("tranches", "write_down", {"Class balances"}),
        ("pool", "loss", {"Foreclosure balance", "Pool over its life"}),
        ("pool", "interest", {"Pool to deal"}),
        ("pool", "servicing_fee", {"Pool to deal"}),
        ("pool", "prepaid_principal", {"Performing balance", "Pool over its life", "Pool to deal"}),
        ("pool", "foreclosure_balance", {"Foreclosure balance"}),
    ],
)
@pytest.mark.parametrize("wrong", [10.0, np.nan])
def test_one_wrong_number_fails_its_check(
    synthetic_run: Any, group: str, variable: str, fails: set[str], wrong: float
) -> None:
    """Ten dollars in two billion, or a hole, in one month of one path."""
    data = getattr(synthetic_run, group)
    array = data[variable].values.copy()
    array[(0,) * (array.ndim - 2) + (40, 17)] += wrong
    setattr(synthetic_run, group, data.assign({variable: (data[variable].dims, array)}))
    values = stats.value_paths(synthetic_run)
    found = {c.name for c in stats.check_conservation(synthetic_run, "float64", values) if not c.holds}
    # ten dollars more make nothing negative; a hole has no sign
    signs = {f"Signs of the {'pool' if group == 'pool' else 'deal'}'s flows"}
    assert found == fails | (signs if np.isnan(wrong) else set())


@pytest.mark.parametrize(("wrong", "holds"), [(1e4, True), (4e4, False)])
def test_rounding_of_single_precision_is_a_hundred_thousandth_of_the_balance(
    synthetic_run: Any, wrong: float, holds: bool
) -> None:
    """20,000 USD of two billion: the bar that float32 is held to against float64."""
    pool = synthetic_run.pool
    array = pool.foreclosure_balance.values.copy()
    array[(0,) * (array.ndim - 2) + (40, 17)] += wrong
    synthetic_run.pool = pool.assign(foreclosure_balance=(pool.foreclosure_balance.dims, array))
    checks = stats.check_conservation(synthetic_run, "float32", stats.value_paths(synthetic_run))
    assert next(c.holds for c in checks if c.name == "Foreclosure balance") is holds


@pytest.mark.parametrize("advanced", ["advanced_interest", "advanced_principal"])
def test_advances_enter_the_deal(synthetic_run: Any, advanced: str) -> None:
    pool = synthetic_run.pool
    synthetic_run.pool = pool.assign({advanced: pool[advanced] + 1000.0})
    assert not pool_to_deal(synthetic_run).holds
    synthetic_run.tranches["collections"] = synthetic_run.tranches["collections"] + 1000.0
    assert pool_to_deal(synthetic_run).holds


def test_a_month_that_collects_less_than_the_fee_brings_the_deal_nothing(synthetic_run: Any) -> None:
    pool, flows = synthetic_run.pool, synthetic_run.tranches
    fee, collections = pool["servicing_fee"].values.copy(), flows["collections"].values.copy()
    fee[..., 40, 17], collections[40, 17] = 1e9, 0.0
    synthetic_run.pool = pool.assign(servicing_fee=(pool["servicing_fee"].dims, fee))
    synthetic_run.tranches = flows.assign(collections=(("month", "path"), collections))
    assert pool_to_deal(synthetic_run).holds


def pool_to_deal(run: Any) -> stats.Check:
    checks = stats.check_conservation(run, "float64", stats.value_paths(run))
    return next(check for check in checks if check.name == "Pool to deal")


@pytest.mark.parametrize(
    ("group", "variable", "beyond"),
    [
        # float64: 1e-9 of two billion is two dollars; of the deal, half a cent
        ("pool", "recovery", 3.0), ("pool", "foreclosure_balance", 3.0), ("pool", "advanced_interest", 3.0),
        ("tranches", "write_down", 0.006), ("tranches", "fee_paid", 0.006), ("tranches", "tranche_balance", 0.006),
    ],
)  # fmt: skip
def test_what_is_negative_beyond_rounding_fails(synthetic_run: Any, group: str, variable: str, beyond: float) -> None:
    name = "Signs of the pool's flows" if group == "pool" else "Signs of the deal's flows"
    data = getattr(synthetic_run, group)
    for value, holds in ((-0.5 * beyond, True), (-beyond, False)):
        array = data[variable].values.copy()
        array[(0,) * (array.ndim - 2) + (40, 17)] = value
        setattr(synthetic_run, group, data.assign({variable: (data[variable].dims, array)}))
        checks = stats.check_conservation(synthetic_run, "float64", stats.value_paths(synthetic_run))
        check = next(c for c in checks if c.name == name)
        assert check.holds is holds
        assert check.difference == pytest.approx(-value)


def test_a_group_of_pools_is_summed(synthetic_run: Any) -> None:
    half = synthetic_run.pool * 0.5
    synthetic_run.pool = xr.concat([half, half.assign_coords(group=["other"])], "group")
    assert stats.opening_balance(synthetic_run.pool) == pytest.approx(2.0e9, rel=1e-14)
    checks = stats.check_conservation(synthetic_run, "float64", stats.value_paths(synthetic_run))
    assert all(c.holds for c in checks)


def test_values_and_checks_read_a_block_of_a_variable_once(synthetic_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once a class, which cost most of a small run's report; and what is read is left as it was."""
    before = {group: getattr(synthetic_run, group).copy(deep=True) for group in ("pool", "tranches", "prices")}
    reads: list[str] = []
    read = stats.read_entries

    def counted(data: xr.DataArray, block: slice) -> np.ndarray:
        reads.append(str(data.name))
        return read(data, block)

    monkeypatch.setattr(stats, "read_entries", counted)
    values = stats.value_paths(synthetic_run)
    assert sorted(reads) == ["discount_factor", "interest_paid", "principal_paid"]
    reads.clear()
    stats.check_conservation(synthetic_run, "float64", values)
    assert sorted(reads) == sorted([*synthetic_run.pool.data_vars, *synthetic_run.tranches.data_vars])
    for group, data in before.items():
        xr.testing.assert_identical(getattr(synthetic_run, group), data)
