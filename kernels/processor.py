"""What LLVM compiles for on this processor: numba, set to full vector registers before it compiles its first function.

On many processors with AVX-512, LLVM's description of the model prefers registers of 256 bits. The loan months run 1.4 times
faster without the preference (docs/adr/0009), and to the same bits: lanes are independent, whatever their number.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

FULL_WIDTH = "-prefer-256-bit"
"""LLVM's name for the preference, switched off."""


@lru_cache(maxsize=1)
def load_numba() -> Any:
    """numba; the only way this package imports it, so that the width is chosen before its code generator exists.

    The features in force are part of the compile cache's key. A ``NUMBA_CPU_FEATURES`` of the user's own is left as it is.
    """
    import numba

    if numba.config.CPU_FEATURES is None:  # type: ignore[attr-defined]
        numba.config.CPU_FEATURES = host_features()  # type: ignore[attr-defined]
    return numba


def host_features() -> str | None:
    """Features of this processor with the preference for 256 bits switched off; ``None``, numba's default, without AVX-512."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    disabled = os.environ.get("NUMBA_ENABLE_AVX") == "0"
    return f"{features.flatten()},{FULL_WIDTH}" if features.get("avx512f") and not disabled else None


def vectors() -> dict[str, Any]:
    """For the record of a run: the processor's name to LLVM, whether AVX-512 is used at full width, and what decided so."""
    own_features, own_name = os.environ.get("NUMBA_CPU_FEATURES"), os.environ.get("NUMBA_CPU_NAME")
    try:
        from llvmlite import binding
    except ImportError:
        return {"llvm_name": None, "vector_features": None, "chosen_by": "nothing is compiled: llvmlite is not installed"}
    chosen = own_features if own_features is not None else host_features()
    wanted = [f for f in (chosen or binding.get_host_cpu_features().flatten()).split(",") if f in _WIDTHS]
    return {
        "llvm_name": own_name or binding.get_host_cpu_name(),
        "vector_features": ",".join(wanted),
        "chosen_by": "NUMBA_CPU_FEATURES" if own_features is not None else "the widest registers, docs/adr/0009",
    }


_WIDTHS = ("+avx2", "+avx512f", "-prefer-256-bit", "+prefer-256-bit")
