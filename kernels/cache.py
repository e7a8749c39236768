"""Disk cache of compiled launchers.

numba's own key for a function that closes over other compiled functions changes from process to process, so its cache never
hits. Ours is what the result depends on: the text of every file in ``kernels/`` (and of a user's own model, through ``key``),
the combination of models named by ``key``, the argument types and the processor.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache(maxsize=1)
def source_digest() -> str:
    """Digest of every source file of this package."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def cached_njit(function: Callable[..., None], key: str) -> Callable[..., None]:
    """``numba.njit(function)``, without the interpreter lock, kept on disk under ``key``. A cache that fails is done without."""
    import numba
    from numba.core.caching import FunctionCache

    class LauncherCache(FunctionCache):  # type: ignore[misc]
        def _index_key(self, sig: Any, codegen: Any) -> Any:
            return sig, codegen.magic_tuple(), (source_digest(), key)

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            try:
                return super().load_overload(sig, target_context)
            except (OSError, EOFError, pickle.UnpicklingError):
                return None

        def save_overload(self, sig: Any, data: Any) -> None:
            try:
                super().save_overload(sig, data)
            except (OSError, pickle.PicklingError):
                return

    dispatcher = numba.njit(error_model="numpy", fastmath=False, nogil=True)(function)
    try:
        dispatcher._cache = LauncherCache(function)
    except (RuntimeError, OSError):
        pass  # no writable folder for a cache: compile every time
    return dispatcher  # type: ignore[no-any-return]
