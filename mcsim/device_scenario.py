"""A block of paths that was drawn on the device and stays there: what the host reads of it comes down when it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from kernels.device import device
from kernels.observables import MARKET_ROWS, REGION_ROWS, ROW, SCENARIO_ROWS, n_rows
from mcsim.scenario import Scenario

Array = NDArray[Any]


class DeviceScenario(Scenario):
    """As :class:`~mcsim.scenario.Scenario`; each array is copied to the host the first time that it is read.

    Parameters
    ----------
    first_path : int
        Index of the first path.
    regions : tuple of str
        First axis of ``prices``.
    market : array on the device, (row, month 0..n, path)
        :data:`kernels.observables.MARKET_ROWS`.
    prices : array on the device, (region, month 0..n, path)
    """

    _market: Any
    _prices: Any
    _rows: Any = None

    def __init__(self, first_path: int, regions: tuple[str, ...], market: Any, prices: Any) -> None:
        super().__init__(first_path, regions, _Fetched(market, prices))
        for name, value in (("_market", market), ("_prices", prices)):
            object.__setattr__(self, name, value)  # a scenario is frozen

    @cached_property
    def n_paths(self) -> int:
        """Paths of the block."""
        return int(self._market.shape[-1])

    def rows(self) -> Any:
        """On the device: (month 0..n, row, path) as the loan kernels read it, :data:`kernels.observables.ROW`."""
        here, (_, months, paths), n_regions = device(), self._market.shape, len(self.regions)
        with here.queueing():  # several collaterals on this block want it at once
            if self._rows is not None:
                return self._rows
            rows = here.empty((months, n_rows(n_regions), paths), self._market.dtype)
            for k, name in enumerate(MARKET_ROWS):
                rows[:, ROW[name]] = self._market[k]
            (prices,) = REGION_ROWS
            for k in range(n_regions):
                rows[:, ROW[prices] + k] = self._prices[k]
            object.__setattr__(self, "_rows", rows)
            return rows


class _Fetched(Mapping[str, Array]):
    """Arrays of a scenario by name, on the host; each comes down when it is asked for first."""

    def __init__(self, market: Any, prices: Any) -> None:
        # What is queued between the draw and the reading of it, the loan months of the next block, is not waited for.
        self._drawn = device().mark()
        self._there = {**{name: market[k] for k, name in enumerate(MARKET_ROWS)}, **dict.fromkeys(REGION_ROWS, prices)}
        self._here: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        if name not in self._here:
            self._here[name] = device().fetch(self._there[name], after=self._drawn).wait()
        return self._here[name]

    def __iter__(self) -> Iterator[str]:
        return iter(SCENARIO_ROWS)

    def __len__(self) -> int:
        return len(SCENARIO_ROWS)
