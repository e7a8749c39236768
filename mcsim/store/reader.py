"""Reading the store: lazy xarray datasets for people, whole blocks for stages, proof that nothing is missing or damaged."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from mcsim.errors import IncompleteRunError, StoreError, nearest
from mcsim.store.checked import local_store
from mcsim.store.layout import LAYOUT, group_variables, store_path
from mcsim.store.marker import is_complete, read_manifest

if TYPE_CHECKING:
    import xarray as xr

_UNREADABLE = (FileNotFoundError, NotADirectoryError, KeyError, ValueError, TypeError, RuntimeError, OSError)
"""What zarr raises on a store that is not there, is not one, or is damaged."""

log = logging.getLogger("mcsim")


def open_group(run_dir: str | Path, group: str) -> xr.Dataset:
    """A group as a lazy dataset: coordinates are read, a variable only when its values are asked for; dask is not needed.

    What is read of a finished run is what was written: a file that is missing, changed or not of the run is a
    :class:`~mcsim.errors.StoreError` when it is read. Of a run that did not finish, the dataset holds what is
    whole, and says so in its attributes (``status``, ``paths_missing``) and in a warning: a path that was never computed is
    NaN in the store, and xarray's ``sum`` takes NaN for 0.

    Parameters
    ----------
    run_dir : path
        A run folder, or its ``store.zarr``.
    group : str
        A name of :func:`groups`.

    Returns
    -------
    xarray.Dataset
        Variables, dims and units as in :data:`mcsim.variables.GROUPS`.

    Raises
    ------
    StoreError
        If the store cannot be read or has no such group.
    IncompleteRunError
        If the run did not finish and the group holds no whole path, or has no paths and is not whole.

    Examples
    --------
    >>> open_group("runs/20261231T120000.000Z-prime_jumbo-1a2b3c4d", "pool").balance.mean("path")  # doctest: +SKIP
    """
    import xarray as xr  # half a second of imports, that a stage does not need

    store = store_path(run_dir)
    known = groups(store)
    if group not in known:
        raise StoreError(f"{store} holds no group {group!r}{nearest(group, known)}")
    try:
        data: xr.Dataset = xr.open_zarr(local_store(store), group=group, chunks=None, consolidated=True)
    except _UNREADABLE as error:
        raise StoreError(f"group {group!r} of {store} cannot be read: {error}") from error
    ordered: xr.Dataset = data[[name for name in group_variables(group) if name in data]]
    return ordered if is_complete(store.parent) else _whole_paths(store, group, ordered)


def _whole_paths(store: Path, group: str, data: xr.Dataset) -> xr.Dataset:
    """What an unfinished run has of a group: the variables that were begun, on the paths on which all of them are there."""
    root, there = _open_root(store), {}
    for name in data.data_vars:
        array = root[f"{group}/{name}"]
        assert isinstance(array, zarr.Array)
        there[name] = _paths_there(store, f"{group}/{name}", array)
    begun = {name: paths for name, paths in there.items() if paths.any()}
    if not begun:
        raise IncompleteRunError(f"{store.parent} did not finish: nothing of its {group} is there. Run it again")
    whole = np.logical_and.reduce(list(begun.values()))
    if len(begun) == len(there) and whole.all():
        return data
    missing = sorted(str(name) for name in there.keys() - begun.keys())
    without = f", without {', '.join(missing)}" if missing else ""
    log.warning("%s did not finish: %s holds %d of %d paths%s", store.parent, group, whole.sum(), whole.size, without)
    found = data[list(begun)].assign_attrs(paths_missing=int((~whole).sum()))
    return found if whole.all() else found.isel(path=np.flatnonzero(whole))


def _paths_there(store: Path, name: str, array: zarr.Array[Any]) -> np.ndarray:
    """Which paths of a variable were written; one entry for a variable that has no paths."""
    dims = array.metadata.dimension_names or ()  # type: ignore[union-attr]
    axis = dims.index("path") if "path" in dims else None
    there = np.ones(1 if axis is None else array.shape[axis], bool)
    for key, region in zip(_shard_keys(name, array), _shard_regions(array), strict=True):
        if not _has_bytes(store / key):
            there[slice(None) if axis is None else region[axis]] = False
    return there


def attributes(run_dir: str | Path) -> dict[str, Any]:
    """Attributes of the store: resolved config, seed, versions, commit, time of creation."""
    return dict(_open_root(store_path(run_dir)).attrs.asdict())


def groups(run_dir: str | Path) -> tuple[str, ...]:
    """Names of the groups that hold arrays, nested ones by their path, sorted."""
    root = _open_root(store_path(run_dir))
    return tuple(sorted({name.rsplit("/", 1)[0] for name, member in root.members(None) if isinstance(member, zarr.Array)}))


def read_block(
    run_dir: str | Path, group: str, names: Iterable[str], first_path: int = 0, n_paths: int | None = None
) -> dict[str, np.ndarray]:
    """Values of a path block; a stage reads with it what the one before wrote.

    Parameters
    ----------
    run_dir, group :
        As in :func:`open_group`.
    names : iterable of str
        Variables or coordinates. One without a path axis is read whole.
    first_path : int
        First path of the block.
    n_paths : int, optional
        Paths of the block; all that follow when not given.

    Returns
    -------
    dict
        Name → C-contiguous array in the stored dims and dtype.

    Raises
    ------
    StoreError
        If a variable is not there, or a shard of the block is missing or damaged.
    """
    store = store_path(run_dir)
    root = _open_root(store)
    blocks: dict[str, np.ndarray] = {}
    for name in names:
        array = root.get(f"{group}/{name}")
        if not isinstance(array, zarr.Array):
            raise StoreError(f"{store} holds no variable {group}/{name}")
        dims = array.metadata.dimension_names or ()  # type: ignore[union-attr]
        stop = None if n_paths is None else first_path + n_paths
        region = tuple(slice(first_path, stop) if dim == "path" else slice(None) for dim in dims)
        _check_present(store, f"{group}/{name}", array, region)
        blocks[name] = np.ascontiguousarray(_read(array, region, f"{store}: {group}/{name}"))
    return blocks


def sizes(run_dir: str | Path, group: str) -> dict[str, int]:
    """Length of each dimension of a group, from the metadata alone: no label is read."""
    found: dict[str, int] = {}
    prefix = f"{group}/"
    for name, array in _arrays(_open_root(store_path(run_dir))):
        if name.startswith(prefix) and "/" not in name[len(prefix) :]:
            dims = array.metadata.dimension_names or ()  # type: ignore[union-attr]
            found |= {str(dim): size for dim, size in zip(dims, array.shape, strict=True)}
    return found


def missing_shards(run_dir: str | Path) -> list[str]:
    """Files that a complete store has and this one has not, as ``group/variable/c/...``, in order."""
    store = store_path(run_dir)
    root = _open_root(store)
    return [key for name, array in _arrays(root) for key in _shard_keys(name, array) if not _has_bytes(store / key)]


def check_complete(run_dir: str | Path) -> None:
    """Raise a :class:`~mcsim.errors.StoreError` that names every shard that is missing (the first 20, then a count)."""
    missing = missing_shards(run_dir)
    if missing:
        shown = missing[:20] + ([f"and {len(missing) - 20} more"] if len(missing) > 20 else [])
        raise StoreError(f"{store_path(run_dir)} lacks {len(missing)} shards:\n" + "\n".join(shown))


def verify(run_dir: str | Path) -> int:
    """Read every byte: of a finished run every file against the marker, else every chunk against its checksum.

    Returns
    -------
    int
        Number of files, or of shards, read.

    Raises
    ------
    StoreError
        Naming what is missing, damaged or not of the run, all together.
    """
    store = store_path(run_dir)
    manifest = read_manifest(store.parent)
    if manifest is not None:
        return manifest.check_all()
    problems = [f"{key}: missing" for key in missing_shards(store)]
    count = 0
    for name, array in _arrays(_open_root(store)):
        for region, key in zip(_shard_regions(array), _shard_keys(name, array), strict=True):
            count += 1
            try:
                _read(array, region, key)
            except StoreError as error:
                problems.append(str(error))
    if problems:
        raise StoreError(f"{store} is damaged:\n" + "\n".join(problems))
    return count


def _has_bytes(path: Path) -> bool:
    # zarr takes an empty file for a shard that was never written, and reads NaN.
    return path.is_file() and path.stat().st_size > 0


def _open_root(store: Path) -> zarr.Group:
    if not store.is_dir():
        raise StoreError(f"{store}: no store there")
    metadata = store / "zarr.json"
    if metadata.exists() and not metadata.is_file():  # a pipe would hang
        raise StoreError(f"{metadata} is no file; restore it, or run again")
    try:
        root = zarr.open_group(local_store(store), mode="r")
    except _UNREADABLE as error:
        raise StoreError(f"{store} is not a zarr store, or its metadata is damaged: {error}") from error
    if root.attrs.get("layout") != LAYOUT:
        raise StoreError(f"{store}: written by an mcsim that laid its store out otherwise; run again to read it")
    return root


def _read(array: zarr.Array[Any], region: tuple[slice, ...], what: str) -> np.ndarray:
    try:
        return np.asarray(array[region])
    except _UNREADABLE as error:
        raise StoreError(f"{what}: damaged, cannot be read ({error})") from error


def _check_present(store: Path, name: str, array: zarr.Array[Any], region: tuple[slice, ...]) -> None:
    """A stage must not take the NaN of a shard that is not there for a number."""
    for shard, key in zip(_shard_regions(array), _shard_keys(name, array), strict=True):
        asked = all(
            piece.start < (size if part.stop is None else part.stop) and piece.stop > (part.start or 0)
            for piece, part, size in zip(shard, region, array.shape, strict=True)
        )
        if asked and not _has_bytes(store / key):
            raise StoreError(f"{store}: shard {key} is missing; the run did not finish, or the file was lost")


def _arrays(root: zarr.Group) -> list[tuple[str, zarr.Array[Any]]]:
    return sorted(((n, m) for n, m in root.members(None) if isinstance(m, zarr.Array)), key=lambda item: item[0])


def _shard_shape(array: zarr.Array[Any]) -> tuple[int, ...]:
    return array.shards if array.shards is not None else array.chunks


def _shard_grid(array: zarr.Array[Any]) -> Iterator[tuple[int, ...]]:
    counts = [-(-size // width) for size, width in zip(array.shape, _shard_shape(array), strict=True)]
    return itertools.product(*(range(count) for count in counts))


def _shard_keys(name: str, array: zarr.Array[Any]) -> list[str]:
    return [f"{name}/{array.metadata.encode_chunk_key(index)}" for index in _shard_grid(array)]


def _shard_regions(array: zarr.Array[Any]) -> list[tuple[slice, ...]]:
    width = _shard_shape(array)
    return [
        tuple(slice(i * w, min((i + 1) * w, size)) for i, w, size in zip(index, width, array.shape, strict=True))
        for index in _shard_grid(array)
    ]
