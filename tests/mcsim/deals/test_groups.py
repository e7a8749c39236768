"""Deals over several groups of collateral: a bank of funds and a net WAC each, classes that stand on all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from kernels.flows import FIELDS
from mcsim.deals import compile_deal, load_deal, run_deal
from mcsim.deals.deal import words_of_funds
from mcsim.errors import InputError
from tests.mcsim.deals.deal_examples import backend, closing_balances, random_pool, random_pools, shipped
from tests.mcsim.deals.generated_deals import deals
from tests.mcsim.deals.test_run_deal import _assert_invariants, _assert_plain, _run_groups, _same

AT = FIELDS.index


def two_groups(**changes: Any) -> dict[str, Any]:
    return shipped("two_groups") | changes


def month(**amounts: float) -> np.ndarray:
    """Pool flows of one month and path."""
    pool = np.zeros((1, len(FIELDS), 1))
    for name, value in amounts.items():
        pool[0, AT(name)] = value
    return pool


def test_bare_words_are_all_groups_in_their_order() -> None:
    words = words_of_funds(("X", "Y"))
    assert words["interest"] == ("X.interest", "Y.interest") and words["Y.all"] == ("Y.interest", "Y.principal")
    assert words["all"] == ("X.interest", "Y.interest", "X.principal", "Y.principal"), (
        "interest before principal, of all groups"
    )


def test_the_shipped_deal() -> None:
    deal, program, pools, flows = _run_groups(two_groups(), seed=1, n_months=40, n_paths=6)
    assert deal.groups == ("homes", "offices") and program.pool_balance == 1.75e8
    _assert_plain(deal, flows, pools)
    _assert_invariants(program, flows)
    assert flows.write_down.sum() > 0 and flows.interest_shortfall.sum() > 0, "the pools must stress the deal"


@given(
    raw=st.one_of(deals(("X", "Y")), deals(("X", "Y", "Z"))),
    seed=st.integers(0, 2**31),
    stress=st.sampled_from([0.0, 1.0, 20.0]),
)
@settings(max_examples=100, deadline=None, phases=(Phase.explicit, Phase.generate, Phase.shrink))
def test_generated_deals(raw: dict[str, Any], seed: int, stress: float) -> None:
    """As of one group: the plain interpreter's bits, cash conserved over all banks, month by month and path by path."""
    deal, program, pools, flows = _run_groups(raw, seed, n_months=7, n_paths=2, stress=stress)
    _assert_plain(deal, flows, pools)
    _assert_invariants(program, flows)
    assert _same(flows, run_deal(program, pools, backend("cpu")))


def test_one_month_by_hand() -> None:
    """Homes bring too little interest for H, so that the offices pay the rest; their own O is paid before."""
    deal = load_deal(two_groups(), "test")
    program = compile_deal(deal, {"homes": 60e6, "offices": 40e6})
    pools = {
        "homes": month(balance=58e6, interest=50_000, scheduled_principal=2e6, servicing_fee=10_000),
        "offices": month(balance=39e6, interest=300_000, recovery=0.4e6, loss=0.6e6),
    }
    flows = run_deal(program, pools, backend("numpy"))
    h, o = 45e6 * 0.03 / 12, 35e6 * 0.035 / 12  # 112,500 and 102,083.33; the offices' net WAC is 0.75%
    b = 20e6 * 340_000 / 100e6  # 68,000 at the net WAC of both groups, 0.34%
    assert flows.collections[0, 0] == 340_000 + 2.4e6
    assert flows.interest_paid[:, 0, 0] == pytest.approx([h, o, b, 340_000 - h - o - b], abs=1e-6)
    assert flows.principal_paid[:, 0, 0] == pytest.approx([2e6, 0.4e6, 0, 0], abs=1e-6)
    assert flows.write_down[:, 0, 0] == pytest.approx([0, 0, 0.6e6, 0], abs=1e-6)


def test_each_groups_loans_bear_interest_by_its_own_rule() -> None:
    """The homes advance, so that all of them bear; the offices do not, so that what defaults does not: 90 earn what is due."""
    raw = two_groups(classes={"B": {"share": 1.0, "coupon": "net_wac"}, "R": {"coupon": "residual"}})
    raw["steps"] = [
        {"pay_interest": "B", "from": "interest"},
        {"pay_principal": "B", "rule": "sequential", "from": "principal"},
        {"write_down": "B"},
        {"release": "R", "from": "all"},
    ]
    program = compile_deal(load_deal(raw, "test"), {"homes": 60e6, "offices": 40e6})
    pools = {
        "homes": month(balance=60e6, interest=60_000, advanced_interest=10_000),
        "offices": month(balance=30e6, foreclosure_balance=10e6, defaulted_balance=10e6, interest=110_000),
    }
    flows = run_deal(program, pools, backend("numpy"))
    due = 100e6 * 180_000 / 90e6  # on 60 of the homes and 30 of the offices: 200,000
    assert flows.interest_paid[0, 0, 0] + flows.interest_shortfall[0, 0, 0] == pytest.approx(due, abs=1e-6)


