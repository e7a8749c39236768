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
from mcsim.deals.verbs.verb import Does
from mcsim.errors import InputError, nearest

SHARE_TOLERANCE = 1e-9
"""Of the sum of the classes' shares: what decimal fractions can miss by is far below, a mistyped digit far above."""

CLAIMS = Does.INTEREST | Does.PRINCIPAL | Does.COVER | Does.WRITE_DOWN
"""What is done to classes that have a claim."""


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


def _does(step: Step) -> Does:
    return VERBS[step.verb].of(step)


def _paid(deal: Deal, does: Does) -> set[str]:
    """Names to which a step does that; accounts alone are no one's payment, since they run dry."""
    return {n for s in deal.steps if does in _does(s) and VERBS[s.verb].takes == "source" for n in s.names}


def _verbs(does: Does) -> str:
    """Verbs that do that, for messages."""
    return " or ".join(name for name, verb in VERBS.items() if does in verb.does and verb.takes == "source")


def _check_classes(deal: Deal, reader: Reader) -> None:
    """Every class is paid what it can be owed, and nothing it cannot."""
    paid = {does: _paid(deal, does) for does in (Does.INTEREST, Does.PRINCIPAL, Does.WRITE_DOWN, Does.RESIDUAL)}
    for c in deal.classes:
        if c.is_residual:
            _check_residual(c, deal.steps, paid[Does.RESIDUAL], reader)
            continue
        where = f"classes.{c.name}"
        if c.coupon.kind != "none" and c.name not in paid[Does.INTEREST]:
            by = _verbs(Does.INTEREST)
            reader.problem(where, f"is never paid interest; add it to a {by} step, or make its coupon 'none'")
        if c.name not in paid[Does.PRINCIPAL]:
            reader.problem(where, f"is never paid principal; add it to a {_verbs(Does.PRINCIPAL)} step")
        if c.name not in paid[Does.WRITE_DOWN]:
            by = _verbs(Does.WRITE_DOWN)
            reader.problem(where, f"is never written down; add it to a {by} step, the most senior last")
        for step in (step for step in deal.steps if c.name in step.names):
            does = _does(step)
            if Does.RESIDUAL in does and not does & CLAIMS:
                reader.problem(step.where, f"class {c.name!r} is no residual; release to a class with 'coupon: residual'")
            if c.coupon.kind == "none" and does == Does.INTEREST:
                reader.problem(step.where, f"class {c.name!r} earns no interest; remove it, or give it a coupon")


def _check_residual(c: Class, steps: Iterable[Step], paid: set[str], reader: Reader) -> None:
    by = _verbs(Does.RESIDUAL)
    if c.name not in paid:
        reader.problem(f"classes.{c.name}", f"is a residual that is never paid; add a {by} step to it")
    for step in steps:
        if c.name in step.names and Does.RESIDUAL not in _does(step):
            reader.problem(step.where, f"class {c.name!r} is a residual without a claim; pay it by {by}")


def _check_fees_and_accounts(deal: Deal, reader: Reader) -> None:
    paid_fees = _paid(deal, Does.FEES)
    for fee in deal.fees:
        if fee.name not in paid_fees:
            reader.problem(f"fees.{fee.name}", f"is never paid; add a {_verbs(Does.FEES)} step, or remove the fee")
    funded = _paid(deal, Does.FUND)
    used = {source for s in deal.steps if Does.RESIDUAL not in _does(s) for source in s.sources}
    for account in deal.accounts:
        where = f"accounts.{account.name}"
        if account.name not in funded and account.initial == 0:
            reader.problem(where, f"never holds cash; add a {_verbs(Does.FUND)} step, or give it an initial share")
        if account.name not in used:
            by = " or ".join(name for name, verb in VERBS.items() if verb.takes == "account")
            reader.problem(where, f"is never drawn; add a {by} step, or remove the account")


def _check_cash_leaves(deal: Deal, reader: Reader) -> None:
    """Each fund and account is released at some step, and no later step takes from a fund that is empty by then."""
    released: dict[str, str] = {}
    for step in deal.steps:
        for source in step.sources:
            if source in released and source in deal.funds:
                reader.problem(step.where, f"takes from {source!r}, which {released[source]} has emptied; move it up")
            if Does.EMPTIES in _does(step):
                released.setdefault(source, step.where)
    by = _verbs(Does.EMPTIES)
    for source in (*deal.funds, *(a.name for a in deal.accounts)):
        if source not in released:
            reader.problem("steps", f"cash in {source!r} never leaves the deal; add a {by} step from it, last")


def _check_losses_follow_principal(deal: Deal, reader: Reader) -> None:
    """A deficit is what balances exceed the collateral by: it shows once the month's principal has been paid."""
    principal = set(words_of_funds(deal.groups)[PRINCIPAL])
    paying = (i for i, step in enumerate(deal.steps) if Does.PRINCIPAL in _does(step) and principal & set(step.sources))
    last = max(paying, default=-1)
    for step in deal.steps[: max(last, 0)]:
        if _does(step) & (Does.WRITE_DOWN | Does.COVER):
            reader.problem(step.where, f"comes before {deal.steps[last].where}; losses are borne after principal is paid")
