"""Streams: what can be valued. An instrument makes them, of a deal's classes or of loans; the pricer knows nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.flows import FIELDS, Flows

Array = npt.NDArray[np.float64]

PoolFlows: Any = Flows
"""What an instrument of a collateral reads: flows by the name of the field, each (collateral, month 1..n, path), USD."""


class ClassFlows(NamedTuple):
    """What an instrument of a class reads: each (class, month 1..n, path), USD; named as in the store's group ``tranches``."""

    interest_paid: Array
    principal_paid: Array
    write_down: Array
    interest_shortfall: Array
    tranche_balance: Array


def pool_flows(pool: Array) -> Any:
    """:data:`PoolFlows` of one collateral from (month, field, path): views, not copies."""
    return PoolFlows(*(pool[None, :, i] for i in range(len(FIELDS))))


@dataclass(frozen=True)
class Claims:
    """What streams are of: known before the first path, one entry a stream.

    Attributes
    ----------
    of, each : str
        What holds them and what one of them is called, for messages: ``deal 'conduit'``, ``class``.
    names : tuple of str
        One a stream.
    original_balance : numpy.ndarray
        (stream,) USD at closing; 0 for a claim without a balance.
    backing : float
        Balance of the collateral behind all of them at the cut-off, USD.
    rounding : float
        Relative: by how much flows may miss a balance. The default is a thousand times what 360 months of float64 sums lose, a
        thousandth of a price's last printed decimal; :data:`FLOAT32` for what comes from a simulation in single precision.
    """

    of: str
    each: str
    names: tuple[str, ...]
    original_balance: Array
    backing: float
    rounding: float = 1e-6


FLOAT32 = 1e-5
"""Rounding of a collateral's flows: the bar for ``float32`` against ``float64``."""


@dataclass(frozen=True)
class Streams:
    """Flows of claims on a block of paths: each (stream, month 1..n, path), USD, float64."""

    interest: Array
    principal: Array
    write_down: Array

    @classmethod
    def of(cls, interest: Array | None = None, principal: Array | None = None, write_down: Array | None = None) -> Streams:
        """Streams of the parts that are given; the others are 0."""
        given = [part for part in (interest, principal, write_down) if part is not None]
        if not given:
            raise ValueError("streams of nothing: give interest, principal or write_down")
        none = np.zeros_like(given[0])
        return cls(*(none if part is None else part for part in (interest, principal, write_down)))
