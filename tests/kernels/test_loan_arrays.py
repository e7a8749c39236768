"""The numpy launcher: the same bits for any number of paths at once, and a width that it chooses by itself.

That its bits are those of ``cpu`` is in ``test_loan_blocks.py``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.flows import FIELDS
from kernels.launchers.tiles import ELEMENTS, paths_at_once
from kernels.loan_terms import TILE
from kernels.ops import LANES
from tests import oracle
from tests.kernel_driver import FULL, Block, Loan, Models, Paths, mixed_loans, random_paths

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


@pytest.mark.parametrize("advances", [(True, True), (False, True), (False, False)], ids=["both", "interest", "none"])
def test_severity_is_of_the_balance_at_default_over_the_house_at_liquidation(advances: tuple[bool, bool]) -> None:
    """Who is in default amortises nothing: by the formula on what is owed, whatever the servicer advances meanwhile.

    One 30-year loan at 3.3% that defaults in month 1, flat prices, a year to liquidation: 4.15, 11.66, 21.12% with interest advanced.
    """
    months, shipped = 14, (0.7378, 0.0167, 0.0675, 0.18)
    flat = Paths(np.full((months + 1, 1), 0.03), np.full((months + 1, 1), 0.03), np.ones((1, months + 1, 1)))
    models = Models(("smm", (0.0,)), ("mdr", (1.0, 0.0)), ("ltv_severity", shipped))
    exact = oracle.ltv_severity(shipped, 12, advances[1])
    for ltv, published in ((0.6, 0.0415), (0.7, 0.1166), (0.8, 0.2112)):
        loan = Loan(
            balance=1e6, ltv=ltv, note_rate=0.033, age=0, maturity=360, amortisation=360, last_default=348, lag=12,
            advances_principal=advances[0], advances_interest=advances[1],
        )  # fmt: skip
        flows = dict(zip(FIELDS, Block((loan,), flat, models).run("numpy", "float64")[:, :, 0].T, strict=True))
        lost = flows["loss"].sum() / flows["defaulted_balance"].sum()
        assert lost == pytest.approx(exact(13, 13, 0, 0.033, 0.03, 1.0, ltv), abs=2e-6)  # MOST_ERROR of the polynomial
        if advances[1]:
            assert lost == pytest.approx(published, abs=5e-5)  # the digits given
