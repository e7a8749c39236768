"""Where a value lies: the shards and chunks of every stored variable, as arithmetic on its dimensions. No zarr here.

A *shard* is a file, the unit of writing; a *chunk* is a piece of it, the unit of reading and of the checksum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcsim.errors import nearest
from mcsim.variables import GROUPS, Variable

STORE_NAME = "store.zarr"

LAYOUT = 2
"""Of the groups: scenarios, ``collateral/<name>``, ``deals/<name>``, positions. 1 had every group at the root."""

COLLATERAL, DEALS, POSITIONS = "collateral", "deals", "positions"
"""Groups below which a book's parts are, each under its name."""

CHUNK_PATHS = 256
"""Paths of a chunk: the path blocks of all engines are multiples of it. With 360 months of float64 a chunk is 720 KiB,
enough for a codec to work on and little enough to read one label of one block."""

CHUNK_LABELS = 256
"""Labels of a chunk where a variable has no path axis (loan means): again 720 KiB at 360 months."""

SHARD_BYTES = 64 * 2**20
"""Uncompressed size above which a shard is cut along its label axis: a shard is encoded in memory, and a loan-level
store (loan, month, path) would otherwise need the whole block twice."""


@dataclass(frozen=True)
class Layout:
    """Shape of one stored array, of its shards and of the chunks within a shard."""

    shape: tuple[int, ...]
    shards: tuple[int, ...]
    chunks: tuple[int, ...]


def store_path(run_dir: str | Path) -> Path:
    """The store of a run folder; a path that already ends in ``.zarr`` is itself."""
    path = Path(run_dir)
    return path if path.suffix == ".zarr" else path / STORE_NAME


def group_variables(group: str) -> dict[str, Variable]:
    """The variables of a group: of its whole name where the table has it, else of its last (``deals/a/tranches``).

    Raises
    ------
    ValueError
        If :data:`mcsim.variables.GROUPS` does not know the group.
    """
    stage = group if group in GROUPS else group.rsplit("/", 1)[-1]
    if stage not in GROUPS:
        raise ValueError(f"unknown group {stage!r} of the store{nearest(stage, GROUPS)}")
    return GROUPS[stage]


def shard_paths(n_paths: int, shards_path: int) -> int:
    """Paths of a shard: ``shards_path``, or less where the run has fewer; a multiple of :data:`CHUNK_PATHS` where it can be.

    >>> shard_paths(1000, 1024), shard_paths(5000, 1024), shard_paths(64, 1024)
    (1024, 1024, 64)
    """
    if n_paths >= shards_path:
        return shards_path
    rounded = -(-n_paths // CHUNK_PATHS) * CHUNK_PATHS
    return min(shards_path, rounded) if n_paths > CHUNK_PATHS else n_paths


def plan(variable: Variable, sizes: Mapping[str, int], shards_path: int) -> Layout:
    """Lay out one variable.

    Months are never cut: a cash flow is read whole. The path axis is cut at ``shards_path`` into shards and at
    :data:`CHUNK_PATHS` into chunks, where there are months; a label axis beside it has one label a chunk.

    Parameters
    ----------
    variable : Variable
        Entry of :data:`mcsim.variables.GROUPS`.
    sizes : mapping
        Length of each dimension, all >= 1.
    shards_path : int
        Paths of a work item.
    """
    shape = tuple(sizes[dim] for dim in variable.dims)
    with_path = "path" in variable.dims
    shards: dict[str, int] = {}
    chunks: dict[str, int] = {}
    for dim in variable.dims:
        if dim == "path":
            shards[dim] = shard_paths(sizes[dim], shards_path)
            # Without months a chunk of few paths would be a few hundred bytes.
            cut = "month" in variable.dims and shards[dim] % CHUNK_PATHS == 0
            chunks[dim] = CHUNK_PATHS if cut else shards[dim]
        elif dim == "month":
            shards[dim] = chunks[dim] = sizes[dim]
        else:
            chunks[dim] = 1 if with_path else min(sizes[dim], CHUNK_LABELS)
    row_bytes = int(np.prod(list(shards.values()), dtype=np.int64)) * 8
    for dim in variable.dims:
        if dim not in shards:
            whole = -(-sizes[dim] // chunks[dim])
            fit = max(1, SHARD_BYTES // (row_bytes * chunks[dim]))
            shards[dim] = chunks[dim] * min(whole, fit)
    return Layout(shape, tuple(shards[dim] for dim in variable.dims), tuple(chunks[dim] for dim in variable.dims))
