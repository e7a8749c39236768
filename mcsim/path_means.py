"""Means over paths with their Monte Carlo standard errors."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def standard_error(samples: Array) -> Array:
    """Of the mean over the last axis: ``sd / sqrt(N)``, with N - 1 degrees of freedom; NaN for one sample."""
    n = samples.shape[-1]
    if n < 2:
        return np.full(samples.shape[:-1], math.nan)
    return np.asarray(samples.std(axis=-1, ddof=1) / math.sqrt(n))


def sum_of(values: Array) -> tuple[float, float]:
    """Mean of the sum of ``values`` (entry, path) on each path, and its standard error.

    The error is that of the sum: what one entry loses to another on the same path cancels, and what they lose together adds up.
    """
    total = np.asarray(values, np.float64).sum(axis=0)
    return float(total.mean()), float(standard_error(total))
