"""What a verb of the deal language is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Flag, auto
from typing import TYPE_CHECKING, Any

from mcsim.deals.deal import Step
from mcsim.deals.reader import Reader

if TYPE_CHECKING:
    from mcsim.deals.emitter import Emitter

RULES = ("sequential", "pro_rata")


class Does(Flag):
    """What a step does: all that the checks of a deal ask of a verb, whatever it is called."""

    INTEREST = auto()
    """Pays interest that classes are due."""
    PRINCIPAL = auto()
    """Pays classes' balances."""
    COVER = auto()
    """Uses the deficit, e.g. pays principal as far as it goes: stands after the month's principal, and is no class's principal."""
    WRITE_DOWN = auto()
    """Takes losses off classes' balances: stands after the month's principal."""
    FEES = auto()
    """Pays fees that are due."""
    FUND = auto()
    """Pays into accounts."""
    RESIDUAL = auto()
    """Pays residual classes."""
    EMPTIES = auto()
    """Leaves nothing in the funds it takes from, and in accounts nothing by the last month."""


Emit = Callable[["Emitter", Step], None]
Read = Callable[[str, Mapping[str, Any], str, Reader], Step]


def read_step(name: str, terms: Mapping[str, Any], where: str, reader: Reader) -> Step:
    """A step as most verbs have it: names, ``from``, ``rule``."""
    names = reader.names(terms[name], where)
    rule = reader.choice(terms["rule"], f"{where}.rule", RULES) if "rule" in terms else "sequential"
    sources = reader.sources(terms["from"], f"{where}.from") if "from" in terms else ()
    return Step(name, names, sources, rule, where=where)


def read_one(problem: str) -> Read:
    """:func:`read_step` of a verb that acts on one name; ``problem`` says so of more."""

    def read(name: str, terms: Mapping[str, Any], where: str, reader: Reader) -> Step:
        step = read_step(name, terms, where, reader)
        if len(step.names) != 1:
            reader.problem(where, f"{problem}; found {len(step.names)}")
        return step

    return read


def no_check(step: Step, reader: Reader) -> None:
    """Nothing beyond the names."""


@dataclass(frozen=True)
class Verb:
    """A verb of the language.

    Attributes
    ----------
    names : str
        What the names of its step are: ``class``, ``fee`` or ``account``.
    emit : callable
        ``emit(emitter, step)``: its instructions.
    does : Does
        What its steps do. Instructions that do more are refused when a deal is compiled.
    options, required : tuple of str
        Keys of its step beside the verb, and those that must be there.
    read : callable
        ``read(name, terms, where, reader)``: the step; what is wrong goes to the reader.
    check : callable
        ``check(step, reader)``: what the verb asks of a step beyond known names.
    takes : str
        What its sources are: ``source`` (funds and accounts) or ``account``: a help that ends with the account, never a claim's
        only payment.
    does_in : callable, optional
        ``does_in(step)``: which of what it ``does`` this step does, where that depends on the step.
    """

    names: str
    emit: Emit
    does: Does
    options: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    read: Read = read_step
    check: Callable[[Step, Reader], None] = no_check
    takes: str = "source"
    does_in: Callable[[Step], Does] | None = None

    def of(self, step: Step) -> Does:
        """What this step does."""
        return self.does if self.does_in is None else self.does_in(step)
