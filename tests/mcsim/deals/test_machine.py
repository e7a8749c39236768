"""The deal machine against a second interpreter, to the last bit: random programs of every instruction, operand, bank and flag."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from kernels.waterfall_machine import Op
from tests.mcsim.deals.machine_examples import count_instructions, interpret, interpret_plainly, random_program

GROUPS = ("X", "Y", "Z")


def _assert_same(left: np.ndarray, right: np.ndarray) -> None:
    np.testing.assert_array_equal(left, right)  # a NaN stands where the other has one


@given(choose=st.randoms(use_true_random=False), n_groups=st.integers(1, 3), count=st.integers(1, 30))
@settings(max_examples=150, deadline=None, phases=(Phase.explicit, Phase.generate, Phase.shrink))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_random_programs(choose: random.Random, n_groups: int, count: int) -> None:
    example = random_program(choose, GROUPS[:n_groups], count, n_months=4, n_paths=3)
    compiled = interpret("cpu", example)
    _assert_same(compiled, interpret("numpy", example))
    _assert_same(compiled, interpret_plainly(example))


@pytest.mark.parametrize("n_groups", [1, 2, 3])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_long_programs_hold_every_instruction_with_and_without_a_flag(n_groups: int) -> None:
    """Enough of each that a wrong one is seen; paths beyond one width of the cpu's registers, the last block short."""
    example = random_program(random.Random(n_groups), GROUPS[:n_groups], 400, n_months=3, n_paths=3)
    assert set(count_instructions(example.lines)) == {(op.name, masked) for op in Op for masked in (False, True)}
    compiled = interpret("cpu", example)
    _assert_same(compiled, interpret("numpy", example))
    _assert_same(compiled, interpret_plainly(example))
    wide = random_program(random.Random(n_groups), GROUPS[:n_groups], 400, n_months=3, n_paths=700)
    _assert_same(interpret("cpu", wide), interpret("numpy", wide))
