"""The simulation stage: path blocks of scenarios and pool flows, each written to the store as it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.loan_month import FIELDS
from mcsim import store
from mcsim.backend import Backend
from mcsim.market.curve import Curve
from mcsim.progress import Progress
from mcsim.scenarios.generate import ScenarioGenerator
from mcsim.scenarios.scenario import Scenario
from mcsim.settings import Settings
from mcsim.simulation.prepare import horizon, prepare_loans
from mcsim.simulation.simulator import LoanSimulator
from mcsim.simulation.work import Block, path_blocks, thread_count
from mcsim.tapes.loans import Loans

Array = NDArray[Any]


class Simulation:
    """Everything a block needs, built once: scenario generator, loans, kernels.

    Parameters
    ----------
    settings : Settings
        The run.
    loans : Loans
        Checked loans of the portfolio.
    curve : Curve
        Discount curve at the cut-off.
    backend : Backend
        Target and precision.
    """

    def __init__(self, settings: Settings, loans: Loans, curve: Curve, backend: Backend) -> None:
        self.settings, self.loans = settings, loans
        self.states = tuple(sorted(set(loans.state.tolist())))
        self.n_months = horizon(loans, settings.portfolio)
        prepared = prepare_loans(loans, settings.portfolio, self.states, self.n_months, backend.precision)
        self._generator = ScenarioGenerator(
            settings.rates, settings.home_prices, curve, self.states, self.n_months, settings.seed, backend
        )
        self._simulator = LoanSimulator(prepared, settings.behaviour, settings.seed, backend)

    def scenario(self, block: Block) -> Scenario:
        """Scenarios of a block: the same for any blocking."""
        return self._generator.generate(block.first, block.count)

    def pool(self, block: Block) -> tuple[Scenario, Array]:
        """Scenarios of a block and the flows of all loans, (month, field, path)."""
        scenario = self.scenario(block)
        return scenario, self._simulator.pool(scenario)

    def pool_and_loans(self, scenario: Scenario) -> tuple[Array, list[Array]]:
        """Flows of all loans, and each loan's summed over each 256 paths, (loan, month, field)."""
        return self._simulator.pool_and_loans(scenario)

    def loan(self, block: Block, position: int) -> Array:
        """Flows of one loan alone on the paths of a block, (month, field, path): what it adds to the pool, to the bit."""
        return self._simulator.loan(self.scenario(block), position)

    def write_pools(self, run_dir: Path, progress: Progress, take: Callable[[int, Array, Array], None] | None = None) -> None:
        """Simulate every block; write ``scenarios`` and ``pool``, and ``loans`` where means are asked for.

        Parameters
        ----------
        run_dir : path
            The run folder.
        progress : Progress
            Advanced by loan-month-paths.
        take : callable, optional
            ``take(first_path, pool, discount)`` gets each block while it is in memory, from the thread that simulated it.
        """
        settings, where = self.settings, run_dir / store.STORE_NAME
        self._lay_out(where)
        means = np.zeros((len(self.loans), self.n_months, len(FIELDS)) if settings.output.loans == "mean" else 0)

        def work(block: Block) -> list[Array]:
            scenario = self.scenario(block)
            flows, loan_sums = self.pool_and_loans(scenario) if means.size else (self._simulator.pool(scenario), [])
            if settings.output.flows:
                store.write_block(where, "scenarios", block.first, scenario_arrays(scenario))
                store.write_block(where, "pool", block.first, {name: flows[None, :, i] for i, name in enumerate(FIELDS)})
            if take is not None:
                take(block.first, flows, scenario.discount)
            return loan_sums

        blocks = path_blocks(settings.paths, settings.engine.path_block)
        for block, loan_sums in zip(blocks, self._each(work, blocks), strict=True):
            for sums in loan_sums:
                means += sums
            progress.advance(len(self.loans) * self.n_months * block.count)
        if means.size:
            means /= settings.paths
            store.write_block(where, "loans", 0, {name: means[:, :, i] for i, name in enumerate(FIELDS)})

    def _lay_out(self, where: Path) -> None:
        """The groups of :meth:`write_pools`, before the first block."""
        settings = self.settings
        months, paths, path_block = range(1, self.n_months + 1), range(settings.paths), settings.engine.path_block
        if settings.output.flows:
            with_cut_off: dict[str, Any] = {"state": self.states, "month": range(self.n_months + 1), "path": paths}
            store.create_group(where, "scenarios", with_cut_off, path_block)
            group = [settings.portfolio.name]
            store.create_group(where, "pool", {"group": group, "month": months, "path": paths}, path_block)
        if settings.output.loans == "mean":
            store.create_group(where, "loans", {"loan": self.loans.loan_id, "month": months})

    def write_loan_paths(self, run_dir: Path, progress: Progress) -> None:
        """Simulate each loan alone and write ``loan_paths``."""
        settings, where = self.settings, run_dir / store.STORE_NAME
        paths, months = range(settings.paths), range(1, self.n_months + 1)
        coords: dict[str, Any] = {"loan": self.loans.loan_id, "month": months, "path": paths}
        store.create_group(where, "loan_paths", coords, settings.engine.path_block)

        def work(block: Block) -> None:
            scenario = self.scenario(block)
            flows = np.stack([self._simulator.loan(scenario, i) for i in range(len(self.loans))])
            store.write_block(where, "loan_paths", block.first, {n: flows[:, :, i] for i, n in enumerate(FIELDS)})

        blocks = path_blocks(settings.paths, settings.engine.path_block)
        for block, _ in zip(blocks, self._each(work, blocks), strict=True):
            progress.advance(len(self.loans) * self.n_months * block.count)

    def _each(self, work: Any, blocks: Iterable[Block]) -> Iterator[Any]:
        """Results in the order of the blocks: on this thread, or on several (compiled kernels release the interpreter)."""
        threads = thread_count(self.settings.engine)
        if threads == 1:
            yield from map(work, blocks)
            return
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(work, blocks)


def scenario_arrays(scenario: Scenario) -> dict[str, Array]:
    """A scenario under its stored names."""
    return {
        "short_rate": scenario.short_rate,
        "discount_factor": scenario.discount,
        "mortgage_rate": scenario.mortgage_rate,
        "adjustable_index": scenario.index,
        "home_price_index": scenario.home_price,
    }
