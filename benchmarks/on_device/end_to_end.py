"""Blocks of paths from the draw to the host: scenarios, loans and the copy of the sums, each apart and all together."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.on_device import cases
from benchmarks.on_device.rates import Size
from kernels import scenario_paths
from kernels.device import Copy, device, put_all
from kernels.flows import N_FIELDS
from kernels.launch import compile_launcher
from kernels.loan_on_device import Block, LoansOnDevice, compiled
from kernels.observables import MARKET_ROWS, n_rows
from kernels.ops import make_ops
from kernels.scenario_terms import scratch_sizes


class Blocks:
    """Everything that blocks of paths need, put on the device once."""

    def __init__(self, size: Size) -> None:
        self._size, self._ops, self._here = size, make_ops("cuda", "float32"), device()
        loans = cases.collateral(cases.FULL, size.n_loans, size.n_months, self._ops.real)
        self._loans = LoansOnDevice(self._ops, compiled(self._ops, cases.FULL, "expected"), loans, superblock=128)
        self._draw = compile_launcher(self._ops, scenario_paths.build(self._ops), "scenario_paths", ())
        self._arguments = put_all(cases.scenario_arguments(size.n_months, self._ops))

    def start(self, block: int) -> Copy:
        """Queue a block; its sums are on their way once it is waited for."""
        with self._here.queueing():
            return self._here.fetch(self.simulate(block))

    def simulate(self, block: int) -> Any:
        """Queue a block; its sums stay on the device."""
        with self._here.queueing():
            return self._loans.simulate(self.draw(block))

    def draw(self, block: int) -> Block:
        """Queue the scenarios of a block and their rows, as the loan months read them."""
        here, size, real = self._here, self._size, self._ops.real
        with here.queueing():
            scratch = [here.empty(n, real) for n in scratch_sizes(self._ops, size.n_paths, cases.N_REGIONS)]
            market, prices = (here.empty(n, real) for n in cases.market_size(size.n_months, size.n_paths))
            first_path = block * size.n_paths
            self._draw(size.n_paths, size.n_paths, size.n_months, first_path, *self._arguments, *scratch, market, prices)
            months, paths, rows = size.n_months + 1, size.n_paths, n_rows(cases.N_REGIONS)
            together = here.empty((months, rows, paths), real)
            for source, first, count in ((market, 0, len(MARKET_ROWS)), (prices, len(MARKET_ROWS), cases.N_REGIONS)):
                by_row = source.reshape(count, months, paths)
                for row in range(count):
                    together[:, first + row] = by_row[row]
            return Block(together.reshape(-1), rows, size.n_paths, first_path)


def measure(size: Size, n_blocks: int) -> dict[str, Any]:
    """Seconds of the wall for ``n_blocks``: nothing comes down, each comes down before the next starts, and beside the next."""
    blocks, here = Blocks(size), device()
    pool = blocks.start(0).wait()

    def computed() -> None:
        for block in range(n_blocks):
            blocks.simulate(block)
        here.synchronize()

    def in_turn() -> None:
        for block in range(n_blocks):
            blocks.start(block).wait()

    def beside() -> None:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda block: blocks.start(block).wait(), range(n_blocks)))

    def copied() -> None:
        for _ in range(n_blocks):
            here.fetch(there).wait()

    there = here.put(pool)
    work = size.n_loans * size.n_months * size.n_paths * n_blocks
    parts: dict[str, Callable[[], None]] = {
        "computed alone": computed, "copied alone": copied, "computed, then copied": in_turn, "copied beside the next": beside
    }  # fmt: skip
    found = {name: _wall(run, here.simulated) for name, run in parts.items()}
    total = found["copied beside the next"]
    return {
        "blocks": n_blocks, "loan_month_paths": work, "pool_bytes": pool.nbytes, "seconds": found,
        "per_second": None if total is None else work / total, "store": _store(pool, here.simulated),
    }  # fmt: skip


def _wall(run: Callable[[], None], simulated: bool) -> float | None:
    run()
    began = time.perf_counter()
    run()
    return None if simulated else time.perf_counter() - began


def _store(pool: np.ndarray, simulated: bool) -> dict[str, Any]:
    """Writing one pool with zarr where that is installed: plain arrays, one a field, as they come."""
    try:
        import zarr
    except ImportError:
        return {"absent": "zarr is not installed"}
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        group = zarr.open_group(str(Path(folder, "pool.zarr")), mode="w")
        for field in range(N_FIELDS):
            values = np.ascontiguousarray(pool[:, field])
            group.create_array(f"field_{field}", shape=values.shape, dtype=values.dtype)[:] = values
        seconds = time.perf_counter() - began
    return {"bytes": pool.nbytes, "seconds": None if simulated else seconds}
