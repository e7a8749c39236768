"""Class flows against a second interpreter, to the bit, and the identities that hold for every deal, month and path."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mcsim.deals import Deal, DealFlows, Program, compile_deal, load_deal, run_deal
from tests.mcsim.deals.deal_examples import SHIPPED, backend, closing_balances, random_pool, random_pools, shipped
from tests.mcsim.deals.generated_deals import deals
from tests.mcsim.deals.plain_interpreter import PlainDeal

POOL = 1e8

# Sums of some 40 months of amounts of at most 1e8 USD: each addition errs by at most 1e-8 USD.
MONEY = 1e-5


def _run(raw: dict[str, Any], pool: np.ndarray, target: str = "numpy") -> tuple[Deal, Program, DealFlows]:
    deal = load_deal(raw, "test")
    program = compile_deal(deal, POOL)
    return deal, program, run_deal(program, pool, backend(target))


def _run_groups(
    raw: dict[str, Any], seed: int, n_months: int, n_paths: int, stress: float = 1.0
) -> tuple[Deal, Program, dict[str, np.ndarray], DealFlows]:
    deal = load_deal(raw, "test")
    pools, program = random_pools(deal, seed, n_months, n_paths, stress), compile_deal(deal, closing_balances(deal))
    return deal, program, pools, run_deal(program, pools, backend("numpy"))


def _same(a: DealFlows, b: DealFlows) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(DealFlows))


Pools = np.ndarray | dict[str, np.ndarray]


def _assert_plain(deal: Deal, flows: DealFlows, pools: Pools) -> None:
    by_group, balances = (pools, closing_balances(deal)) if isinstance(pools, dict) else ({deal.groups[0]: pools}, POOL)
    for path in range(flows.collections.shape[1]):
        plain = PlainDeal(deal, balances).run({group: pool[:, :, path] for group, pool in by_group.items()})
        for name, values in plain.items():
            found = np.atleast_2d(getattr(flows, name)[..., path])
            expected = np.array(values).T
            assert np.array_equal(found, expected), f"{name} on path {path}"


def _assert_invariants(program: Program, flows: DealFlows) -> None:
    accounts = np.concatenate([np.broadcast_to(
        program.initial_account_balance[:, None, None], (len(program.accounts), 1, flows.collections.shape[1])
    ), flows.account_balance], axis=1)  # fmt: skip
    paid = flows.interest_paid.sum(0) + flows.principal_paid.sum(0) + flows.fee_paid.sum(0)
    np.testing.assert_allclose(flows.collections, paid + np.diff(accounts, axis=1).sum(0), rtol=0, atol=MONEY)
    borne = np.cumsum(flows.principal_paid + flows.write_down, axis=1)
    closing = np.broadcast_to(program.original_balance[:, None, None], borne.shape)
    np.testing.assert_allclose(borne + flows.tranche_balance, closing, rtol=0, atol=MONEY)
    assert all(np.min(getattr(flows, f.name), initial=0.0) >= 0 for f in fields(DealFlows))
    assert np.all(flows.account_balance[:, -1] == 0), "accounts are released in the last month"


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_deals(name: str) -> None:
    pool = random_pool(seed=1, n_months=40, n_paths=6)
    deal, program, flows = _run(shipped(name), pool)
    _assert_plain(deal, flows, pool)
    _assert_invariants(program, flows)
    assert flows.write_down.sum() > 0 and flows.interest_shortfall.sum() > 0, "the pool must stress the deal"


@given(raw=deals(), seed=st.integers(0, 2**32 - 1), stress=st.sampled_from([0.0, 1.0, 20.0]))
@settings(max_examples=200, deadline=None, phases=(Phase.explicit, Phase.generate, Phase.shrink))
def test_generated_deals(raw: dict[str, Any], seed: int, stress: float) -> None:
    pool = random_pool(seed, n_months=7, n_paths=2, stress=stress)
    deal, program, flows = _run(raw, pool)
    _assert_plain(deal, flows, pool)
    _assert_invariants(program, flows)
    assert _same(flows, run_deal(program, pool, backend("cpu")))


@pytest.mark.parametrize("name", SHIPPED)
def test_targets_agree_to_the_bit(name: str) -> None:
    pool = random_pool(seed=2, n_months=30, n_paths=1100)  # three blocks of paths on cpu, the last one short
    _, program, flows = _run(shipped(name), pool)
    assert _same(flows, run_deal(program, pool, backend("cpu")))


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_blocks_of_paths_do_not_matter(target: str) -> None:
    pool = random_pool(seed=3, n_months=20, n_paths=70)
    _, program, whole = _run(shipped("reserve_account"), pool, target)
    parts = [run_deal(program, pool[:, :, i : i + 33], backend(target)) for i in range(0, 70, 33)]
    for f in fields(DealFlows):
        assert np.array_equal(np.concatenate([getattr(p, f.name) for p in parts], axis=-1), getattr(whole, f.name))


def test_losses_follow_the_order() -> None:
    pool = random_pool(seed=4, n_months=30, n_paths=50, stress=10.0)
    _, program, flows = _run(shipped("conduit"), pool)
    order = [program.tranches.index(n) for n in ("NR", "F", "E", "D", "C", "B", "A-S", "A")]
    for junior, senior in zip(order, order[1:], strict=False):
        hit = flows.write_down[senior] > 0
        assert np.all(flows.tranche_balance[junior][hit] == 0), "a class is written down only once the one below it is gone"
    assert (flows.write_down[order[-1]] > 0).any(), "the pool must reach the senior class"


def test_sequential_principal_waits() -> None:
    pool = random_pool(seed=5, n_months=30, n_paths=50)
    _, program, flows = _run(shipped("conduit"), pool)
    a, b = program.tranches.index("A"), program.tranches.index("A-S")
    assert np.all(flows.tranche_balance[a][flows.principal_paid[b] > 0] == 0)


def test_pro_rata_keeps_proportions() -> None:
    pool = random_pool(seed=6, n_months=30, n_paths=50)
    _, program, flows = _run(shipped("senior_subordinate"), pool)
    paid = flows.principal_paid[:2]
    # Both seniors fall together until losses reach them: their shares then differ by rounding only.
    untouched = (np.cumsum(flows.write_down[:2], axis=1).sum(0) == 0) & (paid[0] > 1)
    assert paid[1][untouched] / paid[0][untouched] == pytest.approx(0.0965 / 0.85, rel=1e-6)


def test_one_month_by_hand() -> None:
    """Every figure below is worked out on paper, for a pool of 100 million USD."""
    pool = np.zeros((2, 11, 1))
    # balance, foreclosures, interest, advanced, scheduled, advanced principal, prepaid, defaulted, recovery, loss, servicing
    pool[0, :, 0] = [93e6, 0, 0.5e6, 0, 1e6, 0, 5e6, 0, 0.4e6, 0.6e6, 0.02e6]
    pool[1, 7, 0] = 93e6  # in the second month every loan defaults and nothing is advanced: no cash, no interest due
    _, _, flows = _run(shipped("reserve_account"), pool)
    fee = 100e6 * 0.0002 / 12
    net_wac = 0.5e6 / 100e6 - 0.02e6 / 100e6 - 0.0002 / 12
    interest_a, interest_b = 80e6 * 0.03 / 12, 20e6 * net_wac
    excess = 0.48e6 - fee - interest_a - interest_b
    assert flows.fee_paid[0, 0, 0] == pytest.approx(fee, abs=1e-6)
    assert flows.interest_paid[:, 0, 0] == pytest.approx([interest_a, interest_b, 0.0], abs=1e-6)
    # The 1 million of the reserve pays class A for the loss of 0.6; what is left is filled up with excess interest.
    assert flows.principal_paid[:, 0, 0] == pytest.approx([6.4e6 + 0.6e6, 0, 0], abs=1e-6)
    assert flows.write_down[:, 0, 0] == pytest.approx([0, 0, 0], abs=1e-6)
    assert flows.account_balance[0, 0, 0] == pytest.approx(0.4e6 + excess, abs=1e-6)
    # The second month is the last: the reserve goes to the residual.
    assert flows.interest_paid[2, 1, 0] == pytest.approx(0.4e6 + excess, abs=1e-6)
    assert flows.interest_shortfall[:2, 1, 0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_a_foreclosed_loan_whose_interest_is_advanced_counts_in_the_net_wac(target: str) -> None:
    """Two loans of 50 million at 3% and 6%, the second in foreclosure with interest advanced: 4.5% on 100 million.

    A class of all of it at 3.75% is due 312,500 and not cut to the 3% of the loan that pays; 62,500 are left for the strip.
    """
    pool = np.zeros((3, 11, 1))
    for month in range(3):
        defaulted = 50e6 if month == 0 else 0.0
        pool[month, [0, 1, 2, 3, 7], 0] = [50e6, 50e6, 50e6 * 0.03 / 12, 50e6 * 0.06 / 12, defaulted]
    raw = shipped("pass_through")
    raw["classes"]["PT"]["coupon"] = 0.0375
    _, _, flows = _run(raw, pool, target)
    assert flows.interest_paid[0, :, 0] == pytest.approx([312_500] * 3, abs=1e-6)
    assert flows.interest_paid[1, :, 0] == pytest.approx([62_500] * 3, abs=1e-6)


def test_interest_is_due_after_the_last_performing_loan_while_it_is_advanced() -> None:
    """All in foreclosure: two months of advances at 6% are due, then a month without is not; the rate is never an old one."""
    pool = np.zeros((3, 11, 1))
    pool[:, 1, 0], pool[:2, 3, 0], pool[0, 7, 0] = 100e6, 100e6 * 0.06 / 12, 100e6
    _, _, flows = _run(shipped("pass_through"), pool)
    assert flows.interest_paid[0, :, 0] == pytest.approx([500_000, 500_000, 0], abs=1e-6)
    assert not flows.interest_shortfall.any() and not flows.principal_paid.any()


def test_overcollateralisation_bears_the_first_losses() -> None:
    pool = np.zeros((1, 11, 1))
    pool[0, :, 0] = [90e6, 0, 0, 0, 0, 0, 0, 0, 0, 10e6, 0]
    raw = shipped("pass_through") | {"overcollateralisation": 0.04}
    raw["classes"]["PT"]["share"] = 0.96
    _, _, flows = _run(raw, pool)
    assert flows.write_down[0, 0, 0] == pytest.approx(6e6, abs=1e-6)


def test_a_second_write_down_bears_what_the_first_has_left() -> None:
    """6 million lost, 1 million drawn, 5 million left: B bears them in its own step, and the step of A finds no deficit."""
    pool = np.zeros((1, 11, 1))
    pool[0, :, 0] = [94e6, 0, 0.5e6, 0, 0, 0, 0, 6e6, 0, 6e6, 0]
    raw = shipped("reserve_account")
    at = raw["steps"].index({"write_down": ["B", "A"]})
    raw["steps"][at : at + 1] = [{"write_down": "B"}, {"write_down": "A"}]
    _, _, flows = _run(raw, pool)
    assert flows.write_down[:, 0, 0] == pytest.approx([0, 5e6, 0], abs=1e-6)


def test_servicing_that_is_not_collected_is_not_taken() -> None:
    pool = np.zeros((1, 11, 1))
    pool[0, :, 0] = [0, 100e6, 0, 0, 0, 0, 0, 100e6, 0, 0, 0.02e6]
    _, _, flows = _run(shipped("pass_through"), pool)
    assert flows.collections[0, 0] == 0


def test_wrong_pool_shape() -> None:
    program = compile_deal(load_deal(shipped("pass_through"), "test"), POOL)
    with pytest.raises(ValueError, match="expected"):
        run_deal(program, np.zeros((3, 4, 5)), backend("numpy"))
