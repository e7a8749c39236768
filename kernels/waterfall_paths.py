"""Interpreter of compiled deals: months outside, steps inside, paths innermost.

A compiled deal is a table of instructions over *registers*. A register holds one amount a path: a bucket of cash, a class's
balance, what is due to it, what it was paid this month. A new verb of the deal language is one entry of :class:`Op`, one
scalar function in :mod:`kernels.waterfall` and one branch of the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from kernels.loan_month import FIELDS
from kernels.ops import Ops
from kernels.waterfall import (
    build_accrue,
    build_accrue_capped,
    build_collect,
    build_deficit,
    build_net_wac,
    build_pay,
    build_ratio,
    build_target,
)

N_FIELDS = len(FIELDS)


class Op(IntEnum):
    """Instructions. ``a``, ``b``, ``c`` are registers; ``x``, ``y`` are the numbers from position ``n`` on."""

    PAY = 0
    """Pay claim ``a`` out of ``b`` as far as it goes; both fall, ``c`` rises."""
    SHARE = 1
    """Pay :attr:`Register.RATIO` of claim ``a`` out of ``b``; both fall, ``c`` rises."""
    RATIO = 2
    """RATIO = share of TOTAL that ``a`` covers."""
    COPY = 3
    """``b`` = ``a``."""
    ADD = 4
    """``b`` += ``a``."""
    MOVE = 5
    """All of ``a`` goes to ``b``."""
    ACCRUE = 6
    """``b`` += a month at the annual rate ``x`` on ``a``."""
    ACCRUE_CAPPED = 7
    """``b`` += a month at the smaller of the annual rate ``x`` and the net WAC on ``a``."""
    DEFICIT = 8
    """DEFICIT = OUTSTANDING beyond COLLATERAL."""
    TARGET = 9
    """ROOM and EXCESS of account ``a``: target share ``x`` of the collateral, floor ``y`` USD."""


class Register(IntEnum):
    """Registers every deal has; a deal's own follow."""

    INTEREST = 0
    """Interest funds."""
    PRINCIPAL = 1
    """Principal funds."""
    COLLECTIONS = 2
    COLLATERAL = 3
    """Balance of the collateral less principal and losses so far."""
    POOL = 4
    """Performing balance and foreclosures at the start of the month: the base of fees."""
    PERFORMING = 5
    """Performing balance at the start of the month."""
    NET_WAC = 6
    """Net weighted average coupon of the month."""
    OUTSTANDING = 7
    """Sum of the classes' balances."""
    TOTAL = 8
    """Sum of the claims that are paid pro rata."""
    RATIO = 9
    DEFICIT = 10
    ROOM = 11
    EXCESS = 12
    COVER = 13
    """Cash drawn from an account to cover a deficit."""


N_SHARED = len(Register)


def build_waterfall(ops: Ops) -> Callable[..., None]:
    """``waterfall(...)``: the flows of a deal, for ``width`` paths from ``first`` on.

    ==============  =============================================  ========================================================
    ``steps``       (step, 5) int64                                :class:`Op`, ``a``, ``b``, ``c``, ``n``
    ``numbers``     (number,) float64                              rates, shares and amounts of the steps
    ``stores``      (row,) int64                                   register of each row of ``out``
    ``clear``       int, int                                       registers that start each month at 0: first, and end
    ``fee_rate``    float64                                        sum of the deal's fees, annual
    ``pool``        flat (month 1..n, field, path) float64         fields of :data:`kernels.loan_month.FIELDS`
    ``registers``   flat (register, width) float64                 state at closing; changed
    ``out``         flat (row, month 1..n, path) float64           written
    ==============  =============================================  ========================================================
    """
    begin, close = _build_begin(ops), _build_close(ops)
    execute = _build_execute(ops)
    zero, one = ops.real(0), ops.real(1)

    def waterfall(
        steps, numbers, stores, clear_first, clear_end, fee_rate, n_months, n_paths, first, width, pool, registers, out
    ):  # type: ignore[no-untyped-def]
        for month in range(n_months):
            runs = zero if month == n_months - 1 else one
            row = month * N_FIELDS * n_paths + first
            begin(registers, pool, row, n_paths, width, fee_rate, clear_first, clear_end)
            for s in range(steps.shape[0]):
                execute(steps[s, 0], steps[s, 1], steps[s, 2], steps[s, 3], steps[s, 4], numbers, runs, width, registers)
            close(registers, stores, pool, row, month, n_months, n_paths, first, width, out)

    return waterfall


