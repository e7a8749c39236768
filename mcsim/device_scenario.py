"""A block of paths that was drawn on the device and stays there: what the host reads of it comes down when it is read."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from kernels.device import device
from kernels.loan_terms import Row
from kernels.scenario_terms import Variable
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
    market : array on the device, (variable, month 0..n, path)
        :class:`kernels.scenario_terms.Variable`.
    prices : array on the device, (region, month 0..n, path)
    """

    _market: Any
    _prices: Any
    _rows: Any = None

    def __init__(self, first_path: int, regions: tuple[str, ...], market: Any, prices: Any) -> None:
        for name, value in (("first_path", first_path), ("regions", regions), ("_market", market), ("_prices", prices)):
            object.__setattr__(self, name, value)  # a scenario is frozen

    @cached_property
    def n_paths(self) -> int:
        """Paths of the block."""
        return int(self._market.shape[-1])

    def rows(self) -> Any:
        """On the device: (month 0..n, row, path) as the loan kernels read it, :class:`kernels.loan_terms.Row`."""
        here, (_, months, paths), n_regions = device(), self._market.shape, len(self.regions)
        with here.queueing():  # several collaterals on this block want it at once
            if self._rows is not None:
                return self._rows
            rows = here.empty((months, Row.HOME_PRICE + n_regions, paths), self._market.dtype)
            rows[:, int(Row.MORTGAGE_RATE)] = self._market[int(Variable.MORTGAGE_RATE)]
            rows[:, int(Row.ADJUSTABLE_INDEX)] = self._market[int(Variable.ADJUSTABLE_INDEX)]
            for k in range(n_regions):
                rows[:, Row.HOME_PRICE + k] = self._prices[k]
            object.__setattr__(self, "_rows", rows)
            return rows

    @cached_property
    def mortgage_rate(self) -> Array:
        return self._read(Variable.MORTGAGE_RATE)

    @cached_property
    def adjustable_index(self) -> Array:
        return self._read(Variable.ADJUSTABLE_INDEX)

    @cached_property
    def short_rate(self) -> Array:
        return self._read(Variable.SHORT_RATE)

    @cached_property
    def discount(self) -> Array:
        return self._read(Variable.DISCOUNT)

    @cached_property
    def home_price(self) -> Array:
        return device().fetch(self._prices).wait()

    def _read(self, variable: int) -> Array:
        return device().fetch(self._market[int(variable)]).wait()
