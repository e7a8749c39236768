"""Running a compiled deal over the pool flows of a block of paths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kernels.flows import N_FIELDS
from kernels.launch import compile_launcher
from kernels.launch import is_compiled as launcher_is_compiled
from kernels.ops import make_ops
from kernels.waterfall_machine import Inputs, Span
from kernels.waterfall_paths import build_waterfall
from mcsim.deals.groups import by_group, problems_of_groups
from mcsim.deals.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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


def run_deal(
    program: Program, pools: Mapping[str, Array] | Array, backend: Backend, rows: Mapping[str, Array] | None = None
) -> DealFlows:
    """Run a deal over every path, in float64 whatever the run's precision.

    Parameters
    ----------
    program : Program
        From :func:`~mcsim.deals.compile_deal`.
    pools : mapping of arrays
        By group: (month 1..n, field, path) float64, USD; fields in the order of :data:`kernels.flows.FIELDS`. All of one shape:
        a pool that ends before the longest is 0 afterwards. For a deal of one group, the array alone.
    backend : Backend
        Its target runs the waterfall. ``numpy`` and ``cpu`` agree to the last bit, as does any division into blocks of paths.
    rows : mapping of arrays, optional
        (month 1..n, path) of each path row that the program names; others are not looked at.

    Raises
    ------
    ValueError
        If a pool or row is missing or has not this shape, or an instruction is unknown.
    """
    return _split(program, run_program(program, pools, backend, rows))


def run_program(
    program: Program, pools: Mapping[str, Array] | Array, backend: Backend, rows: Mapping[str, Array] | None = None
) -> Array:
    """As :func:`run_deal`; what the program reads out, (row, month 1..n, path) in the order of ``program.stores``."""
    program.check()
    inputs, n_months, n_paths = _inputs(program, pools, rows or {})
    n_rows = program.stores.size
    out = np.empty(n_rows * n_months * n_paths)
    launch, code = _launcher(backend.target), program.code
    step = CPU_WIDTH if backend.target == "cpu" else max(n_paths, 1)
    for first in range(0, n_paths, step):
        span = Span(n_months, n_paths, first, min(step, n_paths - first))
        registers = np.repeat(code.closing, span.width)
        launch(span.width, code.instructions, code.wiring, code.banks, program.fee_rate, span, inputs, registers, out)
    return out.reshape(n_rows, n_months, n_paths)


def _inputs(program: Program, pools: Mapping[str, Array] | Array, rows: Mapping[str, Array]) -> tuple[Inputs, int, int]:
    """What the months bring, and how many months and paths there are."""
    problems = problems_of_groups(program.groups, pools, "the pool")
    if problems:
        raise ValueError("; ".join(problems))
    flows = list(by_group(program.groups, pools).values())
    for pool in flows:
        if pool.ndim != 3 or pool.shape[1] != N_FIELDS or pool.shape != flows[0].shape:
            shapes = ", ".join(str(p.shape) for p in flows)
            raise ValueError(f"pool has shape {shapes}; expected (months, {N_FIELDS}, paths), the same for all groups")
    n_months, _, n_paths = flows[0].shape
    for name in program.code.rows:
        if name not in rows or rows[name].shape != (n_months, n_paths):
            found = f"has shape {rows[name].shape}" if name in rows else "is missing"
            raise ValueError(f"path row {name!r} {found}; expected (months, paths), {(n_months, n_paths)}")
    return Inputs(_flat(flows), program.code.tables, _flat([rows[name] for name in program.code.rows])), n_months, n_paths


def _flat(arrays: Sequence[Array]) -> Array:
    """Arrays of one shape, one after the other; a single one is not copied."""
    if not arrays:
        return np.zeros(0)
    joined = arrays[0] if len(arrays) == 1 else np.stack(arrays)
    return np.ascontiguousarray(joined, dtype=np.float64).reshape(-1)


def _split(program: Program, out: Array) -> DealFlows:
    """Views of the rows of ``out``, in the order of ``Program.stores``."""
    k, f = len(program.tranches), len(program.fees)
    interest_paid, principal_paid, write_down, shortfall, balance = (out[i * k : (i + 1) * k] for i in range(5))
    fees, accounts, collections = out[5 * k : 5 * k + f], out[5 * k + f : -1], out[-1]
    return DealFlows(interest_paid, principal_paid, write_down, shortfall, balance, fees, accounts, collections)


@lru_cache(maxsize=None)
def _launcher(target: str) -> Callable[..., None]:
    ops = make_ops(target, "float64")
    return compile_launcher(ops, build_waterfall(ops), LAUNCHER, (7,))


def is_compiled() -> bool:
    """Whether the ``cpu`` target's waterfall is in the disk cache."""
    ops = make_ops("cpu", "float64")
    return launcher_is_compiled(ops, build_waterfall(ops), LAUNCHER)
