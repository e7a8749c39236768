"""Writing: what is written is read back to the bit in any order of blocks; a block that is not whole shards is refused."""

from __future__ import annotations

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcsim import store
from mcsim.errors import StoreError
from mcsim.store.shard import BLOSC
from mcsim.variables import GROUPS

MONTHS = 3


def make(path, n_paths, shard):
    store.create_store(path, {"seed": 7})
    store.create_group(path, "pool", {"group": ["all"], "month": range(1, MONTHS + 1), "path": range(n_paths)}, shard)
    return path


def flows(n_paths, seed=1):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((1, MONTHS, n_paths)) for name in GROUPS["pool"]}


def cut(arrays, first, last):
    return {name: values[..., first:last] for name, values in arrays.items()}


def tree(path):
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


@pytest.fixture
def filled(tmp_path):
    path = make(tmp_path / "store.zarr", 20, 8)
    arrays = flows(20)
    for first in (0, 8, 16):
        store.write_block(path, "pool", first, cut(arrays, first, min(first + 8, 20)))
    return path, arrays


def test_round_trip(filled):
    path, arrays = filled
    data = store.open_group(path, "pool")
    for name, values in arrays.items():
        np.testing.assert_array_equal(data[name].values, values)
        assert data[name].dims == ("group", "month", "path")
        assert data[name].attrs == {"units": "USD", "long_name": GROUPS["pool"][name].long_name}
    assert store.verify(path) == 3 * len(arrays) + 3


@settings(max_examples=6, deadline=None)
@given(order=st.permutations(range(4)), shard=st.sampled_from([4, 8]), threads=st.integers(1, 3))
def test_order_and_threads_do_not_matter(order, shard, threads):
    """The files are equal byte for byte: a resumed run cannot be told from one that never stopped."""
    arrays = flows(14)
    with tempfile.TemporaryDirectory() as folder:
        trees = []
        for number, blocks in enumerate((range(4), order)):
            path = make(Path(folder) / f"{number}.zarr", 14, shard)
            firsts = [i * shard for i in blocks if i * shard < 14]

            def write(first, path=path):
                store.write_block(path, "pool", first, cut(arrays, first, min(first + shard, 14)))

            with ThreadPoolExecutor(threads if number else 1) as pool:
                list(pool.map(write, firsts))
            trees.append(tree(path))
        assert trees[0] == trees[1]


@pytest.mark.parametrize(("first", "last"), [(4, 8), (0, 4), (8, 15), (16, 24), (-8, 0), (16, 16)])
def test_misaligned_blocks_are_refused(filled, first, last):
    path, _ = filled
    before = tree(path)
    with pytest.raises(ValueError, match="whole shards of 8 paths out of 20"):
        store.write_block(path, "pool", first, {"loss": np.zeros((1, MONTHS, last - first))})
    assert tree(path) == before


def test_all_problems_of_a_block_together_and_nothing_written(filled):
    path, arrays = filled
    before = tree(path)
    bad = {
        "los": arrays["loss"][..., :8],
        "loss": np.zeros((1, MONTHS + 1, 8)),
        "balance": np.zeros((1, MONTHS, 8), dtype=complex),
        "interest": arrays["interest"][..., 8:16],
    }
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is checked below
        store.write_block(path, "pool", 0, bad)
    text = str(error.value)
    assert "did you mean 'loss'" in text
    assert "loss: shape (1, 4, 8), expected (1, 3, 8)" in text
    assert "balance: dtype complex128" in text
    assert tree(path) == before


def test_float32_is_stored_without_loss(tmp_path):
    path = make(tmp_path / "store.zarr", 8, 8)
    values = np.random.default_rng(3).standard_normal((1, MONTHS, 8)).astype(np.float32)
    store.write_block(path, "pool", 0, {"loss": values})
    assert np.array_equal(store.open_group(path, "pool").loss.values.astype(np.float32), values)


def test_blocks_of_zero_and_of_nan_are_written(tmp_path):
    """A block that equals the fill value is a file all the same, or it could not be told from a lost one."""
    path = make(tmp_path / "store.zarr", 8, 8)
    store.write_block(path, "pool", 0, {"loss": np.full((1, MONTHS, 8), np.nan), "balance": np.zeros((1, MONTHS, 8))})
    missing = store.missing_shards(path)
    assert len(missing) == len(GROUPS["pool"]) - 2
    assert not any("loss" in key or "pool/balance" in key for key in missing)


def test_codecs_are_inside_the_shard(filled):
    path, _ = filled
    metadata = json.loads((path / "pool/loss/zarr.json").read_text())
    (shard,) = metadata["codecs"]
    assert shard["name"] == "sharding_indexed"
    assert [codec["name"] for codec in shard["configuration"]["codecs"]] == ["bytes", "blosc", "crc32c"]
    assert [codec["name"] for codec in shard["configuration"]["index_codecs"]] == ["bytes", "crc32c"]
    assert shard["configuration"]["codecs"][1]["configuration"] == BLOSC
    assert metadata["fill_value"] == "NaN"


def test_labels_without_members_leave_their_variables_out(tmp_path):
    path = tmp_path / "store.zarr"
    store.create_store(path, {})
    coords = {"tranche": ["A", "B"], "fee": [], "account": [], "month": [1, 2], "path": range(4)}
    store.create_group(path, "tranches", coords, 4)
    data = store.open_group(path, "tranches")
    assert "fee_paid" not in data
    assert data.sizes == {"tranche": 2, "month": 2, "path": 4}


def test_variables_without_paths_are_written_whole(tmp_path):
    path = tmp_path / "store.zarr"
    store.create_store(path, {})
    store.create_group(path, "loans", {"loan": [f"L{i}" for i in range(600)], "month": [1, 2]})
    values = np.random.default_rng(5).standard_normal((600, 2))
    store.write_block(path, "loans", 0, {"balance": values})
    np.testing.assert_array_equal(store.open_group(path, "loans").balance.sel(loan="L599").values, values[599])
    with pytest.raises(ValueError, match="shape"):
        store.write_block(path, "loans", 0, {"balance": values[:300]})


def test_groups_are_not_overwritten_unasked(filled):
    path, _ = filled
    coords = {"group": ["all"], "month": [1], "path": range(5)}
    with pytest.raises(StoreError, match="exists already"):
        store.create_group(path, "pool", coords, 5)
    store.create_group(path, "pool", coords, 5, overwrite=True)
    assert store.open_group(path, "pool").sizes == {"group": 1, "month": 1, "path": 5}


def test_bad_labels_are_reported_together(tmp_path):
    path = tmp_path / "store.zarr"
    store.create_store(path, {})
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is checked below
        store.create_group(path, "pool", {"grop": ["x"], "month": [1, 1], "path": [3, 4]}, 0)
    text = str(error.value)
    for part in ("needs labels for dimension 'group'", "did you mean 'group'", "'month' repeat", "0..n-1", "shards_path 0"):
        assert part in text
    with pytest.raises(ValueError, match="joined by"):
        store.create_group(path, "../pool", {})


def test_create_store_refuses(tmp_path):
    path = tmp_path / "store.zarr"
    with pytest.raises(ValueError, match="JSON"):
        store.create_store(path, {"rate": float("nan")})
    assert not path.exists()
    store.create_store(path, {})
    with pytest.raises(StoreError, match="exists already"):
        store.create_store(path, {})
    with pytest.raises(StoreError, match="cannot make"):
        store.create_store(tmp_path / "a" / "b.zarr", {})
    with pytest.raises(StoreError, match="cannot be opened"):
        store.write_block(tmp_path / "none.zarr", "pool", 0, {})
