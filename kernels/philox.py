"""Philox4x32-10, a counter-based generator: a draw is a pure function of its indices.

Source: Salmon, Moraes, Dror and Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC'11 (2011), section 3.3; known answers
from their Random123 library (tests).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from kernels.ops import Ops

ROUNDS = 10
DRAWS_PER_BLOCK = 4
_HIGH = int(sys.byteorder == "little")  # where numpy sees the high word of a uint64
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
    to_uint32, to_uint64, multiply = ops.to_uint32, ops.to_uint64, _build_multiply(ops)
    m0, m1 = (np.uint64(m) for m in _MULTIPLIERS)
    w0, w1 = (np.uint64(w) for w in _WEYL)
    mask = np.uint64(0xFFFFFFFF)

    @ops.function
    def philox(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
        key0, key1 = to_uint64(k0), to_uint64(k1)
        for _ in range(ROUNDS):  # unrolled by the compiler
            high0, low0 = multiply(m0, c0)
            high1, low1 = multiply(m1, c2)
            c0, c1, c2, c3 = (
                to_uint32(high1 ^ c1 ^ to_uint32(key0)), low1,
                to_uint32(high0 ^ c3 ^ to_uint32(key1)), low0,
            )  # fmt: skip
            key0, key1 = (key0 + w0) & mask, (key1 + w1) & mask
        return c0, c1, c2, c3

    return philox


def _build_multiply(ops: Ops) -> Callable[..., Any]:
    """``multiply(multiplier, word)``: high and low word of the product of a uint64 below 2^32 and a uint32."""
    to_uint32, to_uint64, width = ops.to_uint32, ops.to_uint64, np.uint64(32)

    @ops.function
    def by_shift(multiplier, word):  # type: ignore[no-untyped-def]
        product = multiplier * to_uint64(word)
        return to_uint32(product >> width), to_uint32(product)

    def by_view(multiplier: Any, word: Any) -> tuple[Any, Any]:
        if not np.ndim(word):
            return by_shift(multiplier, word)  # type: ignore[no-any-return]
        product = word.astype(np.uint64, order="C")
        product *= multiplier
        halves = product.view(np.uint32)
        return halves[..., _HIGH::2], halves[..., 1 - _HIGH :: 2]

    return by_view if ops.target == "numpy" else by_shift  # type: ignore[no-any-return]


def build_path_counter(ops: Ops) -> Callable[..., Any]:
    """``path_counter(first_path, p)``: index of lane ``p``'s path, uint32; ``first_path`` is the block's first."""
    if ops.target == "numpy":
        return lambda first_path, p: np.arange(first_path + p.start, first_path + p.stop).astype(np.uint32)
    to_uint32 = ops.to_uint32

    @ops.function
    def path_counter(first_path, p):  # type: ignore[no-untyped-def]
        return to_uint32(first_path + p)

    return path_counter
