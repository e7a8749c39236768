"""Writing the store: one caller lays a group out, then any number of threads write disjoint path blocks of whole shards."""

from __future__ import annotations

import itertools
import json
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec
from zarr.errors import ZarrUserWarning

from mcsim.errors import StoreError, nearest
from mcsim.files import writing
from mcsim.store.layout import LAYOUT, Layout, group_variables, plan
from mcsim.store.shard import BLOSC, encode_shard, write_shard
from mcsim.store.status import INCOMPLETE, STATUS
from mcsim.variables import COORDINATES, Variable

METADATA = "zarr.json"

_CONFIG: Any = {"write_empty_chunks": True}
"""An all-NaN block is written: a shard that is not there was never computed. The setting is not in the metadata, so it has to
be given again on every opening (``zarr.open_array(config=...)`` passes over it where the array exists)."""

_GROUP_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}(/[A-Za-z0-9._-]{1,64})*")

TITLES = {
    "scenarios": "paths of rates and home prices",
    "pool": "cash flow of the collateral",
    "loans": "cash flow of each loan, mean over paths",
    "loan_paths": "cash flow of each loan on each path",
    "tranches": "cash flow of the classes, fees and accounts of the deal",
    "path_values": "value of the classes on each path",
    "prices": "value of the classes",
}


def create_store(path: str | Path, attributes: Mapping[str, Any]) -> None:
    """Make an empty store.

    Parameters
    ----------
    path : path
        The ``store.zarr`` directory; must not exist.
    attributes : mapping
        What identifies the run: the resolved config, seed, versions, commit, time. Plain JSON values.

    Raises
    ------
    StoreError
        If ``path`` exists or cannot be made.
    ValueError
        If an attribute is not JSON (NaN and infinity are not).
    """
    path = Path(path)
    try:
        text = json.dumps(dict(attributes), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"attributes of a store must be plain JSON values: {error}") from error
    try:
        os.mkdir(path)
    except FileExistsError as error:
        raise StoreError(f"store {path} exists already; give a new path") from error
    except OSError as error:
        raise StoreError(f"cannot make the store {path}: {error.strerror}") from error
    with writing(path):
        zarr.create_group(str(path), zarr_format=3, attributes={**json.loads(text), "layout": LAYOUT, STATUS: INCOMPLETE})
    _consolidate(path)


def create_group(
    where: str | Path,
    group: str,
    coords: Mapping[str, Sequence[Any] | np.ndarray],
    shards_path: int = 1,
    overwrite: bool = False,
) -> None:
    """Lay out a group: every variable of :data:`mcsim.variables.GROUPS` and its coordinates. For one thread, before writing.

    Variables over a dimension without labels (a deal without accounts) are left out.

    Parameters
    ----------
    where : path
        The store, or the place of a group within it (``store.zarr/deals/a``), which need not be there yet.
    group : str
        A name of ``GROUPS``, or a path that ends in one (``deals/a/tranches``).
    coords : mapping
        Labels of each dimension: unique, in the order of the arrays; ``path`` is ``0..n-1``.
    shards_path : int
        Paths of a work item; its blocks start at multiples of it. Of no effect where no variable has paths.
    overwrite : bool
        Replace the group where it exists. Without it an existing group is a :class:`~mcsim.errors.StoreError`.

    Raises
    ------
    ValueError
        Unknown group or dimension, a missing dimension, or bad labels: all problems together.
    """
    if not _GROUP_NAME.fullmatch(group) or ".." in group.split("/"):
        raise ValueError(f"group {group!r}: expected names of letters, digits, '.', '_' and '-', joined by '/'")
    variables = group_variables(group)
    labels = _checked_labels(group, variables, coords, shards_path)
    store_path = _store_of(Path(where))
    path = (Path(where) / group).relative_to(store_path).as_posix()
    root = _open_for_writing(store_path)
    if path in root:
        if not overwrite:
            raise StoreError(f"group {path!r} of {store_path} exists already")
        del root[path]
    with writing(store_path / path):
        _lay_out(root, path, labels, shards_path)
    _consolidate(store_path)


