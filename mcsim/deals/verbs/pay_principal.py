"""``pay_principal``: classes' balances, one after the other or pro rata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcsim.deals.deal import Step
from mcsim.deals.verbs.verb import Does, Verb

if TYPE_CHECKING:
    from mcsim.deals.emitter import Emitter


def emit(emitter: Emitter, step: Step) -> None:
    """Out of each source in turn."""
    for source in step.sources:
        emitter.pay_principal(step.names, cash=emitter.cash[source], rule=step.rule)


VERB = Verb("class", emit, Does.PRINCIPAL, options=("from", "rule"), required=("from", "rule"))
