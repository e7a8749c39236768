"""``draw``: an account pays interest that is due, or principal of the classes that losses would reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mcsim.deals.deal import Step
from mcsim.deals.reader import Reader
from mcsim.deals.verbs import pay_interest
from mcsim.deals.verbs.verb import Does, Verb, read_one

if TYPE_CHECKING:
    from mcsim.deals.emitter import Emitter

COVERS = ("interest", "losses")

_read_account = read_one("draws on one account at a time")


def read(name: str, terms: Mapping[str, Any], where: str, reader: Reader) -> Step:
    """The account is the source, the classes are what it pays."""
    step = _read_account(name, terms, where, reader)
    cover = reader.choice(terms.get("cover", "interest"), f"{where}.cover", COVERS)
    if cover == "interest" and "rule" in terms:
        reader.problem(where, "interest is always paid pro rata on what is due; remove 'rule'")
    classes = reader.names(terms["classes"], f"{where}.classes") if "classes" in terms else ()
    rule = "pro_rata" if cover == "interest" else step.rule
    return replace(step, names=classes, sources=step.names, rule=rule, cover=cover)


def emit(emitter: Emitter, step: Step) -> None:
    """For losses: principal, as much as the deficit."""
    if step.cover == "interest":
        pay_interest.emit(emitter, step)
        return
    account = emitter.account[step.sources[0]]
    emitter.pay_principal(step.names, cash=account, rule=step.rule, up_to=emitter.deficit())


def does_in(step: Step) -> Does:
    """What it covers."""
    return Does.INTEREST if step.cover == "interest" else Does.COVER


VERB = Verb(
    "class",
    emit,
    Does.INTEREST | Does.COVER,
    options=("cover", "classes", "rule"),
    required=("cover", "classes"),
    read=read,
    takes="account",
    does_in=does_in,
)
