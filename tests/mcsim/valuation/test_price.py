"""Prices against closed forms, standard errors against independent estimates, and the same bits for any blocks."""

from __future__ import annotations

import math
from dataclasses import fields
from functools import lru_cache

import numpy as np
import pytest

from mcsim.deals import DealFlows, Program, compile_deal, load_deal, run_deal
from mcsim.errors import InputError
from mcsim.instruments.deal_class import claims, streams
from mcsim.valuation import Pricer, Prices
from tests.mcsim.deals.deal_examples import backend, random_pool, shipped

POOL, MONTHS, PATHS = 1e8, 24, 200


@lru_cache(maxsize=1)
def _case() -> tuple[Program, DealFlows, np.ndarray]:
    program = compile_deal(load_deal(shipped("senior_subordinate"), "test"), POOL)
    flows = run_deal(program, random_pool(seed=11, n_months=MONTHS, n_paths=PATHS), backend("numpy"))
    rates = np.random.default_rng(12).uniform(0, 0.06, (MONTHS, PATHS))
    discount = np.exp(-np.cumsum(np.vstack([np.zeros(PATHS), rates / 12]), axis=0))
    return program, flows, discount


def _part(flows: DealFlows, a: int, b: int) -> DealFlows:
    return DealFlows(*(getattr(flows, f.name)[..., a:b] for f in fields(DealFlows)))


def _prices(spreads: dict[str, float], target: str = "cpu") -> Prices:
    program, flows, discount = _case()
    pricer = Pricer(claims(program), spreads, target)
    pricer.add(streams(flows), discount)
    return pricer.result()


def _same(a: Prices, b: Prices) -> bool:
    names = [f.name for f in fields(Prices) if f.name != "names"]
    return all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=True) for n in names)


def test_pass_through_at_its_own_coupon_is_worth_par() -> None:
    """Discounted at the net coupon, a class without losses is worth 100 whatever prepays: each dollar earns what it costs."""
    rate, random = 0.05 / 12, np.random.default_rng(1)
    pool, balance = np.zeros((60, 11, 5)), np.full(5, POOL)
    for month in range(60):
        prepaid = balance * (1.0 if month == 59 else random.uniform(0, 0.1, 5))
        pool[month, 2], pool[month, 6] = balance * (rate + 0.0025 / 12), prepaid
        pool[month, 10] = balance * 0.0025 / 12
        balance = balance - prepaid
        pool[month, 0] = balance
    program = compile_deal(load_deal(shipped("pass_through"), "test"), POOL)
    pricer = Pricer(claims(program), {"default": 0.0})
    pricer.add(streams(run_deal(program, pool, backend("cpu"))), np.repeat((1 + rate) ** -np.arange(61.0)[:, None], 5, axis=1))
    prices = pricer.result()
    assert prices.price[0] == pytest.approx(100.0, rel=1e-13)  # 60 sums of 1e-16 each
    # Equal on every path, so its error is rounding: 1e-16 of the value, some 1e-14 of 100.
    assert prices.price_standard_error[0] < 1e-12
    assert math.isnan(prices.price[1]) and prices.value[1] == pytest.approx(0.0, abs=1e-6)


def test_against_plain_numpy() -> None:
    program, flows, discount = _case()
    prices = _prices({"A1": 0.01, "default": 0.03})
    spreads = np.where(np.array(program.tranches) == "A1", 0.01, 0.03)
    years = np.arange(1, MONTHS + 1) / 12
    factors = discount[None, 1:] * np.exp(-spreads[:, None, None] * years[:, None])
    values = ((flows.interest_paid + flows.principal_paid) * factors).sum(1)
    # 24 terms, the exponential to 3 units in the last place.
    assert prices.value == pytest.approx(values.mean(1), rel=1e-14)
    assert prices.value_standard_error == pytest.approx(values.std(1, ddof=1) / math.sqrt(PATHS), rel=1e-10)
    sized = program.original_balance > 0
    assert prices.price[sized] == pytest.approx(100 * prices.value[sized] / program.original_balance[sized], rel=1e-14)
    principal = flows.principal_paid.mean(2)
    with np.errstate(invalid="ignore"):  # the class that losses take whole has no life: NaN
        lives = (principal @ years)[sized] / principal.sum(1)[sized]
    assert np.isnan(lives).sum() == 1
    assert prices.wal[sized] == pytest.approx(lives, rel=1e-12, nan_ok=True)
    loss = flows.write_down.sum(1).mean(1)
    assert prices.principal_loss[sized] == pytest.approx(loss[sized] / program.original_balance[sized], rel=1e-12)
    interest = (flows.interest_paid * factors).sum(1).mean(1)
    assert prices.interest_share == pytest.approx(interest / values.mean(1), rel=1e-12)
    assert np.isnan(prices.price[~sized]).all() and np.isnan(prices.wal[~sized]).all()
    assert prices.spread.tolist() == spreads.tolist()


