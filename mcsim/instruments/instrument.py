"""What an instrument declares: of what it is, what it takes, how its streams are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from kernels.behaviour.parameter import Parameter
from mcsim.errors import InputError, shown
from mcsim.streams import Array, Streams

CLASS, COLLATERAL = "class", "collateral"
KINDS = (CLASS, COLLATERAL)
"""What an instrument can be of."""


@dataclass(frozen=True, eq=False)
class Instrument:
    """A kind of exposure.

    Attributes
    ----------
    of : str
        :data:`CLASS` or :data:`COLLATERAL`: what a position's ``of`` names.
    streams : callable
        ``streams(flows, inputs)``: the :class:`~mcsim.streams.Streams` of all of what it is of, a block of paths at a time and from
        any thread. ``flows`` is :class:`~mcsim.streams.ClassFlows` or :data:`~mcsim.streams.PoolFlows`, each flow (class or
        collateral, month 1..n, path) in USD, not to be changed; ``inputs`` the numbers of ``inputs`` by name.
    meaning : str
        What whoever holds it receives, and what stands behind the write-downs; the report prints it.
    source : str
        Where the choice of flows comes from.
    inputs : dict
        What it takes beside what the method of valuation does, by name, each with its meaning, unit and range.
    """

    of: str
    streams: Callable[[Any, Mapping[str, float]], Streams]
    meaning: str
    source: str
    inputs: dict[str, Parameter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.of not in KINDS:
            raise ValueError(f"an instrument of {self.of!r}: expected {' or '.join(map(repr, KINDS))}")
        if not (self.meaning and self.source):
            raise ValueError("an instrument says its meaning and its source")
        tables = [name for name, parameter in self.inputs.items() if parameter.table]
        if tables:
            raise ValueError(f"input {tables[0]!r} of an instrument is a table: expected a number")


def streams_of(name: str, instrument: Instrument, flows: Any, inputs: Mapping[str, float]) -> Streams:
    """Streams of an instrument, held against what it promises.

    Parameters
    ----------
    name : str
        The instrument's, for messages.
    instrument : Instrument
    flows : ClassFlows or PoolFlows
        Each flow (class or collateral, month 1..n, path), USD.
    inputs : mapping
        By name, those of the instrument among them.

    Raises
    ------
    InputError
        If they cannot be made, or are not three arrays of numbers of the shape of the flows; names the instrument's file.
    """
    file, shape = f"mcsim/instruments/{name}.py", flows[0].shape
    try:
        found = instrument.streams(flows, {key: float(inputs[key]) for key in instrument.inputs})
    except Exception as error:
        raise InputError(
            f"{file}: its streams cannot be made: {type(error).__name__}: {error}; expected Streams of flows among "
            f"{', '.join(flows._fields)}, and of inputs among {', '.join(instrument.inputs) or 'none'}: docs/extending.md"
        ) from error
    if not isinstance(found, Streams):
        raise InputError(f"{file}: its streams are {shown(found)}; expected Streams.of(...): docs/extending.md")
    problems = [
        f"{file}: {part} of its streams has shape {np.shape(values)}, {getattr(values, 'dtype', type(values).__name__)}; expected "
        f"numbers in the shape of its flows, {shape}"
        for part, values in vars(found).items()
        if np.shape(values) != shape or getattr(values, "dtype", np.dtype(object)).kind not in "fiu"
    ]
    if problems:
        raise InputError(problems)
    return found


class Collected(NamedTuple):
    """What a collateral's owner receives after servicing, USD; the shapes of the flows."""

    interest: Array
    """Interest, advances included, less the servicing fee: below 0 where the fee is more, by no more than the principal."""
    principal: Array
    """Scheduled, advanced and prepaid principal and recoveries."""


def performing_before(pool: Any) -> Any:
    """Performing balance at the start of each month, USD: what of it the month takes away, and what is left at its end."""
    return pool.balance + pool.scheduled_principal + pool.prepaid_principal + pool.defaulted_balance


def collected(pool: Any) -> Collected:
    """What a collateral brings whoever owns it: in sum the collections of a deal over the same loans (docs/theory/waterfall.md).

    A servicer takes its fee out of what it collects, and what is not there it does not take.
    """
    principal = pool.scheduled_principal + pool.advanced_principal + pool.prepaid_principal + pool.recovery
    return Collected(np.maximum(pool.interest + pool.advanced_interest - pool.servicing_fee, -principal), principal)
