"""The scalar rules of a waterfall: closed forms, identities to the last digit, and the same bits on both targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels import waterfall
from kernels.launch import compile_launcher
from kernels.loan_month import FIELDS
from kernels.ops import make_ops
from kernels.waterfall_paths import N_SHARED, Op, Register, build_waterfall

OPS = make_ops("numpy", "float64")
MONEY = st.floats(0, 1e12)


@given(claim=MONEY, cash=MONEY)
def test_pay_is_the_smaller_and_leaves_nothing_on_one_side(claim: float, cash: float) -> None:
    left, rest, paid = waterfall.build_pay(OPS)(claim, cash)
    assert paid == min(claim, cash)
    assert min(left, rest) == 0.0 and left == claim - paid and rest == cash - paid


@given(total=MONEY, cash=MONEY)
def test_ratio(total: float, cash: float) -> None:
    ratio = waterfall.build_ratio(OPS)(total, cash)
    assert ratio == (1.0 if cash >= total else cash / total)


def test_collect() -> None:
    collect = waterfall.build_collect(OPS)
    # interest, scheduled, advanced, prepaid, recovery, loss, servicing, collateral
    assert collect(50.0, 10.0, 2.0, 30.0, 4.0, 6.0, 5.0, 1000.0) == (45.0, 46.0, 91.0, 948.0)
    # Servicing beyond the interest comes out of principal, beyond both it is not taken; the collateral falls all the same.
    assert collect(3.0, 10.0, 0.0, 0.0, 0.0, 0.0, 5.0, 1000.0) == (0.0, 8.0, 8.0, 990.0)
    assert collect(3.0, 1.0, 0.0, 0.0, 0.0, 0.0, 5.0, 1000.0) == (0.0, 0.0, 0.0, 999.0)


def test_net_wac() -> None:
    net_wac = waterfall.build_net_wac(OPS)
    # interest, advanced, servicing, collateral, foreclosed, defaulted, fee rate.
    # Nothing advanced: 6% on the 90 of 120 that pay, .25% servicing on those, a .12% fee: a month's rate of 5.63% a year.
    rate = net_wac(90 * 0.06 / 12, 0.0, 90 * 0.0025 / 12, 120.0, 20.0, 10.0, 0.0012)
    assert rate == pytest.approx(0.0563 / 12, rel=1e-14)
    # Advanced at 8% less .25% on the 30 in foreclosure, 10 of them new: (90 x 5.75% + 30 x 7.75%) / 120 = 6.25%.
    rate = net_wac(90 * 0.06 / 12, 30 * 0.0775 / 12, 90 * 0.0025 / 12, 120.0, 20.0, 10.0, 0.0012)
    assert rate == pytest.approx((0.0625 - 0.0012) / 12, rel=1e-14)
    assert net_wac(0.0, 0.02, 0.0, 5.0, 5.0, 0.0, 0.0) == 0.004, "none performs: what is advanced is due"
    assert net_wac(0.0, 0.0, 0.0, 100.0, 0.0, 100.0, 0.0012) == 0.0, "no loan bears interest: none is due"
    assert net_wac(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0) == 0.0
    assert net_wac(0.0, 1e-3, 0.0, 4e-3, 0.0, 0.0, 0.0) == 0.0, "less than half a cent bears nothing"
    assert net_wac(0.0, 0.0, 0.02, 100.0, 0.0, 0.0, 0.0) == 0.0, "never negative"


@pytest.mark.parametrize(("share", "bears"), [(0.9e-5, False), (1.1e-5, True), (5e-3, True)])
def test_net_wac_ignores_the_rounding_of_a_pool_and_no_loan(share: float, bears: bool) -> None:
    """1e-5 of the performing balance: above what float32 loses (1e-6), below the smallest loan of a pool of thousands."""
    rate = waterfall.build_net_wac(OPS)(1e8 * share * 0.06 / 12, 0.0, 0.0, 1e8, 0.0, 1e8 * (1 - share), 0.0)
    assert rate == pytest.approx(0.005 if bears else 0.0, rel=1e-9)  # 1 - share has 11 digits after the point to lose


def test_coupons() -> None:
    assert waterfall.build_accrue(OPS)(1200.0, 0.05) == pytest.approx(5.0, rel=1e-15)
    capped = waterfall.build_accrue_capped(OPS)
    assert capped(1200.0, 0.05, 0.004) == pytest.approx(4.8, rel=1e-15)
    assert capped(1200.0, 0.05, 0.005) == pytest.approx(5.0, rel=1e-15)
    assert capped(1200.0, np.inf, 0.005) == pytest.approx(6.0, rel=1e-15), "a net-WAC coupon is one without a rate of its own"


def test_deficit() -> None:
    deficit = waterfall.build_deficit(OPS)
    assert deficit(100.0, 90.0) == 10.0 and deficit(100.0, 110.0) == 0.0
    assert deficit(100.0, -1.0) == 100.0, "never more than is outstanding"
    assert deficit(100.004, 100.0) == 0.0 and deficit(100.006, 100.0) > 0, "half a cent is rounding"


def test_target() -> None:
    target = waterfall.build_target(OPS)
    # balance, outstanding, collateral, share, floor, runs → room, excess
    assert target(4.0, 100.0, 1000.0, 0.01, 5.0, 1.0) == (6.0, 0.0)
    assert target(14.0, 100.0, 1000.0, 0.01, 5.0, 1.0) == (0.0, 4.0)
    assert target(1.0, 100.0, 100.0, 0.01, 5.0, 1.0) == (4.0, 0.0)
    assert target(4.0, 0.0, 1000.0, 0.01, 5.0, 1.0) == (0.0, 4.0), "no class is left: nothing is held back"
    assert target(4.0, 100.0, 1000.0, 0.01, 5.0, 0.0) == (0.0, 4.0), "last month"
    assert target(4.0, 100.0, 100.0, 0.01, 5.0, 0.0) == (0.0, 4.0), "last month, where the floor was the target"


def _interpret(target: str, instructions: list[tuple[int, ...]], registers: np.ndarray, numbers: list[float]) -> np.ndarray:
    """One month without cash; the registers after it."""
    width = registers.shape[1]
    ops = make_ops(target, "float64")
    pool, after = np.zeros(len(FIELDS) * width), registers.copy()
    table = np.array([(*row, 0, 0, 0, 0)[:5] for row in instructions], dtype=np.int64)
    stores = np.arange(N_SHARED, len(registers))
    out = np.empty(stores.size * width)
    run: Any = compile_launcher(ops, build_waterfall(ops), "waterfall", (12,))
    run(width, table, np.array(numbers), stores, 0, 0, 0.0, 1, width, 0, width, pool, after.reshape(-1), out)
    assert np.array_equal(out.reshape(stores.size, width), after[N_SHARED:])
    return after


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_instructions(target: str) -> None:
    a, b, c = N_SHARED, N_SHARED + 1, N_SHARED + 2
    start = np.zeros((N_SHARED + 3, 2))
    start[a], start[b] = [3.0, 8.0], [5.0, 5.0]

    def after(*instructions: tuple[int, ...], numbers: tuple[float, ...] = (0.0,)) -> np.ndarray:
        return _interpret(target, list(instructions), start, list(numbers))

    assert after((Op.PAY, a, b, c))[[a, b, c]].tolist() == [[0, 3], [2, 0], [3, 5]]
    assert after((Op.COPY, a, c), (Op.ADD, b, c))[c].tolist() == [8, 13]
    assert after((Op.MOVE, a, c), (Op.MOVE, b, c))[[a, b, c]].tolist() == [[0, 0], [0, 0], [8, 13]]
    assert after((Op.COPY, a, Register.TOTAL), (Op.RATIO, b))[Register.RATIO].tolist() == [1.0, 5 / 8]
    shared = after((Op.COPY, a, Register.TOTAL), (Op.RATIO, b), (Op.SHARE, a, b, c))
    assert shared[[a, b, c]].tolist() == [[0, 3], [2, 0], [3, 5]]
    assert after((Op.ACCRUE, a, c), numbers=(0.12,))[c] == pytest.approx([0.03, 0.08], rel=1e-15)
    assert after((Op.ACCRUE_CAPPED, a, c), numbers=(0.12,))[c].tolist() == [0, 0], "the net WAC is 0 here"
    assert after((Op.COPY, a, Register.OUTSTANDING), (Op.DEFICIT,))[Register.DEFICIT].tolist() == [3, 8]
    held = after((Op.COPY, a, Register.OUTSTANDING), (Op.TARGET, b), numbers=(0.0, 6.0))
    assert held[[Register.ROOM, Register.EXCESS]].tolist() == [[0, 0], [5, 5]], "one month is the last month"
