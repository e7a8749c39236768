"""A checked deal becomes a table of instructions for :mod:`kernels.waterfall_paths`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from kernels.waterfall_paths import N_SHARED, Op, Register
from mcsim.deals.deal import BUCKETS, Class, Deal
from mcsim.deals.verbs import VERBS
from mcsim.errors import InputError

BALANCE_TOLERANCE = 1.0
"""USD, of the sum of the classes' balances against the pool: documents state class sizes to the dollar."""


@dataclass(frozen=True)
class Program:
    """A compiled deal. Arrays are ordered as ``tranches``, ``fees`` and ``accounts``; money in USD.

    ``instructions`` (step, 5) int64, ``numbers``, ``stores``, ``clear`` and ``fee_rate`` are what
    :func:`kernels.waterfall_paths.build_waterfall` interprets; ``closing`` holds the registers' values at closing.
    """

    name: str
    tranches: tuple[str, ...]
    fees: tuple[str, ...]
    accounts: tuple[str, ...]
    pool_balance: float
    original_balance: npt.NDArray[np.float64]
    initial_account_balance: npt.NDArray[np.float64]
    instructions: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.float64]
    stores: npt.NDArray[np.int64]
    clear: tuple[int, int]
    fee_rate: float
    closing: npt.NDArray[np.float64]


def compile_deal(deal: Deal, pool_balance: float) -> Program:
    """Compile a deal on a pool of ``pool_balance`` USD at closing.

    Raises
    ------
    InputError
        If the pool has no balance, or balances given in USD do not add to it (less overcollateralisation).
    """
    problems = []
    if not (math.isfinite(pool_balance) and pool_balance > 0):
        problems.append(f"{deal.source}: the pool's balance is {pool_balance!r} USD; a deal needs a positive one")
    balances = [c.original_balance(pool_balance) for c in deal.classes]
    expected = pool_balance * (1 - deal.overcollateralisation)
    given_in_usd = any(c.balance is not None for c in deal.classes)
    if given_in_usd and not problems and abs(math.fsum(balances) - expected) > BALANCE_TOLERANCE:
        problems.append(
            f"{deal.source}: classes: balances add to {math.fsum(balances):,.2f} USD, expected {expected:,.2f} (the pool's "
            f"{pool_balance:,.2f} less overcollateralisation); change the balances or declare 'overcollateralisation'"
        )
    if problems:
        raise InputError(problems)
    return Emitter(deal, pool_balance).program(balances)


class Emitter:
    """Emits instructions: what the verbs of :mod:`mcsim.deals.verbs` are made of."""

    def __init__(self, deal: Deal, pool_balance: float) -> None:
        self.deal, self.pool_balance = deal, pool_balance
        classes, fees, accounts = ([x.name for x in group] for group in (deal.classes, deal.fees, deal.accounts))
        free = count(N_SHARED)
        # What is counted from 0 each month stands together, so that one loop clears it.
        self.interest_paid = {name: next(free) for name in classes}
        self.principal_paid = {name: next(free) for name in classes}
        self.write_down = {name: next(free) for name in classes}
        self.fee_paid = {name: next(free) for name in fees}
        self.due = {name: next(free) for name in classes}
        self.balance = {name: next(free) for name in classes}
        self.fee_due = {name: next(free) for name in fees}
        self.account = {name: next(free) for name in accounts}
        self.n_registers = next(free)
        self.cash = dict(zip(BUCKETS, (Register.INTEREST, Register.PRINCIPAL), strict=True)) | self.account
        self.targets = {a.name: (a.target, a.floor * pool_balance) for a in deal.accounts}
        self.instructions: list[tuple[int, int, int, int, int]] = []
        self.numbers: list[float] = []
        self.outstanding_is_known = False

    def program(self, balances: Sequence[float]) -> Program:
        """All instructions of a month, and the state at closing."""
        for fee in self.deal.fees:
            self.emit(Op.ACCRUE, Register.POOL, self.fee_due[fee.name], numbers=(fee.rate,))
        for c in self.deal.classes:
            self._accrue(c)
        for step in self.deal.steps:
            VERBS[step.verb].emit(self, step)
        closing = np.zeros(self.n_registers)
        closing[[Register.COLLATERAL, Register.POOL, Register.PERFORMING]] = self.pool_balance
        closing[list(self.balance.values())] = balances
        initial = np.array([a.initial * self.pool_balance for a in self.deal.accounts], dtype=np.float64)
        closing[list(self.account.values())] = initial
        per_class = (self.interest_paid, self.principal_paid, self.write_down, self.due, self.balance)
        stores = [r for table in (*per_class, self.fee_paid, self.account) for r in table.values()]
        return Program(
            name=self.deal.name,
            tranches=tuple(self.balance),
            fees=tuple(self.fee_due),
            accounts=tuple(self.account),
            pool_balance=self.pool_balance,
            original_balance=np.array(balances, dtype=np.float64),
            initial_account_balance=initial,
            instructions=np.array(self.instructions, dtype=np.int64).reshape(-1, 5),
            numbers=np.array(self.numbers or [0.0], dtype=np.float64),
            stores=np.array([*stores, Register.COLLECTIONS], dtype=np.int64),
            clear=(N_SHARED, min(self.due.values())),
            fee_rate=math.fsum(fee.rate for fee in self.deal.fees),
            closing=closing,
        )

    def emit(self, op: Op, a: int = 0, b: int = 0, c: int = 0, numbers: Sequence[float] = ()) -> None:
        self.instructions.append((int(op), int(a), int(b), int(c), len(self.numbers)))
        self.numbers.extend(numbers)

    def _accrue(self, c: Class) -> None:
        balance, due = self.balance[c.name], self.due[c.name]
        if c.coupon.kind == "fixed":
            op = Op.ACCRUE_CAPPED if c.coupon.capped else Op.ACCRUE
            self.emit(op, balance, due, numbers=(c.coupon.rate,))
        elif c.coupon.kind == "net_wac":
            self.emit(Op.ACCRUE_CAPPED, balance, due, numbers=(math.inf,))

    def pay(self, claims: Sequence[int], cash: int, into: Sequence[int], rule: str) -> None:
        """Pay claims out of cash. Pro rata, the last takes what is left: the shares then add up to the last digit."""
        if rule == "pro_rata" and len(claims) > 1:
            self.sum(claims, Register.TOTAL)
            self.emit(Op.RATIO, cash)
            for claim, paid in zip(claims[:-1], into[:-1], strict=True):
                self.emit(Op.SHARE, claim, cash, paid)
            claims, into = claims[-1:], into[-1:]
        for claim, paid in zip(claims, into, strict=True):
            self.emit(Op.PAY, claim, cash, paid)

    def sum(self, registers: Sequence[int], into: int) -> None:
        self.emit(Op.COPY, registers[0], into)
        for register in registers[1:]:
            self.emit(Op.ADD, register, into)

    def outstanding(self) -> None:
        """OUTSTANDING, unless no balance has changed since it was last added up."""
        if not self.outstanding_is_known:
            self.sum([self.balance[c.name] for c in self.deal.classes if not c.is_residual], Register.OUTSTANDING)
            self.outstanding_is_known = True

    def room(self, account: str) -> None:
        self.outstanding()
        self.emit(Op.TARGET, self.account[account], numbers=self.targets[account])

    def principal(self, names: Sequence[str], cash: int, rule: str) -> None:
        self.pay([self.balance[n] for n in names], cash, [self.principal_paid[n] for n in names], rule)
        self.outstanding_is_known = False
