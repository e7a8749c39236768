"""``write_down``: losses, to the first class named as far as its balance goes, then to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernels.waterfall_paths import Op, Register
from mcsim.deals.deal import Step
from mcsim.deals.verbs.verb import Verb

if TYPE_CHECKING:
    from mcsim.deals.compiler import Emitter


def emit(emitter: Emitter, step: Step) -> None:
    """What the balances exceed the collateral by."""
    emitter.outstanding()
    emitter.emit(Op.DEFICIT)
    balances, written_down = [emitter.balance[n] for n in step.names], [emitter.write_down[n] for n in step.names]
    emitter.pay(balances, Register.DEFICIT, written_down, step.rule)
    emitter.outstanding_is_known = False


VERB = Verb("class", emit)
