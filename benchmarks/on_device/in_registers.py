"""The loan outside, months inside: a thread carries one path of one loan at a time, its state in registers.

No state reaches memory, and the rings of one lag serve all loans of a tile one after the other; but the sums of every month are
read and written for every loan. The order of the additions is that of the mapping in use, so the bits are too.
"""

from __future__ import annotations

from collections.abc import Callable

from numba import cuda

from kernels.device_memory import N_STATE
from kernels.flows import N_FIELDS, Flows, build_add_flows, build_no_flows, build_store_flows
from kernels.launchers.cuda import Thread, TileScratch, build_start, build_step
from kernels.launchers.groups import ByModel
from kernels.loan_on_device import Mapping, path_by_tile
from kernels.loan_terms import TILE, Count
from kernels.ops import Ops
from kernels.unrolled import build_tuple


def build_kernel(ops: Ops, models: ByModel, decrement: str) -> Callable[..., None]:
    """As :func:`kernels.launchers.cuda.build_kernel`, on the same grid; of its ``scratch`` it takes the first rings of a tile."""
    start, step = build_start(ops), build_step(ops, models, decrement)
    no_flows, add, store = build_no_flows(ops), build_add_flows(ops), build_store_flows(ops)
    load = build_tuple(ops, Flows, "rows, first, stride", "rows[first + {i} * stride]")
    lag_at, real, index = int(Count.LAG), ops.real, ops.to_uint64

    def kernel(inputs, tables, market, tiles, scratch, partial):  # type: ignore[no-untyped-def]
        path, tile = cuda.grid(2)
        n_loans, n_months = tables.principal_rates.shape
        n_paths = tiles.n_paths
        first = (tiles.first + tile) * TILE
        if path >= n_paths or first >= n_loans:
            return
        own = TileScratch(cuda.local.array(N_STATE, real), scratch.ring, scratch.history)
        lags = tile * tables.lag_size
        for j in range(min(TILE, n_loans - first)):
            loan = index(first + j)
            start(tables, own, Thread(path, n_paths, 1, 0, lags * n_paths + path), loan, n_paths)
            for month in range(1, n_months + 1):
                slot = lags + (month - 1) % tables.counts[loan, lag_at]
                flows = step(inputs, tables, market, own, Thread(path, n_paths, 1, 0, slot * n_paths + path), loan, month)
                place = (tile * n_months + month - 1) * N_FIELDS * n_paths + path
                before = load(partial, place, n_paths) if j > 0 else no_flows()
                store(partial, place, n_paths, add(before, flows))

    return kernel


STATE_IN_REGISTERS = Mapping(build_kernel, path_by_tile)
