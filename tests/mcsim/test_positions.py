"""Positions of a book: their values against plain sums, the total's error, and the same bits for any blocks."""

from __future__ import annotations

import math
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kernels.behaviour.parameter import SHARE, Parameter
from kernels.discounting import SUMS
from kernels.flows import FIELDS
from mcsim import store
from mcsim.deals import DealFlows, Program, compile_deal, load_deal, run_deal
from mcsim.errors import InputError, PriceError
from mcsim.instruments import INSTRUMENTS
from mcsim.instruments.instrument import COLLATERAL, Instrument, collected
from mcsim.positions import Positions
from mcsim.reports.price_table import PRINTED, price_cells
from mcsim.streams import Streams, pool_flows
from mcsim.valuation import Pricer
from mcsim.valuation.methods import METHODS, Method
from mcsim.valuation.positions import PositionPrices
from tests.mcsim.deals.deal_examples import backend, random_pool, shipped

POOL, MONTHS, PATHS = 1e8, 30, 120
WHOLE = {"instrument": "whole_loan", "of": "homes", "share": 0.4, "inputs": {"spread": 0.02}}
PIECE = {"instrument": "deal_class", "of": "first/B1", "share": 0.35, "inputs": {"spread": 0.05}}


def position(given: dict[str, Any]) -> Any:
    return SimpleNamespace(**{"method": "spread", **given})


@lru_cache(maxsize=1)
def book() -> tuple[np.ndarray, Program, DealFlows, np.ndarray]:
    """A pool, a deal over it, what it pays, and discount factors of two years more than the pool has."""
    pool = random_pool(seed=21, n_months=MONTHS, n_paths=PATHS, stress=0.2)
    program = compile_deal(load_deal(shipped("senior_subordinate"), "test"), POOL)
    rates = np.random.default_rng(22).uniform(0, 0.08, (MONTHS + 24, PATHS))
    discount = np.exp(-np.cumsum(np.vstack([np.zeros(PATHS), rates / 12]), axis=0))
    return pool, program, run_deal(program, pool, backend("numpy")), discount


def value(
    where: Path | None = None, target: str = "numpy", edges: tuple[int, ...] = (0, PATHS), **given: Any
) -> PositionPrices:
    """Positions valued in blocks of paths, the last block first."""
    pool, program, flows, discount = book()
    held = {name: position(one) for name, one in given.items()}
    positions = Positions(held, {"homes": POOL}, {"first": program}, backend(target), where)
    assert positions
    for a, b in reversed(list(zip(edges, edges[1:], strict=False))):
        positions.add_collateral("homes", a, pool[..., a:b], discount[:, a:b])
        part = DealFlows(*(getattr(flows, f.name)[..., a:b] for f in fields(DealFlows)))
        positions.add_deal("first", a, part, discount[:, a:b])
    return positions.finish()


def test_whole_loans_are_worth_the_present_value_of_their_flows() -> None:
    """Written out, with no help of the kernels: net interest, principal and recoveries, each month at its own factor."""
    pool, _, _, discount = book()
    flow = {name: pool[:, i] for i, name in enumerate(FIELDS)}
    cash = sum(
        flow[name]
        for name in (
            "interest", "advanced_interest", "scheduled_principal", "advanced_principal", "prepaid_principal", "recovery",
        )
    ) - flow["servicing_fee"]  # fmt: skip
    total = np.zeros(PATHS)
    for month in range(1, MONTHS + 1):
        total += 0.4 * np.maximum(cash[month - 1], 0) * discount[month] * math.exp(-0.02 * month / 12)
    prices = value(whole=WHOLE).prices
    # Sums of 30 months in another order: a few units in the last place.
    assert prices.value[0] == pytest.approx(total.mean(), rel=1e-13)
    assert prices.value_standard_error[0] == pytest.approx(total.std(ddof=1) / math.sqrt(PATHS), rel=1e-10)
    assert prices.original_balance[0] == 0.4 * POOL
    assert prices.price[0] == pytest.approx(100 * total.mean() / (0.4 * POOL), rel=1e-13)
    assert prices.principal_loss[0] == pytest.approx(flow["loss"].sum(axis=0).mean() / POOL, rel=1e-13)
    paid = sum(flow[n] for n in ("scheduled_principal", "advanced_principal", "prepaid_principal", "recovery")).mean(axis=1)
    assert prices.wal[0] == pytest.approx(paid @ np.arange(1, MONTHS + 1) / 12 / paid.sum(), rel=1e-12)


def test_a_pass_through_is_worth_its_loans_to_the_cent() -> None:
    pool, _, _, discount = book()
    program = compile_deal(load_deal(shipped("pass_through"), "test"), POOL)
    held = {
        "loans": position({**WHOLE, "share": 1.0}),
        **{
            name: position({**PIECE, "of": f"all/{name}", "share": 1.0, "inputs": {"spread": 0.02}})
            for name in program.tranches
        },
    }
    positions = Positions(held, {"homes": POOL}, {"all": program}, backend("cpu"))
    positions.add_collateral("homes", 0, pool, discount)
    positions.add_deal("all", 0, run_deal(program, pool, backend("cpu")), discount)
    loans, *classes = positions.finish().prices.value
    assert loans == pytest.approx(sum(classes), abs=0.005)