def _build_begin(ops: Ops) -> Callable[..., None]:
    """What comes in, and the net WAC it was earned at."""
    collect, net_wac = build_collect(ops), build_net_wac(ops)
    lanes, at, zero = ops.lanes, ops.at, ops.real(0)
    interest, advanced_interest, scheduled, advanced, prepaid, defaulted, recovery, loss, servicing = (
        FIELDS.index(name)
        for name in (
            "interest", "advanced_interest", "scheduled_principal", "advanced_principal", "prepaid_principal",
            "defaulted_balance", "recovery", "loss", "servicing_fee",
        )
    )  # fmt: skip
    collateral_at, pool_at, performing_at, wac_at = (
        int(Register.COLLATERAL), int(Register.POOL), int(Register.PERFORMING), int(Register.NET_WAC))  # fmt: skip
    interest_at, principal_at, collections_at = int(Register.INTEREST), int(Register.PRINCIPAL), int(Register.COLLECTIONS)

    @ops.function
    def begin(registers, pool, row, n_paths, width, fee_rate, clear_first, clear_end):  # type: ignore[no-untyped-def]
        for register in range(clear_first, clear_end):
            for p in lanes(width):
                registers[at(register * width, p)] = zero
        for p in lanes(width):
            # Before the collateral falls by what comes in.
            registers[at(wac_at * width, p)] = net_wac(
                pool[at(row + interest * n_paths, p)],
                pool[at(row + advanced_interest * n_paths, p)],
                pool[at(row + servicing * n_paths, p)],
                registers[at(collateral_at * width, p)],
                registers[at(pool_at * width, p)] - registers[at(performing_at * width, p)],
                pool[at(row + defaulted * n_paths, p)],
                fee_rate,
            )
            interest_funds, principal_funds, collections, collateral = collect(
                pool[at(row + interest * n_paths, p)] + pool[at(row + advanced_interest * n_paths, p)],
                pool[at(row + scheduled * n_paths, p)],
                pool[at(row + advanced * n_paths, p)],
                pool[at(row + prepaid * n_paths, p)],
                pool[at(row + recovery * n_paths, p)],
                pool[at(row + loss * n_paths, p)],
                pool[at(row + servicing * n_paths, p)],
                registers[at(collateral_at * width, p)],
            )
            registers[at(interest_at * width, p)] += interest_funds
            registers[at(principal_at * width, p)] += principal_funds
            registers[at(collections_at * width, p)] = collections
            registers[at(collateral_at * width, p)] = collateral

    return begin


def _build_execute(ops: Ops) -> Callable[..., None]:
    """One instruction on all paths."""
    pay, share, accrual = _build_pay_loops(ops), _build_share_loop(ops), _build_accrual_loops(ops)
    sums, tests = _build_sums(ops), _build_tests(ops)
    pay_op, share_op, last_sum, last_accrual = int(Op.PAY), int(Op.SHARE), int(Op.MOVE), int(Op.ACCRUE_CAPPED)

    @ops.function
    def execute(op, a, b, c, n, numbers, runs, width, registers):  # type: ignore[no-untyped-def]
        if op == pay_op:
            pay(a * width, b * width, c * width, width, registers)
        elif op == share_op:
            share(a * width, b * width, c * width, width, registers)
        elif op <= last_sum:
            sums(op, a * width, b * width, width, registers)
        elif op <= last_accrual:
            accrual(op, a * width, b * width, numbers[n], width, registers)
        else:
            tests(op, a * width, n, numbers, runs, width, registers)

    return execute


def _build_pay_loops(ops: Ops) -> Callable[..., None]:
    settle, lanes, at = build_pay(ops), ops.lanes, ops.at

    @ops.function
    def pay(claim, cash, into, width, registers):  # type: ignore[no-untyped-def]
        for p in lanes(width):
            left, rest, paid = settle(registers[at(claim, p)], registers[at(cash, p)])
            registers[at(claim, p)] = left
            registers[at(cash, p)] = rest
            registers[at(into, p)] += paid

    return pay


