"""Sums of a loan's flows over paths, taken while the loan's month is in the cache: what its mean over paths is made of.

A sum has a fixed shape: 256 paths at a time in float64, halved until one number is left (lane p and lane p + 128, then p + 64, ...).
Paths that are not there count as zeros, which changes no bit of a sum, so that no chunking does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kernels.flows import N_FIELDS
from kernels.ops import LANES, Ops


def fold(values: np.ndarray) -> np.ndarray:
    """``(..., path)`` to ``(..., group)`` float64: the sum of each 256 paths, in the order that the launchers add."""
    groups = -(-values.shape[-1] // LANES)
    lanes = np.zeros((*values.shape[:-1], groups * LANES))
    lanes[..., : values.shape[-1]] = values
    lanes = lanes.reshape(*values.shape[:-1], groups, LANES)
    half = LANES // 2
    while half:
        lanes = lanes[..., :half] + lanes[..., half : 2 * half]
        half //= 2
    return lanes[..., 0]


def build_add_loan(ops: Ops, width: int) -> Callable[..., None]:
    """``add_loan(work, tile, folded, loan_sums, place, kept)``: one loan's flows of one month join the tile and the loan's sums.

    ================  =====================================  =====================================================
    ``work``          flat (field, path), then more          the loan's flows
    ``tile``          flat (field, path), run's precision    added to
    ``folded``        (64,) float64                          scratch
    ``loan_sums``     flat (..., field, group) float64       written from ``place`` on, :func:`fold` of ``kept`` paths
    ================  =====================================  =====================================================
    """
    if width != LANES:
        raise ValueError(f"{width} paths at a time; expected {LANES}")
    lanes, at, zero, real64 = ops.lanes, ops.at, ops.real(0), np.float64

    @ops.function
    def add_loan(work, tile, folded, loan_sums, place, kept):  # type: ignore[no-untyped-def]
        # Two halvings a loop: half the stores and loads of one each.
        for field in range(N_FIELDS):
            row = field * width
            for p in lanes(width):
                tile[at(row, p)] += work[at(row, p)]
            if kept < width:
                work[row + kept : row + width] = zero
            for p in lanes(64):
                folded[at(0, p)] = (real64(work[at(row, p)]) + real64(work[at(row + 128, p)])) + (
                    real64(work[at(row + 64, p)]) + real64(work[at(row + 192, p)])
                )
            for p in lanes(16):
                folded[at(0, p)] = (folded[at(0, p)] + folded[at(32, p)]) + (folded[at(16, p)] + folded[at(48, p)])
            for p in lanes(8):
                folded[at(0, p)] = folded[at(0, p)] + folded[at(8, p)]
            left, right = (folded[0] + folded[4]) + (folded[2] + folded[6]), (folded[1] + folded[5]) + (folded[3] + folded[7])
            loan_sums[place + field] = left + right

    return add_loan
