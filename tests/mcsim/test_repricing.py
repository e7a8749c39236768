"""The deal stage of a stored run: cash is conserved in every month of every path; pricing again simulates nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mcsim.cli import main
from mcsim.errors import InputError
from mcsim.pipeline import Simulation
from mcsim.reports.assumptions import FULL_VALUE, LOCKED_OUT, SPREAD, price_assumptions
from mcsim.repricing import read_pool, reprice
from mcsim.results import Run
from mcsim.store import read_block
from mcsim.variables import GROUPS
from tests.mcsim.deals.deal_examples import shipped
from tests.mcsim.whole_runs import CMBS, JUMBO, make_run

CENT = 0.01
"""Of pools of 6 million and 855 million USD: 1e-9 and 1e-11 of them, a thousand roundings of float64 and more."""

RunOf = Callable[..., Run]


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> RunOf:
    """``run_of(*overrides)``: the run of these overrides, made once on ``numpy``."""
    folder = tmp_path_factory.mktemp("runs")
    return lru_cache(maxsize=None)(lambda *overrides: make_run(folder, *overrides, "output.loans=none", "backend=numpy"))


RESERVE = (*JUMBO, "deal=reserve_account", "pricing=spreads")
"""A deal with a fee and a reserve account."""


@pytest.fixture(scope="module", params=[JUMBO, CMBS, RESERVE], ids=["senior_subordinate", "conduit", "reserve_account"])
def run(request: pytest.FixtureRequest, run_of: RunOf) -> Run:
    """One run of each campaign."""
    return run_of(*request.param)


@pytest.fixture(scope="module")
def jumbo(run_of: RunOf) -> Run:
    """The campaign of residential loans."""
    return run_of(*JUMBO)


def by_month(run: Run) -> xr.Dataset:
    """Flows of the deal, in memory."""
    return run.tranches.load()


def test_collections_are_the_cash_of_the_pool(run: Run) -> None:
    """Interest and principal that borrowers paid and servicers advanced, and proceeds, less the servicing fee."""
    pool = run.pool.isel(group=0)
    cash = (
        pool.interest + pool.advanced_interest + pool.scheduled_principal + pool.advanced_principal + pool.prepaid_principal
        + pool.recovery - pool.servicing_fee
    )  # fmt: skip
    np.testing.assert_allclose(
        run.tranches.collections.transpose("month", "path"), cash.transpose("month", "path"), rtol=0, atol=CENT
    )


def test_collections_are_paid_to_classes_fees_and_accounts(run: Run) -> None:
    """In every month of every path: collections = classes + fees + change in accounts."""
    flows = by_month(run)
    paid = flows.interest_paid.sum("tranche") + flows.principal_paid.sum("tranche")
    if "fee_paid" in flows:
        paid = paid + flows.fee_paid.sum("fee")
    if "account_balance" in flows:
        deal = run.config["deal"]["accounts"]
        closing = sum(account["initial"] for account in deal.values()) * run.attributes["pool_balance"]
        accounts = flows.account_balance.sum("account").transpose("month", "path").values
        paid = paid + xr.DataArray(np.diff(accounts, axis=0, prepend=closing), dims=("month", "path"))
    np.testing.assert_allclose(
        paid.transpose("month", "path"), flows.collections.transpose("month", "path"), rtol=0, atol=CENT
    )


def test_classes_pay_down_write_down_or_remain(run: Run) -> None:
    """Of each class, in every month of every path: balance at closing = principal + write-downs so far + balance left."""
    flows = by_month(run)
    original = run.prices.original_balance
    bearing = original.tranche[original.values > 0].values
    chosen = flows.sel(tranche=bearing)
    gone = (chosen.principal_paid + chosen.write_down).cumsum("month")
    np.testing.assert_allclose(
        (gone + chosen.tranche_balance).transpose("month", "path", "tranche"),
        np.broadcast_to(original.sel(tranche=bearing).values, (flows.sizes["month"], flows.sizes["path"], len(bearing))),
        rtol=0,
        atol=CENT,
    )
    np.testing.assert_allclose(float(original.sum()), run.attributes["pool_balance"], rtol=1e-12)
    assert float(flows.write_down.sum()) > 0
    for name in ("interest_paid", "principal_paid", "write_down", "interest_shortfall", "tranche_balance"):
        assert float(flows[name].min()) >= -CENT, name


@pytest.mark.parametrize("campaign", [JUMBO, CMBS, RESERVE], ids=["senior_subordinate", "conduit", "reserve_account"])
def test_classes_are_backed_by_what_is_left_of_the_pool(campaign: tuple[str, ...], run_of: RunOf) -> None:
    """In every month of every path: balances of the classes = performing balance + foreclosures of the pool.

    So write-downs are the losses, and what principal was spent on interest; less what the reserve covered.
    """
    run = run_of(*campaign, "paths=64", "precision=float64")
    pool = run.pool.isel(group=0)
    left = (pool.balance + pool.foreclosure_balance).transpose("month", "path")
    classes = run.tranches.tranche_balance.sum("tranche").transpose("month", "path")
    np.testing.assert_allclose(classes, left, rtol=0, atol=CENT)


def test_write_downs_are_the_losses_of_the_pool(run_of: RunOf) -> None:
    """To the dollar, on every path of a sampled conduit on a flat curve: no principal goes where interest was due."""
    run = run_of(*CMBS, "paths=1024", "rates=flat", "rates.curve=flat", "rates.flat_rate=0.02")
    losses = run.pool.loss.isel(group=0).sum("month")
    difference = run.tranches.write_down.sum(("tranche", "month")) - losses
    assert float(losses.min()) == 0 and float(losses.max()) > 1e8  # from a path without a loss to one with many
    assert float(abs(difference).max()) < 1.0


def test_the_reserve_is_drawn_and_the_fee_paid(run_of: RunOf) -> None:
    flows = run_of(*RESERVE).tranches
    reserve, fee = flows.account_balance.sel(account="reserve"), flows.fee_paid.sel(fee="surveillance")
    assert float(fee.sum()) > 0 and float(reserve.max()) > 0
    before_last = reserve.isel(month=slice(0, -1)).transpose("month", "path").values
    assert (np.diff(before_last, axis=0) < 0).any() and (np.diff(before_last, axis=0) > 0).any()


@pytest.mark.parametrize("deal", ["senior_subordinate", "conduit"])
def test_the_shipped_deals_charge_nothing_that_the_loans_already_pay(deal: str) -> None:
    """Servicing rates hold trustee and master servicer (the ABS-EE field by its name); and neither deal has a reserve."""
    assert not {"fees", "accounts"} & shipped(deal).keys()


def test_priced_again_with_nothing_changed(run: Run) -> None:
    again = run.price()
    assert set(again.data_vars) == set(GROUPS["prices"])
    for name in again:
        np.testing.assert_array_equal(again[name].values, run.prices[name].values, err_msg=str(name))
        assert again[name].attrs["units"] == run.prices[name].attrs["units"]


def test_pricing_again_simulates_and_stores_nothing(jumbo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*unused: object) -> None:
        raise AssertionError("simulated")

    before = sorted((path, path.stat().st_mtime_ns) for path in jumbo.path.rglob("*"))
    monkeypatch.setattr(Simulation, "__init__", refuse)
    jumbo.price(deal="pass_through", spread=0.01)
    assert sorted((path, path.stat().st_mtime_ns) for path in jumbo.path.rglob("*")) == before


def test_prices_say_what_they_assume(run: Run, jumbo: Run) -> None:
    """On the run's own prices, on those priced again and, for another deal, that deal's."""
    said = run.prices.attrs["assumptions"]
    assert said == price_assumptions(run.config, run.attributes) and FULL_VALUE in said and SPREAD in said
    assert run.price().attrs["assumptions"] == said
    assert LOCKED_OUT in jumbo.prices.attrs["assumptions"]
    assert LOCKED_OUT not in jumbo.price(deal="pass_through", spread=0.01).attrs["assumptions"]


def test_spreads(jumbo: Run) -> None:
    """A number is for all classes, a mapping by class; the price falls in the spread, and by its duration at that."""
    none, some, more = (jumbo.price(spread=spread) for spread in (0.0, 0.01, {"default": 0.01, "A1": 0.02}))
    priced = [name for name in jumbo.prices.tranche.values if none.original_balance.sel(tranche=name) > 0]
    assert (none.spread == 0).all() and (some.spread == 0.01).all()
    assert (some.price.sel(tranche=priced) < none.price.sel(tranche=priced)).all()
    assert float(more.spread.sel(tranche="A1")) == 0.02 and float(more.price.sel(tranche="A1")) < float(
        some.price.sel(tranche="A1")
    )
    np.testing.assert_array_equal(more.price.sel(tranche=priced[1:]), some.price.sel(tranche=priced[1:]))
    np.testing.assert_array_equal(some.wal, none.wal)  # of undiscounted principal


def test_another_deal_by_name_and_written_out(jumbo: Run) -> None:
    by_name = jumbo.price(deal="pass_through", spread=0.0)
    assert by_name.tranche.values.tolist() == ["PT", "R"]
    deal = {
        "name": "mine", "description": "one class", "group": "pool",
        "classes": {"PT": {"share": 1.0, "coupon": "net_wac"}, "R": {"coupon": "residual"}},
        "steps": [
            {"pay_interest": "PT", "from": "interest"}, {"pay_principal": "PT", "rule": "sequential", "from": "principal"},
            {"write_down": "PT"}, {"release": "R", "from": "all"},
        ],
    }  # fmt: skip
    xr.testing.assert_identical(jumbo.price(deal=deal, spread=0.0), by_name)


def test_all_classes_together_are_worth_the_collections(jumbo: Run) -> None:
    """Without a spread, the pass-through's classes share the pool's discounted cash whatever the order of payment."""
    prices = jumbo.price(deal="pass_through", spread=0.0)
    discount = jumbo.scenarios.discount_factor.sel(month=jumbo.pool.month)
    worth = float((jumbo.tranches.collections * discount).sum("month").mean("path"))
    # Both sum 300 paths of 84 months in float64, in different orders.
    assert float(prices.value.sum()) == pytest.approx(worth, rel=1e-11)


def test_unknown_names_get_the_nearest(jumbo: Run) -> None:
    with pytest.raises(InputError, match="deal=pass_trough: no such option; did you mean 'pass_through'"):
        jumbo.price(deal="pass_trough")
    with pytest.raises(InputError, match=r"pricing\.spreads\.A11: no such class.*did you mean 'A1'"):
        reprice(jumbo, spread={"A11": 0.01, "default": 0.02})


def test_on_the_command_line(jumbo: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["price", str(jumbo.path), "deal=pass_through", "pricing=spreads"]) == 0
    printed = capsys.readouterr().out
    assert "PT" in printed and FULL_VALUE in printed and SPREAD in printed and LOCKED_OUT not in printed
    assert main(["price", str(jumbo.path), "deal=pass_trough"]) == 2
    message = capsys.readouterr().err
    assert "did you mean 'pass_through'" in message and "Traceback" not in message


def test_pool_of_a_block(jumbo: Run, tmp_path: Path) -> None:
    names = list(GROUPS["pool"])
    whole = read_block(jumbo.path, "collateral/prime_jumbo/pool", names)
    block = read_pool(jumbo.path, "prime_jumbo", 256, 44)
    assert block.shape == (len(whole["loss"][0]), len(names), 44) and block.dtype == np.float64
    for i, name in enumerate(names):
        np.testing.assert_array_equal(block[:, i], whole[name][0][:, 256:])
