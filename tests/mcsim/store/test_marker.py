"""What the marker vouches for, file by file, and the checked store above it, on a folder of two small files."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore

from mcsim.errors import StoreError
from mcsim.store import marker
from mcsim.store.checked import CheckedStore
from mcsim.store.layout import STORE_NAME
from mcsim.store.marker import Manifest


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Of a folder with one file that the run wrote, and one that it did not."""
    (tmp_path / STORE_NAME).mkdir()
    (tmp_path / STORE_NAME / "ours").write_bytes(b"as it was written")
    (tmp_path / STORE_NAME / "foreign").write_bytes(b"from elsewhere")
    name = f"{STORE_NAME}/ours"
    return Manifest(tmp_path, {name: (17, marker.file_sha256(tmp_path / name))}, "")


def test_a_file_that_the_run_did_not_write_is_refused_by_name(manifest: Manifest) -> None:
    manifest.check(f"{STORE_NAME}/ours")
    with pytest.raises(StoreError, match="foreign: not written by the run"):
        manifest.check(f"{STORE_NAME}/foreign")
    manifest.check(f"{STORE_NAME}/never there")
    for name in (marker.MARKER_NAME, marker.REPORT_NAME):
        (manifest.folder / name).touch()
        manifest.check(name)


def test_a_digest_is_kept_once_the_file_can_no_longer_change_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writes within one tick of the file system's clock look alike: what is that young is read again."""
    path, known = tmp_path / "file", {}  # type: ignore[var-annotated]
    path.write_bytes(b"one")
    assert marker._once(known, path, Path.read_bytes) == b"one" and not known
    later = time.time_ns() + 10 * marker._TICK
    monkeypatch.setattr(marker.time, "time_ns", lambda: later)
    assert marker._once(known, path, Path.read_bytes) == b"one" and set(known) == {path}
    path.write_bytes(b"two")  # as long as before
    os.utime(path, ns=(0, 0))
    assert marker._once(known, path, Path.read_bytes) == b"two"


@pytest.mark.parametrize("way", ["get", "get_partial_values", "_get_many"])
def test_no_way_of_reading_goes_around_the_check(manifest: Manifest, way: str) -> None:
    store = CheckedStore(LocalStore(manifest.folder / STORE_NAME, read_only=True), manifest)
    prototype = default_buffer_prototype()

    async def read() -> Any:
        if way == "get":
            return await store.get("ours", prototype)
        if way == "get_partial_values":
            (value,) = await store.get_partial_values(prototype, [("ours", None)])
        else:
            ((_, value),) = [pair async for pair in store._get_many([("ours", prototype, None)])]
        return value

    assert asyncio.run(read()).to_bytes() == b"as it was written"
    (manifest.folder / STORE_NAME / "ours").write_bytes(b"as it was WRITTEN")
    with pytest.raises(StoreError, match="ours: not what the run wrote"):
        asyncio.run(read())
