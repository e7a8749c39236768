"""Running a compiled deal over the pool flows of a block of paths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kernels.cache import is_cached
from kernels.launch import compile_launcher
from kernels.ops import make_ops
from kernels.waterfall_paths import N_FIELDS, build_waterfall
from mcsim.deals.compiler import Program

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcsim.backend import Backend

LAUNCHER = "waterfall"
CPU_WIDTH = 512
"""Paths at a time on ``cpu``: the registers of a ten-class deal (80 rows of 4 KiB) stay in a second-level cache."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DealFlows:
    """Flows of a deal, USD, float64, months 1..n; named and explained in :data:`mcsim.variables.GROUPS`.

    ``fee_paid`` and ``account_balance`` are (fee, month, path) and (account, month, path), ``collections`` is (month, path),
    the others (tranche, month, path).
    """

    interest_paid: Array
    principal_paid: Array
    write_down: Array
    interest_shortfall: Array
    tranche_balance: Array
    fee_paid: Array
    account_balance: Array
    collections: Array


def run_deal(program: Program, pool: Array, backend: Backend) -> DealFlows:
    """Run a deal over every path of ``pool``, in float64 whatever the run's precision.

    Parameters
    ----------
    program : Program
        From :func:`~mcsim.deals.compile_deal`.
    pool : array
        (month 1..n, field, path) float64, USD; fields in the order of :data:`kernels.loan_month.FIELDS`.
    backend : Backend
        Its target runs the waterfall. ``numpy`` and ``cpu`` agree to the last bit, as does any division into blocks of paths.

    Raises
    ------
    ValueError
        If the pool has not this shape.
    """
    if pool.ndim != 3 or pool.shape[1] != N_FIELDS:
        raise ValueError(f"pool has shape {pool.shape}; expected (months, {N_FIELDS}, paths)")
    n_months, _, n_paths = pool.shape
    flat = np.ascontiguousarray(pool, dtype=np.float64).reshape(-1)
    n_rows = program.stores.size
    out = np.empty(n_rows * n_months * n_paths)
    launch = _launcher(backend.target)
    step = CPU_WIDTH if backend.target == "cpu" else max(n_paths, 1)
    for first in range(0, n_paths, step):
        width = min(step, n_paths - first)
        registers = np.repeat(program.closing, width)
        launch(
            width, program.instructions, program.numbers, program.stores, *program.clear, program.fee_rate,
            n_months, n_paths, first, width, flat, registers, out,
        )  # fmt: skip
    return _split(program, out.reshape(n_rows, n_months, n_paths))


def _split(program: Program, out: Array) -> DealFlows:
    """Views of the rows of ``out``, in the order of ``Program.stores``."""
    k, f = len(program.tranches), len(program.fees)
    interest_paid, principal_paid, write_down, shortfall, balance = (out[i * k : (i + 1) * k] for i in range(5))
    fees, accounts, collections = out[5 * k : 5 * k + f], out[5 * k + f : -1], out[-1]
    return DealFlows(interest_paid, principal_paid, write_down, shortfall, balance, fees, accounts, collections)


@lru_cache(maxsize=None)
def _launcher(target: str) -> Callable[..., None]:
    ops = make_ops(target, "float64")
    return compile_launcher(ops, build_waterfall(ops), LAUNCHER, (12,))


def is_compiled() -> bool:
    """Whether the ``cpu`` target's waterfall is in the disk cache."""
    return is_cached(build_waterfall(make_ops("cpu", "float64")), f"{LAUNCHER}-float64")
