"""The scalar rules of a waterfall: closed forms, identities to the last digit, and the same bits on both targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels import waterfall
from kernels.flows import FIELDS
from kernels.launch import compile_launcher
from kernels.ops import make_ops
from kernels.waterfall_machine import (
    N_SHARED,
    SIGNATURES,
    Inputs,
    Instruction,
    Instructions,
    Op,
    Register,
    Span,
    Wiring,
    assemble,
    check_instructions,
    instruction,
    lay_banks,
    totals,
)
from kernels.waterfall_paths import _loops, build_waterfall

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
    whole = waterfall.build_net_wac(OPS)

    def net_wac(*amounts: float) -> float:
        return float(whole(*amounts)[0])

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
    rate, earned, bearing = waterfall.build_net_wac(OPS)(1e8 * share * 0.06 / 12, 0.0, 0.0, 1e8, 0.0, 1e8 * (1 - share), 0.0)
    assert (earned > 0, bearing > 0) == (bears, bears)
    assert rate == pytest.approx(0.005 if bears else 0.0, rel=1e-9)  # 1 - share has 11 digits after the point to lose


def test_coupons() -> None:
    monthly = waterfall.build_rate_of_month(OPS)
    assert waterfall.build_accrue(OPS)(1200.0, monthly(0.05)) == pytest.approx(5.0, rel=1e-15)
    capped = waterfall.build_accrue_capped(OPS)
    assert capped(1200.0, monthly(0.05), 0.004) == pytest.approx(4.8, rel=1e-15)
    assert capped(1200.0, monthly(0.05), 0.005) == pytest.approx(5.0, rel=1e-15)
    assert capped(1200.0, monthly(np.inf), 0.005) == pytest.approx(6.0, rel=1e-15), (
        "a net-WAC coupon is one without a rate of its own"
    )


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


def _interpret(
    target: str, instructions: Instructions, registers: np.ndarray, n_months: int = 1, tables: np.ndarray | None = None
) -> np.ndarray:
    """Months without cash or path rows; the registers after them. The first tables fill the registers from ``N_OWN`` on."""
    width = registers.shape[1]
    ops = make_ops(target, "float64")
    after, none = registers.copy(), np.zeros(0, dtype=np.int64)
    banks = lay_banks(1, iter(range(N_SHARED, N_OWN)))
    tables = np.zeros((0, 1)) if tables is None else tables
    stores = np.arange(N_OWN, len(registers))
    wiring = Wiring(none, N_OWN + np.arange(len(tables)), none, *totals(banks), stores)
    out = np.empty(stores.size * n_months * width)
    inputs = Inputs(np.zeros(n_months * len(FIELDS) * width), tables, np.zeros(0))
    run: Any = compile_launcher(ops, build_waterfall(ops), "waterfall", (7,))
    run(width, instructions, wiring, banks, 0.0, Span(n_months, width, 0, width), inputs, after.reshape(-1), out)
    assert np.array_equal(out.reshape(stores.size, n_months, width)[:, -1], after[N_OWN:], equal_nan=True)
    return after


N_OWN = N_SHARED + 3
"""First register of a program's own: interest, principal and performing balance of the only group come before."""
A, B, C, FLAG = range(N_OWN, N_OWN + 4)


