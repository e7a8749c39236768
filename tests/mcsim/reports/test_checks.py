"""Checks of conservation: what one wrong number, one hole and one rounding do to each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from mcsim.reports import statistics as stats
from mcsim.reports.checks import Check, check_deal, in_order, look_at_pool
from mcsim.reports.digits import HALF_CENT


def check_conservation(run: Any, precision: str, values: dict[str, np.ndarray]) -> list[Check]:
    """All checks of a run of one collateral and one deal."""
    pool = look_at_pool(run.pool, precision)
    return in_order([*pool.checks, *check_deal(run, [pool], values)])


def test_every_check_holds_on_a_sound_run(synthetic_run: Any) -> None:
    checks = check_conservation(synthetic_run, "float64", stats.value_paths(synthetic_run))
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
        checks = check_conservation(synthetic_run, "float64", stats.value_paths(synthetic_run))
        return next(c.difference for c in checks if c.name == "Cash in = cash out")

    assert largest() < HALF_CENT
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
    found = {c.name for c in check_conservation(synthetic_run, "float64", values) if not c.holds}
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
    checks = check_conservation(synthetic_run, "float32", stats.value_paths(synthetic_run))
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


def pool_to_deal(run: Any) -> Check:
    checks = check_conservation(run, "float64", stats.value_paths(run))
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
        checks = check_conservation(synthetic_run, "float64", stats.value_paths(synthetic_run))
        check = next(c for c in checks if c.name == name)
        assert check.holds is holds
        assert check.difference == pytest.approx(-value)


def test_a_group_of_pools_is_summed(synthetic_run: Any) -> None:
    half = synthetic_run.pool * 0.5
    synthetic_run.pool = xr.concat([half, half.assign_coords(group=["other"])], "group")
    assert stats.opening_balance(synthetic_run.pool) == pytest.approx(2.0e9, rel=1e-14)
    checks = check_conservation(synthetic_run, "float64", stats.value_paths(synthetic_run))
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
    check_conservation(synthetic_run, "float64", values)
    assert sorted(reads) == sorted([*synthetic_run.pool.data_vars, *synthetic_run.tranches.data_vars])
    for group, data in before.items():
        xr.testing.assert_identical(getattr(synthetic_run, group), data)
