"""``write_down``: losses, to the first class named as far as its balance goes, then to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcsim.deals.deal import Step
from mcsim.deals.verbs.verb import Does, Verb

if TYPE_CHECKING:
    from mcsim.deals.emitter import Emitter


def emit(emitter: Emitter, step: Step) -> None:
    """What the balances exceed the collateral by."""
    deficit = emitter.deficit()
    balances, written_down = [emitter.balance[n] for n in step.names], [emitter.write_down[n] for n in step.names]
    emitter.pay(claims=balances, cash=deficit, into=written_down, rule=step.rule)


VERB = Verb("class", emit, Does.WRITE_DOWN)
