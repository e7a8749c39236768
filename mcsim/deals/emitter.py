"""What the verbs of :mod:`mcsim.deals.verbs` are made of: registers by name, instructions by the names of their registers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count

import numpy as np

from kernels.ops import make_ops
from kernels.waterfall import build_rate_of_month
from kernels.waterfall_machine import (
    N_SHARED,
    SIGNATURES,
    Instruction,
    Op,
    Register,
    Wiring,
    assemble,
    instruction,
    lay_banks,
    totals,
)
from mcsim.deals.deal import BUCKETS, Class, Deal, Fee, words_of_funds
from mcsim.deals.program import Assembled

_rate_of_month = build_rate_of_month(make_ops("numpy", "float64"))


class Emitter:
    """Emits the instructions of a deal's month.

    Attributes
    ----------
    cash : dict
        Register of each fund and account that a step may take from.
    balance, due, interest_paid, principal_paid, write_down : dict
        By class: its balance, interest due, and what it was paid and lost this month.
    fee_due, fee_paid, account : dict
        By fee and account.
    net_wac : dict
        By group, and of all collateral under ``""``: the net WAC, a rate of the month.
    changed : set of int
        Registers that instructions have changed; whoever asks may clear it before.
    """

    def __init__(self, deal: Deal, balances: Mapping[str, float]) -> None:
        self.deal, self.pool_balance = deal, math.fsum(balances.values())
        self._free = count(N_SHARED)
        self._closing: dict[int, float] = {}
        self._instructions: list[Instruction] = []
        self._numbers: dict[float, int] = {}
        self._tables: dict[tuple[float, ...], int] = {}
        self._rows: dict[str, int] = {}
        self._scratch: dict[str, int] = {}
        self._flag, self._depth = int(Register.NOWHERE), 0
        self.outstanding_is_known = False
        self.changed: set[int] = set()
        self._lay_registers(balances)

    def _lay_registers(self, balances: Mapping[str, float]) -> None:
        deal = self.deal
        classes, fees = [c.name for c in deal.classes], [f.name for f in deal.fees]
        self.interest_paid, self.principal_paid, self.write_down = (self._registers(classes) for _ in range(3))
        self.fee_paid = self._registers(fees)
        self.due, self.balance, self.fee_due = self._registers(classes), self._registers(classes), self._registers(fees)
        self.account = self._registers([a.name for a in deal.accounts])
        self.banks = lay_banks(len(deal.groups), self._free)
        for registers in (self.banks.collateral, self.banks.pool, self.banks.performing):
            self._closing |= dict(zip(registers.tolist(), balances.values(), strict=True))
        funds = words_of_funds(deal.groups)
        self.cash = {
            fund: int(register)
            for bucket in BUCKETS
            for fund, register in zip(funds[bucket], getattr(self.banks, bucket), strict=True)
        } | self.account
        self.net_wac = {"": int(Register.NET_WAC)} | dict(zip(deal.groups, self.banks.net_wac.tolist(), strict=True))
        for c in deal.classes:
            self._closing[self.balance[c.name]] = c.original_balance(self.pool_balance)
        for a in deal.accounts:
            self._closing[self.account[a.name]] = a.initial * self.pool_balance
        self.targets = {a.name: (a.target, a.floor * self.pool_balance) for a in deal.accounts}

    def _registers(self, names: Sequence[str]) -> dict[str, int]:
        return {name: next(self._free) for name in names}

    def number(self, value: float) -> int:
        """Register of a number that never changes."""
        if value not in self._numbers:
            self._numbers[value] = next(self._free)
            self._closing[self._numbers[value]] = value
        return self._numbers[value]

    def month_table(self, values: Sequence[float]) -> int:
        """Register of what is the same on every path: values of months 1, 2, ...; beyond the last, the last.

        ``month_table((0, 0, 1))`` is a flag in force from month 3 on.
        """
        table = tuple(map(float, values))
        if not table:
            raise ValueError("a month table needs a value at least")
        if table not in self._tables:
            self._tables[table] = next(self._free)
        return self._tables[table]

    def path_row(self, name: str) -> int:
        """Register of a row of the scenarios, by path and month; ``name`` is that of what is given to the run."""
        if name not in self._rows:
            self._rows[name] = next(self._free)
        return self._rows[name]

    def scratch(self, name: str) -> int:
        """Register for an intermediate result: the same for the same name in all verbs, kept from month to month unless it is set."""
        if name not in self._scratch:
            self._scratch[name] = next(self._free)
        return self._scratch[name]

    def emit(self, op: Op, **registers: int) -> None:
        """One instruction, its registers by the names of :data:`kernels.waterfall_machine.SIGNATURES`."""
        self._instructions.append(instruction(op, self._flag, **registers))
        changed = {registers[name] for name in SIGNATURES[op].changes}
        self.changed |= changed
        if not changed.isdisjoint(self.balance.values()):
            self.outstanding_is_known = False

    @contextmanager
    def where(self, flag: int) -> Iterator[None]:
        """What is emitted inside changes nothing on the paths where ``flag`` is 0 at its start. Inside another: where both are not."""
        outer, self._flag = self._flag, int(Register.NOWHERE)
        self._depth += 1
        held = self.scratch(f"flag of depth {self._depth}")  # a copy: what is inside may change the flag
        if outer == Register.NOWHERE:
            self.emit(Op.COPY, into=held, amount=flag)
        else:
            self.emit(Op.AND, into=held, left=outer, right=flag)
        self._flag = held
        yield
        self._flag = outer
        self._depth -= 1
        self.outstanding_is_known = False  # it was added up on some of the paths

    def accrue_fee(self, fee: Fee) -> None:
        """A month's fee becomes due."""
        rate = self.number(_rate_of_month(fee.rate))
        self.emit(Op.ACCRUE, into=self.fee_due[fee.name], balance=Register.POOL, rate=rate)

    def accrue_interest(self, c: Class) -> None:
        """A month's interest becomes due."""
        balance, due, coupon = self.balance[c.name], self.due[c.name], c.coupon
        if coupon.kind not in ("fixed", "net_wac"):
            return
        rate = self.number(_rate_of_month(coupon.rate if coupon.kind == "fixed" else math.inf))
        if coupon.capped:
            self.emit(Op.ACCRUE_CAPPED, into=due, balance=balance, rate=rate, cap=self.net_wac[coupon.group])
        else:
            self.emit(Op.ACCRUE, into=due, balance=balance, rate=rate)

    def pay(self, *, claims: Sequence[int], cash: int, into: Sequence[int], rule: str) -> None:
        """Pay claims out of cash. Pro rata, the last takes what is left: the shares then add up to the last digit."""
        if rule == "pro_rata" and len(claims) > 1:
            total, ratio = self.scratch("total"), self.scratch("ratio")
            self.sum(claims, into=total)
            self.emit(Op.RATIO, into=ratio, total=total, cash=cash)
            for claim, paid in zip(claims[:-1], into[:-1], strict=True):
                self.emit(Op.SHARE, claim=claim, cash=cash, into=paid, ratio=ratio)
            claims, into = claims[-1:], into[-1:]
        for claim, paid in zip(claims, into, strict=True):
            self.emit(Op.PAY, claim=claim, cash=cash, into=paid)

    def sum(self, registers: Sequence[int], *, into: int) -> None:
        """``into`` = what ``registers`` add up to, in their order."""
        self.emit(Op.COPY, into=into, amount=registers[0])
        for register in registers[1:]:
            self.emit(Op.ADD, into=into, amount=register)

    def outstanding(self) -> int:
        """Sum of the classes' balances, added up unless none has changed since."""
        if not self.outstanding_is_known:
            balances = [self.balance[c.name] for c in self.deal.classes if not c.is_residual]
            self.sum(balances, into=Register.OUTSTANDING)
            self.outstanding_is_known = True
        return Register.OUTSTANDING

    def deficit(self) -> int:
        """What the classes' balances exceed the collateral by; a register that may be paid from."""
        return self.amount_above(self.outstanding(), Register.COLLATERAL, into=self.scratch("deficit"))

    def amount_above(self, amount: int, level: int, *, into: int) -> int:
        """``into``, set to what ``amount`` exceeds ``level`` by, USD; 0 under half a cent. A negative level is 0."""
        self.emit(Op.DEFICIT, into=into, outstanding=amount, collateral=level)
        return into

    def against_target(self, account: str) -> tuple[int, int]:
        """Room below an account's target, and excess above it; registers that may be paid from and into."""
        room, excess = self.scratch("room"), self.scratch("excess")
        share, floor = map(self.number, self.targets[account])
        self.outstanding()
        self.emit(Op.TARGET, room=room, excess=excess, held=self.account[account], share=share, floor=floor)
        return room, excess

    def pay_principal(self, names: Sequence[str], *, cash: int, rule: str, up_to: int | None = None) -> None:
        """Pay classes' balances out of cash; no more than ``up_to`` holds, which falls by what is paid."""
        claims, paid = [self.balance[n] for n in names], [self.principal_paid[n] for n in names]
        if up_to is None:
            self.pay(claims=claims, cash=cash, into=paid, rule=rule)
            return
        drawn = self.scratch("drawn")
        self.emit(Op.PAY, claim=up_to, cash=cash, into=drawn)
        self.pay(claims=claims, cash=drawn, into=paid, rule=rule)
        self.emit(Op.ADD, into=up_to, amount=drawn)  # what the classes do not need
        self.emit(Op.MOVE, cash=drawn, into=cash)

    def assembled(self, stores: Sequence[int]) -> Assembled:
        """All that was emitted, and the registers it works on; ``stores`` are those that are read out each month."""
        cleared = (self.interest_paid, self.principal_paid, self.write_down, self.fee_paid)
        clear, tables, rows, read_out = (
            np.array(list(registers), dtype=np.int64)
            for registers in (
                (r for part in cleared for r in part.values()),
                self._tables.values(),
                self._rows.values(),
                stores,
            )
        )
        closing = np.zeros(next(self._free))
        closing[list(self._closing)] = list(self._closing.values())
        longest = max(map(len, self._tables), default=1)
        values = [[*table, *table[-1:] * (longest - len(table))] for table in self._tables]
        return Assembled(
            instructions=assemble(self._instructions),
            wiring=Wiring(clear, tables, rows, *totals(self.banks), read_out),
            banks=self.banks,
            tables=np.array(values, dtype=np.float64).reshape(-1, longest),
            rows=tuple(self._rows),
            closing=closing,
        )
