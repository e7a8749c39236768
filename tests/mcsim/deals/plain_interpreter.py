"""A second interpreter of the deal language, written for reading: one path, plain Python floats, no compilation.

It knows the language (:mod:`mcsim.deals.deal`) and the conventions of docs/theory/waterfall.md, and nothing of registers.
Sums are written out: Python's own ``sum`` rounds otherwise from 3.12 on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from kernels.flows import FIELDS
from mcsim.deals.deal import Deal, Step


class PlainGroup:
    """One group of collateral on one path: what it collects, and the balance that bears interest."""

    def __init__(self, balance: float) -> None:
        self.collateral = self.pool_size = self.performing = balance
        self.interest = self.principal = self.earned = self.bearing = 0.0

    def collect(self, flow: dict[str, float]) -> None:
        """The month's funds."""
        principal = flow["scheduled_principal"] + flow["advanced_principal"] + flow["prepaid_principal"] + flow["recovery"]
        after_servicing = flow["interest"] + flow["advanced_interest"] - flow["servicing_fee"]
        self.interest = max(after_servicing, 0.0)
        self.principal = max(principal + min(after_servicing, 0.0), 0.0)
        self.bearing = self.bearing_in_the_month(flow)
        self.earned = after_servicing if self.bearing > 0 else 0.0
        self.collateral -= principal + flow["loss"]

    def bearing_in_the_month(self, flow: dict[str, float]) -> float:
        performing = self.collateral - (self.pool_size - self.performing)
        advances = flow["advanced_interest"] > 0
        bearing = self.collateral if advances else performing - flow["defaulted_balance"]
        return 0.0 if bearing <= (0.005 if advances else 0.005 + 1e-5 * performing) else bearing

    def close(self, flow: dict[str, float]) -> None:
        """Balances of the end of the month."""
        self.performing = flow["balance"]
        self.pool_size = flow["balance"] + flow["foreclosure_balance"]


def months_of(pools: Mapping[str, np.ndarray]) -> list[dict[str, dict[str, float]]]:
    """(month, field) by group to month → group → field → amount."""
    n_months = len(next(iter(pools.values())))
    return [
        {group: dict(zip(FIELDS, pool[month].tolist(), strict=True)) for group, pool in pools.items()}
        for month in range(n_months)
    ]


