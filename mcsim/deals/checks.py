"""Whether a deal holds together: every name known, every claim paid, every dollar with a way out. One error for all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from mcsim.deals.deal import PRINCIPAL, Class, Deal, Step, words_of_funds
from mcsim.deals.reader import Reader
from mcsim.deals.schema import read_deal
from mcsim.deals.verbs import VERBS
from mcsim.errors import InputError, nearest

SHARE_TOLERANCE = 1e-9
"""Of the sum of the classes' shares: what decimal fractions can miss by is far below, a mistyped digit far above."""


def load_deal(raw: dict[str, Any], source: str) -> Deal:
    """Read and check a deal.

    Parameters
    ----------
    raw : dict
        The deal's YAML, read. The language is described in docs/deals.md.
    source : str
        Where it came from; starts every message.

    Raises
    ------
    InputError
        With all problems: what is wrong, the value, what was expected, the nearest known name.
    """
    reader = Reader(source)
    deal = read_deal(raw, reader)
    _check_declared(deal, reader)
    _check_names(deal, reader)
    _check_sizes(deal, reader)
    _check_classes(deal, reader)
    _check_fees_and_accounts(deal, reader)
    _check_cash_leaves(deal, reader)
    _check_losses_follow_principal(deal, reader)
    if reader.problems:
        raise InputError(reader.problems)
    return deal


def _check_declared(deal: Deal, reader: Reader) -> None:
    """Classes, fees and accounts share one set of names, so that a message or a plot can never mean two things."""
    declared = (x.name for group in (deal.classes, deal.fees, deal.accounts) for x in group)
    for name, count in Counter(declared).items():
        if count > 1:
            reader.problem(name, f"is declared {count} times among classes, fees and accounts; names must differ")
    if not any(not c.is_residual for c in deal.classes):
        reader.problem("classes", "no class has a balance; declare at least one")
    if not any(c.is_residual for c in deal.classes):
        reader.problem("classes", "no residual; add a class with 'coupon: residual' for what is left")


def _check_names(deal: Deal, reader: Reader) -> None:
    known = {
        "class": [c.name for c in deal.classes],
        "fee": [f.name for f in deal.fees],
        "account": [a.name for a in deal.accounts],
        "source": [*words_of_funds(deal.groups), *(a.name for a in deal.accounts)],
    }
    for step in deal.steps:
        verb = VERBS[step.verb]
        _check_known(step.names, known[verb.names], verb.names, step.where, reader)
        _check_known(step.sources, known[verb.takes], verb.takes, step.where, reader)
        verb.check(step, reader)


def _check_known(names: Iterable[str], known: list[str], kind: str, where: str, reader: Reader) -> None:
    for name, count in Counter(names).items():
        if not known:
            reader.problem(where, f"unknown {kind} {name!r}; the deal declares none")
        elif name not in known:
            reader.problem(where, f"unknown {kind} {name!r}{nearest(name, known)}")
        elif count > 1:
            reader.problem(where, f"{kind} {name!r} stands there {count} times; name it once")


def _check_sizes(deal: Deal, reader: Reader) -> None:
    sized = [c for c in deal.classes if not c.is_residual]
    shares = [c.share for c in sized if c.share is not None]
    if shares and len(shares) < len(sized):
        mixed = ", ".join(c.name for c in sized if c.share is None)
        reader.problem("classes", f"sizes are shares for some and USD for others ({mixed}); use one of the two for all")
    elif shares and not any(map(math.isnan, [*shares, deal.overcollateralisation])):
        total, expected = math.fsum(shares), 1 - deal.overcollateralisation
        if abs(total - expected) > SHARE_TOLERANCE:
            reader.problem(
                "classes",
                f"shares add to {total:.10g}, expected {expected:.10g} (1 less overcollateralisation of "
                f"{deal.overcollateralisation:g}); change the shares or declare 'overcollateralisation'",
            )


def _check_classes(deal: Deal, reader: Reader) -> None:
    """Every class is paid what it can be owed, and nothing it cannot."""
    paid = {verb: {n for s in deal.steps if s.verb == verb for n in s.names} for verb in VERBS}
    for c in deal.classes:
        if c.is_residual:
            _check_residual(c, deal.steps, paid, reader)
            continue
        where = f"classes.{c.name}"
        if c.coupon.kind != "none" and c.name not in paid["pay_interest"]:
            reader.problem(where, "is never paid interest; add it to a pay_interest step, or make its coupon 'none'")
        if c.name not in paid["pay_principal"]:
            reader.problem(where, "is never paid principal; add it to a pay_principal step")
        if c.name not in paid["write_down"]:
            reader.problem(where, "is never written down; add it to a write_down step, the most senior last")
        for step in deal.steps:
            if c.name in step.names and step.verb == "release":
                reader.problem(step.where, f"class {c.name!r} is no residual; release to a class with 'coupon: residual'")
            if c.name in step.names and c.coupon.kind == "none" and "interest" in (step.verb.removeprefix("pay_"), step.cover):
                reader.problem(step.where, f"class {c.name!r} earns no interest; remove it, or give it a coupon")


def _check_residual(c: Class, steps: Iterable[Step], paid: dict[str, set[str]], reader: Reader) -> None:
    if c.name not in paid["release"]:
        reader.problem(f"classes.{c.name}", "is a residual that is never paid; add a release step to it")
    for step in steps:
        if c.name in step.names and step.verb != "release":
            reader.problem(step.where, f"class {c.name!r} is a residual without a claim; pay it by release")


def _check_fees_and_accounts(deal: Deal, reader: Reader) -> None:
    paid_fees = {n for s in deal.steps if s.verb == "pay_fee" for n in s.names}
    for fee in deal.fees:
        if fee.name not in paid_fees:
            reader.problem(f"fees.{fee.name}", "is never paid; add a pay_fee step, or remove the fee")
    funded = {n for s in deal.steps if s.verb == "fund" for n in s.names}
    used = {source for s in deal.steps if s.verb != "release" for source in s.sources}
    for account in deal.accounts:
        where = f"accounts.{account.name}"
        if account.name not in funded and account.initial == 0:
            reader.problem(where, "never holds cash; add a fund step, or give it an initial share")
        if account.name not in used:
            reader.problem(where, "is never drawn; add a draw step, or remove the account")


def _check_cash_leaves(deal: Deal, reader: Reader) -> None:
    """Each fund and account is released at some step, and no later step takes from a fund that is empty by then."""
    released: dict[str, str] = {}
    for step in deal.steps:
        for source in step.sources:
            if source in released and source in deal.funds:
                reader.problem(step.where, f"takes from {source!r}, which {released[source]} has emptied; move it up")
            if step.verb == "release":
                released.setdefault(source, step.where)
    for source in (*deal.funds, *(a.name for a in deal.accounts)):
        if source not in released:
            reader.problem("steps", f"cash in {source!r} never leaves the deal; add a release step from it, last")


def _check_losses_follow_principal(deal: Deal, reader: Reader) -> None:
    """A deficit is what balances exceed the collateral by: it shows once the month's principal has been paid."""
    principal = set(words_of_funds(deal.groups)[PRINCIPAL])
    paying = (i for i, step in enumerate(deal.steps) if step.verb == "pay_principal" and principal & set(step.sources))
    last = max(paying, default=-1)
    for step in deal.steps[: max(last, 0)]:
        if step.verb == "write_down" or step.cover == "losses":
            reader.problem(step.where, f"comes before {deal.steps[last].where}; losses are borne after principal is paid")
