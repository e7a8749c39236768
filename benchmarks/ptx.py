"""The CUDA kernels compiled for compute capability 9.0 without a device: instructions, registers and spills against a budget.

``python -m benchmarks.ptx`` (``make ptx``) prints a line a kernel and exits 1 where one breaks its budget. libNVVM writes the
PTX and ptxas assembles it; both come from the pinned wheels of the extra ``ptx``, not from the machine's toolkit, so that the
counts move only when the kernels or the lock do.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

CAPABILITY = (9, 0)
"""Hopper: H100, H200."""

_INSTRUCTION = re.compile(r"^\s+(?:@!?%p\d+\s+)?([a-z][a-z0-9_]*(?:\.[a-z0-9_:]+)*)\s[^;]*;", re.MULTILINE)
_REGISTERS = re.compile(r"Used (\d+) registers")
_SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")


@dataclass(frozen=True)
class Budget:
    """What a kernel may use.

    Attributes
    ----------
    registers : int
        Most 32-bit registers of a thread.
    float64 : bool
        Whether float64 instructions are allowed: sums and deals are float64, the month loop of the loans is not.
    stack : int
        Most bytes of local memory of a thread, beyond spills (which are never allowed).
    """

    registers: int
    float64: bool = False
    stack: int = 0


@dataclass(frozen=True)
class Measured:
    """What the compilers made of a kernel; ``fused`` counts multiply-adds that round once."""

    instructions: int
    float64: int
    fused: int
    registers: int
    stack: int
    spilled: int

    def broken(self, budget: Budget) -> list[str]:
        """What breaks ``budget``, in words; nothing if it holds."""
        problems = []
        if self.registers > budget.registers:
            problems.append(f"{self.registers} registers a thread, budget {budget.registers}")
        if self.spilled:
            problems.append(f"{self.spilled} bytes spilled, expected none")
        if self.stack > budget.stack:
            problems.append(f"{self.stack} bytes of stack, budget {budget.stack}")
        if self.float64 and not budget.float64:
            problems.append(f"{self.float64} float64 instructions, expected none")
        return problems


@contextmanager
def without_device(contraction: bool) -> Iterator[None]:
    """Lets numba-cuda compile without a driver, for :data:`CAPABILITY`, with or without contraction to multiply-adds.

    numba-cuda 0.30 asks the current device for its capability whenever one device function calls another, and passes no
    ``fma`` option to libNVVM: both are stood in for here, and only while this runs.
    """
    from numba.cuda import dispatcher
    from numba.cuda.cudadrv import nvvm

    class Device:
        compute_capability = CAPABILITY

    compile_ir = nvvm.compile_ir

    def compile_with_option(ir: Any, **options: Any) -> Any:
        return compile_ir(ir, **options, fma=contraction)

    with (
        mock.patch.object(dispatcher, "get_current_device", Device),
        mock.patch.object(nvvm, "compile_ir", compile_with_option),
    ):
        yield


def compile_ptx(function: Callable[..., None], signature: tuple[Any, ...], contraction: bool = True) -> str:
    """PTX of a kernel for numba argument types ``signature``; with contraction, as numba-cuda compiles it for a device."""
    from numba import cuda

    with without_device(contraction):
        ptx, _ = cuda.compile(function, signature, device=False, abi="numba", cc=CAPABILITY, output="ptx", fastmath=False)
    return str(ptx)


def find_ptxas() -> Path:
    """The assembler of the installed wheel.

    Raises
    ------
    FileNotFoundError
        If the wheel is not installed.
    """
    try:
        files = importlib.metadata.files("nvidia-cuda-nvcc") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "ptxas":
            return Path(str(file.locate()))
    raise FileNotFoundError("ptxas was not found: install the extra, pip install 'mcsim[ptx]', or run `make ptx`")


def measure(ptx: str) -> Measured:
    """Counts of the PTX, and what ptxas reports of it."""
    names = _INSTRUCTION.findall(ptx)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "kernel.ptx")
        source.write_text(ptx)
        architecture = f"-arch=sm_{CAPABILITY[0]}{CAPABILITY[1]}"
        command = [str(find_ptxas()), architecture, "-v", "-o", str(source.with_suffix(".cubin")), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ptxas refused the kernel: {done.stderr.strip()}")
    spills = [[int(n) for n in found] for found in _SPILLS.findall(done.stderr)]
    return Measured(
        instructions=len(names),
        float64=sum(".f64" in name for name in names),
        fused=sum(name.startswith("fma.") for name in names),
        registers=max(int(n) for n in _REGISTERS.findall(done.stderr)),
        stack=max(stack for stack, _, _ in spills),
        spilled=sum(stores + loads for _, stores, loads in spills),
    )


def loan_kernel(
    decrement: str, precision: str = "float32", build: Callable[..., Any] | None = None
) -> tuple[Callable[..., None], tuple[Any, ...]]:
    """The loan kernel with the full behavioural set, and the types of its arguments; ``build`` of another mapping."""
    from numba import typeof

    from kernels.launchers.block import chosen
    from kernels.launchers.cuda import Tiles, TileScratch, build_kernel
    from kernels.launchers.groups import ByModel, Inputs, Market
    from kernels.loan_terms import Tables
    from kernels.ops import make_ops

    ops = make_ops("cuda", precision)
    row, table, counts = np.zeros(1, ops.real), np.zeros((1, 1), ops.real), np.zeros((1, 1), np.int64)
    inputs = ByModel(*[Inputs(row, table, row)] * 3)
    tables, market = Tables(table, counts, table, table, table, table, 1), Market(row, 1, 1, 1, np.zeros(2, np.uint32))
    arguments = inputs, tables, market, Tiles(1, 1), TileScratch(row, row, row), row
    models = chosen(ByModel("richard_roll", "ltv_hazard", "ltv_severity"))
    return (build or build_kernel)(ops, models, decrement), tuple(typeof(argument) for argument in arguments)


def reduce_kernel() -> tuple[Callable[..., None], tuple[Any, ...]]:
    """The sum of the tiles, in float64."""
    from numba import float32, float64, int64

    from kernels.launchers.cuda import build_reduce

    return build_reduce(), (float32[::1], int64, float64[::1])


def scenario_kernel() -> tuple[Callable[..., None], tuple[Any, ...]]:
    """The scenario launcher in float32."""
    from numba import float32, int64, uint32

    from kernels import scenario_paths
    from kernels.ops import make_ops

    row, table, counts, key = float32[::1], float32[:, ::1], int64[::1], uint32[::1]
    rates = (row, table, counts, row, table, float32[:, :, ::1], row)
    function = scenario_paths.build(make_ops("cuda", "float32"))
    return function, (int64, int64, int64, key, key, *rates, row, table, counts, *[row] * 5)


def waterfall_kernel() -> tuple[Callable[..., None], tuple[Any, ...]]:
    """The interpreter of deals, in float64 as always."""
    from numba import float64, int64, types

    from kernels.ops import make_ops
    from kernels.waterfall_machine import Banks, Inputs, Instructions, Span, Wiring
    from kernels.waterfall_paths import build_waterfall

    column, row = int64[::1], float64[::1]
    instructions, banks = (types.NamedUniTuple(column, len(group._fields), group) for group in (Instructions, Banks))
    wiring = types.NamedTuple([int64[:, ::1] if name == "parts" else column for name in Wiring._fields], Wiring)
    span = types.NamedUniTuple(int64, len(Span._fields), Span)
    inputs = types.NamedTuple((row, float64[:, ::1], row), Inputs)
    return build_waterfall(make_ops("cuda", "float64")), (instructions, wiring, banks, float64, span, inputs, row, row)


def present_value_kernel() -> tuple[Callable[..., None], tuple[Any, ...]]:
    """Discounting, in float64 as always."""
    from numba import float64, int64

    from kernels.discounting import build_present_values
    from kernels.ops import make_ops

    row = float64[::1]
    return build_present_values(make_ops("cuda", "float64")), (*[row] * 5, int64, int64, row)


Source = Callable[[], tuple[Callable[..., None], tuple[Any, ...]]]

KERNELS: dict[str, tuple[Source, Budget]] = {
    "loans, expected": (lambda: loan_kernel("expected"), Budget(registers=80)),
    "loans, sampled": (lambda: loan_kernel("sampled"), Budget(registers=96)),
    "loans, reduce": (reduce_kernel, Budget(registers=32, float64=True)),
    "scenarios": (scenario_kernel, Budget(registers=160)),
    "waterfall": (waterfall_kernel, Budget(registers=168, float64=True)),
    "present values": (present_value_kernel, Budget(registers=72, float64=True)),
}
"""Name → kernel and its budget; the one place where the budgets stand.

A multiprocessor has 65,536 registers, handed out to a warp in steps of 8 a thread: at 80, six blocks of 128 threads share it, up
to 96 five (the two-part share in foreclosure took the sampled kernel from 82 to 90, which costs none). A kernel that outgrows its
step loses a block, so a larger number here is a decision, to be measured.
"""

_ROW = "{:<20}{:>13}{:>9}{:>5}{:>11}{:>8}{:>7}{:>9}"


def main() -> int:
    """Prints every kernel against its budget; 1 if one breaks it."""
    failed = False
    print(_ROW.format("kernel", "instructions", "float64", "fma", "registers", "budget", "stack", "spilled"))
    for name, (source, budget) in KERNELS.items():
        found = measure(compile_ptx(*source()))
        counts = found.instructions, found.float64, found.fused, found.registers, budget.registers, found.stack, found.spilled
        print(_ROW.format(name, *counts))
        for problem in found.broken(budget):
            failed = True
            print(f"  over budget: {problem}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
