"""The COMPLETE marker: written last, after everything else has reached the disk, to vouch for what stands beside it."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mcsim.errors import StoreError

MARKER_NAME = "COMPLETE"


def mark_complete(run_dir: str | Path) -> None:
    """Flush every file of a run folder to the disk, then write the marker, then flush the folder.

    The marker is JSON: ``completed`` (UTC) and ``metadata_sha256``, a digest of the store's metadata, which the chunk
    checksums do not cover. May be called again after a group was added.

    Raises
    ------
    StoreError
        If a file or the folder cannot be flushed or written.
    """
    folder = Path(run_dir)
    record = {"completed": datetime.now(UTC).isoformat(timespec="seconds"), "metadata_sha256": _metadata_digest(folder)}
    try:
        for directory, _, names in os.walk(folder):
            for name in names:
                _sync(Path(directory) / name)
            _sync(Path(directory))
        _write_marker(folder, json.dumps(record, indent=2) + "\n")
    except OSError as error:
        raise StoreError(f"{folder} cannot be marked complete: {error}") from error


def is_complete(run_dir: str | Path) -> bool:
    """Whether the marker is there."""
    return (Path(run_dir) / MARKER_NAME).is_file()


def check_marker(run_dir: str | Path) -> None:
    """Raise a :class:`~mcsim.errors.StoreError` if the store's metadata is not what it was when the run was marked."""
    path = Path(run_dir) / MARKER_NAME
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        stored = record["metadata_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    if stored != _metadata_digest(Path(run_dir)):
        raise StoreError(f"{run_dir}: the metadata of the store changed after the run was marked complete")


def _metadata_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("zarr.json")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _write_marker(folder: Path, text: str) -> None:
    partial = folder / f"{MARKER_NAME}.partial"
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / MARKER_NAME)
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
