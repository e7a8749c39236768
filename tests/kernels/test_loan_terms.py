"""The calendar of a loan, by hand: which month is its last of default, its reset, its index, its payments left."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.loan_terms import Count, Real, build_calendar
from kernels.ops import make_ops
from kernels.terms.adjustable import build_adjustment

OPS = make_ops("numpy", "float64")
COUNTS = {
    Count.AGE: 24, Count.MATURITY: 120, Count.AMORTISATION: 336, Count.INTEREST_ONLY: 36, Count.LAST_DEFAULT: 108,
    Count.ADJUSTABLE: 1, Count.FIRST_RESET: 37, Count.RESET_PERIOD: 12, Count.LOOKBACK: 2,
}  # fmt: skip
"""A 30-year schedule of which two years are past: interest alone and a fixed rate for three more, due in ten years."""


def counts() -> np.ndarray:
    row = np.zeros((1, len(Count)), np.int64)
    for column, value in COUNTS.items():
        row[0, column] = value
    return row


@pytest.mark.parametrize(
    ("month", "expected"),
    [(1, (25, 1, 0)), (108, (132, 1, 0)), (109, (133, 0, 0)), (119, (143, 0, 0)), (120, (144, 0, 1)), (121, (145, 0, 0))],
)
def test_calendar(month: int, expected: tuple[float, float, float]) -> None:
    """Age counts the month's own payment; the last month of default still defaults."""
    assert tuple(float(x) for x in build_calendar(OPS)(counts(), 0, month)) == expected


@pytest.mark.parametrize(
    ("month", "resets", "cap", "index_month", "remaining", "amortises"),
    [
        (1, False, 0.05, 0, 336, 0),  # no index before the cut-off
        (36, False, 0.05, 33, 301, 0),
        (37, True, 0.05, 34, 300, 1),  # the first reset has the first cap; level payments begin
        (38, False, 0.02, 35, 299, 1),
        (48, False, 0.02, 45, 289, 1),
        (49, True, 0.02, 46, 288, 1),
        (120, False, 0.02, 117, 217, 1),
        (121, True, 0.02, 118, 216, 0),  # matured: nothing is paid any more
        (340, False, 0.02, 337, 1, 0),
    ],
)
def test_adjustable_calendar(month: int, resets: bool, cap: float, index_month: int, remaining: int, amortises: int) -> None:
    reals = np.zeros((1, len(Real)))
    reals[0, Real.INITIAL_CAP], reals[0, Real.PERIODIC_CAP] = 0.05, 0.02
    found = build_adjustment(OPS)(reals, counts(), 0, month)
    assert (found.resets, found.cap, found.index_month) == (resets, cap, index_month)
    assert (found.remaining, found.amortises) == (remaining, amortises)
