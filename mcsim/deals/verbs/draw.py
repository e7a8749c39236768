"""``draw``: an account pays interest that is due, or principal of the classes that losses would reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kernels.waterfall_paths import Op, Register
from mcsim.deals.deal import Step
from mcsim.deals.reader import Reader
from mcsim.deals.verbs import pay_interest
from mcsim.deals.verbs.verb import RULES, Verb

if TYPE_CHECKING:
    from mcsim.deals.compiler import Emitter

COVERS = ("interest", "losses")


def read(name: str, terms: Mapping[str, Any], where: str, reader: Reader) -> Step:
    """The account is the source, the classes are what it pays."""
    account = reader.names(terms[name], where)
    rule = reader.choice(terms["rule"], f"{where}.rule", RULES) if "rule" in terms else "sequential"
    if len(account) != 1:
        reader.problem(where, f"draws on one account at a time; found {len(account)}")
    cover = reader.choice(terms.get("cover", "interest"), f"{where}.cover", COVERS)
    if cover == "interest" and "rule" in terms:
        reader.problem(where, "interest is always paid pro rata on what is due; remove 'rule'")
    classes = reader.names(terms["classes"], f"{where}.classes") if "classes" in terms else ()
    return Step(name, classes, account, "pro_rata" if cover == "interest" else rule, cover, where)


def emit(emitter: Emitter, step: Step) -> None:
    """For losses: as much as the deficit, into principal; what the classes named do not need goes back."""
    if step.cover == "interest":
        pay_interest.emit(emitter, step)
        return
    account = emitter.account[step.sources[0]]
    emitter.outstanding()
    emitter.emit(Op.DEFICIT)
    emitter.emit(Op.PAY, Register.DEFICIT, account, Register.COVER)
    emitter.principal(step.names, Register.COVER, step.rule)
    emitter.emit(Op.MOVE, Register.COVER, account)


VERB = Verb("class", emit, options=("cover", "classes", "rule"), required=("cover", "classes"), read=read, takes="account")
