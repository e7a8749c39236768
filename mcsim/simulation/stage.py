"""The simulation stage: a collateral's flows on a block of paths, and what the store keeps of them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.flows import FIELDS
from mcsim import store
from mcsim.backend import Backend
from mcsim.loans import Loans
from mcsim.scenario import Scenario
from mcsim.settings import Collateral, Settings
from mcsim.simulation.prepare import horizon, prepare_loans
from mcsim.simulation.simulator import SUPERBLOCK, LoanSimulator

Array = NDArray[Any]


class CollateralStage:
    """Loans under their behaviour.

    Parameters
    ----------
    settings : Settings
        Seed, paths, what is kept of the loans.
    chosen : Collateral
        Portfolio and behaviour.
    loans : Loans
        Checked loans of the portfolio.
    regions : sequence of str
        First axis of the scenarios' home prices; may be more than those of the loans.
    backend : Backend
        Target and precision.
    """

    def __init__(self, settings: Settings, chosen: Collateral, loans: Loans, regions: Sequence[str], backend: Backend) -> None:
        self.loans, self.n_months = loans, horizon(loans, chosen.portfolio)
        self._settings, self._name = settings, chosen.portfolio.name
        prepared = prepare_loans(loans, chosen.portfolio, tuple(regions), self.n_months, backend.precision, chosen.behaviour)
        self._simulator = LoanSimulator(prepared, chosen.behaviour, settings.seed, backend)
        self._keeps_means = settings.output.loans == "mean"

    def cuts(self, whole: bool) -> list[slice]:
        """The loans as one piece, or superblock by superblock: the pieces whose flows add up to the pool's, in order, to the bit."""
        size = len(self.loans) if whole else SUPERBLOCK
        return [slice(first, min(first + size, len(self.loans))) for first in range(0, len(self.loans), size)]

    def flows(self, scenario: Scenario, loans: slice) -> tuple[Array, list[Array]]:
        """Flows of some loans, (month, field, path); where means are kept also each one's sums over each 256 paths, in order."""
        simulator = self._simulator
        if loans != slice(0, len(self.loans)):
            simulator = copy.copy(simulator)  # with the kernels that are compiled
            simulator.loans = simulator.loans.take(loans)
        return simulator.pool_and_loans(scenario) if self._keeps_means else (simulator.pool(scenario), [])

    def pool(self, scenario: Scenario) -> Array:
        """Flows of all loans together, (month, field, path)."""
        return self._simulator.pool(scenario)

    def pool_and_loans(self, scenario: Scenario) -> tuple[Array, list[Array]]:
        """Flows of all loans, and each loan's summed over each 256 paths, (loan, month, field)."""
        return self._simulator.pool_and_loans(scenario)

    def loan(self, scenario: Scenario, position: int) -> Array:
        """Flows of one loan alone, (month, field, path): what it adds to the pool, to the bit."""
        return self._simulator.loan(scenario, position)

    def lay_out(self, where: Path) -> None:
        """Make room in the store: before the first block, from one thread."""
        settings, months = self._settings, range(1, self.n_months + 1)
        if settings.output.flows:
            coords = {"group": [self._name], "month": months, "path": range(settings.paths)}
            store.create_group(where, "pool", coords, settings.engine.path_block)
        if self._keeps_means:
            self._sums = np.zeros((len(self.loans), self.n_months, len(FIELDS)))
            store.create_group(where, "loans", {"loan": self.loans.loan_id, "month": months})

    def write_pool(self, where: Path, first_path: int, flows: Array) -> None:
        """One block, from any thread."""
        store.write_block(where, "pool", first_path, {name: flows[None, :, i] for i, name in enumerate(FIELDS)})

    def add(self, loans: slice, loan_sums: list[Array]) -> None:
        """Sums of some loans on a block join those before it: in the order of the blocks, from one thread."""
        for sums in loan_sums:
            self._sums[loans] += sums

    def write_means(self, where: Path) -> None:
        """Means over all paths, where they are kept: after the last block."""
        if self._keeps_means:
            means = self._sums / self._settings.paths
            store.write_block(where, "loans", 0, {name: means[:, :, i] for i, name in enumerate(FIELDS)})

    def lay_out_loan_paths(self, where: Path) -> None:
        """Room for every loan on every path."""
        coords: dict[str, Any] = {
            "loan": self.loans.loan_id, "month": range(1, self.n_months + 1), "path": range(self._settings.paths)
        }  # fmt: skip
        store.create_group(where, "loan_paths", coords, self._settings.engine.path_block)

    def write_loan_paths(self, where: Path, scenario: Scenario) -> None:
        """Each loan alone on one block, from any thread."""
        flows = np.stack([self.loan(scenario, i) for i in range(len(self.loans))])
        store.write_block(where, "loan_paths", scenario.first_path, {n: flows[:, :, i] for i, n in enumerate(FIELDS)})
