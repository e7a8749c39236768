"""What a deal is once it has been read: classes, fees, accounts and an ordered list of steps. The language: docs/deals.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

INTEREST, PRINCIPAL = "interest", "principal"

BUCKETS = (INTEREST, PRINCIPAL)
"""Where a group's cash of the month arrives. Accounts hold cash from month to month."""

ALL = "all"
"""Every bucket, in their order."""


def words_of_funds(groups: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What a step may take from besides accounts: each word and the funds it stands for, in order.

    A fund is a bucket of one group: ``interest`` where there is one group, else ``X.interest``. The bare word is those of all groups.
    """
    funds = {(group, bucket): bucket if len(groups) == 1 else f"{group}.{bucket}" for group in groups for bucket in BUCKETS}
    words = {bucket: tuple(funds[group, bucket] for group in groups) for bucket in BUCKETS}
    words[ALL] = tuple(fund for bucket in BUCKETS for fund in words[bucket])
    for group in groups:
        words |= {f"{group}.{bucket}": (funds[group, bucket],) for bucket in BUCKETS}
        words[f"{group}.{ALL}"] = tuple(funds[group, bucket] for bucket in BUCKETS)
    return words


@dataclass(frozen=True)
class Coupon:
    """How a class earns interest.

    ``kind`` is ``fixed`` (``rate``, annual, 30/360; at most the net WAC where ``capped``), ``net_wac`` (what the collateral
    earns after fees), ``none`` (principal only) or ``residual`` (no balance and no claim: it receives what is released).
    ``group`` is the group of collateral whose net WAC it is; empty for that of all of it.
    """

    kind: str
    rate: float = 0.0
    capped: bool = True
    group: str = ""


@dataclass(frozen=True)
class Class:
    """A class of notes. ``share`` of the pool's balance at closing, or ``balance`` in USD; neither for a residual."""

    name: str
    coupon: Coupon
    share: float | None = None
    balance: float | None = None

    @property
    def is_residual(self) -> bool:
        """Has no balance: receives releases only."""
        return self.coupon.kind == "residual"

    def original_balance(self, pool_balance: float) -> float:
        """USD at closing; ``pool_balance`` is that of all groups."""
        if self.balance is not None:
            return self.balance
        return (self.share or 0.0) * pool_balance


@dataclass(frozen=True)
class Fee:
    """A fee on the collateral's balance at the start of the month: annual ``rate``, a twelfth of it each month."""

    name: str
    rate: float


@dataclass(frozen=True)
class Account:
    """Cash kept in the deal, e.g. a reserve.

    ``initial`` and ``floor`` are shares of the pool's balance at closing, ``target`` of the collateral's balance now.
    """

    name: str
    initial: float
    target: float
    floor: float


@dataclass(frozen=True)
class Step:
    """One step of the waterfall.

    ``names`` are the classes (fees, accounts) it pays, in order; ``sources`` the funds or accounts it takes from, in order;
    ``rule`` is ``sequential`` or ``pro_rata``; ``cover`` is what a draw is for: ``interest`` or ``losses``; ``options`` are a
    verb's own, by name; ``where`` names the step in messages.
    """

    verb: str
    names: tuple[str, ...]
    sources: tuple[str, ...] = ()
    rule: str = "sequential"
    cover: str = ""
    where: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Deal:
    """A deal, checked: see :func:`mcsim.deals.load_deal`. ``overcollateralisation`` is a share of the pool at closing."""

    name: str
    groups: tuple[str, ...]
    classes: tuple[Class, ...]
    fees: tuple[Fee, ...]
    accounts: tuple[Account, ...]
    steps: tuple[Step, ...]
    overcollateralisation: float = 0.0
    description: str = ""
    source: str = ""

    @property
    def funds(self) -> tuple[str, ...]:
        """Every group's buckets: interest of all groups, then principal."""
        return words_of_funds(self.groups)[ALL]