def test_a_class_held_is_its_share_of_the_class_priced() -> None:
    _, program, flows, discount = book()
    from mcsim.instruments.deal_class import claims, streams

    pricer = Pricer(claims(program), {"default": 0.05}, "numpy")
    pricer.add(streams(flows), discount)
    whole, k = pricer.result(), program.tranches.index("B1")
    held = value(piece=PIECE).prices
    for name in ("value", "value_standard_error", "original_balance"):
        assert getattr(held, name)[0] == pytest.approx(0.35 * getattr(whole, name)[k], rel=1e-13)
    for name in ("price", "price_standard_error", "wal", "wal_standard_error", "principal_loss", "interest_share", "spread"):
        assert getattr(held, name)[0] == pytest.approx(getattr(whole, name)[k], rel=1e-12), name


def test_the_total_has_the_error_of_the_sum_on_each_path() -> None:
    """Two halves of a position are as uncertain as the whole: their errors add up, not their squares."""
    halves = {"a": {**WHOLE, "share": 0.2}, "b": {**WHOLE, "share": 0.2}}
    one, two = value(whole=WHOLE).dataset(), value(**halves).dataset()
    assert two.attrs["total_value"] == pytest.approx(one.attrs["total_value"], rel=1e-14)
    error = one.attrs["total_value_standard_error"]
    assert two.attrs["total_value_standard_error"] == pytest.approx(error, rel=1e-10)
    assert error == pytest.approx(float(one["value_standard_error"][0]), rel=1e-12)
    both = value(whole=WHOLE, piece=PIECE)
    values = both.sums[:, 0]
    variance = np.cov(values).sum() / PATHS  # with the covariances
    assert both.dataset().attrs["total_value_standard_error"] == pytest.approx(math.sqrt(variance), rel=1e-10)


def test_blocks_order_and_target_do_not_matter() -> None:
    whole = value(whole=WHOLE, piece=PIECE)
    for other in (
        value(whole=WHOLE, piece=PIECE, edges=(0, 7, 64, PATHS)),
        value(whole=WHOLE, piece=PIECE, target="cpu"),
    ):
        np.testing.assert_array_equal(other.sums, whole.sums)
        np.testing.assert_array_equal(other.prices.value, whole.prices.value)


def test_the_store_holds_what_was_valued(tmp_path: Path) -> None:
    where = tmp_path / store.STORE_NAME
    store.create_store(where, {})
    valued = value(where, whole=WHOLE, piece=PIECE)
    store.mark_complete(tmp_path)
    prices, paths = (store.open_group(tmp_path, f"positions/{name}").load() for name in ("prices", "path_values"))
    assert prices.equals(valued.dataset()) and prices["price"].attrs == valued.dataset()["price"].attrs
    assert prices["position"].values.tolist() == ["whole", "piece"] and prices["share"].values.tolist() == [0.4, 0.35]
    np.testing.assert_array_equal(paths["value"].values, valued.sums[:, 0])


@pytest.mark.parametrize(("miss", "passes"), [(9e-6, True), (1.1e-5, False)])
def test_a_collateral_may_miss_its_balance_by_what_float32_rounds(miss: float, passes: bool) -> None:
    """The bar that float32 is held to against float64 is 1e-5; a class, which the waterfall pays in float64, may not."""
    pool = np.zeros((MONTHS, len(FIELDS), PATHS))
    pool[5, FIELDS.index("prepaid_principal")] = POOL * (1 + miss)
    positions = Positions({"whole": position(WHOLE)}, {"homes": POOL}, {}, backend("numpy"))
    discount = book()[3]
    if passes:
        positions.add_collateral("homes", 0, pool, discount)
        return
    with pytest.raises(PriceError, match="position whole, path 0: principal and write-downs"):
        positions.add_collateral("homes", 0, pool, discount)


def test_an_instrument_that_returns_another_shape_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Instrument(COLLATERAL, lambda flows, inputs: Streams.of(flows.interest[:, 1:]), "Less.", "none")
    monkeypatch.setitem(INSTRUMENTS, "less", wrong)
    with pytest.raises(
        InputError, match=r"instruments/less\.py: interest of its streams has shape .*; expected numbers in the shape"
    ):
        value(x={**WHOLE, "instrument": "less"})


def test_a_second_method_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that discounts nothing and takes a haircut: positions ask the table, and it has no spread to show."""

    class Cash:
        def __init__(self, haircut: float) -> None:
            self.kept, self.blocks = 1 - haircut, dict[int, np.ndarray]()

        def add(self, streams: Streams, discount: np.ndarray, first_path: int | None = None) -> None:
            sums = np.zeros((1, len(SUMS), streams.interest.shape[2]))
            sums[:, SUMS.index("value")] = self.kept * (streams.interest + streams.principal).sum(axis=1)
            self.blocks[first_path or 0] = sums

        def path_sums(self) -> np.ndarray:
            return np.concatenate([self.blocks[first] for first in sorted(self.blocks)], axis=2)

    haircut = Method(
        "Cash less a haircut.", "none", {"haircut": Parameter("part taken off", SHARE)},
        valuer=lambda claims, inputs, target: Cash(inputs["haircut"]),
        by_path=lambda cash, discount, month, inputs: (1 - inputs["haircut"]) * cash.sum(axis=0),
    )  # fmt: skip
    monkeypatch.setitem(METHODS, "cash", haircut)
    pool = pool_flows(book()[0])
    funds = collected(pool)
    held = {**WHOLE, "method": "cash", "inputs": {"haircut": 0.25}}
    prices = value(edges=(0, 50, PATHS), x=held, whole=WHOLE).prices
    # Sums of 30 months in another order: a few units in the last place.
    assert prices.value[0] == pytest.approx(0.4 * 0.75 * (funds.interest + funds.principal).sum(axis=1).mean(), rel=1e-13)
    assert math.isnan(prices.spread[0]) and prices.spread[1] == 0.02
    assert price_cells(value(x=held).dataset())[0][PRINTED.index("spread") + 1] == ""