def _lay_out(root: zarr.Group, group: str, labels: Mapping[str, np.ndarray], shards_path: int) -> None:
    sizes = {dim: len(values) for dim, values in labels.items()}
    stage = group.rsplit("/", 1)[-1]
    target = root.create_group(group, attributes={"title": TITLES[stage], "Conventions": "CF-1.11", STATUS: INCOMPLETE})
    for dim, values in labels.items():
        if sizes[dim]:
            _create_coordinate(target, dim, values)
    for name, variable in group_variables(group).items():
        if all(sizes[dim] for dim in variable.dims):
            _create_array(target, name, variable, plan(variable, sizes, shards_path))


def write_block(where: str | Path, group: str, first_path: int, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a path block: whole shards of the variables given. Safe from threads that write disjoint blocks.

    Parameters
    ----------
    where, group :
        As in :func:`create_group`.
    first_path : int
        Path index of the first lane of ``arrays``.
    arrays : mapping
        Name → array in the dims of the variable, any dtype that casts to the stored one without loss. The path axis may
        be a part, from ``first_path``; every other axis, and a variable without paths, is whole.

    Raises
    ------
    ValueError
        If the block does not begin and end on shards, or a name, shape or dtype is wrong: all problems together, and
        nothing is written.
    """
    variables = group_variables(group)
    folder = Path(where) / group
    stored = _stored_layouts(folder)
    problems: list[str] = []
    writes: list[tuple[Path, Layout, int, np.ndarray]] = []
    for name, given in arrays.items():
        values = np.asarray(given)
        if name not in variables or name not in stored:
            problems.append(f"group {group!r} holds no variable {name!r}{nearest(name, stored)}")
            continue
        problems += _misfits(name, variables[name], stored[name], first_path, values)
        writes.append((folder / name, stored[name], _path_axis(variables[name]), values))
    if problems:
        raise ValueError("\n".join(problems))
    with writing(folder):
        for array, layout, path_axis, values in writes:
            _write_array(array, layout, path_axis, first_path, values)


def _path_axis(variable: Variable) -> int:
    """Axis of the paths; -1 where the variable has none."""
    return variable.dims.index("path") if "path" in variable.dims else -1


def _write_array(array: Path, layout: Layout, path_axis: int, first_path: int, values: np.ndarray) -> None:
    """Write the shards that ``values`` fills, from ``first_path`` on; every other axis is whole."""
    counts = [-(-size // shard) for size, shard in zip(values.shape, layout.shards, strict=True)]
    for at in itertools.product(*map(range, counts)):
        part = values[tuple(slice(i * width, (i + 1) * width) for i, width in zip(at, layout.shards, strict=True))]
        where = list(at)
        if path_axis >= 0:
            where[path_axis] += first_path // layout.shards[path_axis]
        write_shard(array.joinpath("c", *map(str, where)), encode_shard(part, layout))


def _misfits(name: str, variable: Variable, layout: Layout, first: int, values: np.ndarray) -> list[str]:
    """What is wrong with ``values`` as a block of a stored variable."""
    problems: list[str] = []
    if not np.can_cast(values.dtype, variable.dtype, "safe"):
        problems.append(f"{name}: dtype {values.dtype} does not cast to {variable.dtype} without loss")
    expected, axis = list(layout.shape), _path_axis(variable)
    if values.ndim == len(expected) and axis >= 0:
        shard, n_paths = layout.shards[axis], layout.shape[axis]
        last = first + values.shape[axis]
        if first % shard or first < 0 or last <= first or last > n_paths or (last % shard and last != n_paths):
            problems.append(
                f"{name}: paths {first}..{last - 1} are not whole shards of {shard} paths out of {n_paths}; "
                "a part of a shard would overwrite its neighbours"
            )
        expected[axis] = values.shape[axis]
    if values.shape != tuple(expected):
        problems.append(f"{name}: shape {values.shape}, expected {tuple(expected)} for {variable.dims}")
    return problems


def _stored_layouts(folder: Path) -> dict[str, Layout]:
    """Layout of every array of a group that is made of shards, as its metadata say.

    Raises
    ------
    StoreError
        If there is no such group.
    """
    found: dict[str, Layout] = {}
    try:
        json.loads((folder / METADATA).read_text(encoding="utf-8"))
        for file in sorted(folder.glob(f"*/{METADATA}")):
            record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            codec: dict[str, Any] = record["codecs"][0] if record["node_type"] == "array" else {}
            if codec.get("name") == "sharding_indexed":
                shards, chunks = record["chunk_grid"]["configuration"]["chunk_shape"], codec["configuration"]["chunk_shape"]
                found[file.parent.name] = Layout(tuple(record["shape"]), tuple(shards), tuple(chunks))
    except (OSError, ValueError, KeyError, TypeError, LookupError) as error:
        raise StoreError(f"{folder} cannot be opened for writing: {error}") from error
    return found


def _checked_labels(
    group: str, variables: Mapping[str, Variable], coords: Mapping[str, Any], shards_path: int
) -> dict[str, np.ndarray]:
    """Labels as int64 or str arrays for every dimension of the group."""
    dims = sorted({dim for variable in variables.values() for dim in variable.dims})
    problems = [f"group {group!r} needs labels for dimension {dim!r}" for dim in dims if dim not in coords]
    problems += [f"group {group!r} has no dimension {dim!r}{nearest(dim, dims)}" for dim in coords if dim not in dims]
    if shards_path < 1:
        problems.append(f"shards_path {shards_path}: expected 1 path or more")
    labels: dict[str, np.ndarray] = {}
    for dim in dims:
        if dim not in coords:
            continue
        values = [str(v) if COORDINATES[dim].dtype == "str" else int(v) for v in coords[dim]]
        if len(set(values)) != len(values):
            problems.append(f"labels of {dim!r} repeat: {sorted({v for v in values if values.count(v) > 1})[:5]}")
        if "" in values:
            problems.append(f"labels of {dim!r} hold an empty one")
        if dim == "path" and values != list(range(len(values))):
            problems.append("labels of 'path' must be 0..n-1: a position is a path index")
        labels[dim] = np.array(values, dtype=object if COORDINATES[dim].dtype == "str" else np.int64)
    if problems:
        raise ValueError("\n".join(problems))
    return labels


def _create_coordinate(target: zarr.Group, dim: str, values: np.ndarray) -> None:
    variable = COORDINATES[dim]
    array = target.create_array(
        dim,
        shape=(len(values),),
        chunks=(len(values),),
        dtype="string" if variable.dtype == "str" else variable.dtype,
        compressors=[ZstdCodec(level=1), Crc32cCodec()],
        dimension_names=variable.dims,
        attributes=_attributes(variable),
        config=_CONFIG,
    )
    array[:] = values


def _create_array(target: zarr.Group, name: str, variable: Variable, layout: Layout) -> None:
    target.create_array(
        name,
        shape=layout.shape,
        shards=layout.shards,
        chunks=layout.chunks,
        dtype=variable.dtype,
        fill_value=np.nan,
        compressors=[BloscCodec(**BLOSC), Crc32cCodec()],
        dimension_names=variable.dims,
        attributes=_attributes(variable),
        config=_CONFIG,
    )


def _attributes(variable: Variable) -> dict[str, Any]:
    return {"units": variable.units, "long_name": variable.long_name}


def _store_of(where: Path) -> Path:
    """The store that a place is in: the topmost of the nodes that lead to it; the place itself where there is none."""
    nodes = [place for place in (where, *where.parents) if (place / METADATA).is_file()]
    return next((node for node in nodes if node.parent not in nodes), where)


def _open_for_writing(store_path: Path) -> zarr.Group:
    try:
        return zarr.open_group(str(store_path), mode="r+", use_consolidated=False)
    except (FileNotFoundError, ValueError, KeyError) as error:
        raise StoreError(f"store {store_path} cannot be opened for writing") from error


def _consolidate(store_path: str | Path) -> None:
    """Gather all metadata at the root, so that ``xarray.open_zarr(store, group=...)`` finds it without a warning."""
    with warnings.catch_warnings(), writing(Path(store_path) / "zarr.json"):
        # zarr warns that consolidated metadata is an addition to the v3 specification; readers that do not know it pass
        # over the key, and without it xarray warns on every opening.
        warnings.simplefilter("ignore", ZarrUserWarning)
        zarr.consolidate_metadata(str(store_path))
