"""Reading: without mcsim, without a warning, lazily; and no damaged or missing byte goes unseen."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import xarray as xr

from mcsim import store
from mcsim.errors import StoreError
from mcsim.store.layout import LAYOUT

SHAPE = (3, 20)


@pytest.fixture
def scenarios(tmp_path):
    path = tmp_path / "store.zarr"
    store.create_store(path, {"seed": 11, "config": '{"paths": 20}', "git_commit": None})
    store.create_group(path, "scenarios", {"region": ["CA", "NY"], "month": range(3), "path": range(20)}, 8)
    rng = np.random.default_rng(2)
    arrays = {n: rng.standard_normal(SHAPE) for n in ("short_rate", "discount_factor", "mortgage_rate", "adjustable_index")}
    arrays["home_price_index"] = rng.standard_normal((2, *SHAPE))
    for first in (0, 8, 16):
        store.write_block(path, "scenarios", first, {n: a[..., first : first + 8] for n, a in arrays.items()})
    return path, arrays


def test_xarray_alone_reads_it_without_a_warning(scenarios):
    """A fresh interpreter that cannot import mcsim, with every warning an error."""
    path, arrays = scenarios
    code = f"""
        import sys, warnings
        sys.modules["mcsim"] = None
        warnings.simplefilter("error")
        import xarray as xr
        data = xr.open_zarr({str(path)!r}, group="scenarios")
        assert data.month.values.tolist() == [0, 1, 2] and data.path.dtype == "int64"
        assert data.region.values.tolist() == ["CA", "NY"]
        print(repr(float(data.home_price_index.sel(region="NY", month=2, path=19))))
        print(data.short_rate.attrs["units"], xr.open_zarr({str(path)!r}).attrs["seed"])
    """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, cwd=path.parent, check=False
    )
    assert out.returncode == 0, out.stderr
    assert out.stdout.split() == [repr(float(arrays["home_price_index"][1, 2, 19])), "1", "11"]


@pytest.mark.filterwarnings("error")
def test_a_group_is_lazy_and_in_the_order_of_the_table(scenarios):
    path, _ = scenarios
    data = store.open_group(path.parent, "scenarios")
    assert list(data) == ["short_rate", "discount_factor", "mortgage_rate", "adjustable_index", "home_price_index"]
    assert not data.short_rate.variable._in_memory
    assert data.path.attrs["long_name"].startswith("index of the path")
    found = store.attributes(path)
    assert found.pop("status").startswith("incomplete") and found.pop("layout") == LAYOUT
    assert found == {"seed": 11, "config": '{"paths": 20}', "git_commit": None}


@pytest.mark.filterwarnings("error")
def test_labels_keep_any_text(tmp_path):
    path = tmp_path / "store.zarr"
    labels = ["A-1", "Zertifikat \u00e4\u00f6", "a label that is a good deal longer than the others are"]
    store.create_store(path, {})
    store.create_group(path, "prices", {"tranche": labels})
    assert xr.open_zarr(path, group="prices").tranche.values.tolist() == labels


def test_read_block(scenarios):
    path, arrays = scenarios
    block = store.read_block(path, "scenarios", ("short_rate", "home_price_index", "month"), 5, 9)
    np.testing.assert_array_equal(block["short_rate"], arrays["short_rate"][:, 5:14])
    np.testing.assert_array_equal(block["home_price_index"], arrays["home_price_index"][..., 5:14])
    assert block["month"].tolist() == [0, 1, 2]
    assert all(values.flags.c_contiguous for values in block.values())
    with pytest.raises(StoreError, match="no variable scenarios/short"):
        store.read_block(path, "scenarios", ("short",))


@pytest.mark.parametrize("key", ["scenarios/short_rate/c/0/1", "scenarios/region/c/0", "scenarios/path/c/0"])
def test_no_flipped_bit_is_read(scenarios, key):
    """One bit in every byte of the file: data, shard index and checksums; also through xarray alone."""
    path, _ = scenarios
    name = key.split("/")[1]
    file = path / key
    whole = file.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        file.write_bytes(damaged)
        with pytest.raises(StoreError, match="damaged"):
            store.read_block(path, "scenarios", (name,))
        if position % 16 == 0:
            with pytest.raises(ValueError, match="checksum"):
                _ = xr.open_zarr(path, group="scenarios", chunks=None)[name].values
    with pytest.raises(StoreError, match=f"damaged:\n{key}"):
        store.verify(path)


@pytest.mark.parametrize("keep", [None, 0, 5])
def test_a_lost_shard_is_named(scenarios, keep):
    """Removed, emptied or cut short: zarr reads NaN for the first two, so that no dataset may hold those paths."""
    path, _ = scenarios
    file = path / "scenarios/short_rate/c/0/1"
    if keep is None:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:keep])
    if keep == 5:
        store.check_complete(path)
    else:
        data = store.open_group(path, "scenarios")
        assert data.path.values.tolist() == [*range(8), *range(16, 20)]
        assert np.isfinite(data.short_rate.values).all() and data.attrs["paths_missing"] == 8
        with pytest.raises(StoreError, match="lacks 1 shards:\nscenarios/short_rate/c/0/1"):
            store.check_complete(path)
    with pytest.raises(StoreError, match="scenarios/short_rate/c/0/1"):
        store.verify(path)
    with pytest.raises(StoreError):
        store.read_block(path, "scenarios", ("short_rate",), 8, 8)
    store.read_block(path, "scenarios", ("short_rate",), 0, 8)
    store.read_block(path, "scenarios", ("short_rate",), 16, 4)


def test_what_is_not_there_is_said(scenarios, tmp_path):
    path, _ = scenarios
    with pytest.raises(StoreError, match="did you mean 'scenarios'"):
        store.open_group(path, "scenario")
    with pytest.raises(StoreError, match="no store there"):
        store.open_group(tmp_path / "nowhere", "pool")
    foreign = tmp_path / "foreign.zarr"
    foreign.mkdir()
    with pytest.raises(StoreError, match="not a zarr store"):
        store.groups(foreign)
    (path / "zarr.json").write_text((path / "zarr.json").read_text()[:100])
    with pytest.raises(StoreError, match="metadata is damaged"):
        store.open_group(path, "scenarios")


def test_a_store_of_an_older_layout_is_refused_in_words(tmp_path):
    """Its groups stand at the root, and it names no layout: every way to read it says so."""
    path = tmp_path / "store.zarr"
    store.create_store(path, {"seed": 11})
    store.create_group(path, "pool", {"group": ["a"], "month": [1], "path": range(2)}, 2)
    text = (path / "zarr.json").read_text()
    assert '"layout": 2,' in text
    (path / "zarr.json").write_text(text.replace('"layout": 2,', ""))
    for read in (store.attributes, store.groups, store.missing_shards, lambda run: store.open_group(run, "pool")):
        with pytest.raises(StoreError, match="laid its store out otherwise; run again"):
            read(tmp_path)


def test_a_place_within_the_store_is_laid_out_in_the_store(tmp_path):
    """Stages write below the place that they are given; metadata is gathered at the root all the same."""
    path = tmp_path / "store.zarr"
    store.create_store(path, {})
    for name in ("a.zarr", "b"):
        store.create_group(path / "deals" / name, "prices", {"tranche": ["A"]})
        store.write_block(path / "deals" / name, "prices", 0, {"price": np.ones(1)})
    assert store.groups(tmp_path) == ("deals/a.zarr/prices", "deals/b/prices")
    assert float(xr.open_zarr(path, group="deals/a.zarr/prices").price[0]) == 1
    with pytest.raises(StoreError, match=r"group 'deals/b/prices' of .*store\.zarr exists already"):
        store.create_group(path / "deals/b", "prices", {"tranche": ["A"]})
