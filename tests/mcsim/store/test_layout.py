"""Layout: arithmetic that the sharding codec and the alignment of writes rest on."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcsim.store.layout import CHUNK_PATHS, SHARD_BYTES, group_variables, plan, shard_paths, store_path
from mcsim.variables import GROUPS

SIZES = {
    "month": 360,
    "path": 5000,
    "group": 1,
    "region": 51,
    "loan": 2000,
    "tranche": 9,
    "position": 3,
    "fee": 2,
    "account": 1,
}


@given(
    variable=st.sampled_from([v for group in GROUPS.values() for v in group.values()]),
    n_paths=st.integers(1, 5000),
    blocks=st.integers(1, 8),
    loans=st.integers(1, 5000),
    months=st.integers(1, 480),
)
def test_shards_hold_whole_chunks_and_stay_small(variable, n_paths, blocks, loans, months):
    sizes = {**SIZES, "path": n_paths, "loan": loans, "month": months}
    shards_path = blocks * CHUNK_PATHS
    layout = plan(variable, sizes, shards_path)
    assert all(s % c == 0 for s, c in zip(layout.shards, layout.chunks, strict=True))
    smallest = math.prod(
        c if d not in ("path", "month") else s for d, s, c in zip(variable.dims, layout.shards, layout.chunks, strict=True)
    )
    assert math.prod(layout.shards) * 8 <= max(SHARD_BYTES, smallest * 8)
    if "path" in variable.dims:
        shard = layout.shards[variable.dims.index("path")]
        # A work item starts at a multiple of shards_path: it must start a shard, or the run must be one shard.
        assert shard == shards_path or shard >= n_paths


@pytest.mark.parametrize(
    ("n_paths", "block", "expected"), [(5000, 1024, 1024), (1000, 1024, 1024), (300, 1024, 512), (7, 256, 7)]
)
def test_shard_paths(n_paths, block, expected):
    assert shard_paths(n_paths, block) == expected


def test_loan_paths_are_cut_along_the_loans():
    layout = plan(GROUPS["loan_paths"]["balance"], SIZES, 1024)
    # 360 months x 1024 paths x 8 bytes = 2.8 MiB a loan: 22 loans in 64 MiB.
    assert layout.shards == (22, 360, 1024)
    assert layout.chunks == (1, 360, 256)


def test_group_names():
    assert group_variables("reprice/a/tranches") is GROUPS["tranches"]
    with pytest.raises(ValueError, match="did you mean 'pool'"):
        group_variables("pol")


def test_store_path():
    assert store_path("runs/a").as_posix() == "runs/a/store.zarr"
    assert store_path("runs/a/store.zarr").as_posix() == "runs/a/store.zarr"
