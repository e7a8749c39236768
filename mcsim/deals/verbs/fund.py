"""``fund``: an account, up to its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernels.waterfall_machine import Op
from mcsim.deals.deal import Step
from mcsim.deals.reader import Reader
from mcsim.deals.verbs.verb import Does, Verb, read_one

if TYPE_CHECKING:
    from mcsim.deals.emitter import Emitter


def check(step: Step, reader: Reader) -> None:
    """Not from itself."""
    if set(step.names) & set(step.sources):
        reader.problem(step.where, f"funds {step.names[0]!r} from itself; name another source")


def emit(emitter: Emitter, step: Step) -> None:
    """What there is room for, out of each source in turn."""
    account = step.names[0]
    room, _ = emitter.against_target(account)
    for source in step.sources:
        emitter.emit(Op.PAY, claim=room, cash=emitter.cash[source], into=emitter.account[account])


VERB = Verb(
    "account",
    emit,
    Does.FUND,
    options=("from",),
    required=("from",),
    read=read_one("funds one account at a time"),
    check=check,
)
