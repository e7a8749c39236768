"""What is read is what was written: no byte of a finished run changes, goes or comes without being named."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import mcsim
from mcsim import cli, store
from mcsim.errors import IncompleteRunError, StoreError
from mcsim.store import marker
from tests.mcsim.small_runs import files_of, flip, swap

VERBS = ("info", "price", "report", "verify")
DEAL = "store.zarr/deals/senior_subordinate"
POOL = "store.zarr/collateral/prime_jumbo/pool/loss/c/0/0/0"
RATES = "store.zarr/scenarios/discount_factor/c/0/0"


@pytest.fixture
def folder(copied: Path) -> Path:
    """A copy to spoil."""
    return copied


@pytest.fixture
def answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], tuple[int, str]]:
    """``answer(verb)``: exit code and message on the copy."""

    def of(verb: str) -> tuple[int, str]:
        code = cli.main([verb, str(folder)])
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return code, said

    return of


def test_a_sound_run_passes_everywhere(folder: Path, answer: Callable[[str], tuple[int, str]]) -> None:
    before = (folder / "report.html").read_bytes()
    assert [answer(verb) for verb in VERBS] == [(0, "")] * len(VERBS)
    assert (folder / "report.html").read_bytes() == before


def test_one_bit_of_any_file_is_seen_and_named(finished: Path) -> None:
    run = mcsim.open_run(finished)
    assert run.verify() == len(files_of(finished)) - 2  # COMPLETE and the report vouch for themselves
    for path in files_of(finished):
        whole = path.read_bytes()
        flip(path)
        with pytest.raises(StoreError, match=path.relative_to(finished).as_posix()):
            run.verify()
        path.write_bytes(whole)
    run.verify()


READ_BY = {
    "info": ("config.yaml", "overrides.txt", "env.json", "inputs.json", "warnings.json", "store.zarr/zarr.json", "COMPLETE"),
    "price": ("config.yaml", "store.zarr/zarr.json", POOL, RATES, "COMPLETE"),
    "report": (
        "config.yaml", "env.json", "inputs.json", "rejects.csv", "warnings.json", POOL, RATES, f"{DEAL}/prices/value/c/0",
        f"{DEAL}/tranches/tranche/c/0", f"{DEAL}/tranches/collections/c/0/1", "COMPLETE",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("verb", "name"), [(verb, name) for verb, names in READ_BY.items() for name in names])
def test_what_a_verb_reads_is_checked(folder: Path, answer: Callable[[str], tuple[int, str]], verb: str, name: str) -> None:
    report = (folder / "report.html").read_bytes()
    flip(folder / name)
    code, said = answer(verb)
    assert code == 4 and name in said and "run again" in said
    assert (folder / "report.html").read_bytes() == report


@pytest.mark.parametrize("verb", ["price", "report", "verify"])
def test_two_shards_that_changed_places(folder: Path, answer: Callable[[str], tuple[int, str]], verb: str) -> None:
    """Each is sound by its own checksum, and the prices would be others."""
    swap(folder / POOL, folder / POOL.replace("0/0/0", "0/0/1"))
    code, said = answer(verb)
    assert code == 4 and "store.zarr/collateral/prime_jumbo/pool/loss/c/0/0" in said


def test_one_digit_of_the_pools_balance(folder: Path, answer: Callable[[str], tuple[int, str]]) -> None:
    """In the metadata, of which no chunk's checksum knows: prices of another deal, JSON as sound as before."""
    path = folder / "store.zarr/zarr.json"
    balance = json.loads(path.read_text())["attributes"]["pool_balance"]
    text = path.read_text().replace(f'"pool_balance": {balance!r}', f'"pool_balance": {balance + 1e5!r}')
    assert text != path.read_text()
    path.write_text(text)
    for verb in VERBS:
        code, said = answer(verb)
        assert code == 4 and "store.zarr/zarr.json" in said
    with pytest.raises(StoreError):
        mcsim.open_run(folder).price()


def lose(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [lose, empty, cut])
@pytest.mark.parametrize("name", [POOL, f"{DEAL}/tranches/tranche_balance/c/0/0/1", "env.json"])
def test_what_is_lost_or_short_is_seen_by_all(
    folder: Path, answer: Callable[[str], tuple[int, str]], damage: Callable[[Path], None], name: str
) -> None:
    """Also by a verb that does not read it: zarr takes a lost shard for one that was never written, NaN."""
    damage(folder / name)
    for verb in VERBS:
        code, said = answer(verb)
        assert code == 4 and name in said
    with pytest.raises(StoreError, match=name):
        mcsim.open_run(folder)


