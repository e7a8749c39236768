"""Blocks of paths through the stages: scenarios, then the collateral on them, then whoever takes its flows, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mcsim import store
from mcsim.backend import Backend
from mcsim.loans import Loans
from mcsim.market.curve import Curve
from mcsim.progress import Progress
from mcsim.scenario import Scenario
from mcsim.scenarios import stage as scenario_stage
from mcsim.scenarios.generate import ScenarioGenerator
from mcsim.settings import Settings
from mcsim.simulation.prepare import horizon
from mcsim.simulation.stage import CollateralStage
from mcsim.store.layout import COLLATERAL
from mcsim.work import Block, path_blocks, thread_count

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
        self.regions = tuple(sorted(set(loans.region.tolist())))
        self.n_months = horizon(loans, settings.only_collateral.portfolio)
        self._generator = ScenarioGenerator(
            settings.rates, settings.home_prices, curve, self.regions, self.n_months, settings.seed, backend
        )
        self._collateral = CollateralStage(settings, loans, self.regions, self.n_months, backend)

    def scenario(self, block: Block) -> Scenario:
        """Scenarios of a block: the same for any blocking."""
        return self._generator.generate(block.first, block.count)

    def pool(self, block: Block) -> tuple[Scenario, Array]:
        """Scenarios of a block and the flows of all loans, (month, field, path)."""
        scenario = self.scenario(block)
        return scenario, self._collateral.pool(scenario)

    def pool_and_loans(self, scenario: Scenario) -> tuple[Array, list[Array]]:
        """Flows of all loans, and each loan's summed over each 256 paths, (loan, month, field)."""
        return self._collateral.pool_and_loans(scenario)

    def loan(self, block: Block, position: int) -> Array:
        """Flows of one loan alone on the paths of a block, (month, field, path): what it adds to the pool, to the bit."""
        return self._collateral.loan(self.scenario(block), position)

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
        where, keeps, collateral = run_dir / store.STORE_NAME, self.settings.output.flows, self._collateral
        place = self._place(where)
        if keeps:
            paths, path_block = self.settings.paths, self.settings.engine.path_block
            scenario_stage.lay_out(where, self.regions, self.n_months, paths, path_block)
        collateral.lay_out(place)

        def work(block: Block) -> list[Array]:
            scenario = self.scenario(block)
            flows, loan_sums = collateral.flows(scenario)
            if keeps:
                scenario_stage.write(where, scenario)
                collateral.write_pool(place, block.first, flows)
            if take is not None:
                take(block.first, flows, scenario.discount)
            return loan_sums

        for loan_sums in self._progressing(work, progress):
            collateral.add(loan_sums)
        collateral.write_means(place)

    def write_loan_paths(self, run_dir: Path, progress: Progress) -> None:
        """Simulate each loan alone and write ``loan_paths``."""
        where = self._place(run_dir / store.STORE_NAME)
        self._collateral.lay_out_loan_paths(where)
        for _ in self._progressing(lambda block: self._collateral.write_loan_paths(where, self.scenario(block)), progress):
            pass

    def _place(self, where: Path) -> Path:
        return where / COLLATERAL / self.settings.portfolio.name

    def _progressing(self, work: Callable[[Block], Any], progress: Progress) -> Iterator[Any]:
        """Results of all blocks of the run; progress is told of each."""
        blocks = path_blocks(self.settings.paths, self.settings.engine.path_block)
        for block, result in zip(blocks, self._each(work, blocks), strict=True):
            yield result
            progress.advance(len(self.loans) * self.n_months * block.count)

    def _each(self, work: Callable[[Block], Any], blocks: Iterable[Block]) -> Iterator[Any]:
        """Results in the order of the blocks: on this thread, or on several (compiled kernels release the interpreter)."""
        threads = thread_count(self.settings.engine)
        if threads == 1:
            yield from map(work, blocks)
            return
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(work, blocks)
