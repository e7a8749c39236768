"""The CUDA kernels compile for compute capability 9.0 without a device, within their budgets (benchmarks/ptx.py)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks import ptx
from kernels import behaviour, special
from kernels.amortization import build_level_principal_rate
from kernels.behaviour.model import Model
from kernels.launchers.seeing import build_rate
from kernels.ops import Ops, make_ops
from kernels.unrolled import build_tuple
from tests.elementwise import Hand, hand_loaders, others_of, others_type

pytest.importorskip("numba_cuda", reason="the extra ptx is not installed")
pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_ENABLE_CUDASIM", "0") == "1", reason="the simulator compiles nothing")

MODELS = [(kind, name) for kind, models in behaviour.KINDS.items() for name in models]


def over_paths(ops: Ops, formula: Callable[..., Any], kinds: tuple[Any, ...]) -> tuple[Callable[..., None], tuple[Any, ...]]:
    """Kernel that maps a formula of one to three arrays over paths, and its signature."""
    from numba import int64

    lanes, at = ops.lanes, ops.at

    def one(n, out, a):  # type: ignore[no-untyped-def]
        for p in lanes(n):
            out[at(0, p)] = formula(a[at(0, p)])

    def two(n, out, a, b):  # type: ignore[no-untyped-def]
        for p in lanes(n):
            out[at(0, p)] = formula(a[at(0, p)], b[at(0, p)])

    real = kinds[0]
    return (one, two)[len(kinds) - 2], (int64, *(kind[::1] for kind in (real, *kinds[1:])))


def model_kernel(ops: Ops, model: Model) -> tuple[Callable[..., None], tuple[Any, ...]]:
    """Kernel that evaluates a behavioural model, one path a thread."""
    from numba import float32, int64

    rate, parameters_of = build_rate(ops, model, hand_loaders(ops, model)), model.build_parameters(ops)
    others = build_tuple(ops, others_type(others_of(model)), "row", "row")
    lanes, at, real, one = ops.lanes, ops.at, ops.real, ops.real(1)

    def kernel(n, month, notes, mortgage_rates, factors, ltvs, values, out):  # type: ignore[no-untyped-def]
        hand = Hand(month, real(month), month % 12, real(12), one, notes, mortgage_rates, factors, ltvs, others(ltvs))
        for p in lanes(n):
            out[at(0, p)] = rate(hand, parameters_of(values), p)

    return kernel, (int64, int64, *[float32[::1]] * 6)


@pytest.mark.parametrize("name", ptx.KERNELS)
def test_kernel_keeps_its_budget(name: str) -> None:
    source, budget = ptx.KERNELS[name]
    assert not ptx.measure(ptx.compile_ptx(*source())).broken(budget)


@pytest.mark.parametrize(("kind", "name"), MODELS)
def test_no_float64_in_a_behavioural_model(kind: str, name: str) -> None:
    source = model_kernel(make_ops("cuda", "float32"), behaviour.KINDS[kind][name])
    assert ".f64" not in ptx.compile_ptx(*source)


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "atan", "normal_from_bits", "uniform_from_bits"])
def test_no_float64_in_an_elementary_function(name: str) -> None:
    from numba import float32, uint32

    ops = make_ops("cuda", "float32")
    argument = uint32 if name.endswith("from_bits") else float32
    kernel, signature = over_paths(ops, getattr(special.build(ops), name), (float32, argument))
    assert ".f64" not in ptx.compile_ptx(kernel, signature)


def test_no_float64_in_the_level_payment() -> None:
    from numba import float32

    ops = make_ops("cuda", "float32")
    assert ".f64" not in ptx.compile_ptx(*over_paths(ops, build_level_principal_rate(ops), (float32, float32, float32)))


def test_contraction_can_be_switched_off() -> None:
    # Equal bits on cuda and cpu need every product rounded before it is added; libNVVM's option does that, and ptxas keeps it.
    from numba import float32

    def kernel(a, b):  # type: ignore[no-untyped-def]
        b[0] = a[0] * a[1] + a[2]

    signature = (float32[::1], float32[::1])
    assert ptx.measure(ptx.compile_ptx(kernel, signature, contraction=True)).fused == 1
    apart = ptx.compile_ptx(kernel, signature, contraction=False)
    assert ptx.measure(apart).fused == 0
    assert "mul.rn.f32" in apart
    assert "add.rn.f32" in apart


def test_the_check_sees_float64_and_spills() -> None:
    from numba import float32

    third = np.float64(1 / 3)  # no float32 holds it, so the compiler cannot narrow the product

    def kernel(a, b):  # type: ignore[no-untyped-def]
        b[0] = a[0] * third

    measured = ptx.measure(ptx.compile_ptx(kernel, (float32[::1], float32[::1])))
    assert measured.float64 >= 1
    tight = ptx.Budget(registers=measured.registers - 1)
    spilling = ptx.Measured(**{**vars(measured), "spilled": 8, "stack": 16})
    assert [problem.split()[1] for problem in spilling.broken(tight)] == ["registers", "bytes", "bytes", "float64"]
    assert not measured.broken(ptx.Budget(registers=measured.registers, float64=True))
