"""A checked deal becomes a table of instructions for :mod:`kernels.waterfall_paths`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from kernels.waterfall_paths import N_SHARED, Op, Register
from mcsim.deals.deal import BUCKETS, Class, Deal, Step
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
    return _Compiler(deal, pool_balance).program(balances)


class _Compiler:
    """Emits instructions. Each verb of the language is the method ``_<verb>``."""

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
            self._emit(Op.ACCRUE, Register.POOL, self.fee_due[fee.name], numbers=(fee.rate,))
        for c in self.deal.classes:
            self._accrue(c)
        for step in self.deal.steps:
            getattr(self, f"_{step.verb}")(step)
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

    def _emit(self, op: Op, a: int = 0, b: int = 0, c: int = 0, numbers: Sequence[float] = ()) -> None:
        self.instructions.append((int(op), int(a), int(b), int(c), len(self.numbers)))
        self.numbers.extend(numbers)

    def _accrue(self, c: Class) -> None:
        balance, due = self.balance[c.name], self.due[c.name]
        if c.coupon.kind == "fixed":
            op = Op.ACCRUE_CAPPED if c.coupon.capped else Op.ACCRUE
            self._emit(op, balance, due, numbers=(c.coupon.rate,))
        elif c.coupon.kind == "net_wac":
            self._emit(Op.ACCRUE_CAPPED, balance, due, numbers=(math.inf,))

    def _pay(self, claims: Sequence[int], cash: int, into: Sequence[int], rule: str) -> None:
        """Pay claims out of cash. Pro rata, the last takes what is left: the shares then add up to the last digit."""
        if rule == "pro_rata" and len(claims) > 1:
            self._sum(claims, Register.TOTAL)
            self._emit(Op.RATIO, cash)
            for claim, paid in zip(claims[:-1], into[:-1], strict=True):
                self._emit(Op.SHARE, claim, cash, paid)
            claims, into = claims[-1:], into[-1:]
        for claim, paid in zip(claims, into, strict=True):
            self._emit(Op.PAY, claim, cash, paid)

    def _sum(self, registers: Sequence[int], into: int) -> None:
        self._emit(Op.COPY, registers[0], into)
        for register in registers[1:]:
            self._emit(Op.ADD, register, into)

    def _outstanding(self) -> None:
        """OUTSTANDING, unless no balance has changed since it was last added up."""
        if not self.outstanding_is_known:
            self._sum([self.balance[c.name] for c in self.deal.classes if not c.is_residual], Register.OUTSTANDING)
            self.outstanding_is_known = True

    def _room(self, account: str) -> None:
        self._outstanding()
        self._emit(Op.TARGET, self.account[account], numbers=self.targets[account])

    def _principal(self, names: Sequence[str], cash: int, rule: str) -> None:
        self._pay([self.balance[n] for n in names], cash, [self.principal_paid[n] for n in names], rule)
        self.outstanding_is_known = False

    def _pay_fee(self, step: Step) -> None:
        for source in step.sources:
            self._pay(
                [self.fee_due[n] for n in step.names], self.cash[source], [self.fee_paid[n] for n in step.names], step.rule
            )

    def _pay_interest(self, step: Step) -> None:
        for source in step.sources:
            due, paid = [self.due[n] for n in step.names], [self.interest_paid[n] for n in step.names]
            self._pay(due, self.cash[source], paid, step.rule)

    def _pay_principal(self, step: Step) -> None:
        for source in step.sources:
            self._principal(step.names, self.cash[source], step.rule)

    def _fund(self, step: Step) -> None:
        account = step.names[0]
        self._room(account)
        for source in step.sources:
            self._emit(Op.PAY, Register.ROOM, self.cash[source], self.account[account])

    def _draw(self, step: Step) -> None:
        if step.cover == "interest":
            self._pay_interest(step)
            return
        account = self.account[step.sources[0]]
        self._outstanding()
        self._emit(Op.DEFICIT)
        self._emit(Op.PAY, Register.DEFICIT, account, Register.COVER)
        self._principal(step.names, Register.COVER, step.rule)
        # The classes named may owe less than the deficit: the rest was never needed.
        self._emit(Op.MOVE, Register.COVER, account)

    def _write_down(self, step: Step) -> None:
        self._outstanding()
        self._emit(Op.DEFICIT)
        self._pay([self.balance[n] for n in step.names], Register.DEFICIT, [self.write_down[n] for n in step.names], step.rule)
        self.outstanding_is_known = False

    def _release(self, step: Step) -> None:
        into = self.interest_paid[step.names[0]]
        for source in step.sources:
            if source in self.account:
                self._room(source)
                self._emit(Op.PAY, Register.EXCESS, self.account[source], into)
            else:
                self._emit(Op.MOVE, self.cash[source], into)
