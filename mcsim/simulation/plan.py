"""Memory of a run as arithmetic, before the first launch: what a work item holds, and what all of them share."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from kernels.flows import FIELDS
from kernels.launchers.rows import scratch_sizes
from kernels.launchers.seeing import a_table_pays
from kernels.launchers.tiles import ELEMENTS, MONTH_ARRAYS
from kernels.observables import n_rows
from kernels.ops import LANES
from mcsim.errors import InputError
from mcsim.settings import Settings
from mcsim.simulation.device_plan import device_problems, gigabytes
from mcsim.simulation.simulator import SUPERBLOCK, lane_width
from mcsim.store.layout import CHUNK_PATHS
from mcsim.work import thread_count

_DOUBLE = 8
_WORKING_ROWS = 1  # of the scenario launcher
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


class Size(NamedTuple):
    """Of a collateral: its loans, its horizon in months, and schedules of note rates that are known beforehand."""

    loans: int
    months: int
    note_rates: int = 0


def estimate(
    settings: Settings, sizes: Mapping[str, Size], n_regions: int, threads: int, deal_rows: Mapping[str, int] | None = None
) -> MemoryPlan:
    """Memory of the simulation and of the deals that take each block from memory.

    Parameters
    ----------
    settings : Settings
        Paths, path block, precision, liquidation lags, what is kept of the loans, what deals stand on.
    sizes : mapping of str to Size
        Of each collateral.
    n_regions : int
        Of all collaterals together.
    threads : int
        Work items at a time.
    deal_rows : mapping, optional
        Rows that each deal stores a month: :attr:`mcsim.deals.Program.stores`.
    """
    real = 4 if settings.precision == "float32" else 8
    paths = min(settings.paths, settings.engine.path_block)
    column = (max(size.months for size in sizes.values()) + 1) * paths

    scenario = (_WORKING_ROWS + n_rows(n_regions)) * column * real
    pools = sum(len(FIELDS) * size.months * paths * _DOUBLE for size in sizes.values())
    simulating = max(_simulating(settings, name, size, n_regions) for name, size in sizes.items())
    chunk = column // paths * min(paths, CHUNK_PATHS) * _DOUBLE
    writing = int(_PACKED * max(n_regions, 1) * column * _DOUBLE) + chunk
    # Class flows of a deal after the other, and discount factors in float64.
    paying = max(_rows_of(settings, sizes, deal_rows), default=0) * paths * _DOUBLE + column * _DOUBLE
    item = scenario + pools + max(simulating, writing, paying)

    loan_months = sum(size.loans * size.months for size in sizes.values())
    rows = 2 * loan_months + sum(size.note_rates * size.months for size in sizes.values())
    shared = rows * (real + _DOUBLE)  # schedules are float64, rounded to the run's precision
    if settings.output.loans == "paths":
        item += max(size.loans * size.months for size in sizes.values()) * len(FIELDS) * _DOUBLE * paths
    elif settings.output.loans == "mean":
        loans = loan_months * len(FIELDS) * _DOUBLE
        shared += loans
        # The sums of each 256 paths, and a superblock's once more while it is simulated.
        item += loans * (-(-paths // LANES) + 1)
    items = -(-settings.paths // settings.engine.path_block)
    return MemoryPlan(items, min(threads, items * _parts(sizes, items < threads)), shared, item)


def _simulating(settings: Settings, name: str, size: Size, n_regions: int) -> int:
    """Bytes of a collateral while it is simulated on a block, beside its scenario and its pool."""
    real = 4 if settings.precision == "float32" else 8
    paths = min(settings.paths, settings.engine.path_block)
    lanes = lane_width(settings.backend, size.loans, paths)
    rows = n_rows(n_regions) * (size.months + 1) * lanes * real
    tabled = size.note_rates if a_table_pays(size.loans, size.note_rates) else 0
    parts = tabled * size.months * lanes * real
    scratch = sum(scratch_sizes(lanes, settings.collaterals[name].portfolio.liquidation_lag)) * real
    if settings.backend == "numpy":
        scratch += MONTH_ARRAYS * ELEMENTS * real
    sums = len(FIELDS) * size.months * _DOUBLE
    return rows + parts + scratch + sums * lanes + (sums * paths if paths > lanes else 0)


def _rows_of(settings: Settings, sizes: Mapping[str, Size], deal_rows: Mapping[str, int] | None) -> list[int]:
    """Numbers a path that each deal stores."""
    return [
        rows * max(sizes[collateral].months for collateral in settings.deals[name].groups.values())
        for name, rows in (deal_rows or {}).items()
    ]


def _parts(sizes: Mapping[str, Size], cut: bool) -> int:
    """Work items of a block of paths."""
    return sum(-(-size.loans // SUPERBLOCK) if cut else 1 for size in sizes.values())


def store_size(
    settings: Settings, sizes: Mapping[str, Size], n_regions: int, deal_rows: Mapping[str, int] | None = None
) -> int:
    """Bytes of the scenarios, pools, classes and loans in the store before compression, which takes half of them off."""
    longest = max(size.months for size in sizes.values())
    columns = n_rows(n_regions) * (longest + 1) + sum(_rows_of(settings, sizes, deal_rows))
    columns += len(FIELDS) * sum(size.months for size in sizes.values())
    columns = columns if settings.output.flows else 0
    kept = {"none": 0, "mean": 1, "paths": settings.paths}[settings.output.loans]
    loans = kept * sum(size.loans * size.months for size in sizes.values()) * len(FIELDS)
    return (columns * settings.paths + loans) * _DOUBLE


def check_room(
    settings: Settings,
    sizes: Mapping[str, Size],
    n_regions: int,
    run_dir: Path,
    deal_rows: Mapping[str, int] | None = None,
    target: str = "",
) -> None:
    """Refuse a run that cannot fit, before anything is simulated; parameters as of :func:`estimate`, and the backend's target.

    Raises
    ------
    InputError
        If the plan needs more memory than is available, on the device too, or the store more than the disk has free.
    """
    threads = thread_count(settings.engine, target)
    plan = estimate(settings, sizes, n_regions, threads, deal_rows)
    problems = device_problems(settings, sizes, n_regions, threads, deal_rows) if target == "cuda" else []
    available = _available_memory()
    if available is not None and plan.total > available:
        problems.append(
            f"memory: the run needs {gigabytes(plan.total)} ({plan.threads} work items of {gigabytes(plan.item)} at a time and "
            f"{gigabytes(plan.shared)} for all), {gigabytes(available)} are available; take fewer loans, a smaller "
            "engine.path_block, engine=serial or output=pool"
        )
    size, free = store_size(settings, sizes, n_regions, deal_rows), shutil.disk_usage(run_dir).free
    if size > free:
        problems.append(
            f"disk: the store takes up to {gigabytes(size)}, {gigabytes(free)} are free under {run_dir.parent}; take fewer "
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
