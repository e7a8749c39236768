"""Yield measures against the BMA's printed examples; present values on paths against a plain sum."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from kernels import discounting
from kernels.launch import compile_launcher
from kernels.ops import make_ops

# BMA, Standard Formulas (1999), SF-49/50: $100 of 30-year 9.5% loans, 9% pass-through, 150% PSA, 14 days' actual delay.
_MONTHS = np.arange(1, 361)
_YEARS = (30 * _MONTHS + 14) / 360


@pytest.fixture(scope="module")
def pass_through() -> tuple[np.ndarray, np.ndarray]:
    """Interest and principal of $100 at 150% PSA, by the level-payment formula, independent of ``kernels``."""
    balance, flows = 100.0, []
    for month in _MONTHS:
        payment = balance * (0.095 / 12) / (1 - (1 + 0.095 / 12) ** -(361 - month))
        scheduled = payment - balance * 0.095 / 12
        smm = 1 - (1 - 1.5 * 0.06 * min(month / 30, 1)) ** (1 / 12)
        principal = scheduled + smm * (balance - scheduled)
        flows.append((balance * 0.09 / 12, principal))
        balance -= principal
    return tuple(np.array(flows).T)  # type: ignore[return-value]


def test_sf_49_50(pass_through: tuple[np.ndarray, np.ndarray]) -> None:
    interest, principal = pass_through
    flows = interest + principal
    rate = discounting.yield_at_price(flows, _YEARS, 100.0)
    found = discounting.measures(flows, _YEARS, rate)
    # Printed digits: half a unit of the last one.
    assert flows[[0, 1, 2, 359]] == pytest.approx([0.8242, 0.8491, 0.8738, 0.0562], abs=5e-5)
    assert rate == pytest.approx(0.0910675, abs=5e-8)
    assert discounting.convert_yield(rate, 2, 12) == pytest.approx(0.0893863, abs=5e-8)
    assert discounting.average_life(principal, _YEARS) == pytest.approx(9.77844, abs=5e-6)
    assert found.macaulay_duration == pytest.approx(5.73147, abs=5e-6)
    assert found.modified_duration == pytest.approx(5.48186, abs=5e-6)
    assert found.convexity == pytest.approx(54.4326, abs=5e-5)


def test_sf_51_settled_after_issue(pass_through: tuple[np.ndarray, np.ndarray]) -> None:
    rate = discounting.yield_at_price(sum(pass_through), _YEARS - 7 / 360, 100.175)
    assert rate == pytest.approx(0.0910644, abs=5e-8)


@pytest.mark.parametrize(
    ("days", "periods", "quote", "printed_yield", "printed_index", "printed_margin"),
    [
        # 30/360: the quote is a money-market rate, 365/360 brings it to the floater's day count.
        ((164, 344), (164, 180), 0.101875 * 365 / 360, 0.1096675, 0.1046235, 62.05),
        ((168, 349), (168, 181), 0.101875, 0.1076838, 0.1031723, 56.89),
    ],
    ids=["30/360", "actual/360"],
)
def test_sf_53_54_floater(
    days: tuple[int, int], periods: tuple[int, int], quote: float, printed_yield: float, printed_index: float,
    printed_margin: float,
) -> None:  # fmt: skip
    flows = np.array([55.3012, 52.6938])
    rate = discounting.yield_at_price(flows, np.array(days) / 360, 100.2589)
    # The inputs are printed to 1e-4 of 100 USD: over 0.7 years 2e-6 of yield, 0.02 basis points.
    assert rate == pytest.approx(printed_yield, abs=2e-6)
    assert discounting.convert_yield(quote, 4, 2) == pytest.approx(printed_index, abs=5e-8)
    margin = discounting.discount_margin(flows, np.array(periods) / 360, 100.2589, quote)
    assert margin * 1e4 == pytest.approx(printed_margin, abs=0.02)


def test_sf_56_accrual_class() -> None:
    flows, rate, balance, principal = (0.0, 11.0, 121.0), 0.1, 100.0, []
    for flow in flows:
        principal.append(flow - balance * rate)
        balance -= principal[-1]
    assert discounting.average_life(principal, np.arange(1, 4)) == pytest.approx(3.2, rel=1e-12)
    assert discounting.average_life(principal, np.arange(1, 4), accretes=True) == pytest.approx(3.0, rel=1e-12)


def test_published_examples_are_the_ones_here() -> None:
    """The literals above against the shared transcription of the document, where it is at hand."""
    shared = Path(os.environ.get("MCSIM_SHARED", Path(__file__).parents[3] / "shared"))
    file = shared / "reference/published_tables/bma_standard_formulas/small_examples.json"
    if not file.exists():
        pytest.skip("shared reference tables are not here")
    examples = {e["id"]: e["outputs"] for e in json.loads(file.read_text())["examples"]}
    assert examples["SF-49/50"]["yield_be_pct"] == 9.10675
    assert examples["SF-51"]["yield_be_pct"] == 9.10644
    assert examples["SF-53/54 floater"]["dm_30360_bp"] == 62.05
    assert examples["SF-56 Z-bond"] == {"avg_life_gpm_arm": 3.2, "avg_life_z": 3.0}


def test_zero_coupon_in_closed_form() -> None:
    found = discounting.measures([100.0], [7.0], 0.05)
    assert discounting.yield_at_price([100.0], [7.0], 100 * 1.025**-14) == pytest.approx(0.05, abs=1e-14)
    assert found.macaulay_duration == pytest.approx(7.0, rel=1e-15)
    assert found.convexity == pytest.approx(7 * 7.5 / 1.025**2, rel=1e-14)


def test_no_such_yield() -> None:
    with pytest.raises(ValueError, match="no yield"):
        discounting.yield_at_price([1.0], [1.0], 0.0)
    with pytest.raises(ValueError, match="no margin"):
        discounting.discount_margin([1.0], [1.0], 5.0, 0.05)


def test_flows_that_change_sign_are_refused() -> None:
    """x, x^2 and x^3 with x = 1 / (1 + y): (x - 1)(x - .9)(x - .8) = 0 at three yields, and none of them is the yield."""
    flows, years = [2.42, -2.7, 1.0], [1.0, 2.0, 3.0]
    for x in (1.0, 0.9, 0.8):
        assert discounting.price_at_yield(flows, years, 1 / x - 1, 1) == pytest.approx(0.72, abs=1e-14)
    with pytest.raises(ValueError, match="no yield"):
        discounting.yield_at_price(flows, years, 0.72, 1)


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_present_values_against_plain_sums(target: str) -> None:
    n_classes, n_months, n_paths = 2, 7, 5
    random = np.random.default_rng(1)
    interest, principal, write_down = random.uniform(0, 100, (3, n_classes, n_months, n_paths))
    discount = random.uniform(0.5, 1, (n_months + 1, n_paths))
    spreads = np.array([0.0, 0.02])
    ops = make_ops(target, "float64")
    run = compile_launcher(ops, discounting.build_present_values(ops), "present_values", (7,))
    sums = np.zeros((n_classes, len(discounting.SUMS), n_paths))
    run(n_paths, interest.ravel(), principal.ravel(), write_down.ravel(), discount.ravel(), spreads, n_months, n_paths,
        sums.reshape(-1))  # fmt: skip
    for k in range(n_classes):
        for p in range(n_paths):
            factors = [discount[m, p] * math.exp(-spreads[k] * m / 12) for m in range(1, n_months + 1)]
            expected = [
                math.fsum((interest[k, :, p] + principal[k, :, p]) * factors),
                math.fsum(interest[k, :, p] * factors),
                math.fsum(principal[k, :, p]),
                math.fsum(principal[k, m, p] * (m + 1) / 12 for m in range(n_months)),
                math.fsum(write_down[k, :, p]),
            ]
            # 7 terms, each to 3 units in the last place (exp): 1e-14.
            assert sums[k, :, p] == pytest.approx(expected, rel=1e-14)
