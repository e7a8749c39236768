"""Memory of a run as arithmetic, before the first launch: what a work item holds, and what all of them share."""

from __future__ import annotations

from dataclasses import dataclass

from kernels.loan_blocks import scratch_sizes
from kernels.loan_month import FIELDS
from kernels.loan_terms import Row
from kernels.ops import LANES
from mcsim.settings import Settings

_DOUBLE = 8
_MARKET_ROWS = 5  # short rate, discount factor, mortgage rate, adjustable index, and one the scenario launcher works with
_WRITE_COPIES = 3
"""Copies of one variable while it is written: contiguous float64, the shard's chunks as zarr gathers them, compressed bytes."""


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


def estimate(settings: Settings, n_loans: int, n_months: int, n_states: int, threads: int) -> MemoryPlan:
    """Memory of the simulation stage.

    Parameters
    ----------
    settings : Settings
        Paths, path block, precision, liquidation lag, what is kept of the loans.
    n_loans, n_months, n_states : int
        Size of the portfolio and its horizon.
    threads : int
        Work items at a time.
    """
    real = 4 if settings.precision == "float32" else 8
    paths = min(settings.paths, settings.engine.path_block)
    lanes = paths if settings.backend == "numpy" else LANES
    column = (n_months + 1) * paths

    scenario = (_MARKET_ROWS + n_states) * column * real
    rows = (Row.HOME_PRICE + n_states) * (n_months + 1) * lanes * real
    scratch = sum(scratch_sizes(lanes, settings.portfolio.liquidation_lag)) * real
    pool = len(FIELDS) * n_months * paths * _DOUBLE
    sums = len(FIELDS) * n_months * lanes * _DOUBLE
    gathered = pool if paths > lanes else 0
    simulating = rows + scratch + sums + gathered
    writing = _WRITE_COPIES * max(n_states, 1) * column * _DOUBLE
    item = scenario + pool + max(simulating, writing)

    schedule = 2 * n_loans * n_months
    shared = schedule * (real + _DOUBLE)  # the float64 schedule is rounded to the run's precision
    if settings.output.loans != "none":
        loans = n_loans * n_months * len(FIELDS) * _DOUBLE
        shared += 0 if settings.output.loans == "paths" else loans
        item += loans * paths if settings.output.loans == "paths" else loans * (paths + paths // LANES)
    items = -(-settings.paths // settings.engine.path_block)
    return MemoryPlan(items, min(threads, items), shared, item)
