"""Which target computes. The only module that knows which device is in use."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from dataclasses import dataclass

from kernels import processor
from kernels.ops import PRECISIONS, Ops, make_ops
from mcsim.errors import BackendError, InputError, nearest

BACKENDS = ("auto", "numpy", "cpu", "cuda")


@dataclass(frozen=True)
class Backend:
    """Target and precision of a run, and why this target.

    Attributes
    ----------
    target : str
        ``numpy``, ``cpu`` or ``cuda``.
    precision : str
        ``float32`` or ``float64``: of the scenarios and the loans. Deals and prices are always float64.
    reason : str
        One line for people: why ``auto`` chose it, or that it was asked for.
    """

    target: str
    precision: str
    reason: str

    @property
    def ops(self) -> Ops:
        """Arithmetic of the run's precision."""
        return make_ops(self.target, self.precision)

    @property
    def ops64(self) -> Ops:
        """Arithmetic in float64, for what must be right to the cent."""
        return make_ops(self.target, "float64")


def choose_backend(name: str, precision: str) -> Backend:
    """Backend by name; ``auto`` takes cuda, then cpu, then numpy, and says why.

    Raises
    ------
    InputError
        Unknown name or precision; a variable of the environment that numba or LLVM does not take.
    BackendError
        The device, or the package it needs, is not there.
    """
    problems = []
    if name not in BACKENDS:
        problems.append(f"backend: unknown {name!r}{nearest(name, BACKENDS)}")
    if precision not in PRECISIONS:
        problems.append(f"precision: unknown {precision!r}{nearest(precision, PRECISIONS)}")
    if not problems and name != "numpy" and _installed():
        problems = processor.problems()
    if problems:
        raise InputError(problems)
    if name == "auto":
        return _automatic(precision)
    missing = {"numpy": "", "cpu": _no_cpu(), "cuda": _no_cuda()}[name]
    if missing:
        raise BackendError(f"backend={name} was asked for, but {missing}")
    return Backend(name, precision, "asked for")


def _automatic(precision: str) -> Backend:
    no_cuda = _no_cuda()
    if not no_cuda:
        return Backend("cuda", precision, "a CUDA device is there")
    no_cpu = _no_cpu()
    if not no_cpu:
        return Backend("cpu", precision, f"no CUDA: {no_cuda}; numba compiles for this processor")
    return Backend("numpy", precision, f"no CUDA: {no_cuda}; {no_cpu}")


def _no_cpu() -> str:
    """Why numba cannot be used, or nothing."""
    if not _installed():
        return "numba is not installed; install it, or use backend=numpy"
    if os.environ.get("NUMBA_DISABLE_JIT", "0").strip() not in ("", "0"):  # what is interpreted runs a thousand times slower
        return "NUMBA_DISABLE_JIT switches numba's compiler off; unset it, or use backend=numpy"
    return ""


def _installed() -> bool:
    return importlib.util.find_spec("numba") is not None


def _no_cuda() -> str:
    """Why CUDA cannot be used, or nothing."""
    if importlib.util.find_spec("numba_cuda") is None:
        return "numba-cuda is not installed; install the extra: pip install 'mcsim[cuda13]' (or cuda12 for an older driver)"
    if os.environ.get("NUMBA_ENABLE_CUDASIM") != "1" and not _driver_loads():  # spares a second of imports where there is none
        return "no CUDA driver (libcuda.so.1) was found; check nvidia-smi and the extra mcsim[cuda13], or use backend=cpu"
    from numba import cuda

    try:
        available = cuda.is_available()
    except Exception as error:  # a broken driver raises whatever it likes; all of it means: no device
        return f"the CUDA driver failed ({type(error).__name__}); check nvidia-smi, or use backend=cpu"
    if not available:
        return "no CUDA device was found; check nvidia-smi and the extra mcsim[cuda13], or use backend=cpu"
    if os.environ.get("NUMBA_ENABLE_CUDASIM") != "1" and importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed; install the extra: pip install 'mcsim[cuda13]' (or cuda12 for an older driver)"
    return ""


def _driver_loads() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
