"""Loans across the warp: a thread carries one loan of a tile on one path, a warp the tile; its sums are added up in shared memory.

State is in registers and the sums reach memory once a tile and month, but loans differ within a warp: their terms are no longer
uniform, and a branch that some take (adjustable rates, the long form of a monthly rate) is waited for by all. The order of the
additions is that of the mapping in use, so the bits are too.
"""

from __future__ import annotations

from collections.abc import Callable

from numba import cuda

from kernels.device_memory import N_STATE
from kernels.flows import N_FIELDS, build_no_flows, build_store_flows
from kernels.launchers.cuda import Thread, TileScratch, build_start, build_step
from kernels.launchers.groups import ByModel
from kernels.loan_on_device import Grid, Mapping
from kernels.loan_terms import TILE, Count
from kernels.ops import Ops

_APART = TILE + 1
"""Elements from one field to the next in shared memory: one more than there are loans, so that no two share a bank."""


def build_kernel(ops: Ops, models: ByModel, decrement: str) -> Callable[..., None]:
    """As :func:`kernels.launchers.cuda.build_kernel`, on a grid of (loan, path): a block is one warp."""
    start, step = build_start(ops), build_step(ops, models, decrement)
    no_flows, store = build_no_flows(ops), build_store_flows(ops)
    lag_at, real, zero, index, shared_size = int(Count.LAG), ops.real, ops.real(0), ops.to_uint64, N_FIELDS * _APART

    def kernel(inputs, tables, market, tiles, scratch, partial):  # type: ignore[no-untyped-def]
        across, path = cuda.grid(2)
        tile, lane = across // TILE, across % TILE
        n_loans, n_months = tables.principal_rates.shape
        n_paths = tiles.n_paths
        there = (tiles.first + tile) * TILE + lane < n_loans
        loan = index((tiles.first + tile) * TILE + lane)
        of_warp = cuda.shared.array(shared_size, real)
        own = TileScratch(cuda.local.array(N_STATE, real), scratch.ring, scratch.history)
        lags = (tile * n_paths + path) * tables.lag_size
        if there:
            start(tables, own, Thread(path, n_paths, 1, 0, lags * TILE + lane), loan, TILE)
        for month in range(1, n_months + 1):
            flows = no_flows()
            if there:
                slot = lags + (month - 1) % tables.counts[loan, lag_at]
                flows = step(inputs, tables, market, own, Thread(path, n_paths, 1, 0, slot * TILE + lane), loan, month)
            store(of_warp, lane, _APART, flows)
            cuda.syncthreads()
            if lane < N_FIELDS:
                total = zero
                for k in range(TILE):
                    total += of_warp[lane * _APART + k]
                partial[((tile * n_months + month - 1) * N_FIELDS + lane) * n_paths + path] = total
            cuda.syncthreads()

    return kernel


def loan_by_path(n_paths: int, n_tiles: int) -> Grid:
    """A warp a tile and path."""
    return (n_tiles, n_paths), (TILE, 1)


LOANS_ACROSS_WARP = Mapping(build_kernel, loan_by_path)