@pytest.mark.parametrize("name", [f"{POOL[:-1]}2", "store.zarr/mine/zarr.json", "store.zarr/.zattrs"])
def test_a_foreign_file_of_the_store(folder: Path, answer: Callable[[str], tuple[int, str]], name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("{}")
    for verb in VERBS:
        code, said = answer(verb)
        assert code == 4 and name in said and "take it away" in said


def test_a_file_beside_the_store_is_the_users(folder: Path, answer: Callable[[str], tuple[int, str]]) -> None:
    (folder / "notes.txt").write_text("what I think of it")
    assert [answer(verb)[0] for verb in VERBS] == [0] * len(VERBS)


def older(text: str) -> str:
    return json.dumps({"completed": "2026-01-01T00:00:00+00:00", "metadata_sha256": "0" * 64})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: "", "empty"),
        (lambda text: " \n", "empty"),
        (lambda text: "yes", "not as it was written"),
        (lambda text: "[" * 100_000, "not as it was written"),
        (lambda text: '{"files": {"a": [1, 2, 3]}, "completed": null}', "not as it was written"),
        (lambda text: text.replace("20", "21", 1), "not as it was written"),
        (lambda text: text + "\n", "not as it was written"),
        (older, "older mcsim"),
    ],
)
def test_a_marker_that_changed(
    folder: Path, answer: Callable[[str], tuple[int, str]], change: Callable[[str], str], said: str
) -> None:
    path = folder / "COMPLETE"
    path.write_text(change(path.read_text()))
    for verb in VERBS:
        code, message = answer(verb)
        assert code == 4 and said in message and "COMPLETE" in message and len(message.splitlines()) == 1


def test_a_marker_that_is_no_text(folder: Path, answer: Callable[[str], tuple[int, str]]) -> None:
    (folder / "COMPLETE").write_bytes(b"\xff\xfe\x00")
    assert answer("info")[0] == 4


def test_an_entry_of_the_marker_cannot_be_taken_out(folder: Path) -> None:
    path = folder / "COMPLETE"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if POOL not in line))
    with pytest.raises(StoreError, match="COMPLETE"):
        mcsim.open_run(folder)


# --- in Python ---


def test_lazy_values_are_checked_when_they_are_read(folder: Path) -> None:
    """Opening reads labels and metadata alone; what was sound at opening and is not any more is seen all the same."""
    run = mcsim.open_run(folder)
    pool = run.pool
    flip(folder / POOL)
    assert np.isfinite(pool.balance.values).all()
    assert np.isfinite(pool.loss.sel(path=slice(256, None)).values).all(), "the other shard is sound"
    with pytest.raises(StoreError, match=POOL):
        _ = pool.loss.values
    with pytest.raises(StoreError, match=POOL):
        run.price()
    flip(folder / RATES)
    with pytest.raises(StoreError, match=RATES):
        _ = run.scenarios.discount_factor.isel(path=0).values


def test_a_lost_shard_is_no_nan(folder: Path) -> None:
    run = mcsim.open_run(folder)
    pool = run.pool
    (folder / POOL).unlink()
    with pytest.raises(StoreError, match=f"{POOL}: missing"):
        _ = pool.loss.sum("month").values


def test_a_file_is_hashed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(marker, "file_sha256", lambda path: hashed.append(path.name) or sha256(path))
    monkeypatch.setattr(marker, "_TICK", -(10**12))  # a copy made just now is not looked at twice
    run = mcsim.open_run(folder)
    _ = run.pool.loss.values
    read = ["0", "0", "0", "0", "1", "zarr.json"]  # labels of group, month and path, two shards of loss, the metadata
    assert sorted(hashed) == read
    _ = mcsim.open_run(folder).pool.loss.values
    assert sorted(hashed) == read


sha256 = marker.file_sha256


def test_a_file_that_changed_since_is_hashed_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marker, "_TICK", -(10**12))
    manifest = marker.require_manifest(folder)
    manifest.check(POOL)
    flip(folder / POOL)
    with pytest.raises(StoreError, match=POOL):
        manifest.check(POOL)


def test_xarray_alone_reads_that_it_is_complete(finished: Path) -> None:
    for group in (None, *store.groups(finished)):
        assert xr.open_zarr(finished / "store.zarr", group=group, chunks=None).attrs["status"] == "complete"


def test_the_report_is_covered_by_its_own_line(folder: Path, answer: Callable[[str], tuple[int, str]]) -> None:
    flip(folder / "report.html")
    code, said = answer("verify")
    assert code == 4 and "report.html" in said and "`mcsim report`" in said
    assert [answer(verb)[0] for verb in ("info", "price", "report", "verify")] == [0] * 4, "report wrote it again"


def test_marking_again_covers_what_was_added(folder: Path) -> None:
    run = mcsim.open_run(folder)
    store.create_group(folder / "store.zarr", "reprice/a/prices", {"tranche": ["A"]})
    with pytest.raises(StoreError, match="reprice"):
        run.verify()
    store.mark_complete(folder)
    mcsim.open_run(folder).folder.report.unlink()  # it vouched for the run as it was
    assert mcsim.open_run(folder).verify() > 0


def test_all_is_on_the_disk_before_the_marker_vouches_for_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that loses its power after COMPLETE loses nothing of the run: every file and folder was flushed before."""
    (folder / "COMPLETE").unlink()
    (folder / "report.html").unlink()
    flushed: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(os.fstat(handle).st_ino) or fsync(handle))
    written = [path.stat().st_ino for path in (folder, *folder.rglob("*"))]
    store.mark_complete(folder)
    before = flushed[: flushed.index((folder / "COMPLETE").stat().st_ino)]
    assert set(written) <= set(before)
    assert flushed[-1] == folder.stat().st_ino, "the marker's name is on the disk when the run says that it is done"


def test_without_a_marker_it_did_not_finish(folder: Path, answer: Callable[[str], tuple[int, str]]) -> None:
    (folder / "COMPLETE").unlink()
    assert [answer(verb)[0] for verb in VERBS] == [3] * len(VERBS)
    run = mcsim.open_run(folder, complete=False)
    assert run.complete is False
    with pytest.raises(IncompleteRunError):
        run.verify()
