"""The namespace that every formula in `kernels/` is built from: one per target and precision.

A formula is written once, as a factory ``build(ops)`` that returns a scalar function of one loan, one path, one month.
``ops`` supplies the arithmetic that differs between targets:

==========  ===================================================================  =====================
target      how the same function runs                                           a lane index ``p`` is
==========  ===================================================================  =====================
``numpy``   evaluated over whole arrays along the path axis, no compiler          a slice
``cpu``     compiled by numba; the loop over ``p`` becomes SIMD                   an integer
``cuda``    compiled by numba-cuda as a device function, one thread per path      the thread's index
==========  ===================================================================  =====================

Two rules keep the targets equal to the last bit and the compiled loop free of float64:

* every constant in a formula is ``ops.real(x)`` (a bare literal is float64 to numba, whatever the precision);
* ``exp``, ``log`` and friends come from :mod:`kernels.special`, never from libm, which cannot be vectorised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

TARGETS = ("numpy", "cpu", "cuda")
PRECISIONS = ("float32", "float64")

LANES = 256
"""Paths in the inner loop of the compiled CPU launcher: a compile-time constant, so that LLVM can prove that rows of one
scratch array do not overlap. 256 float32 lanes are 1 KiB a row: the rows of a loan month stay in the first-level cache."""


@dataclass(frozen=True)
class Ops:
    """Arithmetic of one target in one precision. Build with :func:`make_ops`.

    Attributes
    ----------
    target, precision : str
        One of :data:`TARGETS` and :data:`PRECISIONS`.
    real, integer : type
        numpy scalar types of the precision (``float32``/``int32`` or ``float64``/``int64``).
    function : callable
        Decorator that turns a scalar function into one the target can call.
    where : callable
        ``where(condition, a, b)``: both sides are evaluated, no branch. On ``numpy`` it costs six multiplications, so that a
        formula of the loan month takes one of the next three where it can.
    clip : callable
        ``clip(x, low, high)``, uniform bounds. A NaN stays one, in these three: it must be seen, not priced.
    minimum, maximum : callable
        ``minimum(a, b)``: ``b`` where that is smaller, else ``a``.
    at : callable
        ``at(offset, p)``: position of lane ``p`` in the row that starts at ``offset`` of a flat array.
    lanes : callable
        ``lanes(n)``: what a launcher iterates over to cover ``n`` paths.
    bits, from_bits : callable
        Reinterpret a real as an integer of the same width, and back.
    to_integer, to_uint32, to_uint64, to_real : callable
        Conversions. numba widens the result of integer arithmetic to 64 bits; these bring it back to the lane's width.
    """

    target: str
    precision: str
    real: Any
    integer: Any
    function: Callable[[Callable[..., Any]], Any]
    where: Callable[..., Any]
    clip: Callable[..., Any]
    minimum: Callable[..., Any]
    maximum: Callable[..., Any]
    at: Callable[..., Any]
    lanes: Callable[..., Any]
    bits: Callable[..., Any]
    from_bits: Callable[..., Any]
    to_integer: Callable[..., Any]
    to_uint32: Callable[..., Any]
    to_uint64: Callable[..., Any]
    to_real: Callable[..., Any]


def _numpy_ops(precision: str, real: Any, integer: Any) -> Ops:
    def at(offset: int, p: slice) -> slice:
        return slice(offset + p.start, offset + p.stop)

    def convert(kind: Any) -> Callable[[Any], Any]:
        return lambda x: x.astype(kind, copy=False) if isinstance(x, (np.ndarray, np.generic)) else kind(x)

    def where(condition: Any, a: Any, b: Any) -> Any:
        if not isinstance(condition, np.ndarray):
            return a if condition else b
        if np.shape(b) == condition.shape and not condition.any():
            # Most conditions are never true: an eighth of the selection's time to find out. A copy: b may be a row that changes.
            return np.array(b)
        return np.where(condition, a, b)

    return Ops(
        target="numpy",
        precision=precision,
        real=real,
        integer=integer,
        function=lambda f: f,
        where=where,
        clip=lambda x, low, high: x.clip(low, high),
        minimum=np.minimum,
        maximum=np.maximum,
        at=at,
        lanes=lambda n: (slice(0, n),),
        bits=lambda x: x.view(integer),
        from_bits=lambda x: x.view(real),
        to_integer=convert(integer),
        to_uint32=convert(np.uint32),
        to_uint64=convert(np.uint64),
        to_real=convert(real),
    )


def _compiled_ops(target: str, precision: str, real: Any, integer: Any) -> Ops:
    function, lanes = (_cpu_function(), range) if target == "cpu" else _cuda_function()

    @function
    def where(condition, a, b):  # type: ignore[no-untyped-def]
        return a if condition else b

    @function
    def clip(x, low, high):  # type: ignore[no-untyped-def]
        x = low if x < low else x
        return high if x > high else x

    @function
    def minimum(a, b):  # type: ignore[no-untyped-def]
        return b if b < a else a

    @function
    def maximum(a, b):  # type: ignore[no-untyped-def]
        return b if b > a else a

    @function
    def at(offset, p):  # type: ignore[no-untyped-def]
        # Unsigned: numba then drops the test for a negative index, which would keep LLVM from vectorising.
        return np.uint64(offset + p)

    @function
    def bits(x):  # type: ignore[no-untyped-def]
        return real(x).view(integer)

    @function
    def from_bits(x):  # type: ignore[no-untyped-def]
        return integer(x).view(real)

    @function
    def to_integer(x):  # type: ignore[no-untyped-def]
        return integer(x)

    @function
    def to_uint32(x):  # type: ignore[no-untyped-def]
        return np.uint32(x)

    @function
    def to_uint64(x):  # type: ignore[no-untyped-def]
        return np.uint64(x)

    @function
    def to_real(x):  # type: ignore[no-untyped-def]
        return real(x)

    return Ops(
        target=target,
        precision=precision,
        real=real,
        integer=integer,
        function=function,
        where=where,
        clip=clip,
        minimum=minimum,
        maximum=maximum,
        at=at,
        lanes=lanes,
        bits=bits,
        from_bits=from_bits,
        to_integer=to_integer,
        to_uint32=to_uint32,
        to_uint64=to_uint64,
        to_real=to_real,
    )


def _cpu_function() -> Callable[..., Any]:
    from kernels.processor import load_numba

    # error_model="numpy": a division does not test for zero, which would put a branch into the inner loop.
    # No fastmath: strict IEEE arithmetic is what makes numpy and cpu agree to the last bit. No reference counts: an array taken from
    # a named tuple would be counted, by an atomic operation, at each use.
    return load_numba().njit(error_model="numpy", fastmath=False, forceinline=True, _nrt=False)  # type: ignore[no-any-return]


def _cuda_function() -> tuple[Callable[..., Any], Any]:
    from kernels import ops_cuda

    return ops_cuda.function, ops_cuda.lanes


@lru_cache(maxsize=None)
def make_ops(target: str, precision: str) -> Ops:
    """Namespace of ``target`` (``numpy``, ``cpu``, ``cuda``) in ``precision`` (``float32``, ``float64``).

    Raises
    ------
    ValueError
        If the target or the precision is unknown.

    Examples
    --------
    >>> ops = make_ops("numpy", "float32")
    >>> ops.where(np.array([True, False]), ops.real(1), ops.real(0)).dtype
    dtype('float32')
    """
    if target not in TARGETS or precision not in PRECISIONS:
        raise ValueError(f"unknown target {target!r} or precision {precision!r}; expected one of {TARGETS}, {PRECISIONS}")
    real, integer = (np.float32, np.int32) if precision == "float32" else (np.float64, np.int64)
    if target == "numpy":
        return _numpy_ops(precision, real, integer)
    return _compiled_ops(target, precision, real, integer)
