"""``release``: what is left goes to a residual class; of an account, what exceeds its target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kernels.waterfall_paths import Op, Register
from mcsim.deals.deal import Step
from mcsim.deals.reader import Reader
from mcsim.deals.verbs.verb import Verb, read_step

if TYPE_CHECKING:
    from mcsim.deals.compiler import Emitter


def read(name: str, terms: Mapping[str, Any], where: str, reader: Reader) -> Step:
    """One class."""
    step = read_step(name, terms, where, reader)
    if len(step.names) != 1:
        reader.problem(where, f"releases to one residual class; found {len(step.names)}")
    return step


def emit(emitter: Emitter, step: Step) -> None:
    """Out of each source in turn."""
    into = emitter.interest_paid[step.names[0]]
    for source in step.sources:
        if source in emitter.account:
            emitter.room(source)
            emitter.emit(Op.PAY, Register.EXCESS, emitter.account[source], into)
        else:
            emitter.emit(Op.MOVE, emitter.cash[source], into)


VERB = Verb("class", emit, options=("from",), required=("from",), read=read)
