"""``pay_interest``: interest due to classes, pro rata on what is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mcsim.deals.deal import Step
from mcsim.deals.reader import Reader
from mcsim.deals.verbs.verb import Does, Verb, read_step

if TYPE_CHECKING:
    from mcsim.deals.emitter import Emitter


def read(name: str, terms: Mapping[str, Any], where: str, reader: Reader) -> Step:
    """Its rule is not chosen."""
    return replace(read_step(name, terms, where, reader), rule="pro_rata")


def emit(emitter: Emitter, step: Step) -> None:
    """Out of each source in turn."""
    due, paid = [emitter.due[n] for n in step.names], [emitter.interest_paid[n] for n in step.names]
    for source in step.sources:
        emitter.pay(claims=due, cash=emitter.cash[source], into=paid, rule=step.rule)


VERB = Verb("class", emit, Does.INTEREST, options=("from",), required=("from",), read=read)
