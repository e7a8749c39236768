"""Philox4x32-10, a counter-based generator: a draw is a pure function of its indices.

Source: Salmon, Moraes, Dror and Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC'11 (2011), section 3.3; known answers
from their Random123 library (tests).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from kernels.ops import Ops

ROUNDS = 10
DRAWS_PER_BLOCK = 4
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)  # key increments: golden ratio and sqrt(3) - 1


@lru_cache(maxsize=None)
def build(ops: Ops) -> Callable[..., Any]:
    """``philox(c0, c1, c2, c3, k0, k1)``: four uint32 words from a counter and a key, all uint32.

    Returns
    -------
    callable
        Scalar function returning a tuple of four uint32.
    """
    to_uint32, to_uint64 = ops.to_uint32, ops.to_uint64
    m0, m1 = (np.uint64(m) for m in _MULTIPLIERS)
    w0, w1 = (np.uint64(w) for w in _WEYL)
    word, mask = np.uint64(32), np.uint64(0xFFFFFFFF)

    @ops.function
    def philox(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
        key0, key1 = to_uint64(k0), to_uint64(k1)
        for _ in range(ROUNDS):  # unrolled by the compiler
            p0 = m0 * to_uint64(c0)
            p1 = m1 * to_uint64(c2)
            c0, c1, c2, c3 = (
                to_uint32(to_uint32(p1 >> word) ^ c1 ^ to_uint32(key0)),
                to_uint32(p1),
                to_uint32(to_uint32(p0 >> word) ^ c3 ^ to_uint32(key1)),
                to_uint32(p0),
            )
            key0, key1 = (key0 + w0) & mask, (key1 + w1) & mask
        return c0, c1, c2, c3

    return philox


def build_path_counter(ops: Ops) -> Callable[..., Any]:
    """``path_counter(first_path, p)``: index of lane ``p``'s path, uint32; ``first_path`` is the block's first."""
    if ops.target == "numpy":
        return lambda first_path, p: np.arange(first_path + p.start, first_path + p.stop).astype(np.uint32)
    to_uint32 = ops.to_uint32

    @ops.function
    def path_counter(first_path, p):  # type: ignore[no-untyped-def]
        return to_uint32(first_path + p)

    return path_counter
