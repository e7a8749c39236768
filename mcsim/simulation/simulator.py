"""Drives the loan kernels over a block of paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kernels import behaviour as models
from kernels.flows import N_FIELDS
from kernels.launchers.block import Simulate, build_loan_block
from kernels.launchers.groups import ByModel, Inputs, LoanSums, Market
from kernels.launchers.rows import scratch_arrays
from kernels.launchers.tiles import paths_at_once
from kernels.loan_terms import TILE
from kernels.observables import MARKET_ROWS, REGION_ROWS, ROW, n_rows
from kernels.ops import LANES
from mcsim.backend import Backend
from mcsim.scenario import Scenario
from mcsim.settings import Behaviour, ModelChoice
from mcsim.simulation.prepare import PreparedLoans

if TYPE_CHECKING:
    from mcsim.simulation.device_simulator import DeviceSimulator

SUPERBLOCK = 128 * TILE
"""Loans summed in float64 before the next superblock's sum is added: a fixed shape, so that no chunking changes a bit."""

Array = NDArray[Any]


class LoanSimulator:
    """Pool flows of a set of loans under one behaviour.

    Parameters
    ----------
    loans : PreparedLoans
        In the backend's precision, with the columns that the behaviour's models read.
    behaviour : Behaviour
        Models, their parameters, and how shares leave.
    seed : int
        Of the run; the loans' draws are stream 0.
    backend : Backend
        Target and precision.
    """

    def __init__(self, loans: PreparedLoans, behaviour: Behaviour, seed: int, backend: Backend) -> None:
        self.loans, self._decrement, self._backend = loans, behaviour.decrement, backend
        self._key = np.array([seed & 0xFFFFFFFF, 0], np.uint32)
        chosen = ByModel(*(getattr(behaviour, kind) for kind in ByModel._fields))
        self._names = ByModel(*(choice.model for choice in chosen))
        real = backend.ops.real
        self._parameters = ByModel(*(parameter_array(kind, choice).astype(real) for kind, choice in chosen._asdict().items()))
        self._launchers: dict[tuple[int, bool], Simulate] = {}
        self._on_device = self._put_on_device() if backend.target == "cuda" else None

    def pool(self, scenario: Scenario) -> Array:
        """Flows of all loans together: (month 1..n, field, path) float64, fields as :data:`kernels.flows.FIELDS`."""
        return self._on_device.pool(scenario) if self._on_device else self._simulate(self.loans, scenario)

    def pool_and_loans(self, scenario: Scenario) -> tuple[Array, list[Array]]:
        """As :meth:`pool`; and of each loan the sum of its flows over each 256 paths, (loan, month, field) float64, in order."""
        if self._on_device:
            return self._on_device.pool_and_loans(scenario)
        groups = -(-scenario.n_paths // LANES)
        sums = np.zeros((len(self.loans), self.loans.n_months, N_FIELDS, groups))
        return self._simulate(self.loans, scenario, sums), list(np.moveaxis(sums, -1, 0))

    def loan(self, scenario: Scenario, position: int) -> Array:
        """Flows of one loan alone, shaped as :meth:`pool`. Its draws are the same as in the pool's run."""
        if self._on_device:
            return self._on_device.loan(scenario, position)
        return self._simulate(self.loans.take(slice(position, position + 1)), scenario)

    def _put_on_device(self) -> DeviceSimulator:
        from kernels.loan_on_device import Collateral, LoansOnDevice, compiled
        from mcsim.simulation.device_simulator import DeviceSimulator

        loans = Collateral(self._inputs(self.loans), self.loans.tables, self.loans.calendar_month, self._key)
        kernels = compiled(self._backend.ops, self._names, self._decrement)
        return DeviceSimulator(LoansOnDevice(self._backend.ops, kernels, loans, SUPERBLOCK // TILE))

    def _simulate(self, loans: PreparedLoans, scenario: Scenario, loan_sums: Array | None = None) -> Array:
        n_paths = scenario.n_paths
        width = lane_width(self._backend.target, len(loans), n_paths)
        blocks = [self._lanes(loans, scenario, first, width, loan_sums) for first in range(0, n_paths, width)]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=2)

    def _lanes(self, loans: PreparedLoans, scenario: Scenario, first: int, width: int, loan_sums: Array | None) -> Array:
        """Flows on ``width`` paths from ``first`` on; a last block that is short repeats its last path, then drops it.

        ``loan_sums`` (loan, month, field, group of 256 paths) gets the sums over these paths.
        """
        n_paths = scenario.n_paths
        kept = min(width, n_paths - first)
        lanes = np.minimum(np.arange(first, first + width), n_paths - 1)
        market = self._market(loans, scenario, lanes, scenario.first_path + first)
        pool: Array | None = None
        groups = slice(first // LANES, -(-(first + width) // LANES))
        for start in range(0, len(loans), SUPERBLOCK):
            chosen = slice(start, start + SUPERBLOCK)
            part, sums = loans.take(chosen), np.zeros(loans.n_months * N_FIELDS * width)
            if loan_sums is None:
                self._run(part, market, width, sums)
            else:
                wanted = np.empty(loan_sums[chosen, ..., groups].shape)
                of_loans = np.zeros(N_FIELDS * width, self._backend.ops.real), np.zeros(LANES // 4), wanted.reshape(-1)
                self._run(part, market, width, sums, LoanSums(kept, *of_loans))
                loan_sums[chosen, ..., groups] = wanted
            pool = sums if pool is None else pool + sums
        assert pool is not None  # a portfolio has a loan
        return pool.reshape(loans.n_months, N_FIELDS, width)[:, :, :kept]

    def _run(self, loans: PreparedLoans, market: Market, width: int, sums: Array, *of_loans: LoanSums) -> None:
        scratch = scratch_arrays(self._backend.ops, width, loans.lag_size)
        launcher = self._launcher(width, bool(of_loans))
        launcher(self._inputs(loans), loans.tables, market, scratch, sums, *of_loans)

    def _market(self, loans: PreparedLoans, scenario: Scenario, lanes: Array | slice, first_path: int) -> Market:
        rows = scenario_rows(scenario, loans.n_months, lanes)
        return Market(rows.reshape(-1), rows.shape[1], loans.calendar_month, first_path, self._key)

    def _inputs(self, loans: PreparedLoans) -> ByModel:
        """What each model reads beside what is observed."""
        inputs = []
        for kind, name in self._names._asdict().items():
            columns = [loans.column_names.index(column) for column in models.KINDS[kind][name].column_names]
            of_loans = np.ascontiguousarray(loans.columns[:, columns])
            inputs.append(Inputs(getattr(self._parameters, kind), of_loans, np.empty(0, loans.reals.dtype)))
        return ByModel(*inputs)

    def _launcher(self, width: int, loan_sums: bool) -> Simulate:
        if (width, loan_sums) not in self._launchers:
            block = build_loan_block(self._backend.ops, width, self._names, self._decrement, loan_sums)
            self._launchers[width, loan_sums] = block
        return self._launchers[width, loan_sums]


def lane_width(target: str, n_loans: int, n_paths: int) -> int:
    """Paths that one launch takes: a constant of the compiled kernel, or what keeps numpy's arrays in the cache."""
    return paths_at_once(n_loans, n_paths) if target == "numpy" else LANES


def parameter_array(kind: str, choice: ModelChoice) -> Array:
    """A model's parameters as one float64 array in the kernels' order, with what it derives; a table is spread out."""
    return np.array(models.KINDS[kind][choice.model].values(choice.parameters))


def scenario_rows(scenario: Scenario, n_months: int, lanes: Array | slice) -> Array:
    """(month 0..n, row, path) as the kernels read it: :data:`kernels.observables.ROW`."""
    n_regions = len(scenario.regions)
    n_lanes = scenario.mortgage_rate[0, lanes].size
    rows = np.empty((n_months + 1, n_rows(n_regions), n_lanes), scenario.mortgage_rate.dtype)
    for name in MARKET_ROWS:
        rows[:, ROW[name]] = scenario.arrays[name][: n_months + 1, lanes]
    for name in REGION_ROWS:
        for k in range(n_regions):
            rows[:, ROW[name] + k * len(REGION_ROWS)] = scenario.arrays[name][k][: n_months + 1, lanes]
    return rows
