"""Drives the loan kernels over a block of paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kernels import behaviour as models
from kernels.launch import compile_launcher
from kernels.loan_arrays import paths_at_once
from kernels.loan_blocks import build_loan_block, scratch_sizes
from kernels.loan_month import FIELDS
from kernels.loan_terms import TILE, Row
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
        In the backend's precision.
    behaviour : Behaviour
        Models, their parameters, and how shares leave.
    seed : int
        Of the run; the loans' draws are stream 0.
    backend : Backend
        Target and precision.
    """

    def __init__(self, loans: PreparedLoans, behaviour: Behaviour, seed: int, backend: Backend) -> None:
        self.loans, self._behaviour, self._backend = loans, behaviour, backend
        self._key = np.array([seed & 0xFFFFFFFF, 0], np.uint32)
        real = backend.ops.real
        self._parameters = tuple(
            parameter_array(kind, choice).astype(real)
            for kind, choice in (
                ("prepayment", behaviour.prepayment),
                ("default", behaviour.default),
                ("severity", behaviour.severity),
            )
        )
        self._launchers: dict[tuple[int, bool], Any] = {}
        self._on_device = self._put_on_device() if backend.target == "cuda" else None

    def pool(self, scenario: Scenario) -> Array:
        """Flows of all loans together: (month 1..n, field, path) float64, fields as :data:`kernels.loan_month.FIELDS`."""
        return self._on_device.pool(scenario) if self._on_device else self._simulate(self.loans, scenario)

    def pool_and_loans(self, scenario: Scenario) -> tuple[Array, list[Array]]:
        """As :meth:`pool`; and of each loan the sum of its flows over each 256 paths, (loan, month, field) float64, in order."""
        if self._on_device:
            return self._on_device.pool_and_loans(scenario)
        groups = -(-scenario.mortgage_rate.shape[1] // LANES)
        sums = np.zeros((len(self.loans), self.loans.n_months, len(FIELDS), groups))
        return self._simulate(self.loans, scenario, sums), list(np.moveaxis(sums, -1, 0))

    def loan(self, scenario: Scenario, position: int) -> Array:
        """Flows of one loan alone, shaped as :meth:`pool`. Its draws are the same as in the pool's run."""
        if self._on_device:
            return self._on_device.loan(scenario, position)
        return self._simulate(self.loans.take(slice(position, position + 1)), scenario)

    def _put_on_device(self) -> DeviceSimulator:
        from kernels.loan_on_device import LoansOnDevice
        from mcsim.simulation.device_simulator import DeviceSimulator

        tiles = SUPERBLOCK // TILE
        return DeviceSimulator(
            LoansOnDevice(self._backend.ops, self._models(), self.loans, self._key, self._parameters, tiles)
        )

    def _simulate(self, loans: PreparedLoans, scenario: Scenario, loan_sums: Array | None = None) -> Array:
        n_paths = scenario.mortgage_rate.shape[1]
        width = lane_width(self._backend.target, len(loans), n_paths)
        blocks = [self._lanes(loans, scenario, first, width, loan_sums) for first in range(0, n_paths, width)]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=2)

    def _lanes(self, loans: PreparedLoans, scenario: Scenario, first: int, width: int, loan_sums: Array | None) -> Array:
        """Flows on ``width`` paths from ``first`` on; a last block that is short repeats its last path, then drops it.

        ``loan_sums`` (loan, month, field, group of 256 paths) gets the sums over these paths.
        """
        n_paths = scenario.mortgage_rate.shape[1]
        kept = min(width, n_paths - first)
        lanes = np.minimum(np.arange(first, first + width), n_paths - 1)
        rows = scenario_rows(scenario, loans.n_months, lanes)
        pool: Array | None = None
        groups = slice(first // LANES, -(-(first + width) // LANES))
        for start in range(0, len(loans), SUPERBLOCK):
            chosen = slice(start, start + SUPERBLOCK)
            part, sums = loans.take(chosen), np.zeros(loans.n_months * len(FIELDS) * width)
            if loan_sums is None:
                self._run(part, rows, scenario.first_path + first, width, sums)
            else:
                wanted = np.empty(loan_sums[chosen, ..., groups].shape)
                self._run(part, rows, scenario.first_path + first, width, sums, kept, wanted)
                loan_sums[chosen, ..., groups] = wanted
            pool = sums if pool is None else pool + sums
        assert pool is not None  # a portfolio has a loan
        return pool.reshape(loans.n_months, len(FIELDS), width)[:, :, :kept]

    def _run(
        self, loans: PreparedLoans, rows: Array, first_path: int, width: int, sums: Array, kept: int = 0,
        loan_sums: Array | None = None,
    ) -> None:  # fmt: skip
        real = self._backend.ops.real
        scratch = [np.zeros(size, real) for size in scratch_sizes(width, loans.lag_size)]
        of_loans: tuple[Any, ...] = ()
        if loan_sums is not None:
            of_loans = kept, np.zeros(len(FIELDS) * width, real), np.zeros(LANES // 4), loan_sums.reshape(-1)
        self._launcher(width, loan_sums is not None)(
            width, loans.reals, loans.counts, loans.balances, loans.principal_rates, loans.accruals, rows.ravel(),
            rows.shape[1], loans.calendar_month, first_path, self._key, *self._parameters, loans.lag_size, *scratch, sums,
            *of_loans,
        )  # fmt: skip

    def _models(self) -> tuple[Any, Any, Any, str]:
        b = self._behaviour
        return (
            models.PREPAYMENT[b.prepayment.model],
            models.DEFAULT[b.default.model],
            models.SEVERITY[b.severity.model],
            b.decrement,
        )

    def _launcher(self, width: int, loan_sums: bool) -> Any:
        if (width, loan_sums) not in self._launchers:
            b = self._behaviour
            names = (b.prepayment.model, b.default.model, b.severity.model, b.decrement, str(width))
            function = build_loan_block(self._backend.ops, width, *self._models(), loan_sums=loan_sums)
            key = "-".join(("loans", *names, *(("sums",) if loan_sums else ())))
            self._launchers[width, loan_sums] = compile_launcher(self._backend.ops, function, key, writes=())
        return self._launchers[width, loan_sums]


def lane_width(target: str, n_loans: int, n_paths: int) -> int:
    """Paths that one launch takes: a constant of the compiled kernel, or what keeps numpy's arrays in the cache."""
    return paths_at_once(n_loans, n_paths) if target == "numpy" else LANES


def parameter_array(kind: str, choice: ModelChoice) -> Array:
    """A model's parameters as one float64 array in the model's own order, with what it derives; a table is spread out."""
    model, values = models.KINDS[kind][choice.model], list[float]()
    for name in model.parameters:
        value = choice.parameters[name]
        values.extend(np.atleast_1d(np.asarray(value, float)).tolist())
    return np.array(model.values(values))


def scenario_rows(scenario: Scenario, n_months: int, lanes: Array | slice) -> Array:
    """(month 0..n, row, path) as the kernels read it: :class:`kernels.loan_terms.Row`."""
    n_regions = len(scenario.regions)
    n_lanes = scenario.mortgage_rate[0, lanes].size
    rows = np.empty((n_months + 1, Row.HOME_PRICE + n_regions, n_lanes), scenario.mortgage_rate.dtype)
    rows[:, Row.MORTGAGE_RATE] = scenario.mortgage_rate[: n_months + 1, lanes]
    rows[:, Row.ADJUSTABLE_INDEX] = scenario.adjustable_index[: n_months + 1, lanes]
    for k in range(n_regions):
        rows[:, Row.HOME_PRICE + k] = scenario.home_price[k][: n_months + 1, lanes]
    return rows
