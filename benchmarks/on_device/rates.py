"""How fast the kernels run, beside what their code and a measured copy allow."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.on_device import cases
from benchmarks.on_device.record import attempt, timed
from benchmarks.on_device.variants import MAPPINGS, describe
from kernels import scenario_paths
from kernels.device import device, put_all
from kernels.discounting import SUMS, build_present_values
from kernels.flows import N_FIELDS
from kernels.launch import compile_launcher
from kernels.loan_on_device import Block, Kernels, LoansOnDevice, Mapping, compiled
from kernels.loan_terms import TILE
from kernels.ops import make_ops
from kernels.scenario_terms import scratch_sizes

SCHEDULERS, WARP = 4, 32
"""Of a multiprocessor, each of which issues an instruction a cycle for a warp (Volta and later)."""


class Size(NamedTuple):
    """How much is simulated: large enough to fill a device, or small enough for the simulator."""

    n_loans: int
    n_months: int
    n_paths: int
    n_classes: int
    copy_bytes: int
    repeats: int


LARGE = Size(8192, 360, 1024, 10, 1 << 30, 5)
TINY = Size(33, 3, 2, 2, 1 << 12, 1)

LANE_WORDS = {
    "state in memory": {"state and ring": 8 + 2, "sums": 2 * N_FIELDS / TILE},
    "loan outside, state in registers": {"ring": 2, "sums": 2 * N_FIELDS},
    "loans across the warp": {"ring": 2, "sums": 2 * N_FIELDS / TILE},
}
"""Words that a loan month of a path reads and writes and no other shares, in ``expected`` at a fixed rate: the shares are read and
written (three each), what entered foreclosure likewise; of the sums of a tile each loan has its part, written and read once."""


def copy(size: Size) -> dict[str, Any]:
    """Device to device: bytes read and written a second, what memory can move."""
    here = device()
    n = size.copy_bytes // 4
    source, target = here.put(np.arange(n, dtype=np.float32)), here.zeros(n, np.float32)  # zeros might be compressed

    def run() -> None:
        with here.queueing():
            target[:] = source

    return timed(run, size.repeats).rate(2 * source.nbytes)


def mappings(size: Size, bandwidth: float | None, properties: dict[str, Any], decrements: tuple[str, ...]) -> dict[str, Any]:
    """The loan kernel in each mapping: loan-month-paths a second, and the limits of its instructions and its memory."""

    def measured(name: str, decrement: str) -> dict[str, Any]:
        loans, kernels, block = _loans(size, decrement, MAPPINGS[name])
        timing = timed(partial(loans.simulate, block), size.repeats)
        code = describe(kernels.loans)
        result = timing.rate(size.n_loans * size.n_months * size.n_paths)
        return {**result, **code, **_limits(name, code, bandwidth, properties)}

    return {
        f"{name}, {decrement}": attempt(partial(measured, name, decrement)) for decrement in decrements for name in MAPPINGS
    }  # fmt: skip


def _loans(size: Size, decrement: str, mapping: Mapping) -> tuple[LoansOnDevice, Kernels, Block]:
    ops = make_ops("cuda", "float32")
    kernels = compiled(ops, cases.FULL, decrement, mapping)
    loans = LoansOnDevice(ops, kernels, cases.collateral(cases.FULL, size.n_loans, size.n_months, ops.real), superblock=128)
    return loans, kernels, cases.put_block(cases.market(size.n_months, size.n_paths, ops.real), size.n_paths)


def _limits(name: str, code: dict[str, Any], bandwidth: float | None, properties: dict[str, Any]) -> dict[str, Any]:
    """Loan-month-paths a second that issue slots and memory allow.

    Memory twice: for the words that only this loan month of this path has (:data:`LANE_WORDS`), the rest coming from caches; and for
    every load and store of the hot loop, as if none did.
    """
    words = sum(LANE_WORDS[name].values())
    limits: dict[str, Any] = {
        "bytes_of_its_own": 4 * words,
        "issue_limit": None,
        "memory_limit": None,
        "memory_limit_uncached": None,
    }
    loop = code.get("hot_loop")
    if bandwidth:
        limits["memory_limit"] = bandwidth / (4 * words)
    if loop and bandwidth and (moved := loop["loaded"] + loop["stored"]):
        limits["memory_limit_uncached"] = bandwidth / moved
    if loop and properties.get("clock") and properties.get("multiprocessors") and loop["kind"] == "machine code":
        issued = properties["multiprocessors"] * SCHEDULERS * WARP * properties["clock"]
        limits["issue_limit"] = issued / loop["instructions"]
    return limits


def scenarios(size: Size) -> dict[str, Any]:
    """Path-months of rates and home prices a second."""
    ops, here = make_ops("cuda", "float32"), device()
    launch = compile_launcher(ops, scenario_paths.build(ops), "scenario_paths", ())
    given = put_all(cases.scenario_arguments(size.n_months, ops))
    scratch = [here.empty(n, ops.real) for n in scratch_sizes(ops, size.n_paths, cases.N_REGIONS)]
    out = [here.empty(n, ops.real) for n in cases.market_size(size.n_months, size.n_paths)]

    def run() -> None:
        launch(size.n_paths, size.n_paths, size.n_months, 0, *given, *scratch, *out)

    return timed(run, size.repeats).rate(size.n_paths * size.n_months)


def present_values(size: Size) -> dict[str, Any]:
    """Class-month-paths discounted a second, float64."""
    ops, here = make_ops("cuda", "float64"), device()
    launch = compile_launcher(ops, build_present_values(ops), "present_values", ())
    cells = size.n_classes * size.n_months * size.n_paths
    rng = np.random.default_rng(7)
    flows = [here.put(rng.random(cells)) for _ in range(3)]
    discount, spreads = here.put(rng.random((size.n_months + 1) * size.n_paths)), here.put(rng.random(size.n_classes))
    sums = here.zeros(size.n_classes * len(SUMS) * size.n_paths, np.float64)

    def run() -> None:
        launch(size.n_paths, *flows, discount, spreads, size.n_months, size.n_paths, sums)

    return timed(run, size.repeats).rate(cells)


def run_once(size: Size, mapping: str) -> None:
    """The loan kernel once, for a profiler to look at."""
    loans, _, block = _loans(size, "expected", MAPPINGS[mapping])
    loans.simulate(block)
    device().synchronize()
