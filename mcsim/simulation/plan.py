"""Memory of a run as arithmetic, before the first launch: what a work item holds, and what all of them share."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from kernels.loan_arrays import ELEMENTS, MONTH_ARRAYS
from kernels.loan_blocks import scratch_sizes
from kernels.loan_month import FIELDS
from kernels.loan_terms import Row
from kernels.ops import LANES
from mcsim.errors import InputError
from mcsim.loans import Loans
from mcsim.settings import Settings
from mcsim.simulation.prepare import horizon
from mcsim.simulation.simulator import lane_width
from mcsim.store.layout import CHUNK_PATHS
from mcsim.work import thread_count

_DOUBLE = 8
_MARKET_ROWS = 5  # short rate, discount factor, mortgage rate, adjustable index, and one the scenario launcher works with
_PACKED = 0.5
"""Of the bytes of a variable, what its compressed shard takes while it is put together."""


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes of a run. ``total`` is ``shared + threads * item``: it does not grow with the number of paths."""

    items: int
    threads: int
    shared: int
    item: int

    @property
    def total(self) -> int:
        """Peak over what the process held before the simulation."""
        return self.shared + self.threads * self.item


def estimate(settings: Settings, n_loans: int, n_months: int, n_regions: int, threads: int, deal_rows: int = 0) -> MemoryPlan:
    """Memory of the simulation and of the deal that takes each block from memory.

    Parameters
    ----------
    settings : Settings
        Paths, path block, precision, liquidation lag, what is kept of the loans.
    n_loans, n_months, n_regions : int
        Size of the portfolio and its horizon.
    threads : int
        Work items at a time.
    deal_rows : int
        Rows that the deal stores a month: :attr:`mcsim.deals.Program.stores`.
    """
    real = 4 if settings.precision == "float32" else 8
    paths = min(settings.paths, settings.engine.path_block)
    lanes = lane_width(settings.backend, n_loans, paths)
    column = (n_months + 1) * paths

    scenario = (_MARKET_ROWS + n_regions) * column * real
    rows = (Row.HOME_PRICE + n_regions) * (n_months + 1) * lanes * real
    scratch = sum(scratch_sizes(lanes, settings.only_collateral.portfolio.liquidation_lag)) * real
    if settings.backend == "numpy":
        scratch += MONTH_ARRAYS * ELEMENTS * real
    pool = len(FIELDS) * n_months * paths * _DOUBLE
    sums = len(FIELDS) * n_months * lanes * _DOUBLE
    gathered = pool if paths > lanes else 0
    simulating = rows + scratch + sums + gathered
    chunk = (n_months + 1) * min(paths, CHUNK_PATHS) * _DOUBLE
    writing = int(_PACKED * max(n_regions, 1) * column * _DOUBLE) + chunk
    paying = deal_rows * n_months * paths * _DOUBLE + column * _DOUBLE  # class flows, and discount factors in float64
    item = scenario + pool + max(simulating, writing, paying)

    schedule = 2 * n_loans * n_months
    shared = schedule * (real + _DOUBLE)  # the float64 schedule is rounded to the run's precision
    if settings.output.loans != "none":
        loans = n_loans * n_months * len(FIELDS) * _DOUBLE
        shared += 0 if settings.output.loans == "paths" else loans
        # Means: the sums of each 256 paths, and a superblock's once more while it is simulated.
        item += loans * paths if settings.output.loans == "paths" else loans * (-(-paths // LANES) + 1)
    items = -(-settings.paths // settings.engine.path_block)
    return MemoryPlan(items, min(threads, items), shared, item)


def store_size(settings: Settings, n_loans: int, n_months: int, n_regions: int, deal_rows: int = 0) -> int:
    """Bytes of the scenarios, pool, classes and loans in the store before compression, which takes half of them off."""
    columns = (_MARKET_ROWS - 1 + n_regions) * (n_months + 1) + (len(FIELDS) + deal_rows) * n_months
    columns = columns if settings.output.flows else 0
    loans = {"none": 0, "mean": 1, "paths": settings.paths}[settings.output.loans] * n_loans * n_months * len(FIELDS)
    return (columns * settings.paths + loans) * _DOUBLE


def check_room(settings: Settings, loans: Loans, run_dir: Path, deal_rows: int = 0) -> None:
    """Refuse a run that cannot fit, before anything is simulated; ``deal_rows`` as in :func:`estimate`.

    Raises
    ------
    InputError
        If the plan needs more memory than is available, or the store more than the disk has free.
    """
    n_months, n_regions = horizon(loans, settings.only_collateral.portfolio), len(set(loans.region.tolist()))
    plan = estimate(settings, len(loans), n_months, n_regions, thread_count(settings.engine), deal_rows)
    problems = []
    available = _available_memory()
    if available is not None and plan.total > available:
        problems.append(
            f"memory: the run needs {_gigabytes(plan.total)} ({plan.threads} work items of {_gigabytes(plan.item)} at a time and "
            f"{_gigabytes(plan.shared)} for all), {_gigabytes(available)} are available; take fewer loans, a smaller "
            "engine.path_block, engine=serial or output=pool"
        )
    size, free = store_size(settings, len(loans), n_months, n_regions, deal_rows), shutil.disk_usage(run_dir).free
    if size > free:
        problems.append(
            f"disk: the store takes up to {_gigabytes(size)}, {_gigabytes(free)} are free under {run_dir.parent}; take fewer "
            "paths, output=pool or another output.runs_dir"
        )
    if problems:
        raise InputError(problems)


def _available_memory() -> int | None:
    """Bytes that can be had without swapping; ``None`` where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
