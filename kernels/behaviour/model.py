"""What a behavioural model is: a scalar function of what can be observed of one loan on one path in one month."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from kernels.behaviour.parameter import Parameter
from kernels.observables import LOAN, OBSERVABLES, RATE, REGION, varies_by
from kernels.ops import Ops
from kernels.unrolled import build_tuple, named_tuple


@dataclass(frozen=True, eq=False)
class Part:
    """A piece of a model's formula that reads less than the whole, and so varies less: it is computed where it varies.

    Attributes
    ----------
    build : callable
        ``build(ops)`` returns ``part(seen, parameters)``, as a model's.
    reads : tuple of str
        What the part reads. It may not read another part.
    """

    build: Callable[[Ops], Callable[..., Any]]
    reads: tuple[str, ...]

    @cached_property
    def varies(self) -> frozenset[str]:
        """Axes along which it differs."""
        return varies_by(self.reads)

    @property
    def by_rate(self) -> bool:
        """Whether one value serves all loans of one note rate on a path in a month."""
        return not self.varies & {LOAN, REGION}


@dataclass(frozen=True, eq=False)
class Model:
    """A prepayment, default or severity model.

    Attributes
    ----------
    build : callable
        ``build(ops)`` returns ``rate(seen, parameters)``: a rate of prepayment or default, or the loss as a share of the balance
        at default, each in [0, 1]; NaN where one that it reads is NaN, so that a fault is seen, not priced. ``seen`` has what
        the model ``reads``, by name; ``parameters`` its parameters and what is ``derived`` from them, by name: numbers, and the
        table, if it has one, as an array.
    parameters : dict
        Each parameter by its name; the last may be a table.
    reads : tuple of str
        Names of :data:`kernels.observables.OBSERVABLES`, of ``parts``, or of columns of the loans. What no model of a run reads
        needs no value at the start of the scenarios.
    annual : bool
        The rate is annual (CPR, CDR); the launcher turns it into a monthly one (SMM, MDR).
    bounded : bool
        The function itself holds its rate to [0, 1], whatever the parameters; the launcher need not do it again.
    derived : tuple of str
        Names of the numbers that follow from the parameters.
    derive : callable, optional
        ``derive(parameters)``: those numbers, computed once a run in float64.
    parts : dict
        Pieces of the formula with their own ``reads``, by the name under which the model reads them.
    columns : dict
        Meaning, unit and range of columns that it reads, by name: loans with a value outside are refused. Of one that is not
        here any finite number is taken.
    """

    build: Callable[[Ops], Callable[..., Any]]
    parameters: dict[str, Parameter]
    reads: tuple[str, ...]
    annual: bool = False
    bounded: bool = False
    derived: tuple[str, ...] = ()
    derive: Callable[[Any], list[float]] | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    columns: Mapping[str, Parameter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unread := sorted({*self.columns} - {*self.column_names}):
            raise ValueError(
                f"columns {unread} are declared and not read; the model reads {[*self.column_names]} of the loans"
            )

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Names of what the kernel reads as numbers: parameters, then what is derived."""
        return (*(name for name, parameter in self.parameters.items() if not parameter.table), *self.derived)

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """Name of its table, if it has one."""
        return tuple(name for name, parameter in self.parameters.items() if parameter.table)

    @cached_property
    def observes(self) -> tuple[str, ...]:
        """All that the model and its parts read, the parts themselves apart: observables and columns, each once."""
        direct = (name for name in self.reads if name not in self.parts)
        return tuple(dict.fromkeys([*direct, *(name for part in self.parts.values() for name in part.reads)]))

    @cached_property
    def needs(self) -> frozenset[str]:
        """What it ``observes``, and what of the scenario that follows."""
        known = (OBSERVABLES[name] for name in self.observes if name in OBSERVABLES)
        return frozenset(self.observes).union(*(observable.follows for observable in known))

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """Columns of the loans that it reads."""
        return tuple(name for name in self.observes if name not in OBSERVABLES)

    @cached_property
    def tabled(self) -> tuple[str, ...]:
        """Parts that are worth a table by note rate, path and month."""
        return tuple(name for name, part in self.parts.items() if part.by_rate and RATE in part.varies)

    def values(self, given: Mapping[str, Any]) -> list[float]:
        """What the kernel reads, flat: numbers given, numbers derived, then the table."""
        plain = {name: np.float64(given[name]) for name in self.parameters if name not in self.tables}
        known = {name: np.asarray(given[name], float) for name in self.tables} | plain
        derived = self.derive(named_tuple("Given", [*known])(**known)) if self.derive else ()
        table = [float(x) for name in self.tables for x in np.atleast_1d(known[name])]
        return [*map(float, plain.values()), *derived, *table]

    def build_parameters(self, ops: Ops) -> Callable[..., Any]:
        """``parameters(values)``: :meth:`values` by name."""
        numbers = len(self.numbers)
        names = (*self.numbers, *self.tables)
        slots = [f"values[{i}]" if i < numbers else f"values[{numbers}:]" for i in range(len(names))]
        whole = named_tuple("Parameters", names)
        return build_tuple(ops, whole, "values", slots)
