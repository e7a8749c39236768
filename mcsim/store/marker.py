"""The COMPLETE marker: written last, after everything else has reached the disk, to vouch for what stands beside it.

It holds size and SHA-256 of every file of the run folder, and its own SHA-256 in its last line: no byte of a finished run can
change unseen. Two files are not in it: itself, and ``report.html``, which can be made again and carries a digest of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from mcsim.errors import IncompleteRunError, StoreError
from mcsim.files import read_regular, unreadable, write_whole, writing
from mcsim.provenance import file_sha256
from mcsim.store.layout import STORE_NAME
from mcsim.store.status import set_complete

Result = TypeVar("Result")

MARKER_NAME = "COMPLETE"
REPORT_NAME = "report.html"
LAYOUT = 2
"""Of the marker; 1 held the digest of the store's metadata alone."""

_LARGEST = 100_000_000
"""Bytes of a marker: those of a million files."""

_AGAIN = "restore the file, or run again"
_FOREIGN = "not written by the run; take it away"
_THREADS = min(8, os.cpu_count() or 1)
"""Hashing and flushing release the interpreter; beyond a few threads the memory or the disk is the limit."""

_TICK = 100_000_000
"""Nanoseconds. A file that changed less than this ago may change again within one tick of the file system's clock."""


@dataclass(frozen=True)
class Manifest:
    """What a marker says of its folder.

    Attributes
    ----------
    folder : Path
        The run folder.
    files : dict
        Path within the folder, with ``/`` → (size in bytes, SHA-256).
    digest : str
        SHA-256 of the marker itself: one number for the whole run.
    """

    folder: Path
    files: dict[str, tuple[int, str]]
    digest: str

    def check(self, name: str) -> None:
        """Raise a :class:`~mcsim.errors.StoreError` unless the file is what the run wrote, or is not there and never was.

        A file is hashed once a process, as long as the system sees no change of it.
        """
        found = self._problem(name)
        self._raise([found] if found else [])

    def check_listing(self) -> None:
        """Raise if a file is missing, has another size, or stands in the store and is not the run's. Reads no content."""
        self._raise(self._foreign() + [found for name in self.files if (found := self._size_problem(name))])

    def check_all(self) -> int:
        """Read every byte of the run; the number of files, or an error with everything that is wrong."""
        with ThreadPoolExecutor(_THREADS) as pool:
            self._raise(self._foreign() + [found for found in pool.map(self._problem, self.files) if found])
        return len(self.files)

    def _problem(self, name: str) -> str | None:
        path = self.folder / name
        if name not in self.files:
            known = not path.is_file() or name in (MARKER_NAME, REPORT_NAME)
            return None if known else f"{name}: {_FOREIGN}"
        found = self._size_problem(name)
        if found:
            return found
        try:
            same = _digest(path) == self.files[name][1]
        except OSError as error:
            return f"{name}: {unreadable(error)}"
        return None if same else f"{name}: not what the run wrote, its SHA-256 is not the one in {MARKER_NAME}; {_AGAIN}"

    def _size_problem(self, name: str) -> str | None:
        path, size = self.folder / name, self.files[name][0]
        try:
            found = path.stat()
        except OSError as error:
            return f"{name}: missing; {_AGAIN}" if isinstance(error, FileNotFoundError) else f"{name}: {unreadable(error)}"
        if not stat.S_ISREG(found.st_mode):
            return f"{name}: no file; {_AGAIN}"
        return None if found.st_size == size else f"{name}: {found.st_size} bytes, the run wrote {size}; {_AGAIN}"

    def _foreign(self) -> list[str]:
        """Files of the store that the run did not write; what a user puts beside the store is the user's."""
        found = (name for name, _ in _files(self.folder / STORE_NAME, Path(STORE_NAME)) if name not in self.files)
        return [f"{name}: {_FOREIGN}" for name in found]

    def _raise(self, problems: list[str]) -> None:
        if len(problems) == 1:
            raise StoreError(f"{self.folder}/{problems[0]}")
        if problems:
            raise StoreError([f"{self.folder} is damaged:", *problems])


