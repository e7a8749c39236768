"""The namespace of a target: conversions, selection, reinterpretation."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.ops import LANES, PRECISIONS, TARGETS, make_ops


@pytest.mark.parametrize(("target", "precision"), [("opencl", "float32"), ("numpy", "float16"), ("", "")])
def test_unknown_target_or_precision_is_refused(target: str, precision: str) -> None:
    with pytest.raises(ValueError, match="expected one of"):
        make_ops(target, precision)


def test_namespace_is_built_once() -> None:
    # Factories are cached by the namespace: a second object would compile everything twice.
    assert make_ops("cpu", "float32") is make_ops("cpu", "float32")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_reals_and_integers_have_the_lane_width(precision: str) -> None:
    ops = make_ops("numpy", precision)
    assert np.dtype(ops.real).name == precision
    assert np.dtype(ops.real).itemsize == np.dtype(ops.integer).itemsize


def test_inner_loop_is_a_whole_number_of_vectors() -> None:
    # 16 float32 fill the widest vector register there is (512 bits); a remainder loop would be scalar.
    assert LANES % 16 == 0


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("target", [t for t in TARGETS if t != "cuda"])
def test_conversions(target: str, precision: str) -> None:
    ops = make_ops(target, precision)
    x = ops.real(-1.75)
    assert ops.from_bits(ops.bits(x)) == x
    assert int(ops.bits(ops.real(1))) == (0x3F800000 if precision == "float32" else 0x3FF0000000000000)
    assert int(ops.to_integer(x)) == -1  # towards zero
    assert int(ops.to_uint32(np.uint64(2**40 + 5))) == 5
    assert int(ops.to_uint64(np.uint32(2**32 - 1))) == 2**32 - 1
    assert float(ops.to_real(np.uint32(3))) == 3.0


def test_numpy_and_cpu_select_alike() -> None:
    for target in ("numpy", "cpu"):
        ops = make_ops(target, "float64")
        assert ops.where(True, ops.real(1), ops.real(2)) == 1
        assert ops.where(False, ops.real(1), ops.real(2)) == 2
        assert ops.where(ops.real(np.nan) > ops.real(0), ops.real(1), ops.real(2)) == 2


def test_a_numpy_lane_is_a_slice_and_a_cpu_lane_an_index() -> None:
    assert list(make_ops("numpy", "float32").lanes(7)) == [slice(0, 7)]
    assert make_ops("numpy", "float32").at(10, slice(2, 5)) == slice(12, 15)
    assert list(make_ops("cpu", "float32").lanes(3)) == [0, 1, 2]
    assert make_ops("cpu", "float32").at(10, 2) == 12


@pytest.mark.parametrize("condition", [True, False])
def test_a_selection_on_numpy_is_a_value_and_no_view(condition: bool) -> None:
    """Rows of a launcher are views: what was selected from one must not change when the row is written."""
    where = make_ops("numpy", "float64").where
    a, b = np.ones(4), np.zeros(4)
    chosen = where(np.full(4, condition), a, b)
    a[:] = b[:] = 7.0
    assert chosen.tolist() == [float(condition)] * 4
