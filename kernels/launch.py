"""Turning a launcher, written once, into something the host can call on each target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels.ops import Ops

CUDA_THREADS = 128
"""Threads a block: four warps, so that a block's registers fit even at 255 a thread (65,536 registers, 32,640 needed)."""


def compile_launcher(ops: Ops, function: Callable[..., None], key: str, writes: tuple[int, ...]) -> Callable[..., None]:
    """Host callable ``run(n_paths, *args)`` for a launcher ``function(*args)`` that loops over ``ops.lanes(n)``.

    Parameters
    ----------
    ops : Ops
        Target and precision.
    function : callable
        The launcher; takes numpy arrays, NamedTuples of them and numbers, returns nothing.
    key : str
        Names the launcher in the disk cache. What it reaches counts besides (:mod:`kernels.reach`), so that two launchers of one
        name are not taken for each other.
    writes : tuple of int
        Positions in ``args`` of the arrays it writes. On ``cuda`` an array of the host is copied to the device, and these alone back;
        one that is on the device already is used there, and nothing is waited for.
    """
    if ops.target == "numpy":
        return lambda n_paths, *args: function(*args)
    if ops.target == "cpu":
        from kernels.cache import cached_njit

        compiled = cached_njit(function, cache_key(ops, key))
        return lambda n_paths, *args: compiled(*args)
    return _cuda_launcher(function, writes)


def cache_key(ops: Ops, key: str) -> str:
    """The name under which what :func:`compile_launcher` compiles on ``cpu`` is in the disk cache."""
    return f"{key}-{ops.precision}"


def is_compiled(ops: Ops, function: Callable[..., None], key: str) -> bool:
    """Whether what :func:`compile_launcher` would compile on ``cpu`` is in the disk cache."""
    from kernels.cache import is_cached

    return is_cached(function, cache_key(ops, key))


def _cuda_launcher(function: Callable[..., None], writes: tuple[int, ...]) -> Callable[..., None]:
    import numpy as np
    from numba import cuda

    from kernels.device import device, put_all

    kernel = cuda.jit(function, fastmath=False)

    def run(n_paths: int, *args: Any) -> None:
        here = device()
        threads = min(CUDA_THREADS, n_paths)  # the simulator runs every thread of a block, with or without a path
        blocks = (n_paths + threads - 1) // threads
        with here.queueing():
            on_device = put_all(args)
            here.launch(kernel, blocks, threads, *on_device)
            copies = [here.fetch(on_device[i], args[i]) for i in writes if isinstance(args[i], np.ndarray)]
        for copy in copies:
            copy.wait()

    return run
