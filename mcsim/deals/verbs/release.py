"""``release``: what is left goes to a residual class; of an account, what exceeds its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernels.waterfall_machine import Op
from mcsim.deals.deal import Step
from mcsim.deals.verbs.verb import Does, Verb, read_one

if TYPE_CHECKING:
    from mcsim.deals.emitter import Emitter


def emit(emitter: Emitter, step: Step) -> None:
    """Out of each source in turn."""
    into = emitter.interest_paid[step.names[0]]
    for source in step.sources:
        if source in emitter.account:
            _, excess = emitter.against_target(source)
            emitter.emit(Op.PAY, claim=excess, cash=emitter.account[source], into=into)
        else:
            emitter.emit(Op.MOVE, cash=emitter.cash[source], into=into)


VERB = Verb(
    "class",
    emit,
    Does.RESIDUAL | Does.EMPTIES,
    options=("from",),
    required=("from",),
    read=read_one("releases to one residual class"),
)
