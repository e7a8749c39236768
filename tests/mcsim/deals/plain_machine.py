"""A second interpreter of the deal machine, written for reading: one path, registers by name, one method an instruction.

What an instruction reads is looked up by its kind when it is read; nothing is laid into registers. It knows the meaning of the
instructions (docs/deals.md) and nothing of columns, rows or masks: what a flag holds back is not executed at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tests.mcsim.deals.plain_interpreter import PlainGroup, months_of

HALF_CENT = 0.005


@dataclass(frozen=True)
class Line:
    """One instruction: its name, the names of its registers, and what is inside it, where it is a block under a flag."""

    op: str
    registers: Mapping[str, str] = field(default_factory=dict)
    block: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Setting:
    """What a program runs on: closing values and kinds of its names.

    ``numbers`` never change, ``tables`` are by month, ``rows`` by month on this path; ``cleared`` start each month at 0.
    """

    closing: Mapping[str, float]
    numbers: Mapping[str, float]
    tables: Mapping[str, tuple[float, ...]]
    rows: Mapping[str, np.ndarray]
    cleared: tuple[str, ...]
    balances: Mapping[str, float]
    fee_rate: float


class PlainMachine:
    """State of a program on one path. Amounts are numpy's float64: a division by 0 is no error, as in the machine."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.held = {name: np.float64(value) for name, value in setting.closing.items()}
        self.groups = {name: PlainGroup(balance) for name, balance in setting.balances.items()}
        self.month = 0
        self.last_month = False

    def run(self, lines: Iterable[Line], pools: Mapping[str, np.ndarray], stores: Iterable[str]) -> np.ndarray:
        """``pools`` (month, field) by group; what ``stores`` hold at the end of each month, (name, month)."""
        lines, stores, months = tuple(lines), tuple(stores), months_of(pools)
        out = np.empty((len(stores), len(months)))
        for self.month, flows in enumerate(months):
            self.last_month = self.month == len(months) - 1
            self.begin(flows)
            self.block(lines)
            out[:, self.month] = [self.value(name) for name in stores]
            for name, group in self.groups.items():
                group.close(flows[name])
        return out

    def begin(self, flows: dict[str, dict[str, float]]) -> None:
        for name in self.setting.cleared:
            self.held[name] = np.float64(0.0)
        whole = dict.fromkeys(("collections", "collateral", "pool", "earned", "bearing"), np.float64(0.0))
        for name, group in self.groups.items():
            whole["pool"] += group.pool_size
            group.collect(flows[name])
            self.held[f"{name}.interest"] += group.interest
            self.held[f"{name}.principal"] += group.principal
            whole["collections"] += group.interest + group.principal
            whole["collateral"] += group.collateral
            whole["earned"] += group.earned
            whole["bearing"] += group.bearing
            self.held[f"{name}.net_wac"] = self.rate_on(group.earned, group.bearing)
        self.held |= {name: whole[name] for name in ("collections", "collateral", "pool")}
        self.held["net_wac"] = self.rate_on(whole["earned"], whole["bearing"])

    def rate_on(self, earned: float, bearing: float) -> np.float64:
        rate = np.float64(earned) / bearing - self.setting.fee_rate / 12 if bearing > 0 else np.float64(0.0)
        return rate if rate > 0 else np.float64(0.0)

    def value(self, name: str) -> np.float64:
        """Of a register, a number, a month table or a path row."""
        setting = self.setting
        if name in setting.numbers:
            return np.float64(setting.numbers[name])
        if name in setting.tables:
            table = setting.tables[name]
            return np.float64(table[min(self.month, len(table) - 1)])
        if name in setting.rows:
            return np.float64(setting.rows[name][self.month])
        return self.held[name]

    def block(self, lines: Iterable[Line]) -> None:
        for line in lines:
            if line.op == "where":
                if self.value(line.registers["flag"]) != 0:
                    self.block(line.block)
            else:
                getattr(self, line.op.lower())(**line.registers)

    def settle(self, claim: str, cash: str, into: str, amount: np.float64) -> None:
        paid = self.held[cash] if self.held[cash] < amount else amount
        claim_left, cash_left = self.held[claim] - paid, self.held[cash] - paid
        self.held[claim], self.held[cash] = claim_left, cash_left
        self.held[into] += paid

    def pay(self, claim: str, cash: str, into: str) -> None:
        self.settle(claim, cash, into, self.held[claim])

    def share(self, claim: str, cash: str, into: str, ratio: str) -> None:
        self.settle(claim, cash, into, self.held[claim] * self.value(ratio))

    def ratio(self, into: str, total: str, cash: str) -> None:
        all_of_it, there_is = self.value(total), self.value(cash)
        self.held[into] = there_is / all_of_it if there_is < all_of_it else np.float64(1.0)

    def copy(self, into: str, amount: str) -> None:
        self.held[into] = self.value(amount)

    def add(self, into: str, amount: str) -> None:
        self.held[into] += self.value(amount)

    def move(self, cash: str, into: str) -> None:
        self.held[into] += self.held[cash]
        self.held[cash] = np.float64(0.0)

    def accrue(self, into: str, balance: str, rate: str) -> None:
        self.held[into] += self.value(balance) * self.value(rate)

    def accrue_capped(self, into: str, balance: str, rate: str, cap: str) -> None:
        own, most = self.value(rate), self.value(cap)
        self.held[into] += self.value(balance) * (own if own < most else most)

    def deficit(self, into: str, outstanding: str, collateral: str) -> None:
        there_is = self.value(collateral)
        excess = self.value(outstanding) - (there_is if there_is > 0 else 0.0)
        self.held[into] = excess if excess > HALF_CENT else np.float64(0.0)

    def target(self, room: str, excess: str, held: str, share: str, floor: str) -> None:
        level = np.float64(0.0)
        if self.held["outstanding"] > HALF_CENT and not self.last_month:
            of_collateral, least = self.value(share) * self.held["collateral"], self.value(floor)
            level = of_collateral if of_collateral > least else least
        below = level - self.value(held)
        self.held[room] = below if below > 0 else np.float64(0.0)
        self.held[excess] = -below if below < 0 else np.float64(0.0)

    def above(self, into: str, left: str, right: str) -> None:
        self.held[into] = np.float64(self.value(left) > self.value(right))

    def at_least(self, into: str, left: str, right: str) -> None:
        self.held[into] = np.float64(self.value(left) >= self.value(right))

    def and_(self, into: str, left: str, right: str) -> None:
        self.held[into] = np.float64(self.value(left) != 0 and self.value(right) != 0)

    def or_(self, into: str, left: str, right: str) -> None:
        self.held[into] = np.float64(self.value(left) != 0 or self.value(right) != 0)

    def not_(self, into: str, left: str) -> None:
        self.held[into] = np.float64(self.value(left) == 0)
