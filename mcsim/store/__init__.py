"""The store: a zarr v3 hierarchy, one group a stage, readable by ``xarray.open_zarr`` without mcsim. See ``docs/store.md``."""

from __future__ import annotations

from mcsim.store.layout import STORE_NAME
from mcsim.store.marker import MARKER_NAME, is_complete, mark_complete, read_manifest
from mcsim.store.reader import (
    attributes,
    check_complete,
    groups,
    missing_shards,
    open_group,
    read_block,
    sizes,
    verify,
)
from mcsim.store.writer import create_group, create_store, write_block

__all__ = [
    "MARKER_NAME",
    "STORE_NAME",
    "attributes",
    "check_complete",
    "create_group",
    "create_store",
    "groups",
    "is_complete",
    "mark_complete",
    "missing_shards",
    "open_group",
    "read_block",
    "read_manifest",
    "sizes",
    "verify",
    "write_block",
]