def _start() -> np.ndarray:
    start = np.zeros((N_OWN + 4, 2))
    start[A], start[B] = [3.0, 8.0], [5.0, 5.0]
    return start


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_instructions(target: str) -> None:
    def after(*instructions: Instruction, **registers: float) -> np.ndarray:
        start = _start()
        for name, value in registers.items():
            start[{"c": C, "flag": FLAG}[name]] = value
        return _interpret(target, assemble(instructions), start)

    total, ratio, room, excess = C, FLAG, C, FLAG
    assert after(instruction(Op.PAY, claim=A, cash=B, into=C))[[A, B, C]].tolist() == [[0, 3], [2, 0], [3, 5]]
    added = instruction(Op.COPY, into=C, amount=A), instruction(Op.ADD, into=C, amount=B)
    assert after(*added)[C].tolist() == [8, 13]
    moved = instruction(Op.MOVE, cash=A, into=C), instruction(Op.MOVE, cash=B, into=C)
    assert after(*moved)[[A, B, C]].tolist() == [[0, 0], [0, 0], [8, 13]]
    of_total = instruction(Op.COPY, into=total, amount=A), instruction(Op.RATIO, into=ratio, total=total, cash=B)
    assert after(*of_total)[ratio].tolist() == [1.0, 5 / 8]
    shared = after(
        *of_total, instruction(Op.COPY, into=C, amount=0), instruction(Op.SHARE, claim=A, cash=B, into=C, ratio=ratio)
    )
    assert shared[[A, B, C]].tolist() == [[0, 3], [2, 0], [3, 5]]
    accrued = after(instruction(Op.ACCRUE, into=C, balance=A, rate=FLAG), flag=0.12 / 12)
    assert accrued[C] == pytest.approx([0.03, 0.08], rel=1e-15)
    capped = instruction(Op.ACCRUE_CAPPED, into=C, balance=A, rate=FLAG, cap=Register.NET_WAC)
    assert after(capped, flag=0.12 / 12)[C].tolist() == [0, 0], "the net WAC is 0 here"
    short = instruction(Op.DEFICIT, into=C, outstanding=A, collateral=Register.COLLATERAL)
    assert after(short)[C].tolist() == [3, 8]
    outstanding = instruction(Op.COPY, into=Register.OUTSTANDING, amount=A)
    held = after(outstanding, instruction(Op.TARGET, room=room, excess=excess, held=B, share=Register.NOWHERE, floor=A), c=6.0)
    assert held[[room, excess]].tolist() == [[0, 0], [5, 5]], "one month is the last month"


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_flags(target: str) -> None:
    def flag(op: Op, **registers: int) -> list[float]:
        start = _start()
        start[C] = [0.0, 2.0]
        return _interpret(target, assemble([instruction(op, into=FLAG, **registers)]), start)[FLAG].tolist()

    assert flag(Op.ABOVE, left=A, right=B) == [0, 1] and flag(Op.ABOVE, left=A, right=A) == [0, 0]
    assert flag(Op.AT_LEAST, left=B, right=A) == [1, 0] and flag(Op.AT_LEAST, left=A, right=A) == [1, 1]
    assert flag(Op.AND, left=A, right=C) == [0, 1] and flag(Op.AND, left=C, right=A) == [0, 1]
    assert flag(Op.OR, left=A, right=C) == [1, 1] and flag(Op.OR, left=C, right=C) == [0, 1]
    assert flag(Op.NOT, left=C) == [1, 0]


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_where_the_flag_is_0_registers_stay(target: str) -> None:
    """Every register that an instruction changes, the flag itself among them."""
    start = _start()
    start[C], start[FLAG] = 1.0, [1.0, 0.0]
    paid = _interpret(target, assemble([instruction(Op.PAY, FLAG, claim=A, cash=B, into=C)]), start)
    assert paid[[A, B, C]].tolist() == [[0, 8], [2, 5], [4, 1]]
    own = _interpret(target, assemble([instruction(Op.NOT, FLAG, into=FLAG, left=FLAG)]), start)
    assert own[FLAG].tolist() == [0, 0], "turned where it was in force, kept where it was not"


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_a_month_table_sets_a_flag_from_its_month_on(target: str) -> None:
    """In force from month 3 of 5: three months count, as the last value holds."""
    start = np.zeros((N_OWN + 2, 3))
    in_force, counted = N_OWN, N_OWN + 1
    start[Register.NOWHERE] = 0.0
    one_a_month = instruction(Op.ADD, in_force, into=counted, amount=in_force)
    after = _interpret(target, assemble([one_a_month]), start, 5, np.array([[0.0, 0.0, 1.0]]))
    assert after[counted].tolist() == [3.0] * 3


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_an_unknown_code_is_never_passed_over(target: str) -> None:
    known = assemble([instruction(Op.ADD, into=C, amount=A)])
    unknown = known._replace(code=known.code + 99)
    with pytest.raises(ValueError, match=r"unknown code 103; expected 0 to 14"):
        check_instructions(unknown, 100)
    assert np.isnan(_interpret(target, unknown, _start())[N_OWN:]).all()


def test_instructions_are_checked_as_they_are_made() -> None:
    with pytest.raises(ValueError, match="ADD takes the registers into, amount; given are into, cash"):
        instruction(Op.ADD, into=A, cash=B)
    with pytest.raises(ValueError, match="unknown instruction 99"):
        instruction(99, into=A)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"unknown register 'x' 100; the program has 50"):
        check_instructions(assemble([instruction(Op.ADD, into=A, amount=100)]), 50)
    with pytest.raises(ValueError, match=r"unknown register 'flag' -1"):
        check_instructions(assemble([instruction(Op.ADD, -1, into=A, amount=B)]), 50)
    assert set(SIGNATURES) == set(Op) == set(_loops(OPS)), "every instruction has names and a loop"
    assert all(len(part) <= 3 for names in SIGNATURES.values() for part in names)
