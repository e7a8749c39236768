"""The simulation stage: what a run's flows must obey, whatever the models say, and what they must equal on average."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from kernels.flows import FIELDS
from mcsim.backend import choose_backend
from mcsim.configuration import load_settings
from mcsim.loans import COLUMNS, Loans, make_loans
from mcsim.market.curve import load_curve
from mcsim.pipeline import Simulation
from mcsim.settings import Engine
from mcsim.tapes.portfolio import load_portfolio
from mcsim.variables import GROUPS
from mcsim.work import Block, path_blocks, thread_count
from tests.mcsim.whole_runs import CMBS, JUMBO, pool_flows, simulation, write_filing

NUMPY = "backend=numpy"
JUMBO_64 = (*JUMBO, NUMPY, "precision=float64")
PRINCIPAL = ("scheduled_principal", "advanced_principal", "prepaid_principal", "recovery")

Flows = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def cmbs(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The second campaign on the first six loans of its filing, interest-only ones among them."""
    return (*CMBS, NUMPY, write_filing(tmp_path_factory.mktemp("tape") / "six.xml", 6))


@pytest.fixture(scope="module", params=["expected", "sampled"])
def pool(request: pytest.FixtureRequest, cmbs: tuple[str, ...]) -> tuple[float, Flows]:
    """Balance at the cut-off, and flows by field (month, path): of the first campaign, and of the second."""
    overrides = JUMBO_64 if request.param == "expected" else (*cmbs, "precision=float64")
    settings = load_settings(overrides)
    balance = load_portfolio(settings.only_collateral.portfolio).loans.balance.sum()
    return float(balance), pool_flows(overrides)


def test_principal_losses_and_what_is_left_are_the_balance(pool: tuple[float, Flows]) -> None:
    """In every month of every path: balance at the cut-off = principal paid + losses so far + balance left."""
    balance, flows = pool
    out = np.cumsum(sum(flows[name] for name in (*PRINCIPAL, "loss")), axis=0)
    left = flows["balance"] + flows["foreclosure_balance"]
    np.testing.assert_allclose(out + left, balance, rtol=1e-12)  # 143 months of sums of 31 loans in float64
    np.testing.assert_allclose(left[-1], 0, atol=1e-12 * balance)  # at the horizon everything is settled
    assert flows["loss"].max() > 0
    assert all(values.min() >= -1e-12 * balance for values in flows.values())


def test_each_status_balances(pool: tuple[float, Flows]) -> None:
    """Performing: opening = scheduled + prepaid + defaulted + closing. Foreclosed: opening + defaulted = out + closing."""
    balance, flows = pool
    performing = np.concatenate([np.full_like(flows["balance"][:1], balance), flows["balance"]])
    foreclosed = np.concatenate([np.zeros_like(flows["balance"][:1]), flows["foreclosure_balance"]])
    leaves = flows["scheduled_principal"] + flows["prepaid_principal"] + flows["defaulted_balance"]
    np.testing.assert_allclose(performing[:-1], leaves + performing[1:], rtol=0, atol=1e-12 * balance)
    settled = flows["recovery"] + flows["loss"] + flows["advanced_principal"]
    np.testing.assert_allclose(
        foreclosed[:-1] + flows["defaulted_balance"], settled + foreclosed[1:], rtol=0, atol=1e-12 * balance
    )


def test_the_order_of_the_tape_does_not_change_a_bit(tmp_path: Path) -> None:
    """Loans of the generator shuffled, and the assets of the filing reversed: their ids, not positions, enter the draws."""
    overrides = (*JUMBO, NUMPY, "paths=64", "behaviour.decrement=sampled")
    settings = load_settings(overrides)
    loans = load_portfolio(settings.only_collateral.portfolio).loans
    order = np.random.default_rng(0).permutation(len(loans))
    assert (order != np.arange(len(loans))).any()
    columns = {name: getattr(loans, name)[order] for name in COLUMNS if name != "number"}
    shuffled = make_loans(loans.cut_off, columns)
    assert_same_flows(pool_flows(overrides, shuffled), pool_flows(overrides, loans))

    few = (*CMBS, NUMPY, "paths=16")
    forwards = write_filing(tmp_path / "forwards.xml", 6)
    backwards = write_filing(tmp_path / "backwards.xml", 6, backwards=True)
    assert_same_flows(pool_flows((*few, backwards)), pool_flows((*few, forwards)))


def assert_same_flows(left: Flows, right: Flows) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)


def test_positions_would_change_them() -> None:
    """The test above can fail: loans that keep their place but swap their numbers draw otherwise."""
    overrides = (*JUMBO, NUMPY, "paths=64", "behaviour.decrement=sampled")
    settings = load_settings(overrides)
    loans = load_portfolio(settings.only_collateral.portfolio).loans
    swapped = Loans(loans.cut_off, **{name: getattr(loans, name) for name in COLUMNS} | {"number": loans.number[::-1]})
    assert (pool_flows(overrides, swapped)["balance"] != pool_flows(overrides, loans)["balance"]).any()


