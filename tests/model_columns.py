"""Columns of the loans for tests of models that read them, whatever their names."""

from __future__ import annotations

import numpy as np

from kernels.behaviour.model import Model
from kernels.behaviour.parameter import Range


def column_values(model: Model, name: str, n: int) -> np.ndarray:
    """Values of a column of the loans that the model may meet: over the range that it declares, else above 0 to 1."""
    held = model.columns[name].range if name in model.columns else Range(0, 1, above=True)
    low = held.lowest if held.lowest > -np.inf else min(held.highest, 1.0) - 1
    high = held.highest if held.highest < np.inf else max(low, 0.0) + 1
    shares = np.arange(1, n + 1) / n  # in (0, 1]
    values = low + (high - low) * shares
    return np.ceil(values / held.step) * held.step if held.step else values
