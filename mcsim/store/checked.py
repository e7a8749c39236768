"""A zarr store that gives out no byte of a finished run before its file was held against the run's marker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path
from typing import Any

from zarr.storage import LocalStore, WrapperStore

from mcsim.store.marker import Manifest, read_manifest


class CheckedStore(WrapperStore[LocalStore]):
    """A local store, read only; a file that is missing, changed or not of the run is a :class:`~mcsim.errors.StoreError`.

    Each file is hashed when it is first read, once a process: opening a lazy dataset costs its metadata and labels alone.
    """

    def __init__(self, store: LocalStore, manifest: Manifest) -> None:
        super().__init__(store)
        self._manifest = manifest

    def _with_store(self, store: LocalStore) -> CheckedStore:
        return type(self)(store, self._manifest)

    def __eq__(self, value: object) -> bool:
        return isinstance(value, CheckedStore) and self._store == value._store

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """As zarr's, checked. A key that neither the run nor the disk knows is None, as zarr asks for several."""
        await self._check(key)
        return await self._store.get(key, prototype, byte_range)

    async def get_partial_values(self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]) -> list[Any]:
        """As :meth:`get`, for several ranges."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def _get_many(self, requests: Iterable[tuple[str, Any, Any]]) -> AsyncGenerator[tuple[str, Any], None]:
        for key, prototype, byte_range in requests:
            yield key, await self.get(key, prototype, byte_range)

    async def _check(self, key: str) -> None:
        await asyncio.to_thread(self._manifest.check, f"{self._store.root.name}/{key}")


def local_store(path: Path) -> LocalStore | CheckedStore:
    """The store at ``path`` for reading: checked where it is of a finished run."""
    plain = LocalStore(path, read_only=True)
    manifest = read_manifest(path.parent)
    return plain if manifest is None else CheckedStore(plain, manifest)
