"""``pay_fee``: fees that are due, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcsim.deals.deal import Step
from mcsim.deals.verbs.verb import Does, Verb

if TYPE_CHECKING:
    from mcsim.deals.emitter import Emitter


def emit(emitter: Emitter, step: Step) -> None:
    """Out of each source in turn."""
    due, paid = [emitter.fee_due[n] for n in step.names], [emitter.fee_paid[n] for n in step.names]
    for source in step.sources:
        emitter.pay(claims=due, cash=emitter.cash[source], into=paid, rule=step.rule)


VERB = Verb("fee", emit, Does.FEES, options=("from",), required=("from",))
