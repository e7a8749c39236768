"""What a block of paths looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from kernels.observables import SCENARIO_ROWS


@dataclass(frozen=True)
class Scenario:
    """Paths of rates and home prices. Month 0 is the cut-off; all arrays in the run's precision, path last and contiguous.

    Each of :data:`kernels.observables.SCENARIO_ROWS` is an attribute: ``scenario.mortgage_rate``. There a month is that at whose
    start it is observed; here and in the store that at whose end it holds.

    Attributes
    ----------
    first_path : int
        Index of the first path.
    regions : tuple of str
        Two letters each: the first axis of what each region has of its own.
    arrays : mapping
        By name: (month 0..n, path), or (region, month 0..n, path).
    """

    first_path: int
    regions: tuple[str, ...]
    arrays: Mapping[str, NDArray[Any]]

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name in SCENARIO_ROWS:
            return self.arrays[name]
        raise AttributeError(f"a scenario has no {name!r}; it has {', '.join(SCENARIO_ROWS)}")

    @property
    def n_paths(self) -> int:
        """Paths of the block."""
        return int(self.mortgage_rate.shape[1])
