"""The simulation stage: path blocks of scenarios and pool flows, each written to the store as it is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.loan_month import FIELDS
from kernels.ops import LANES
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

    def loan(self, block: Block, position: int) -> Array:
        """Flows of one loan alone on the paths of a block, (month, field, path): what it adds to the pool, to the bit."""
        return self._simulator.loan(self.scenario(block), position)

    def write_pools(self, run_dir: Path, progress: Progress) -> None:
        """Simulate every block and write ``scenarios`` and ``pool``."""
        settings = self.settings
        months, paths = range(1, self.n_months + 1), range(settings.paths)
        block_size = settings.engine.path_block
        where = run_dir / store.STORE_NAME
        store.create_group(
            where, "scenarios", {"state": self.states, "month": range(self.n_months + 1), "path": paths}, block_size
        )
        group = [settings.portfolio.name]
        store.create_group(where, "pool", {"group": group, "month": months, "path": paths}, block_size)

        def work(block: Block) -> int:
            scenario, flows = self.pool(block)
            store.write_block(where, "scenarios", block.first, scenario_arrays(scenario))
            store.write_block(where, "pool", block.first, {name: flows[None, :, i] for i, name in enumerate(FIELDS)})
            return len(self.loans) * self.n_months * block.count

        for amount in self._each(work, path_blocks(settings.paths, block_size)):
            progress.advance(amount)

    def write_loans(self, run_dir: Path, progress: Progress) -> None:
        """Simulate each loan alone and write ``loans`` (mean over paths) or ``loan_paths``, as ``output.loans`` says."""
        settings, where = self.settings, run_dir / store.STORE_NAME
        paths, months = range(settings.paths), range(1, self.n_months + 1)
        coords: dict[str, Any] = {"loan": self.loans.loan_id, "month": months}
        keep_paths = settings.output.loans == "paths"
        if keep_paths:
            store.create_group(where, "loan_paths", {**coords, "path": paths}, settings.engine.path_block)
        else:
            store.create_group(where, "loans", coords)
        sums = np.zeros((len(self.loans), self.n_months, len(FIELDS)))

        def work(block: Block) -> tuple[Block, list[Array]]:
            scenario = self.scenario(block)
            flows = np.stack([self._simulator.loan(scenario, i) for i in range(len(self.loans))])
            if keep_paths:
                store.write_block(where, "loan_paths", block.first, {n: flows[:, :, i] for i, n in enumerate(FIELDS)})
                return block, []
            return block, lane_sums(flows)

        for block, lanes in self._each(work, path_blocks(settings.paths, settings.engine.path_block)):
            for lane in lanes:
                sums += lane
            progress.advance(len(self.loans) * self.n_months * block.count)
        if not keep_paths:
            means = sums / settings.paths
            store.write_block(where, "loans", 0, {name: means[:, :, i] for i, name in enumerate(FIELDS)})

    def _each(self, work: Any, blocks: Iterable[Block]) -> Iterator[Any]:
        """Results in the order of the blocks: on this thread, or on several (compiled kernels release the interpreter)."""
        threads = thread_count(self.settings.engine)
        if threads == 1:
            yield from map(work, blocks)
            return
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(work, blocks)


def lane_sums(flows: Array) -> list[Array]:
    """Sums over each 256 paths of the last axis: pieces of a fixed size, so that blocking does not change a mean's bits."""
    return [flows[..., first : first + LANES].sum(axis=-1) for first in range(0, flows.shape[-1], LANES)]


def scenario_arrays(scenario: Scenario) -> dict[str, Array]:
    """A scenario under its stored names."""
    return {
        "short_rate": scenario.short_rate,
        "discount_factor": scenario.discount,
        "mortgage_rate": scenario.mortgage_rate,
        "adjustable_index": scenario.index,
        "home_price_index": scenario.home_price,
    }