class PlainDeal:
    """State of a deal on one path; balances of its collateral by group, or of its only group."""

    def __init__(self, deal: Deal, balances: Mapping[str, float] | float) -> None:
        self.deal = deal
        balances = balances if isinstance(balances, Mapping) else {deal.groups[0]: balances}
        self.groups = {group: PlainGroup(balances[group]) for group in deal.groups}
        pool_balance = math.fsum(balances.values())
        self.cash = dict.fromkeys(self.names_of_funds().values(), 0.0)
        self.cash |= {a.name: a.initial * pool_balance for a in deal.accounts}
        self.targets = {a.name: (a.target, a.floor * pool_balance) for a in deal.accounts}
        self.balance = {c.name: c.original_balance(pool_balance) for c in deal.classes}
        self.due = dict.fromkeys(self.balance, 0.0)
        self.fee_due = {f.name: 0.0 for f in deal.fees}
        self.fee_rate = math.fsum(f.rate for f in deal.fees)
        self.net_wac: dict[str, float] = {}
        self.paid: dict[str, dict[str, float]] = {}
        self.last_month = False

    def names_of_funds(self) -> dict[tuple[str, str], str]:
        """By group and bucket, as steps call them."""
        one = len(self.groups) == 1
        return {(g, kind): kind if one else f"{g}.{kind}" for g in self.groups for kind in ("interest", "principal")}

    @property
    def collateral(self) -> float:
        total = 0.0
        for group in self.groups.values():
            total += group.collateral
        return total

    def run(self, pools: Mapping[str, np.ndarray] | np.ndarray) -> dict[str, list[list[float]]]:
        """(month, field) of each group to variable → month → values."""
        months = months_of(pools if isinstance(pools, Mapping) else {self.deal.groups[0]: pools})
        result: dict[str, list[list[float]]] = {}
        for month, flows in enumerate(months):
            self.last_month = month == len(months) - 1
            for name, values in self.month(flows).items():
                result.setdefault(name, []).append(values)
        return result

    def month(self, flows: dict[str, dict[str, float]]) -> dict[str, list[float]]:
        self.paid = {
            "interest": dict.fromkeys(self.balance, 0.0),
            "principal": dict.fromkeys(self.balance, 0.0),
            "write_down": dict.fromkeys(self.balance, 0.0),
            "fee": dict.fromkeys(self.fee_due, 0.0),
        }
        pool_size = 0.0
        for group in self.groups.values():
            pool_size += group.pool_size
        collections = self.collect(flows)
        for fee in self.deal.fees:
            self.fee_due[fee.name] += pool_size * (fee.rate / 12)
        for c in self.deal.classes:
            self.due[c.name] += self.balance[c.name] * self.coupon_of_the_month(c.coupon)
        for step in self.deal.steps:
            getattr(self, step.verb)(step)
        for name, group in self.groups.items():
            group.close(flows[name])
        return {
            "interest_paid": list(self.paid["interest"].values()),
            "principal_paid": list(self.paid["principal"].values()),
            "write_down": list(self.paid["write_down"].values()),
            "interest_shortfall": list(self.due.values()),
            "tranche_balance": list(self.balance.values()),
            "fee_paid": list(self.paid["fee"].values()),
            "account_balance": [self.cash[a.name] for a in self.deal.accounts],
            "collections": [collections],
        }

    def collect(self, flows: dict[str, dict[str, float]]) -> float:
        """Cash that came in; each group's net WAC, and that of all of them over what bears interest in any."""
        collections = earned = bearing = 0.0
        funds = self.names_of_funds()
        for name, group in self.groups.items():
            group.collect(flows[name])
            self.cash[funds[name, "interest"]] += group.interest
            self.cash[funds[name, "principal"]] += group.principal
            collections += group.interest + group.principal
            earned += group.earned
            bearing += group.bearing
            self.net_wac[name] = self.rate_on(group.earned, group.bearing)
        self.net_wac[""] = self.rate_on(earned, bearing)
        return collections

    def rate_on(self, earned: float, bearing: float) -> float:
        return max(earned / bearing - self.fee_rate / 12, 0.0) if bearing > 0 else 0.0

    def coupon_of_the_month(self, coupon: Any) -> float:
        net_wac = self.net_wac[coupon.group]
        if coupon.kind == "net_wac":
            return net_wac
        if coupon.kind == "fixed":
            return min(coupon.rate / 12, net_wac) if coupon.capped else coupon.rate / 12
        return 0.0

    def pay(self, names: tuple[str, ...], claims: dict[str, float], cash: float, rule: str, kind: str) -> float:
        """Pay claims out of cash; what is left of the cash."""
        names_left = names
        if rule == "pro_rata" and len(names) > 1:
            total = 0.0
            for name in names:
                total += claims[name]
            ratio = cash / total if cash < total else 1.0
            for name in names[:-1]:
                cash = self.settle(name, claims, min(claims[name] * ratio, cash), cash, kind)
            names_left = names[-1:]
        for name in names_left:
            cash = self.settle(name, claims, min(claims[name], cash), cash, kind)
        return cash

    def settle(self, name: str, claims: dict[str, float], paid: float, cash: float, kind: str) -> float:
        claims[name] -= paid
        self.paid[kind][name] += paid
        return cash - paid

    def outstanding(self) -> float:
        total = 0.0
        for c in self.deal.classes:
            if not c.is_residual:
                total += self.balance[c.name]
        return total

    def deficit(self) -> float:
        excess = self.outstanding() - max(self.collateral, 0.0)
        return excess if excess > 0.005 else 0.0

    def above_target(self, account: str) -> float:
        share, floor = self.targets[account]
        target = 0.0 if self.last_month or self.outstanding() <= 0.005 else max(share * self.collateral, floor)
        return -(target - self.cash[account])

    def pay_fee(self, step: Step) -> None:
        for source in step.sources:
            self.cash[source] = self.pay(step.names, self.fee_due, self.cash[source], step.rule, "fee")

    def pay_interest(self, step: Step) -> None:
        for source in step.sources:
            self.cash[source] = self.pay(step.names, self.due, self.cash[source], "pro_rata", "interest")

    def pay_principal(self, step: Step) -> None:
        for source in step.sources:
            self.cash[source] = self.pay(step.names, self.balance, self.cash[source], step.rule, "principal")

    def fund(self, step: Step) -> None:
        (account,) = step.names
        room = max(-self.above_target(account), 0.0)
        for source in step.sources:
            paid = min(room, self.cash[source])
            room -= paid
            self.cash[source] -= paid
            self.cash[account] += paid

    def draw(self, step: Step) -> None:
        if step.cover == "interest":
            self.pay_interest(step)
            return
        (account,) = step.sources
        drawn = min(self.deficit(), self.cash[account])
        self.cash[account] -= drawn
        self.cash[account] += self.pay(step.names, self.balance, drawn, step.rule, "principal")

    def write_down(self, step: Step) -> None:
        self.pay(step.names, self.balance, self.deficit(), step.rule, "write_down")

    def release(self, step: Step) -> None:
        (residual,) = step.names
        for source in step.sources:
            amount = self.cash[source]
            if source in self.targets:
                amount = min(max(self.above_target(source), 0.0), amount)
            self.cash[source] -= amount
            self.paid["interest"][residual] += amount
