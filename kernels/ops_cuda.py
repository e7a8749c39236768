"""What only the ``cuda`` target needs. Imported when that target is asked for: it requires numba-cuda."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# At module level: the simulator swaps the name ``cuda`` in a function's globals, not in its closure.
from numba import cuda


def function(python_function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: a device function, strict IEEE."""
    return cuda.jit(device=True, fastmath=False)(python_function)  # type: ignore[no-any-return]


@function
def lanes(n):  # type: ignore[no-untyped-def]
    """The thread's own path, or nothing beyond the last."""
    first = cuda.grid(1)
    return range(first, min(first + 1, n))
