"""Vectorisation can be lost without a sound: one libm call, one float64 constant, one array too many for the alias checks.

The compiled loops are read. A source loop that LLVM vectorised leaves a block ``vector.body`` (and, for the case that its arrays
overlap, a scalar twin); one that it did not leaves the scalar loop alone.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
import pytest

from kernels import behaviour
from kernels.loan_blocks import build_loan_block
from kernels.ops import LANES, make_ops
from kernels.processor import FULL_WIDTH, load_numba, vectors
from kernels.reach import reach_digest
from tests.kernel_driver import FULL, Block, Loan, random_paths

FEATURES = llvm.get_host_cpu_features()
VECTOR_LOOPS = 9
"""Loops of a sampled month with arithmetic on every path: adjustable terms, uniforms, observation, prepayment, log survival,
monthly rate, default, expected share, settlement."""

pytestmark = pytest.mark.skipif(not FEATURES.get("avx2"), reason="x86-64 with AVX2 is what the width is known for")

TARGET: tuple[str, str, str] = load_numba().core.registry.cpu_target.target_context.codegen().magic_tuple()
"""Triple, processor and features that LLVM compiles for here: the host's, or what NUMBA_CPU_NAME and NUMBA_CPU_FEATURES say."""


def lanes() -> tuple[int, ...]:
    """float32 lanes that a vectorised loop may have: those of the full width where that was chosen, else at least AVX2's."""
    if vectors()["register_bits"] < 512:
        return (8,)
    return (16,) if FULL_WIDTH in TARGET[2].split(",") else (8, 16)


def body(ir: str) -> str:
    """The compiled function itself, without the wrappers that box and unbox."""
    start = ir.index("\ndefine")
    return ir[start : ir.index("\n}", start)]


def read_loops(ir: str) -> dict[str, Any]:
    """Counts of vector loops, scalar loops, float64 operations other than the sums, library calls."""
    function = body(ir)
    arithmetic = r"\bf(?:add|sub|mul|div) "
    vector = scalar = 0
    for block in re.split(r"\n(?=[\w.\"$-]+:)", function):
        label = block.split(":")[0].strip().strip('"')
        if label.startswith("vector.body"):
            vector += any(re.search(rf"{arithmetic}<{n} x float>", block) for n in lanes())
        elif re.search(rf'br .*%"?{re.escape(label)}"?[,\s]', block + "\n"):
            scalar += bool(re.search(rf"{arithmetic}float", block))
    return {
        "vector loops": vector,
        "scalar loops": scalar,
        "float64 beyond sums": len(
            re.findall(r"\bf(?:sub|mul|div|rem|neg) .*double|\bfptrunc|\bf(?:add) .*double.*float", function)
        ),
        "library calls": re.findall(r"call [^\n]*@(?:llvm\.)?(?:exp|log|pow|atan|tan|sqrt)\w*", function),
    }


@pytest.fixture(scope="module")
def loops(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The production launcher in float32, read once for a state of the sources: compiling it takes most of ten seconds."""
    ops = make_ops("cpu", "float32")
    simulate = build_loan_block(ops, LANES, *FULL.built(), "sampled")
    text = reach_digest(simulate, Path(__file__)) + numba.__version__ + repr(TARGET)
    key = f"mcsim/loops-{hashlib.sha256(text.encode()).hexdigest()}"
    cache = getattr(request.config, "cache", None)
    known = cache.get(key, None) if cache else None
    if known is None:
        compiled = numba.njit(error_model="numpy", fastmath=False, nogil=True)(simulate)
        arguments = Block((Loan(),), random_paths(2, LANES, 1), FULL).arguments(ops)
        pool = random_paths(2, LANES, 1).adjustable_index.reshape(-1)  # any float64 array: it is compiled, not run
        compiled.compile(tuple(numba.typeof(a) for a in (*arguments, pool)))
        known = read_loops(compiled.inspect_llvm(compiled.signatures[0]))
        if cache:
            cache.set(key, known)
    return dict(known)


def test_every_loop_over_paths_is_vectorised(loops: dict[str, Any]) -> None:
    assert loops["vector loops"] >= VECTOR_LOOPS >= loops["scalar loops"], loops


def test_no_library_call_in_the_month(loops: dict[str, Any]) -> None:
    assert not loops["library calls"]


def test_float64_is_only_added_up(loops: dict[str, Any]) -> None:
    assert loops["float64 beyond sums"] == 0


def functions() -> list[Any]:
    """One case a model function."""
    cases = {model.build: (kind, name) for kind, models in behaviour.KINDS.items() for name, model in models.items()}
    return [pytest.param(*case, id="-".join(case)) for case in cases.values()]


@pytest.mark.parametrize(("kind", "name"), functions())
def test_model_functions_hold_no_float64(kind: str, name: str) -> None:
    function = behaviour.KINDS[kind][name].build(make_ops("cpu", "float32"))
    real = numba.float32
    signature = (numba.int64, real, numba.int64, *[real] * 6, numba.float32[::1])
    function.compile(signature)  # type: ignore[attr-defined]
    assert "double" not in body(function.inspect_llvm(function.signatures[0]))  # type: ignore[attr-defined]
