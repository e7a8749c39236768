"""Vectorisation can be lost without a sound: one libm call, one float64 constant, one array too many for the alias checks.

The compiled loops are read. A source loop that LLVM vectorised leaves a block ``vector.body`` (and, for the case that its arrays
overlap, a scalar twin); one that it did not leaves the scalar loop alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
import pytest

from kernels import behaviour
from kernels.launchers.block import chosen, first_class, rate_arguments
from kernels.launchers.cpu import Loops, Wanted, build_simulate
from kernels.launchers.groups import ByModel
from kernels.launchers.rates import build_part_table, build_rate_loop
from kernels.launchers.seeing import build_rate
from kernels.ops import LANES, make_ops
from kernels.processor import FULL_WIDTH, load_numba, vectors
from kernels.reach import reach_digest
from tests.elementwise import Hand, hand_loaders, others_of, others_type
from tests.kernel_driver import FULL, Block, Loan, random_paths

FEATURES = llvm.get_host_cpu_features()
FULL_NAMES = ByModel("richard_roll", "ltv_hazard", "ltv_severity")
VECTOR_LOOPS = {
    "richard_roll": 5,  # on a table of its part and without, short monthly rate, log survival, monthly rate
    "parts of richard_roll": 1,
    "ltv_hazard": 1,
    "ltv_severity": 1,
    # Adjustable terms; balance factor, ratios, expected share, settlement, by path and not.
    "months": 9,
}
"""Loops of a sampled month with arithmetic on every path, by compiled function."""

HALF_WIDTH = {"months": 1}
"""Further ones that have half the lanes: uniforms are made of words of 64 bits."""

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


def compiled_functions() -> dict[str, tuple[Callable[..., None], tuple[Any, ...]]]:
    """What runs a sampled month of the full set in float32: each compiled function, and arguments of its types."""
    ops = make_ops("cpu", "float32")
    block = Block((Loan(),), random_paths(2, LANES, 1), FULL)
    inputs, tables, market, scratch = block.arguments(ops)
    pool = random_paths(2, LANES, 1).adjustable_index.reshape(-1)  # any float64 array: it is compiled, not run
    models = zip(FULL_NAMES._asdict().items(), chosen(FULL_NAMES), inputs, strict=True)
    functions: dict[str, tuple[Callable[..., None], tuple[Any, ...]]] = {}
    handed = []
    for (kind, name), model, of_model in models:
        loop, arguments = build_rate_loop(ops, LANES, kind, model), rate_arguments(ops)
        functions[name] = loop, arguments
        handed.append(first_class(ops, loop, f"test-vectorisation-{name}", arguments))
        if model.tabled:
            functions[f"parts of {name}"] = build_part_table(ops, LANES, model), (tables.note_rates, market, of_model)
    loops = Loops(*handed, Wanted(True, True, True), True)
    functions["months"] = build_simulate(ops, LANES, "sampled"), (loops, inputs, tables, market, scratch, pool)
    return functions


@pytest.fixture(scope="module")
def loops(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """The production launchers in float32, each read once for a state of the sources: compiling them takes most of ten seconds."""
    found, cache = {}, getattr(request.config, "cache", None)
    for name, (function, arguments) in compiled_functions().items():
        text = reach_digest(function, Path(__file__)) + numba.__version__ + repr(TARGET)
        key = f"mcsim/loops-{hashlib.sha256(text.encode()).hexdigest()}"
        known = cache.get(key, None) if cache else None
        if known is None:
            compiled = numba.njit(error_model="numpy", fastmath=False, nogil=True)(function)
            compiled.compile(tuple(numba.typeof(a) for a in arguments))
            known = read_loops(compiled.inspect_llvm(compiled.signatures[0]))
            if cache:
                cache.set(key, known)
        found[name] = dict(known)
    return found


def test_every_loop_over_paths_is_vectorised(loops: dict[str, dict[str, Any]]) -> None:
    for name, expected in VECTOR_LOOPS.items():
        found = loops[name]
        assert found["vector loops"] >= expected >= found["scalar loops"] - HALF_WIDTH.get(name, 0), (name, found)
    assert set(loops) == set(VECTOR_LOOPS)


def test_no_library_call_in_the_month(loops: dict[str, dict[str, Any]]) -> None:
    assert not any(one["library calls"] for one in loops.values())


def test_float64_is_only_added_up(loops: dict[str, dict[str, Any]]) -> None:
    assert not any(one["float64 beyond sums"] for one in loops.values())


def functions() -> list[Any]:
    """One case a model function."""
    cases = {model.build: (kind, name) for kind, models in behaviour.KINDS.items() for name, model in models.items()}
    return [pytest.param(*case, id="-".join(case)) for case in cases.values()]


@pytest.mark.parametrize(("kind", "name"), functions())
def test_model_functions_hold_no_float64(kind: str, name: str) -> None:
    ops, model = make_ops("cpu", "float32"), behaviour.KINDS[kind][name]
    rate, parameters_of = build_rate(ops, model, hand_loaders(ops, model)), model.build_parameters(ops)

    @ops.function
    def function(hand, values):  # type: ignore[no-untyped-def]
        return rate(hand, parameters_of(values), 0)

    real, row = np.float32(0), np.zeros(20, np.float32)
    others = others_type(others_of(model))
    arguments = Hand(0, real, 0, real, real, row, row, row, row, others(*[row] * len(others._fields))), row
    function.compile(tuple(numba.typeof(one) for one in arguments))  # type: ignore[attr-defined]
    assert "double" not in body(function.inspect_llvm(function.signatures[0]))  # type: ignore[attr-defined]