def test_a_group_that_has_ended_changes_nothing() -> None:
    """Its pool is 0 after its last month: the other's net WAC is then the whole's."""
    deal = load_deal(two_groups(), "test")
    homes, offices = random_pool(1, 30, 3, 1e8), np.zeros((30, len(FIELDS), 3))
    offices[:10] = random_pool(2, 10, 3, 0.75e8)
    pools = {"homes": homes, "offices": offices}
    flows = run_deal(compile_deal(deal, closing_balances(deal)), pools, backend("numpy"))
    _assert_plain(deal, flows, pools)
    assert flows.interest_paid[2, 12].sum() > 0, "class B is still due interest"


def test_one_group_by_any_of_its_names() -> None:
    """`groups: [X]`, `X.interest` and pools by group are what `group: X`, `interest` and one pool are."""
    pool, plain = random_pool(3, 20, 4), shipped("reserve_account")
    raw = {key: value for key, value in plain.items() if key != "group"} | {"groups": ["pool"]}
    raw["steps"] = [dict(step) for step in plain["steps"]]
    raw["steps"][1]["from"], raw["steps"][0]["from"] = "pool.interest", "pool.all"
    raw["classes"] = plain["classes"] | {"B": {"share": 0.2, "coupon": "pool.net_wac"}}
    deal = load_deal(raw, "test")
    assert deal.steps == load_deal(plain, "test").steps and deal.classes == load_deal(plain, "test").classes
    flows = run_deal(compile_deal(deal, {"pool": 1e8}), {"pool": pool}, backend("numpy"))
    assert _same(flows, run_deal(compile_deal(load_deal(plain, "test"), 1e8), pool, backend("numpy")))


def _damaged(step: int, **changes: Any) -> dict[str, Any]:
    raw = two_groups()
    raw["steps"][step - 1] = raw["steps"][step - 1] | changes
    return raw


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (two_groups(group="homes"), "give either 'group' or 'groups', the collateral the deal stands on; found both"),
        (two_groups(groups=[]), "groups: [] is not a name or a list of names"),
        (two_groups(groups=["homes", "offices", "homes"]), "groups: group 'homes' stands there 2 times; name it once"),
        (two_groups(groups=["homes", "interest"]), "groups: 'interest' is a word of the language"),
        (_damaged(1, **{"from": "homs.interest"}), "unknown source 'homs.interest'; did you mean 'homes.interest'?"),
        (_damaged(1, **{"from": ["interest", "offices.interest"]}), "source 'offices.interest' stands there 2 times"),
        (_damaged(8, **{"from": ["interest", "homes.principal"]}), "cash in 'offices.principal' never leaves the deal"),
        (_damaged(2, pay_interest=["H"]), "classes.O: is never paid interest"),
        (
            two_groups(classes=two_groups()["classes"] | {"H": {"share": 0.45, "coupon": "homs.net_wac"}}),
            "'homs.net_wac' is not one of net_wac, none, residual, homes.net_wac, offices.net_wac; did you mean 'homes.net_wac'?",
        ),
        (
            two_groups(accounts={"homes.interest": {"target": 0.1}}),
            "accounts.homes.interest: 'homes.interest' is a word of the language",
        ),
    ],
)
def test_one_problem(raw: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        load_deal(raw, "deal.yaml")
    assert any(expected in problem for problem in caught.value.problems), caught.value.problems


def test_a_bank_that_was_released_is_empty() -> None:
    """Of one group alone: the other's interest may still be taken."""
    raw = two_groups()
    raw["steps"].insert(4, {"release": "R", "from": "offices.interest"})
    with pytest.raises(InputError) as caught:
        load_deal(raw, "deal.yaml")
    (problem, *others) = caught.value.problems
    assert "steps[6] pay_interest: takes from 'offices.interest', which steps[5] release has emptied" in problem
    assert all("offices.interest" in other for other in others)


@pytest.mark.parametrize(
    ("balances", "expected"),
    [
        (1e8, "the deal stands on 2 groups, homes, offices; the balance is needed for each, found one"),
        ({"homes": 1e8}, "the balance of group 'offices' is missing"),
        (
            {"homes": 1e8, "office": 1e8, "offices": 1e8},
            "the balance is given for the unknown group 'office'; did you mean 'offices'?",
        ),
        ({"homes": 1e8, "offices": 0.0}, "the balance of group 'offices' is 0.0 USD; a deal needs a positive one"),
    ],
)
def test_balances_of_groups(balances: Any, expected: str) -> None:
    with pytest.raises(InputError, match="two_groups: ") as caught:
        compile_deal(load_deal(two_groups(), "two_groups"), balances)
    assert any(expected in problem for problem in caught.value.problems), caught.value.problems


def test_pools_of_groups() -> None:
    deal = load_deal(two_groups(), "test")
    program, pools = compile_deal(deal, closing_balances(deal)), random_pools(deal, 1, 5, 2)
    with pytest.raises(ValueError, match="the pool of group 'offices' is missing"):
        run_deal(program, {"homes": pools["homes"]}, backend("numpy"))
    with pytest.raises(ValueError, match="the same for all groups"):
        run_deal(program, pools | {"offices": pools["offices"][:4]}, backend("numpy"))
