"""Bad deals: every problem named with its value, what was expected and the nearest name; good ones are read as written."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcsim.deals import compile_deal, load_deal
from mcsim.errors import InputError
from tests.mcsim.deals.deal_examples import SHIPPED, shipped, small_deal


def _problems(raw: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_deal(raw, "deal.yaml")
    return caught.value.problems


def _damaged(path: str, value: Any) -> dict[str, Any]:
    """The small deal with one entry changed; ``None`` removes it."""
    raw = small_deal()
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("/"))
    place: Any = raw
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return raw


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_deals_are_good(name: str) -> None:
    deal = load_deal(shipped(name), name)
    assert deal.name == name and compile_deal(deal, 1e8).original_balance.sum() == pytest.approx(1e8, rel=1e-12)


def test_small_deal_is_read_as_written() -> None:
    deal = load_deal(small_deal(), "deal.yaml")
    assert [c.coupon.kind for c in deal.classes] == ["fixed", "net_wac", "residual"]
    assert deal.steps[0].sources == ("interest", "principal")
    assert deal.steps[1].rule == "pro_rata" and deal.steps[3].sources == ("reserve",)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("name", None, "'name' is missing"),
        ("name", "a deal / bad", "is not a name"),
        ("groop", "pool", "unknown key 'groop'; did you mean 'group'?"),
        ("classes/A/share", 0.7, "shares add to 0.9, expected 1"),
        ("classes/A/share", 0.8001, "shares add to 1.0001, expected 1"),  # a digit mistyped
        ("classes/A/share", 80, "80 is out of range; expected a share of the pool's balance, 0 to 1"),
        ("classes/A/share", "0.8", "'0.8' is not a number"),
        ("classes/A/share", float("nan"), "nan is not a number"),
        ("classes/A/share", True, "True is not a number"),
        ("classes/A/share", None, "give either 'share' or 'balance'; found neither"),
        ("classes/A/balance", 1e6, "give either 'share' or 'balance'; found share and balance"),
        ("classes/B", {"balance": 2e7, "coupon": "net_wac"}, "use one of the two for all"),
        ("classes/A/coupon", 3.0, "3.0 is out of range; expected an annual rate per unit (0.03 is 3%)"),
        ("classes/A/coupon", "netwac", "did you mean 'net_wac'?"),
        ("classes/A/coupon", {"rate": 0.03, "cap": "wac"}, "'wac' is not one of net_wac, none"),
        ("classes/A/coupon", "none", "class 'A' earns no interest"),
        ("classes/R/share", 0.1, "a residual has no share"),
        ("classes/R", None, "no residual"),
        ("classes/reserve", {"coupon": "residual"}, "reserve: is declared 2 times"),
        ("classes/interest", {"coupon": "residual"}, "'interest' is a word of the language"),
        ("classes/Z", {"coupon": "residual"}, "classes.Z: is a residual that is never paid"),
        ("fees/trustee/rate", 0.5, "0.5 is out of range"),
        ("fees/trustee/rate", 0.051, "0.051 is out of range"),
        ("fees/trustee/rate", -0.0001, "-0.0001 is out of range"),
        ("fees/surveyor", {"rate": 0.001}, "fees.surveyor: is never paid"),
        ("accounts/spare", {"target": 0.0}, "accounts.spare: never holds cash"),
        ("accounts/spare", {"target": 0.0, "initial": 0.1}, "accounts.spare: is never drawn"),
        ("overcollateralisation", 0.1, "shares add to 1, expected 0.9"),
        ("steps", "pay everybody", "'pay everybody' is not a list of steps"),
        ("steps/0", {}, "steps[1]: is empty"),
        ("steps/0", {"pay_fees": "trustee"}, "did you mean 'pay_fee'?"),
        ("steps/0", {"pay_fee": "trustee", "pay_interest": "A"}, "has 2 verbs"),
        ("steps/0/pay_fee", "truste", "unknown fee 'truste'; did you mean 'trustee'?"),
        ("steps/1/pay_interest", ["A", "A", "B"], "class 'A' stands there 2 times"),
        ("steps/1/pay_interest", ["A", "R"], "class 'R' is a residual without a claim"),
        ("steps/1/pay_interest", ["A"], "classes.B: is never paid interest"),
        ("steps/1/pay_interest", {"A": 1}, "is not a name or a list of names"),
        ("steps/1/from", "intrest", "unknown source 'intrest'; did you mean 'interest'?"),
        ("steps/1/from", None, "'from' is missing"),
        ("steps/1/rule", "sequential", "unknown key 'rule'"),
        ("steps/2/pay_principal", ["B"], "classes.A: is never paid principal"),
        ("steps/2/rule", "pro rata", "did you mean 'pro_rata'?"),
        ("steps/3/draw", "reserves", "unknown account 'reserves'; did you mean 'reserve'?"),
        ("steps/3/cover", "loss", "did you mean 'losses'?"),
        ("steps/4/write_down", ["B"], "classes.A: is never written down"),
        ("steps/5/from", "reserve", "funds 'reserve' from itself"),
        ("steps/6/from", ["interest", "reserve"], "cash in 'principal' never leaves the deal"),
        ("steps/6/release", "A", "class 'A' is no residual"),
        ("steps/6/release", ["R", "A"], "releases to one residual class"),
        ("steps/0", {"release": "R", "from": "interest"}, "takes from 'interest', which steps[1] release has emptied"),
        ("steps/1", {"write_down": ["B", "A"]}, "steps[2] write_down: comes before steps[3] pay_principal"),
    ],
)  # fmt: skip
def test_one_problem(path: str, value: Any, expected: str) -> None:
    problems = _problems(_damaged(path, value))
    assert any(expected in problem for problem in problems), problems
    assert all(problem.startswith("deal.yaml: ") for problem in problems)


def test_a_draw_for_losses_comes_after_the_months_principal() -> None:
    """A deficit shows once principal is paid: before that, a reserve would pay for principal that is about to come."""
    raw = small_deal()
    draw = {"draw": "reserve", "cover": "losses", "classes": ["A"]}
    raw["steps"].insert(2, draw)
    assert any("comes before steps[4] pay_principal" in problem for problem in _problems(raw))
    raw["steps"].insert(4, raw["steps"].pop(2))
    assert load_deal(raw, "deal.yaml").steps[4].verb == "draw" and load_deal(raw, "deal.yaml").steps[4].cover == "losses"


@pytest.mark.parametrize(("off", "good"), [(0.5, True), (1_000.0, False), (-1_000.0, False)])
def test_balances_add_to_the_pool_to_a_dollar(off: float, good: bool) -> None:
    raw = small_deal()
    raw["classes"]["A"] = {"balance": 80e6 + off, "coupon": 0.03}
    raw["classes"]["B"] = {"balance": 20e6, "coupon": "net_wac"}
    deal = load_deal(raw, "deal.yaml")
    if good:
        assert compile_deal(deal, 1e8).original_balance.sum() == 1e8 + off
    else:
        with pytest.raises(InputError, match="100,000,000|1e\\+08|100000000"):
            compile_deal(deal, 1e8)


def test_a_release_is_no_use_of_an_account() -> None:
    """Cash that is paid in and only released again covers nothing: the account has no purpose."""
    raw = small_deal()
    raw["steps"] = [step for step in raw["steps"] if "draw" not in step]
    assert any("accounts.reserve: is never drawn" in problem for problem in _problems(raw))


def test_all_problems_together() -> None:
    raw = small_deal()
    raw["classes"]["A"]["share"] = 0.9
    raw["classes"]["B"]["coupon"] = 5
    raw["steps"][0]["pay_fee"] = "servicer"
    raw["steps"][6]["from"] = ["interest", "principal"]
    text = "\n".join(_problems(raw))
    for expected in ("shares add to 1.1", "classes.B.coupon: 5", "unknown fee 'servicer'", "cash in 'reserve' never leaves"):
        assert expected in text


@pytest.mark.parametrize("raw", [None, [], "text", 3, {}])
def test_no_deal_at_all(raw: Any) -> None:
    assert any("'steps' is missing" in problem for problem in _problems(raw))


def test_balances_add_to_the_pool() -> None:
    raw = small_deal()
    raw["classes"]["A"] = {"balance": 80e6, "coupon": 0.03}
    raw["classes"]["B"] = {"balance": 20e6, "coupon": "net_wac"}
    deal = load_deal(raw, "deal.yaml")
    assert compile_deal(deal, 100e6).original_balance.tolist() == [80e6, 20e6, 0.0]
    with pytest.raises(InputError, match=r"balances add to 100,000,000.00 USD, expected 101,000,000.00"):
        compile_deal(deal, 101e6)


@pytest.mark.parametrize("balance", [0.0, -1.0, float("nan")])
def test_pool_without_balance(balance: float) -> None:
    with pytest.raises(InputError, match="needs a positive one"):
        compile_deal(load_deal(small_deal(), "deal.yaml"), balance)


_JUNK = st.one_of(
    st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=5), st.just([]), st.just({}),
    st.sampled_from(["A", "R", "reserve", "all", "pro_rata", ["A", "B"], {"coupon": "residual"}, {"rate": 1}, [["A"]]]),
)  # fmt: skip


def _places(raw: Any) -> list[tuple[Any, Any]]:
    """Every entry of every mapping and list: its holder and its key."""
    items = list(raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ())
    return [(raw, key) for key, _ in items] + [place for _, value in items for place in _places(value)]


@given(data=st.data(), name=st.sampled_from([*SHIPPED, "two_groups"]))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_mutated_deals_never_crash(data: st.DataObject, name: str) -> None:
    raw = copy.deepcopy(_GOOD[name])
    for _ in range(data.draw(st.integers(1, 3))):
        places = _places(raw)
        holder, key = places[data.draw(st.integers(0, len(places) - 1))]
        holder[key] = copy.deepcopy(data.draw(_JUNK))
    try:
        deal = load_deal(raw, "mutated")
        compile_deal(deal, dict.fromkeys(deal.groups, 1e8))
    except InputError as error:
        assert error.problems and all(problem.startswith("mutated: ") for problem in error.problems)


_GOOD = {name: shipped(name) for name in (*SHIPPED, "two_groups")}
