"""Host side of the loan months on ``cuda``: loans and parameters go up once a run, sums come down once a block of paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import cuda

from kernels.device import Copy, device, put_all
from kernels.device_memory import N_STATE, SHARE_OF_ROOM, Sizes, tiles_in_flight
from kernels.launch import CUDA_THREADS
from kernels.loan_cuda import build_kernel, build_reduce
from kernels.loan_rows import N_FIELDS
from kernels.loan_terms import TILE
from kernels.ops import Ops


class Block(NamedTuple):
    """A block of paths on the device."""

    rows: Any
    """flat (month 0..n, row, path) in the run's precision: :class:`kernels.loan_terms.Row`."""
    n_rows: int
    n_paths: int
    first_path: int


class LoansOnDevice:
    """Loans of a collateral with the kernels of its models, on the device for as long as this lives.

    Parameters
    ----------
    ops : Ops
        Of target ``cuda``.
    models : tuple
        Prepayment, default and severity model, decrement.
    loans : PreparedLoans
        Terms and schedules.
    key : array
        (2,) uint32, of the random numbers.
    parameters : tuple of arrays
        Of the three models.
    superblock : int
        Tiles that are added up in float64 before they join what was added up before: the same shape as on the other targets.
    """

    def __init__(
        self, ops: Ops, models: tuple[Any, ...], loans: Any, key: np.ndarray, parameters: tuple[Any, ...], superblock: int
    ) -> None:
        self._ops, self._superblock = ops, superblock
        self._lag_size, self._calendar_month = loans.lag_size, loans.calendar_month
        self._kernel, self._reduce, self._add = _compiled(ops, models)
        self._by_loan = put_all((loans.reals, loans.counts, loans.balances, loans.principal_rates))
        self._accruals, self._key, *self._parameters = put_all((loans.accruals, key, *parameters))

    def __len__(self) -> int:
        return int(self._by_loan[0].shape[0])

    def start(self, block: Block, loans: slice = slice(None)) -> Copy:
        """Queue the months of ``loans`` on a block and the copy of their sums: (month, field, path) float64, once waited for."""
        here = device()
        with here.queueing():
            pool = self._simulate(block, tuple(array[loans] for array in self._by_loan))
            return here.fetch(pool)

    def _simulate(self, block: Block, by_loan: tuple[Any, ...]) -> Any:
        here, real = device(), self._ops.real
        n_loans, n_months = by_loan[-1].shape
        sizes = Sizes(n_loans, n_months, block.n_paths, self._lag_size, np.dtype(real).itemsize)
        flight = tiles_in_flight(sizes, int(SHARE_OF_ROOM * here.memory().free))
        scratch = [
            here.empty(flight * TILE * size * block.n_paths, real) for size in (N_STATE, self._lag_size, self._lag_size)
        ]
        size = n_months * N_FIELDS * block.n_paths
        partial, pool = here.empty(flight * size, real), here.zeros(size, np.float64)
        threads = min(block.n_paths, CUDA_THREADS)
        blocks, sums = -(-block.n_paths // threads), pool
        for first_tile in range(0, sizes.n_tiles, flight):
            now = min(flight, sizes.n_tiles - first_tile)
            here.launch(
                self._kernel, (blocks, now), (threads, 1),
                *by_loan, self._accruals, block.rows, block.n_rows, self._calendar_month, block.first_path, self._key,
                *self._parameters, self._lag_size, first_tile, block.n_paths, *scratch, partial,
            )  # fmt: skip
            for first, end in _superblocks(first_tile, first_tile + now, self._superblock):
                if first > 0 and first % self._superblock == 0:
                    sums = here.zeros(size, np.float64)
                wanted = partial[(first - first_tile) * size : (end - first_tile) * size]
                _each_element(self._reduce, size, wanted, end - first, sums)
                if sums is not pool and (end == sizes.n_tiles or end % self._superblock == 0):
                    _each_element(self._add, size, pool, sums)
        return pool.reshape(n_months, N_FIELDS, block.n_paths)


def _superblocks(first: int, end: int, superblock: int) -> Iterator[tuple[int, int]]:
    """The tiles ``first`` to ``end - 1`` by superblock."""
    while first < end:
        last = min(end, (first // superblock + 1) * superblock)
        yield first, last
        first = last


def _each_element(kernel: Any, size: int, *args: Any) -> None:
    device().launch(kernel, -(-size // CUDA_THREADS), CUDA_THREADS, *args)


def build_add() -> Callable[..., None]:
    """Adds one array of float64 to another; one thread an element."""

    def add(total, part):  # type: ignore[no-untyped-def]
        element = cuda.grid(1)
        if element < total.size:
            total[element] += part[element]

    return add


@lru_cache(maxsize=8)
def _compiled(ops: Ops, models: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    return cuda.jit(build_kernel(ops, *models), fastmath=False), cuda.jit(build_reduce()), cuda.jit(build_add())
