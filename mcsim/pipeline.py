"""Blocks of paths through the stages: scenarios, then each collateral on them, then whoever takes their flows, in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
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
from mcsim.simulation.stage import CollateralStage
from mcsim.store.layout import COLLATERAL
from mcsim.work import Block, Item, path_blocks, thread_count

Array = NDArray[Any]
Take = Callable[[int, Mapping[str, Array], Array], None]
"""``take(first_path, pools, discount)``: flows (month, field, path) by collateral, and discount factors (month 0..n, path)."""


class Simulation:
    """Everything a block needs, built once: scenario generator, loans, kernels.

    The scenarios cover what all collaterals observe: the union of their regions, the longest of their horizons. A collateral's
    flows are those that it has alone, to the bit.

    Parameters
    ----------
    settings : Settings
        The run.
    loans : mapping of str to Loans
        Checked loans of the collaterals that are simulated.
    curve : Curve
        Discount curve at the cut-off.
    backend : Backend
        Target and precision.
    """

    def __init__(self, settings: Settings, loans: Mapping[str, Loans], curve: Curve, backend: Backend) -> None:
        self.settings, self._backend = settings, backend
        self.regions = tuple(sorted({region for own in loans.values() for region in own.region.tolist()}))
        self.collaterals = {
            name: CollateralStage(settings, settings.collaterals[name], own, self.regions, backend)
            for name, own in loans.items()
        }
        self.n_months = max(collateral.n_months for collateral in self.collaterals.values())
        self._generator = ScenarioGenerator(
            settings.rates, settings.home_prices, curve, self.regions, self.n_months, settings.seed, backend
        )

    @property
    def loan_month_paths(self) -> int:
        """How much there is to simulate."""
        return sum(map(self._amount, self.items()))

    def scenario(self, block: Block) -> Scenario:
        """Scenarios of a block: the same for any blocking."""
        return self._generator.generate(block.first, block.count)

    def items(self) -> list[Item]:
        """Work items of the run, those of a block of paths together.

        A collateral is cut at its superblocks where there are fewer blocks of paths than threads; its sums are the same to the bit.
        """
        blocks = path_blocks(self.settings.paths, self.settings.engine.path_block)
        whole = len(blocks) >= thread_count(self.settings.engine) or self._backend.target == "cuda"
        cuts = [(name, cut) for name, collateral in self.collaterals.items() for cut in collateral.cuts(whole)]
        return [Item(name, cut.start, cut.stop - cut.start, block) for block in blocks for name, cut in cuts]

    def write_pools(self, run_dir: Path, progress: Progress, take: Take | None = None) -> None:
        """Simulate every block; write ``scenarios`` and every ``pool``, and ``loans`` where means are asked for.

        Parameters
        ----------
        run_dir : path
            The run folder.
        progress : Progress
            Advanced by loan-month-paths.
        take : callable, optional
            Gets each block while it is in memory, from the thread that simulated the last of it.
        """
        where, keeps = run_dir / store.STORE_NAME, self.settings.output.flows
        if keeps:
            paths, path_block = self.settings.paths, self.settings.engine.path_block
            scenario_stage.lay_out(where, self.regions, self.n_months, paths, path_block)
        for name, collateral in self.collaterals.items():
            collateral.lay_out(where / COLLATERAL / name)
        items = self.items()
        open_blocks = _OpenBlocks(self, items)

        def work(item: Item) -> list[Array]:
            block = open_blocks.of(item)
            flows, loan_sums = self.collaterals[item.collateral].flows(block.scenario, item.loans)
            if block.add(item, flows):
                if keeps:
                    scenario_stage.write(where, block.scenario)
                    for name, pool in block.pools.items():
                        self.collaterals[name].write_pool(where / COLLATERAL / name, item.block.first, pool)
                if take is not None:
                    take(item.block.first, block.pools, block.scenario.discount_factor)
                open_blocks.close(item.block)
            return loan_sums

        for item, loan_sums in self._progressing(work, items, progress):
            self.collaterals[item.collateral].add(item.loans, loan_sums)
        for name, collateral in self.collaterals.items():
            collateral.write_means(where / COLLATERAL / name)

    def write_loan_paths(self, run_dir: Path, progress: Progress) -> None:
        """Simulate each loan alone and write ``loan_paths``."""
        where = run_dir / store.STORE_NAME / COLLATERAL
        for name, collateral in self.collaterals.items():
            collateral.lay_out_loan_paths(where / name)
        blocks = path_blocks(self.settings.paths, self.settings.engine.path_block)
        items = [Item(name, 0, len(c.loans), block) for block in blocks for name, c in self.collaterals.items()]

        def work(item: Item) -> None:
            self.collaterals[item.collateral].write_loan_paths(where / item.collateral, self.scenario(item.block))

        for _ in self._progressing(work, items, progress):
            pass

    def _progressing(self, work: Callable[[Item], Any], items: list[Item], progress: Progress) -> Iterator[tuple[Item, Any]]:
        """Results of all items; progress is told of each."""
        for item, result in zip(items, self._each(work, items), strict=True):
            yield item, result
            progress.advance(self._amount(item))

    def _amount(self, item: Item) -> int:
        return item.n_loans * self.collaterals[item.collateral].n_months * item.block.count

    def _each(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Results in the order of the items: on this thread, or on several (compiled kernels release the interpreter)."""
        threads = thread_count(self.settings.engine, self._backend.target)
        if threads == 1:
            yield from map(work, items)
            return
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(work, items)


class _OpenBlock:
    """A block of paths while its items run: its scenario, and the sums of each collateral's loans so far."""

    def __init__(self, simulation: Simulation, block: Block, cuts: Iterable[tuple[str, int]]) -> None:
        self._simulation, self._block, self._lock = simulation, block, threading.Lock()
        self._left = list(cuts)
        self._waiting: dict[tuple[str, int], Array] = {}
        self.pools: dict[str, Array] = {}

    @cached_property
    def _scenario(self) -> Scenario:
        return self._simulation.scenario(self._block)

    @property
    def scenario(self) -> Scenario:
        """Generated once, by the first thread that asks."""
        with self._lock:
            return self._scenario

    def add(self, item: Item, flows: Array) -> bool:
        """The flows of an item join the sum in the order of the loans, whatever the order of threads; true of the last item."""
        with self._lock:
            self._waiting[item.collateral, item.first_loan] = flows
            while self._left and self._left[0] in self._waiting:
                name, _ = first = self._left.pop(0)
                part = self._waiting.pop(first)
                self.pools[name] = self.pools[name] + part if name in self.pools else part
            return not self._left


class _OpenBlocks:
    """The blocks of paths that are being worked on: at most one more than there are threads."""

    def __init__(self, simulation: Simulation, items: list[Item]) -> None:
        self._simulation, self._lock = simulation, threading.Lock()
        self._cuts = [(item.collateral, item.first_loan) for item in items if item.block == items[0].block]
        self._open: dict[Block, _OpenBlock] = {}

    def of(self, item: Item) -> _OpenBlock:
        """The block of an item, opened by the first that asks."""
        with self._lock:
            if item.block not in self._open:
                self._open[item.block] = _OpenBlock(self._simulation, item.block, self._cuts)
            return self._open[item.block]

    def close(self, block: Block) -> None:
        """Nothing is left to do of it."""
        with self._lock:
            del self._open[block]