def test_discount_factors_reprice_the_curve() -> None:
    """At every month within 3 standard errors; and all yearly ones together: Hotelling's statistic below its 99.9% point."""
    staged = simulation((*JUMBO_64, "portfolio.generator.loans=1"))
    curve, paths = load_curve(staged.settings.rates), 4096
    factors = staged.scenario(Block(0, paths)).discount_factor
    exact = curve.discount(np.arange(staged.n_months + 1) / 12)
    assert (factors[0] == 1).all()
    error = factors.std(axis=1, ddof=1) / np.sqrt(paths)
    miss = np.abs(factors.mean(axis=1) - exact)[1:] / error[1:]
    assert miss.max() < 3, f"month {miss.argmax() + 1}: {miss.max():.2f} standard errors"
    yearly = factors[12::12] - exact[12::12, None]
    k, mean = len(yearly), yearly.mean(axis=1)
    statistic = paths * mean @ np.linalg.solve(np.cov(yearly), mean)
    bound = k * (paths - 1) / (paths - k) * stats.f.ppf(0.999, k, paths - k)
    assert statistic < bound, f"Hotelling's T2 {statistic:.1f}, bound {bound:.1f}"


def test_sampled_has_the_mean_of_expected() -> None:
    """Paired on the same paths: each field's total over the months is within 4 standard errors of no difference."""
    overrides = (*JUMBO_64, "paths=2048")
    expected, sampled = (pool_flows((*overrides, f"behaviour.decrement={mode}")) for mode in ("expected", "sampled"))
    for name in FIELDS:
        difference = (sampled[name] - expected[name]).sum(axis=0)
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        assert error > 0, name
        assert abs(difference.mean()) < 4 * error, f"{name}: {difference.mean():.0f} with a standard error of {error:.0f}"


def test_static_cmbs_sampled_has_the_mean_of_expected(cmbs: tuple[str, ...]) -> None:
    expected, sampled = (
        pool_flows((*cmbs, "precision=float64", "paths=1024", f"behaviour.decrement={mode}"))
        for mode in ("expected", "sampled")
    )
    for name in FIELDS:
        difference = (sampled[name] - expected[name]).sum(axis=0)
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        assert abs(difference.mean()) <= 4 * error, f"{name}: {difference.mean():.0f} with a standard error of {error:.0f}"


@pytest.mark.parametrize("campaign", ["prime_jumbo", "sec_cmbs"])
def test_float32_pool_flows_are_within_1e_5_of_float64(campaign: str, cmbs: tuple[str, ...]) -> None:
    """The mean over paths, by field and month, relative to the month's own, where it is above 1e-6 of the field's peak.

    What is in foreclosure is a running difference of what entered and what was liquidated: carried as one number it would keep the
    rounding of its peak while it falls to nothing, and fail here by a factor of 500.
    """
    overrides = (*JUMBO, NUMPY) if campaign == "prime_jumbo" else (*cmbs, "paths=2", "behaviour.decrement=expected")
    double, single = (pool_flows((*overrides, f"precision={name}")) for name in ("float64", "float32"))
    for name in FIELDS:
        exact, found = double[name].mean(axis=1), single[name].mean(axis=1)
        if exact.max() == 0:
            assert not found.any(), name
            continue
        counts = exact > 1e-6 * exact.max()
        error = np.abs(found - exact)[counts] / exact[counts]
        assert error.max() <= 1e-5, f"{name}: {error.max():.1e} in month {np.flatnonzero(counts)[error.argmax()] + 1}"
        assert np.abs(found - exact).max() <= 1e-6 * exact.max(), name


def test_a_block_is_a_slice_of_the_whole() -> None:
    staged = simulation((*JUMBO, NUMPY))
    scenarios, flows = staged.pool(Block(0, 300))
    part, part_flows = staged.pool(Block(256, 44))
    np.testing.assert_array_equal(part_flows, flows[:, :, 256:])
    for name, values in part.arrays.items():
        np.testing.assert_array_equal(values, scenarios.arrays[name][..., 256:], err_msg=name)
    np.testing.assert_array_equal(staged.loan(Block(270, 1), 2)[:, :, 0], staged.loan(Block(256, 44), 2)[:, :, 14])


def test_names_of_the_store() -> None:
    staged = simulation((*JUMBO, NUMPY, "paths=2"))
    assert set(staged.scenario(Block(0, 2)).arrays) == set(GROUPS["scenarios"])
    assert tuple(GROUPS["pool"]) == FIELDS


def test_path_blocks() -> None:
    assert path_blocks(600, 256) == [Block(0, 256), Block(256, 256), Block(512, 88)]
    assert path_blocks(256, 256) == [Block(0, 256)] and path_blocks(1, 1024) == [Block(0, 1)]


def test_thread_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 2, 5})
    assert thread_count(Engine("serial", 256, 8)) == 1
    assert thread_count(Engine("threads", 256, 0)) == 3
    assert thread_count(Engine("threads", 256, 7)) == 7


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_the_blocks(threads: int) -> None:
    """However busy the machine: the threads wait for one another, the first block for all the others."""
    staged = object.__new__(Simulation)
    staged.settings = replace(load_settings([NUMPY]), engine=Engine("threads", 256, threads))
    staged._backend = choose_backend("numpy", "float64")
    together, others = threading.Barrier(threads), threading.Semaphore(0)
    seen = set()

    def work(block: int) -> int:
        seen.add(threading.get_ident())
        if block < threads:
            together.wait(timeout=60)
        if threads > 1 and block == 0:
            assert all(others.acquire(timeout=60) for _ in range(5))
        others.release()
        return block

    assert list(staged._each(work, range(6))) == list(range(6))
    assert len(seen) == threads
