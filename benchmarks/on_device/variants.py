"""The kernels as the product compiles them, and without contraction to multiply-adds; their code, and what the grid needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

from benchmarks.on_device.across_warp import LOANS_ACROSS_WARP
from benchmarks.on_device.in_registers import STATE_IN_REGISTERS
from benchmarks.on_device.machine_code import disassembler, hot_loop, listing, parse
from kernels.device import device
from kernels.loan_on_device import STATE_IN_MEMORY, Mapping

MAPPINGS = {
    "state in memory": STATE_IN_MEMORY,
    "loan outside, state in registers": STATE_IN_REGISTERS,
    "loans across the warp": LOANS_ACROSS_WARP,
}
"""Of loans and paths to threads; the first is the one in use."""


@contextmanager
def contraction(allowed: bool) -> Iterator[None]:
    """What is compiled meanwhile contracts multiply-adds, as libNVVM does unless it is told not to, or does not.

    numba-cuda 0.30 passes no such option on, and links by way of an intermediate form to which libNVVM's does not apply: both are
    stood in for here. The simulator contracts nothing.
    """
    if allowed or device().simulated:
        yield
        return
    from numba import cuda
    from numba.cuda.cudadrv import nvvm

    compile_ir = nvvm.compile_ir

    def without(ir: Any, **options: Any) -> Any:
        return compile_ir(ir, **{**options, "fma": False})

    with mock.patch.object(cuda, "jit", partial(cuda.jit, lto=False)), mock.patch.object(nvvm, "compile_ir", without):
        yield


def apart(mapping: Mapping, label: str) -> Mapping:
    """The same mapping under another name: compiled kernels are kept by what they are built from."""

    def build(*choices: Any) -> Callable[..., None]:
        return mapping.build(*choices)

    build.__name__ = label
    return mapping._replace(build=build)


def describe(kernel: Any) -> dict[str, Any]:
    """Registers, local memory, shared memory and the hot loop of a kernel that was launched once; nothing in the simulator."""
    if device().simulated:
        return {"registers": None, "local_bytes": None, "shared_bytes": None, "hot_loop": None}
    (signature,) = kernel.overloads
    compiled = kernel.overloads[signature]
    found = {
        "registers": kernel.get_regs_per_thread(signature),
        "local_bytes": kernel.get_local_mem_per_thread(signature),
        "shared_bytes": kernel.get_shared_mem_per_block(signature),
    }
    command, why = disassembler(), None
    if command is not None:
        try:
            loop = hot_loop(parse(listing(compiled._codelibrary.get_cubin().code, command)))
        except Exception as error:  # an interface of numba's that moved costs the count, not the benchmark
            command, why = None, f"{type(error).__name__}: {error}"[:200]
    if command is None:
        loop = hot_loop(parse(kernel.inspect_asm(signature)))
    return {**found, "hot_loop": None if loop is None else vars(loop), **({"disassembler": why} if why else {})}
