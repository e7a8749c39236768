"""What a block of paths looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Scenario:
    """Paths of rates and home prices. Month 0 is the cut-off; all arrays in the run's precision, path last and contiguous.

    Attributes
    ----------
    first_path : int
        Index of the first path.
    regions : tuple of str
        Two letters each: the first axis of ``home_price``.
    mortgage_rate, adjustable_index, short_rate : numpy.ndarray, (n_months + 1, n_paths)
        Annual, per unit: primary mortgage rate; par rate that adjustable-rate loans follow; short rate, continuous.
    discount : numpy.ndarray, (n_months + 1, n_paths)
        Value today of 1 USD at the end of the month on this path.
    home_price : numpy.ndarray, (n_regions, n_months + 1, n_paths)
        Home-price index over its value at month 0.
    """

    first_path: int
    regions: tuple[str, ...]
    mortgage_rate: NDArray[Any]
    adjustable_index: NDArray[Any]
    short_rate: NDArray[Any]
    discount: NDArray[Any]
    home_price: NDArray[Any]
