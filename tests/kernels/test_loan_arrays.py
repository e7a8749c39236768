"""The numpy launcher: the same bits for any number of paths at once, and a width that it chooses by itself.

That its bits are those of ``cpu`` is in ``test_loan_blocks.py``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.loan_arrays import ELEMENTS, paths_at_once
from kernels.loan_terms import TILE
from kernels.ops import LANES
from tests.kernel_driver import FULL, Block, mixed_loans, random_paths

MONTHS, PATHS, ACCRUALS = 20, 23, (1 / 12, 31 / 360)


@pytest.mark.parametrize("decrement", ["expected", "sampled"])
@pytest.mark.parametrize("width", [1, 2, 3, 16])
def test_the_width_does_not_change_a_bit(width: int, decrement: str) -> None:
    """One path is the case to fear: numpy sums along a contiguous axis pairwise, not loan after loan."""
    models, paths, loans = replace(FULL, decrement=decrement), random_paths(MONTHS, PATHS), mixed_loans(TILE + 9, longest=18)
    whole = Block(loans, paths, models, 3, 5, ACCRUALS).run("numpy", "float32")
    for first in range(0, PATHS - width + 1, 5):
        chosen = slice(first, first + width)
        piece = Block(loans, paths.take(chosen), models, 3, 5 + first, ACCRUALS).run("numpy", "float32")
        np.testing.assert_array_equal(piece.view(np.uint64), whole[:, :, chosen].copy().view(np.uint64))


@given(n_loans=st.integers(1, 5000), n_paths=st.integers(1, 100_000))
def test_blocks_fill_the_cache_and_no_more(n_loans: int, n_paths: int) -> None:
    width, loans = paths_at_once(n_loans, n_paths), min(TILE, n_loans)
    assert width >= 1 and width * loans <= ELEMENTS + loans * LANES
    if width >= n_paths:
        assert width == n_paths, "nothing is computed for nobody"
    else:
        assert width % LANES == 0 and 2 * width * loans > ELEMENTS - 2 * loans, "whole groups of paths, no array half empty"
