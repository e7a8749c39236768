"""A shard's bytes: zarr reads them, and would have written the same."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, Crc32cCodec

from mcsim import store
from mcsim.store.layout import Layout
from mcsim.store.shard import BLOSC, encode_shard, write_shard
from mcsim.variables import GROUPS


def written_by_zarr(values: np.ndarray, layout: Layout) -> bytes:
    """The first shard of an array of this layout, as zarr itself writes it."""
    memory: dict[str, Any] = {}
    array = zarr.create_array(
        zarr.storage.MemoryStore(memory), shape=layout.shape, shards=layout.shards, chunks=layout.chunks, dtype="float64",
        fill_value=np.nan, compressors=[BloscCodec(**BLOSC), Crc32cCodec()], config={"write_empty_chunks": True},
    )  # fmt: skip
    array[tuple(slice(0, size) for size in values.shape)] = values
    return memory["c/" + "/".join("0" for _ in layout.shape)].to_bytes()


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_bytes_are_those_of_zarr(data: st.DataObject) -> None:
    """Any number of axes, chunks and shards; values that fill the shard, or end within a chunk or before the last."""
    n_axes = data.draw(st.integers(1, 3))
    chunks = tuple(data.draw(st.integers(1, 4)) for _ in range(n_axes))
    counts = tuple(data.draw(st.integers(1, 5)) for _ in range(n_axes))
    shards = tuple(chunk * count for chunk, count in zip(chunks, counts, strict=True))
    shape = tuple(data.draw(st.integers(1, size)) for size in shards)
    values = np.random.default_rng(1).standard_normal(shape)
    layout = Layout(shape, shards, chunks)
    assert b"".join(encode_shard(values, layout)) == written_by_zarr(values, layout)


@pytest.mark.parametrize("kind", [np.float32, np.int32, np.float64])
def test_values_of_other_types_and_strides_are_widened(kind: type) -> None:
    values = (np.random.default_rng(2).standard_normal((8, 3, 6)) * 100).astype(kind).transpose(2, 1, 0)
    layout = Layout((6, 3, 8), (6, 3, 8), (1, 3, 4))
    assert b"".join(encode_shard(values, layout)) == written_by_zarr(values.astype(np.float64), layout)


def test_a_group_is_written_as_zarr_would(tmp_path: Path) -> None:
    """Labels and paths in several shards, the last of either axis a part: every file, against zarr writing into the same layout."""
    labels, months, paths = 3, 5, 700
    rng, trees = np.random.default_rng(3), []
    values = rng.standard_normal((labels, months, paths))
    for name in ("ours.zarr", "zarr.zarr"):
        where = tmp_path / name
        store.create_store(where, {})
        coords = {"loan": ["a", "b", "c"], "month": range(1, months + 1), "path": range(paths)}
        store.create_group(where, "loan_paths", coords, 512)
        for variable in GROUPS["loan_paths"]:
            for first in (0, 512):
                block = values[..., first : first + 512]
                if name == "ours.zarr":
                    store.write_block(where, "loan_paths", first, {variable: block})
                else:
                    array = zarr.open_array(where, path=f"loan_paths/{variable}", mode="r+")
                    array = array.with_config({"write_empty_chunks": True})
                    array[..., first : first + 512] = block
        trees.append({file.relative_to(where): file.read_bytes() for file in sorted(where.rglob("*")) if file.is_file()})
    assert trees[0] == trees[1]
    np.testing.assert_array_equal(store.open_group(tmp_path / "ours.zarr", "loan_paths").loss.values, values)


def test_a_disk_that_is_full_leaves_no_half_shard(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    (tmp_path / "0.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="0'") as error:
        write_shard(tmp_path / "0", [b"bytes"])
    assert error.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path) == []
