"""Disk cache of compiled launchers.

numba's own key for a function that closes over other compiled functions changes from process to process, so its cache never
hits. Ours is what the result depends on: all that the function reaches (:mod:`kernels.reach`), ``key``, the argument types, the
processor, and the versions that compile. An edit of a file compiles again what reaches it, and nothing else.

A file is the SHA-256 of its name and content, then the content: machine code that was cut, changed or put in another's place is
never loaded. What fails is removed, compiled again and written anew (docs/adr/0006).
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import secrets
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from kernels.processor import load_numba
from kernels.reach import reach_digest

LOGGER = logging.getLogger("mcsim.cache")
_LARGEST = 100_000_000
"""Bytes of a compiled kernel: hundreds of times what the largest has."""
_SEAL = hashlib.sha256().digest_size
_REMEDY = "; every process compiles again, which takes half a minute: set NUMBA_CACHE_DIR to a folder with room"


def cached_njit(function: Callable[..., None], key: str) -> Callable[..., None]:
    """``numba.njit(function)``, without the interpreter lock, kept on disk under ``key``. A cache that fails is done without."""
    # The caller holds every array while it runs: no reference counts.
    dispatcher = load_numba().njit(error_model="numpy", fastmath=False, nogil=True, _nrt=False)(function)
    try:
        dispatcher._cache = _launcher_cache(function, key)
    except (RuntimeError, OSError):
        # numba's own message names our source files
        _say_once("none", f"no folder can be written, neither beside the sources nor in the user's cache{_REMEDY}")
        return dispatcher  # type: ignore[no-any-return]
    asked = load_numba().config.CACHE_DIR
    if asked and not Path(dispatcher._cache.cache_path).is_relative_to(asked):
        _say_once("other", f"NUMBA_CACHE_DIR={asked} cannot be written; {dispatcher._cache.cache_path} is used")
    return dispatcher  # type: ignore[no-any-return]


def is_cached(function: Callable[..., None], key: str) -> bool:
    """Whether a sound compilation of ``function`` under ``key`` is on disk, for any arguments; ``True`` without a cache."""
    try:
        folder = Path(_launcher_cache(function, key).cache_path)
    except (RuntimeError, OSError):
        return True  # nothing that is compiled ahead could be kept
    return any(read_sealed(path) is not None for path in folder.glob(f"{_file_stem(function, key)}-*.nbc"))


def read_sealed(path: Path) -> bytes | None:
    """What :func:`write_sealed` wrote; ``None`` where there is nothing, or anything else, which is then removed."""
    try:
        # a pipe would hang, and what is far too large takes its time
        data = path.read_bytes() if path.is_file() and path.stat().st_size <= _LARGEST else b""
    except OSError:
        return None
    if not os.path.lexists(path):
        return None
    if data[:_SEAL] == _seal(path, data[_SEAL:]):
        return data[_SEAL:]
    discard(path)
    return None


def write_sealed(path: Path, content: bytes) -> None:
    """Write ``content`` under its digest, in one step: another process sees all of it or nothing.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with unfinished.open("xb") as file:
            file.write(_seal(path, content) + content)
        os.replace(unfinished, path)
    except BaseException:
        discard(unfinished)
        raise


def discard(path: Path) -> None:
    """Remove ``path`` where that is possible: what cannot be removed is still never loaded."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        pass


def _seal(path: Path, content: bytes) -> bytes:
    """With the name, so that one kernel's file in another's place is as wrong as a changed one."""
    return hashlib.sha256(path.name.encode() + content).digest()


@lru_cache(maxsize=1)
def _said() -> set[str]:
    """What was said in this process: every kernel would say the same."""
    return set()


def _say_once(kind: str, message: str) -> None:
    if kind not in _said():
        _said().add(kind)
        LOGGER.warning("compile cache: %s", message)


def _file_stem(function: Callable[..., None], key: str) -> str:
    import llvmlite

    versions = f"{sys.implementation.cache_tag} {load_numba().__version__} {llvmlite.__version__}"
    return f"mcsim-{_short_digest(f'{reach_digest(function, Path(__file__).resolve())} {key} {versions}')}"


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _launcher_cache(function: Callable[..., None], key: str) -> Any:
    load_numba()
    from numba.core.caching import FunctionCache, dumps

    stem = _file_stem(function, key)

    class LauncherCache(FunctionCache):  # type: ignore[misc]
        """One sealed file for each key and signature, in numba's place for the cache; numba's index is not used.

        numba keeps all of a function's compilations in one index; two processes that compile different models at once could each
        number their data file 1, and one would then load the other's code.
        """

        def _path(self, sig: Any, codegen: Any) -> Path:
            which = _short_digest(repr((str(sig), codegen.magic_tuple())))
            return Path(self._cache_path) / f"{stem}-{which}.nbc"

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            target_context.refresh()
            path = self._path(sig, target_context.codegen())
            content = read_sealed(path)
            if content is None:
                return None
            try:
                return self._impl.rebuild(target_context, pickle.loads(content))
            except Exception:  # whatever a file of our own raises when it is loaded: compiling again is right, failing is not
                discard(path)
                return None

        def save_overload(self, sig: Any, data: Any) -> None:
            if not self._impl.check_cachable(data):
                return
            path = self._path(sig, data.codegen)
            try:
                write_sealed(path, dumps(self._impl.reduce(data)))
            except (OSError, pickle.PicklingError) as error:
                why = error.strerror or error if isinstance(error, OSError) else error
                _say_once("write", f"{path} could not be kept ({why}){_REMEDY}")

    return LauncherCache(function)
