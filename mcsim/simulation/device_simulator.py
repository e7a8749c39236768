"""The loans of a collateral on the device: what :class:`mcsim.simulation.simulator.LoanSimulator` does there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.device import Copy, device
from kernels.loan_on_device import Block, LoansOnDevice
from kernels.loan_sums import fold
from kernels.observables import MARKET_ROWS
from mcsim.device_scenario import DeviceScenario
from mcsim.scenario import Scenario

Array = NDArray[Any]


class DeviceSimulator:
    """Pool flows of a set of loans on the device.

    Parameters
    ----------
    loans : LoansOnDevice
        Put there once, for all blocks.
    """

    def __init__(self, loans: LoansOnDevice) -> None:
        self._loans = loans

    def pool(self, scenario: Scenario) -> Array:
        """Flows of all loans together, (month 1..n, field, path) float64.

        Called from several threads, the sums of one block come down while the next one is computed.
        """
        return self._start(scenario).wait()

    def loan(self, scenario: Scenario, position: int) -> Array:
        """Flows of one loan alone, shaped as :meth:`pool`."""
        return self._start(scenario, slice(position, position + 1)).wait()

    def pool_and_loans(self, scenario: Scenario) -> tuple[Array, list[Array]]:
        """As :meth:`pool`; and of each loan the sum of its flows over each 256 paths, (loan, month, field) float64, in order.

        The device adds up the pool alone: each loan is simulated once more.
        """
        there = scenario if isinstance(scenario, DeviceScenario) else put_scenario(scenario)
        loans = [fold(self.loan(there, position)) for position in range(len(self._loans))]
        return self.pool(there), list(np.moveaxis(np.stack(loans), -1, 0))

    def _start(self, scenario: Scenario, loans: slice = slice(None)) -> Copy:
        on_device = scenario if isinstance(scenario, DeviceScenario) else put_scenario(scenario)
        with device().queueing():
            rows = on_device.rows()
            block = Block(rows.reshape(-1), int(rows.shape[1]), on_device.n_paths, scenario.first_path)
            return self._loans.start(block, loans)


def put_scenario(scenario: Scenario) -> DeviceScenario:
    """A scenario of the host, copied to the device."""
    market = np.stack([scenario.arrays[name] for name in MARKET_ROWS])
    here = device()
    return DeviceScenario(
        scenario.first_path, scenario.regions, here.put(market), here.put(np.asarray(scenario.home_price_index))
    )
