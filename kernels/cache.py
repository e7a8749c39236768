"""Disk cache of compiled launchers.

numba's own key for a function that closes over other compiled functions changes from process to process, so its cache never
hits. Ours is what the result depends on: the text of every file in ``kernels/`` (and of a user's own model, through ``key``),
the combination of models named by ``key``, the argument types and the processor.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
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

    dispatcher = numba.njit(error_model="numpy", fastmath=False, nogil=True)(function)
    try:
        dispatcher._cache = _launcher_cache(function, key)
    except (RuntimeError, OSError):
        pass  # no writable folder for a cache: compile every time
    return dispatcher  # type: ignore[no-any-return]


def is_cached(function: Callable[..., None], key: str) -> bool:
    """Whether a compilation of ``function`` under ``key`` is on disk, for any arguments; ``False`` where there is no cache."""
    try:
        folder = Path(_launcher_cache(function, key).cache_path)
    except (RuntimeError, OSError):
        return True  # nothing that is compiled ahead could be kept
    return any(folder.glob(f"{_file_stem(key)}-*.nbi"))


def _file_stem(key: str) -> str:
    text = f"{source_digest()} {key} {sys.implementation.cache_tag}"
    return f"mcsim-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _launcher_cache(function: Callable[..., None], key: str) -> Any:
    from numba.core.caching import FunctionCache, IndexDataCacheFile

    class LauncherCache(FunctionCache):  # type: ignore[misc]
        """One index and one data file for each key and signature.

        numba keeps all of a function's in one index; two processes that compile different models at once could each number
        their data file 1, and one would then load the other's code.
        """

        def _index_key(self, sig: Any, codegen: Any) -> Any:
            return sig, codegen.magic_tuple(), (source_digest(), key)

        def _select(self, sig: Any, codegen: Any) -> None:
            which = hashlib.sha256(repr((str(sig), codegen.magic_tuple())).encode()).hexdigest()[:16]
            self._cache_file = IndexDataCacheFile(self._cache_path, f"{_file_stem(key)}-{which}", source_digest())

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            try:
                target_context.refresh()
                self._select(sig, target_context.codegen())
                return super().load_overload(sig, target_context)
            except (OSError, EOFError, pickle.UnpicklingError):
                return None

        def save_overload(self, sig: Any, data: Any) -> None:
            try:
                self._select(sig, data.codegen)
                super().save_overload(sig, data)
            except (OSError, pickle.PicklingError):
                return

    return LauncherCache(function)
