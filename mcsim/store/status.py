"""What a store says of itself to whoever opens it, mcsim or not: the attribute ``status`` of its root and of every group."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mcsim.files import write_whole

STATUS = "status"
COMPLETE = "complete"
INCOMPLETE = "incomplete: the run did not finish; what was not computed is NaN, which xarray's sum takes for 0"

_NODE = "zarr.json"


def set_complete(store: Path) -> None:
    """Turn the status of every group to :data:`COMPLETE`: in its own metadata, and where the root gathers them.

    Without zarr: the metadata is JSON, and the marker's module stays free of heavy imports.
    """
    for path in sorted(store.rglob(_NODE)):
        node = json.loads(path.read_text(encoding="utf-8"))
        gathered = (node.get("consolidated_metadata") or {}).get("metadata") or {}
        turned = [_turn(one) for one in (node, *gathered.values())]
        if any(turned):
            write_whole(path, json.dumps(node, indent=2))


def _turn(node: dict[str, Any]) -> bool:
    """Whether the node is a group whose status had to be turned."""
    attributes = node.get("attributes") or {}
    if node.get("node_type") != "group" or attributes.get(STATUS, COMPLETE) == COMPLETE:
        return False
    attributes[STATUS] = COMPLETE
    return True