def test_error_of_the_average_life_against_the_jackknife() -> None:
    """The jackknife leaves out one path at a time; it knows nothing of the delta method."""
    program, flows, discount = _case()
    pricer = Pricer(claims(program), {"default": 0.0})
    pricer.add(streams(flows), discount)
    sums, prices = pricer.path_sums(), pricer.result()
    principal, weighted = sums[:, 2], sums[:, 3]
    k = program.tranches.index("B1")
    left_out = (weighted[k].sum() - weighted[k]) / (principal[k].sum() - principal[k])
    jackknife = math.sqrt((PATHS - 1) / PATHS * ((left_out - left_out.mean()) ** 2).sum())
    # The two differ by terms of order 1 / N: 200 paths.
    assert prices.wal_standard_error[k] == pytest.approx(jackknife, rel=0.03)


def test_standard_error_covers() -> None:
    """Over 400 sets of 64 lognormal values, the mean lies within 2 standard errors of the truth about 95% of the time."""
    program = compile_deal(load_deal(shipped("pass_through"), "test"), POOL)
    random, inside = np.random.default_rng(5), 0
    for _ in range(400):
        discount = np.ones((2, 64))
        discount[1] = np.exp(0.1 * random.standard_normal(64))
        per_class, none = [np.zeros((2, 1, 64)) for _ in range(5)], np.zeros((0, 1, 64))
        flows = DealFlows(*per_class, none, none, np.zeros((1, 64)))
        flows.principal_paid[0] = POOL
        pricer = Pricer(claims(program), {"default": 0.0})
        pricer.add(streams(flows), discount)
        prices = pricer.result()
        inside += abs(prices.price[0] - 100 * math.exp(0.005)) < 2 * prices.price_standard_error[0]
    # Binomial(400, 0.95): standard deviation 4.4; within four of them.
    assert abs(inside - 0.95 * 400) < 18


def test_blocks_and_their_order_do_not_matter() -> None:
    program, flows, discount = _case()
    whole = _prices({"default": 0.02})
    edges = [0, 7, 64, 65, PATHS]
    blocks = list(zip(edges, edges[1:], strict=False))
    in_order, shuffled = Pricer(claims(program), {"default": 0.02}), Pricer(claims(program), {"default": 0.02})
    for a, b in blocks:
        in_order.add(streams(_part(flows, a, b)), discount[:, a:b])
    for a, b in reversed(blocks):
        shuffled.add(streams(_part(flows, a, b)), discount[:, a:b], first_path=a)
    assert _same(in_order.result(), whole) and _same(shuffled.result(), whole)


def test_targets_agree_to_the_bit() -> None:
    assert _same(_prices({"default": 0.02}, "numpy"), _prices({"default": 0.02}, "cpu"))


def test_one_path_has_no_error() -> None:
    program, flows, discount = _case()
    pricer = Pricer(claims(program), {"default": 0.0})
    pricer.add(streams(_part(flows, 0, 1)), discount[:, :1].astype(np.float32))
    prices = pricer.result()
    assert np.isfinite(prices.value).all() and np.isnan(prices.value_standard_error).all()


@pytest.mark.parametrize(
    ("spreads", "expected"),
    [
        ({"A11": 0.01, "default": 0.0}, "did you mean 'A1'?"),
        ({"A1": 0.01}, "none for A2, B1"),
        ({"default": float("nan")}, "pricing.spreads.default = nan: expected at least -0.05 and at most 0.5 (annual, per unit"),
        ({"default": "1%"}, "'1%': expected at least -0.05"),
        ({"default": 1.31}, "1.31: expected at least -0.05"),  # 131%: meant was 1.31%
        ({"default": -0.131}, "-0.131: expected at least -0.05"),
    ],
)  # fmt: skip
def test_bad_spreads(spreads: dict[str, float], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        Pricer(claims(_case()[0]), spreads)
    assert any(expected in problem for problem in caught.value.problems)


def test_misuse() -> None:
    program, flows, discount = _case()
    pricer = Pricer(claims(program), {"default": 0.0})
    with pytest.raises(ValueError, match="no path"):
        pricer.result()
    with pytest.raises(ValueError, match="discount has shape"):
        pricer.add(streams(flows), discount[1:])