def _build_share_loop(ops: Ops) -> Callable[..., None]:
    settle, lanes, at = build_pay(ops), ops.lanes, ops.at
    ratio_at = int(Register.RATIO)

    @ops.function
    def share(claim, cash, into, width, registers):  # type: ignore[no-untyped-def]
        for p in lanes(width):
            owed = registers[at(claim, p)]
            _, rest, paid = settle(owed * registers[at(ratio_at * width, p)], registers[at(cash, p)])
            registers[at(claim, p)] = owed - paid
            registers[at(cash, p)] = rest
            registers[at(into, p)] += paid

    return share


def _build_sums(ops: Ops) -> Callable[..., None]:
    """RATIO, COPY, ADD, MOVE."""
    ratio_of, lanes, at, zero = build_ratio(ops), ops.lanes, ops.at, ops.real(0)
    total_at, ratio_at = int(Register.TOTAL), int(Register.RATIO)
    ratio_op, copy_op, add_op = int(Op.RATIO), int(Op.COPY), int(Op.ADD)

    @ops.function
    def sums(op, a, b, width, registers):  # type: ignore[no-untyped-def]
        if op == ratio_op:
            for p in lanes(width):
                registers[at(ratio_at * width, p)] = ratio_of(registers[at(total_at * width, p)], registers[at(a, p)])
        elif op == copy_op:
            for p in lanes(width):
                registers[at(b, p)] = registers[at(a, p)]
        elif op == add_op:
            for p in lanes(width):
                registers[at(b, p)] += registers[at(a, p)]
        else:
            for p in lanes(width):
                registers[at(b, p)] += registers[at(a, p)]
                registers[at(a, p)] = zero

    return sums


def _build_accrual_loops(ops: Ops) -> Callable[..., None]:
    """ACCRUE, ACCRUE_CAPPED."""
    accrue, accrue_capped, lanes, at = build_accrue(ops), build_accrue_capped(ops), ops.lanes, ops.at
    wac_at, accrue_op = int(Register.NET_WAC), int(Op.ACCRUE)

    @ops.function
    def accrual(op, a, b, rate, width, registers):  # type: ignore[no-untyped-def]
        if op == accrue_op:
            for p in lanes(width):
                registers[at(b, p)] += accrue(registers[at(a, p)], rate)
        else:
            for p in lanes(width):
                registers[at(b, p)] += accrue_capped(registers[at(a, p)], rate, registers[at(wac_at * width, p)])

    return accrual


def _build_tests(ops: Ops) -> Callable[..., None]:
    """DEFICIT, TARGET."""
    deficit_of, target_of, lanes, at = build_deficit(ops), build_target(ops), ops.lanes, ops.at
    outstanding_at, collateral_at = int(Register.OUTSTANDING), int(Register.COLLATERAL)
    deficit_at, room_at, excess_at = int(Register.DEFICIT), int(Register.ROOM), int(Register.EXCESS)
    deficit_op = int(Op.DEFICIT)

    @ops.function
    def tests(op, a, n, numbers, runs, width, registers):  # type: ignore[no-untyped-def]
        if op == deficit_op:
            for p in lanes(width):
                registers[at(deficit_at * width, p)] = deficit_of(
                    registers[at(outstanding_at * width, p)], registers[at(collateral_at * width, p)]
                )
        else:
            share, floor = numbers[n], numbers[n + 1]
            for p in lanes(width):
                room, excess = target_of(
                    registers[at(a, p)], registers[at(outstanding_at * width, p)],
                    registers[at(collateral_at * width, p)], share, floor, runs,
                )  # fmt: skip
                registers[at(room_at * width, p)] = room
                registers[at(excess_at * width, p)] = excess

    return tests


def _build_close(ops: Ops) -> Callable[..., None]:
    """The month's results go out; the pool's balances become those at the start of the next month."""
    lanes, at = ops.lanes, ops.at
    performing_at, pool_at = int(Register.PERFORMING), int(Register.POOL)
    balance, foreclosures = FIELDS.index("balance"), FIELDS.index("foreclosure_balance")

    @ops.function
    def close(registers, stores, pool, row, month, n_months, n_paths, first, width, out):  # type: ignore[no-untyped-def]
        for i in range(stores.shape[0]):
            source, goal = stores[i] * width, (i * n_months + month) * n_paths + first
            for p in lanes(width):
                out[at(goal, p)] = registers[at(source, p)]
        for p in lanes(width):
            performing = pool[at(row + balance * n_paths, p)]
            registers[at(performing_at * width, p)] = performing
            registers[at(pool_at * width, p)] = performing + pool[at(row + foreclosures * n_paths, p)]

    return close