def mark_complete(run_dir: str | Path) -> None:
    """Flush every file of a run folder to the disk, take their digests, then write the marker. May be called again.

    Raises
    ------
    StoreError
        If a file or the folder cannot be flushed or written.
    """
    folder = Path(run_dir)
    with writing(folder):
        set_complete(folder / STORE_NAME)
        listed = [(name, path) for name, path in _files(folder, Path()) if name not in (MARKER_NAME, REPORT_NAME)]
        with ThreadPoolExecutor(_THREADS) as pool:
            entries = dict(pool.map(_flush_and_digest, listed))
            list(pool.map(_sync, [Path(directory) for directory, _, _ in os.walk(folder)]))
        write_whole(folder / MARKER_NAME, _text(datetime.now(UTC).isoformat(timespec="seconds"), entries), flush=True)
        _sync(folder)


def is_complete(run_dir: str | Path) -> bool:
    """Whether the marker is there; :func:`read_manifest` says whether it is sound."""
    return (Path(run_dir) / MARKER_NAME).is_file()


def read_manifest(run_dir: str | Path) -> Manifest | None:
    """What the marker of a run folder says; None where there is none: a run that did not finish.

    Raises
    ------
    StoreError
        If the marker is empty, was changed, or is of an mcsim that kept no digests.
    """
    path = Path(run_dir) / MARKER_NAME
    try:
        return _once(_MANIFESTS, path, _parse)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"{path}: {unreadable(error)}") from error


def _parse(path: Path) -> Manifest:
    data = read_regular(path, _LARGEST)
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict) and "metadata_sha256" in record:
        raise StoreError(
            f"{path}: written by an older mcsim, which kept no digest of the files: run again to have them checked"
        )
    files = _listed(record)
    if files is None or _text(record["completed"], files).encode() != data:
        what = "empty" if not data.strip() else "not as it was written"
        raise StoreError(f"{path}: {what}, so that nothing vouches for the run; {_AGAIN}")
    return Manifest(path.parent, files, hashlib.sha256(data).hexdigest())


def unfinished(run_dir: str | Path) -> str:
    """What is said of a run without a marker: nothing in its folder tells one that was killed from one that is on."""
    return f"{run_dir} did not finish: it holds no {MARKER_NAME} marker. Wait if it is still on, or run it again"


def require_manifest(run_dir: str | Path) -> Manifest:
    """:func:`read_manifest` of a run that must have finished."""
    found = read_manifest(run_dir)
    if found is None:
        raise IncompleteRunError(unfinished(run_dir))
    return found


def _listed(record: Any) -> dict[str, tuple[int, str]] | None:
    """The files of a marker, None where it has another shape."""
    try:
        return {str(name): (int(size), str(sha256)) for name, (size, sha256) in record["files"].items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _text(completed: Any, files: dict[str, tuple[int, str]]) -> str:
    """JSON, one file a line; the last entry is the SHA-256 of all bytes before its line."""
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(list(files[name]))}" for name in sorted(files))
    head = f'{{\n"layout": {LAYOUT},\n"completed": {json.dumps(completed)},\n"files": {{\n{rows}\n}},\n'
    return f'{head}"sha256": "{hashlib.sha256(head.encode()).hexdigest()}"\n}}\n'


def _files(folder: Path, prefix: Path) -> Iterator[tuple[str, Path]]:
    """Every file under a folder, with its path under ``prefix``."""
    for directory, _, names in os.walk(folder):
        for name in names:
            path = Path(directory) / name
            yield (prefix / path.relative_to(folder)).as_posix(), path


_DIGESTS: dict[Path, tuple[tuple[int, ...], str]] = {}
_MANIFESTS: dict[Path, tuple[tuple[int, ...], Manifest]] = {}


def _digest(path: Path) -> str:
    return _once(_DIGESTS, path, file_sha256)


def _once(known: dict[Path, tuple[tuple[int, ...], Result]], path: Path, read: Callable[[Path], Result]) -> Result:
    """``read(path)``, kept as long as the system sees no change of the file."""
    found = path.stat()
    state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    kept = known.get(path)
    if kept is not None and kept[0] == state:
        return kept[1]
    result = read(path)
    if time.time_ns() - found.st_ctime_ns > _TICK:
        known[path] = (state, result)
    return result


def _flush_and_digest(item: tuple[str, Path]) -> tuple[str, tuple[int, str]]:
    name, path = item
    _sync(path)
    return name, (path.stat().st_size, _digest(path))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
