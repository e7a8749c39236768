"""Streams: what can be valued. An instrument makes them, of a deal's classes or of loans; the pricer knows nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


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
    """

    of: str
    each: str
    names: tuple[str, ...]
    original_balance: Array
    backing: float


@dataclass(frozen=True)
class Streams:
    """Flows of claims on a block of paths: each (stream, month 1..n, path), USD, float64."""

    interest: Array
    principal: Array
    write_down: Array
