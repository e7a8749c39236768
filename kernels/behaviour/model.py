"""What a behavioural model is: a scalar function of what can be observed of one loan on one path in one month."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kernels.behaviour.parameter import Parameter
from kernels.ops import Ops

OBSERVABLES = {
    "month": "month of the simulation, 1 is the first after the cut-off (integer)",
    "age": "months since origination, 1 in the first month (real)",
    "calendar_month": "0 for January to 11 for December (integer)",
    "note_rate": "the loan's note rate now, annual",
    "mortgage_rate": "primary mortgage rate at the start of the month, annual",
    "balance_factor": "expected performing balance at the start of the month over the balance at the cut-off",
    "ltv": "balance at the start of the month over the home's value then",
    "lag": "months from default to liquidation of this loan (real)",
    "advances_interest": "1 where the servicer advances interest on this loan in foreclosure, else 0 (real)",
    "parameters": "the model's parameters, in the order of its `parameters` table",
}
"""Arguments of every model function, in this order. A model ignores what it does not need."""


@dataclass(frozen=True, eq=False)
class Model:
    """A prepayment, default or severity model.

    Attributes
    ----------
    build : callable
        ``build(ops)`` returns the scalar function of :data:`OBSERVABLES`: a rate of prepayment or default, or the loss as a
        share of the balance at default, each in [0, 1]; NaN where one that it reads is NaN, so that a fault is seen, not priced.
    parameters : dict
        Each parameter by its name, in order; the last may be a table.
    reads : tuple of str
        The :data:`OBSERVABLES` that the function depends on, ``parameters`` apart. What no model of a run reads needs no value
        at the start of the scenarios.
    annual : bool
        The rate is annual (CPR, CDR); the launcher turns it into a monthly one (SMM, MDR).
    bounded : bool
        The function itself holds its rate to [0, 1], whatever the parameters; the launcher need not do it again.
    derive : callable, optional
        ``derive(given)``: numbers that follow from the parameters, computed once a run; the function reads them after these.
    """

    build: Callable[[Ops], Callable[..., Any]]
    parameters: dict[str, Parameter]
    reads: tuple[str, ...]
    annual: bool = False
    bounded: bool = False
    derive: Callable[[Sequence[float]], list[float]] | None = None

    def values(self, given: Sequence[float]) -> list[float]:
        """What the kernel reads: the parameters ``given``, in order, then what the model derives from them."""
        return [*given, *(self.derive(given) if self.derive else ())]
