"""A checked deal becomes a program of :mod:`kernels.waterfall_machine`."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from kernels.waterfall_machine import Register
from mcsim.deals.deal import Deal, Step
from mcsim.deals.emitter import Emitter
from mcsim.deals.groups import by_group, problems_of_groups
from mcsim.deals.program import Program
from mcsim.deals.verbs import VERBS
from mcsim.deals.verbs.verb import Does
from mcsim.errors import InputError

BALANCE_TOLERANCE = 1.0
"""USD, of the sum of the classes' balances against the pool: documents state class sizes to the dollar."""


def compile_deal(deal: Deal, balances: Mapping[str, float] | float) -> Program:
    """Compile a deal on collateral of these balances at closing, USD, by group; a number is that of a deal's only group.

    Raises
    ------
    InputError
        If a group is missing or unknown or has no balance, or balances given in USD do not add to them (less
        overcollateralisation); or if a verb's instructions do what it does not declare.
    """
    problems = [f"{deal.source}: {p}" for p in problems_of_groups(deal.groups, balances, "the balance")]
    if problems:
        raise InputError(problems)
    pools = by_group(deal.groups, balances)
    for group, balance in pools.items():
        if not (math.isfinite(balance) and balance > 0):
            what = "the pool's balance" if len(pools) == 1 else f"the balance of group {group!r}"
            problems.append(f"{deal.source}: {what} is {balance!r} USD; a deal needs a positive one")
    if not problems:
        problems = _problems_of_sizes(deal, math.fsum(pools.values()))
    if problems:
        raise InputError(problems)
    return _program(deal, pools)


def _problems_of_sizes(deal: Deal, pool_balance: float) -> list[str]:
    """Balances given in USD that do not add to the pool's."""
    total, expected = (
        math.fsum(c.original_balance(pool_balance) for c in deal.classes),
        pool_balance * (1 - deal.overcollateralisation),
    )
    if all(c.balance is None for c in deal.classes) or abs(total - expected) <= BALANCE_TOLERANCE:
        return []
    return [
        f"{deal.source}: classes: balances add to {total:,.2f} USD, expected {expected:,.2f} (the pool's "
        f"{pool_balance:,.2f} less overcollateralisation); change the balances or declare 'overcollateralisation'"
    ]


def _undeclared(emitter: Emitter, step: Step) -> list[str]:
    """What a step's instructions do beyond what its verb declares: the checks of the deal have not asked about it."""
    residual = {c.name for c in emitter.deal.classes if c.is_residual}
    needs = {
        "interest": (Does.INTEREST, [r for name, r in emitter.interest_paid.items() if name not in residual]),
        "residual classes": (Does.RESIDUAL, [r for name, r in emitter.interest_paid.items() if name in residual]),
        "principal": (Does.PRINCIPAL | Does.COVER, emitter.principal_paid.values()),
        "write-downs": (Does.WRITE_DOWN, emitter.write_down.values()),
        "fees": (Does.FEES, emitter.fee_paid.values()),
        "the deficit": (Does.COVER | Does.WRITE_DOWN, [emitter.scratch("deficit")]),
    }
    return [
        f"its instructions change {what}, which the verb does not declare; add {' or '.join(map(str, does))} to what it does"
        for what, (does, registers) in needs.items()
        if not emitter.changed.isdisjoint(registers) and not does & VERBS[step.verb].of(step)
    ]


def _program(deal: Deal, pools: Mapping[str, float]) -> Program:
    """All instructions of a month, and the state at closing."""
    emitter = Emitter(deal, pools)
    for fee in deal.fees:
        emitter.accrue_fee(fee)
    for c in deal.classes:
        emitter.accrue_interest(c)
    problems: list[str] = []
    for step in deal.steps:
        emitter.changed.clear()
        VERBS[step.verb].emit(emitter, step)
        problems += [f"{deal.source}: {step.where}: {problem}" for problem in _undeclared(emitter, step)]
    if problems:
        raise InputError(problems)
    per_class = (emitter.interest_paid, emitter.principal_paid, emitter.write_down, emitter.due, emitter.balance)
    stores = [r for part in (*per_class, emitter.fee_paid, emitter.account) for r in part.values()]
    pool_balance = emitter.pool_balance
    return Program(
        name=deal.name,
        groups=deal.groups,
        tranches=tuple(emitter.balance),
        fees=tuple(emitter.fee_due),
        accounts=tuple(emitter.account),
        pool_balance=pool_balance,
        original_balance=np.array([c.original_balance(pool_balance) for c in deal.classes], dtype=np.float64),
        initial_account_balance=np.array([a.initial * pool_balance for a in deal.accounts], dtype=np.float64),
        fee_rate=math.fsum(fee.rate for fee in deal.fees),
        code=emitter.assembled([*stores, Register.COLLECTIONS]),
    )
