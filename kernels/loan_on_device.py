"""Host side of the loan months on ``cuda``: loans and parameters go up once a run, sums come down once a block of paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import cuda

from kernels.device import Copy, device, put_all
from kernels.device_memory import N_STATE, SHARE_OF_ROOM, Sizes, tiles_in_flight
from kernels.flows import N_FIELDS
from kernels.launch import CUDA_THREADS
from kernels.launchers.block import chosen
from kernels.launchers.cuda import Tiles, TileScratch, build_kernel, build_reduce
from kernels.launchers.groups import ByModel, Market
from kernels.loan_terms import TILE, Tables
from kernels.ops import Ops

Grid = tuple[tuple[int, int], tuple[int, int]]
"""Blocks, and threads of a block."""


class Mapping(NamedTuple):
    """Of loans and paths to threads: a loan kernel, and the grid that it runs on."""

    build: Callable[[Ops, ByModel, str], Callable[..., None]]
    """``build(ops, models, decrement)``: a kernel as :func:`kernels.launchers.cuda.build_kernel`'s."""
    grid: Callable[[int, int], Grid]
    """``grid(paths, tiles)``"""


def path_by_tile(n_paths: int, n_tiles: int) -> Grid:
    """A thread a path and tile; neighbouring threads are neighbouring paths."""
    threads = min(n_paths, CUDA_THREADS)  # the simulator runs every thread of a block, with or without a path
    return (-(-n_paths // threads), n_tiles), (threads, 1)


STATE_IN_MEMORY = Mapping(build_kernel, path_by_tile)
"""Months outside, the loans of a tile inside: docs/adr/0003."""


class Kernels(NamedTuple):
    """Of the loan months under some models."""

    loans: Any
    reduce: Any
    """Adds up the tiles of a superblock."""
    add: Any
    """Adds a superblock to those before it."""
    grid: Callable[[int, int], Grid]
    """Of ``loans``."""


class Block(NamedTuple):
    """A block of paths on the device."""

    rows: Any
    """flat (month 0..n, row, path) in the run's precision: :data:`kernels.observables.ROW`."""
    n_rows: int
    n_paths: int
    first_path: int


class Collateral(NamedTuple):
    """Loans and what their models read, on the host."""

    inputs: ByModel
    """Of :class:`kernels.launchers.groups.Inputs`."""
    tables: Tables
    calendar_month: int
    """Of month 1; January is 0."""
    key: np.ndarray
    """(2,) uint32, of the random numbers."""


class LoansOnDevice:
    """Loans of a collateral with the kernels of its models, on the device for as long as this lives.

    Parameters
    ----------
    ops : Ops
        Of target ``cuda``.
    kernels : Kernels
        :func:`compiled` for the models.
    loans : Collateral
    superblock : int
        Tiles that are added up in float64 before they join what was added up before: the same shape as on the other targets.
    """

    def __init__(self, ops: Ops, kernels: Kernels, loans: Collateral, superblock: int) -> None:
        self._ops, self._superblock, self._kernels = ops, superblock, kernels
        self._loans: Collateral = put_all(loans)

    def __len__(self) -> int:
        return int(self._loans.tables.reals.shape[0])

    def start(self, block: Block, loans: slice = slice(None)) -> Copy:
        """Queue the months of ``loans`` on a block and the copy of their sums: (month, field, path) float64, once waited for."""
        here = device()
        with here.queueing():
            return here.fetch(self.simulate(block, loans))

    def simulate(self, block: Block, loans: slice = slice(None)) -> Any:
        """Queue the months of ``loans`` on a block: their sums, which stay on the device."""
        tables = self._loans.tables
        with device().queueing():
            chosen = {name: getattr(tables, name)[loans] for name in ("reals", "counts", "balances", "principal_rates")}
            inputs = ByModel(*(of_model._replace(columns=of_model.columns[loans]) for of_model in self._loans.inputs))
            return self._simulate(block, inputs, tables._replace(**chosen))

    def _simulate(self, block: Block, inputs: ByModel, tables: Tables) -> Any:
        here, real = device(), self._ops.real
        n_loans, n_months = tables.principal_rates.shape
        sizes = Sizes(n_loans, n_months, block.n_paths, tables.lag_size, np.dtype(real).itemsize)
        flight = tiles_in_flight(sizes, int(SHARE_OF_ROOM * here.memory().free))
        rows = (N_STATE, tables.lag_size, tables.lag_size)
        scratch = TileScratch(*(here.empty(flight * TILE * size * block.n_paths, real) for size in rows))
        market = Market(block.rows, block.n_rows, self._loans.calendar_month, block.first_path, self._loans.key)
        size = n_months * N_FIELDS * block.n_paths
        partial, pool = here.empty(flight * size, real), here.zeros(size, np.float64)
        kernels, sums = self._kernels, pool
        for first_tile in range(0, sizes.n_tiles, flight):
            now, tiles = min(flight, sizes.n_tiles - first_tile), Tiles(first_tile, block.n_paths)
            blocks, threads = kernels.grid(block.n_paths, now)
            here.launch(kernels.loans, blocks, threads, inputs, tables, market, tiles, scratch, partial)
            for first, end in _superblocks(first_tile, first_tile + now, self._superblock):
                if first > 0 and first % self._superblock == 0:
                    sums = here.zeros(size, np.float64)
                wanted = partial[(first - first_tile) * size : (end - first_tile) * size]
                _each_element(kernels.reduce, size, wanted, end - first, sums)
                if sums is not pool and (end == sizes.n_tiles or end % self._superblock == 0):
                    _each_element(kernels.add, size, pool, sums)
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
def compiled(ops: Ops, names: ByModel, decrement: str, mapping: Mapping = STATE_IN_MEMORY) -> Kernels:
    """The loan kernel for models, by name, and the two that add up its sums."""
    kernel = mapping.build(ops, chosen(names), decrement)
    return Kernels(cuda.jit(kernel, fastmath=False), cuda.jit(build_reduce()), cuda.jit(build_add()), mapping.grid)
