"""Run folders: no two runs share one, and what is opened is what was meant."""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcsim.errors import IncompleteRunError, InputError, StoreError
from mcsim.run_folder import NAME, RunFolder, list_runs

CONFIG = {"campaign": "prime_jumbo", "seed": 7, "paths": 64, "rates": {"sigma": 0.01}}


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


def test_create(runs):
    folder = RunFolder.create(runs, "prime_jumbo", CONFIG, ["paths=64", "seed=7"])
    assert re.fullmatch(r"\d{8}T\d{6}\.\d{3}Z-prime_jumbo-[0-9a-f]{8}", folder.run_id)
    assert folder.read_config() == CONFIG
    assert folder.overrides_file.read_text() == "paths=64\nseed=7\n"
    assert {"python", "packages", "cpu", "platform", "devices", "git"} <= set(json.loads(folder.env_file.read_text()))
    assert not folder.complete


@given(campaign=st.text(alphabet="aZ09._-", min_size=1, max_size=64))
def test_run_ids_fit_a_name(tmp_path_factory, campaign):
    folder = RunFolder.create(tmp_path_factory.mktemp("runs"), campaign, {})
    assert NAME.fullmatch(folder.run_id)
    assert [run.run_id for run in list_runs(folder.path.parent)] == [folder.run_id]


@pytest.mark.parametrize("campaign", ["", "a/b", "a b", "x" * 65, "\u00fc", "a\n"])
def test_bad_campaign_names(runs, campaign):
    with pytest.raises(InputError, match="expected 1 to 64 letters"):
        RunFolder.create(runs, campaign, CONFIG)
    assert not runs.exists()


def test_no_two_runs_share_a_folder_and_ids_sort_by_time(runs):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: RunFolder.create(runs, "c", CONFIG), range(24)))
    assert len({folder.path for folder in made}) == 24
    last = RunFolder.create(runs, "a", CONFIG)
    # Those that lost a race were put at most a few milliseconds ahead of the clock.
    assert [run.run_id for run in list_runs(runs)][-25:] == sorted(path.name for path in runs.iterdir())
    assert last.run_id[:15] >= made[0].run_id[:15]


def test_open_by_path_id_prefix_and_latest(runs):
    first = RunFolder.create(runs, "one", CONFIG)
    second = RunFolder.create(runs, "two", CONFIG)
    for folder in (first, second):
        folder.mark_complete()
    newest = max(first.run_id, second.run_id)
    assert RunFolder.open(first.path) == first
    assert RunFolder.open(first.run_id, runs) == first
    assert RunFolder.open(second.run_id[:-10], runs) == second
    assert RunFolder.open("latest", runs).run_id == newest
    with pytest.raises(InputError, match="begins 2 runs"):
        RunFolder.open("2", runs)


def test_missing_runs_are_answered_with_the_nearest(runs):
    with pytest.raises(InputError, match="there are no runs under"):
        RunFolder.open("2026", runs)
    with pytest.raises(InputError, match="no runs under"):
        RunFolder.open("latest", runs)
    folder = RunFolder.create(runs, "one", CONFIG)
    mistyped = "X" + folder.run_id[1:]
    with pytest.raises(InputError, match=f"did you mean '{folder.run_id}'"):
        RunFolder.open(mistyped, runs)
    for name in ("", "..", "../runs/none"):
        with pytest.raises((InputError, StoreError)):
            RunFolder.open(name, runs)


def test_foreign_folder(runs, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(StoreError, match=r"no config\.yaml") as error:
        RunFolder.open(tmp_path / "mine", runs)
    assert error.value.exit_code == 4


def test_incomplete_run(runs):
    done = RunFolder.create(runs, "done", CONFIG)
    done.mark_complete()
    killed = RunFolder.create(runs, "killed", CONFIG)
    with pytest.raises(IncompleteRunError, match=f"newest finished run is {done.run_id}") as error:
        RunFolder.open(killed.path, runs)
    assert error.value.exit_code == 3
    assert RunFolder.open(killed.path, runs, complete=False) == killed


@pytest.mark.parametrize("text", ["a: [", "just text", "", "\x00"])
def test_damaged_config(runs, text):
    folder = RunFolder.create(runs, "one", CONFIG)
    folder.config_file.write_text(text)
    with pytest.raises(StoreError, match=r"config\.yaml"):
        folder.read_config()


def test_runs_dir_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"output\.runs_dir"):
        RunFolder.create(tmp_path / "file" / "runs", "one", CONFIG)


def test_the_name_tells_what_went_in(runs):
    """Configuration and contents of the inputs: another curve under the same name is another run."""
    tape = SimpleNamespace(path="tape.xml", sha256="ab", rows=31, rejects=0)

    def made(config=CONFIG, curve="cd"):
        begun = RunFolder.create(runs, "one-two", config)
        named = begun.identify(config, [tape, ("curve.csv", curve), None])
        assert not begun.path.exists() and named.config_file.is_file()
        assert [record["path"] for record in json.loads(named.inputs_file.read_text())] == ["tape.xml", "curve.csv"]
        assert named.run_id.rpartition("-")[0] == begun.run_id.rpartition("-")[0]
        return named.run_id[-8:]

    assert made() == made()
    assert len({made(), made(curve="ce"), made({**CONFIG, "seed": 8})}) == 3


def test_no_run_takes_the_name_of_another(runs):
    """Two that began in one millisecond under the same name in the end."""
    first = RunFolder.create(runs, "one", CONFIG)
    named = first.identify(CONFIG, [])
    os.rename(named.path, first.path)
    taken = RunFolder.create(runs, "one", CONFIG)
    (runs / named.run_id).mkdir()
    again = RunFolder(first.path).identify(CONFIG, [])
    assert again.run_id > named.run_id and again.config_file.is_file() and taken.path.is_dir()


def test_the_marker_comes_after_everything_is_on_the_disk(runs, monkeypatch):
    """Every file of the run is flushed before the marker exists, and the folder after it."""
    folder = RunFolder.create(runs, "one", CONFIG)
    folder.log.write_text("log")
    flushed = []

    def fsync(handle):
        flushed.append((os.path.basename(os.readlink(f"/proc/self/fd/{handle}")), folder.complete))

    monkeypatch.setattr(os, "fsync", fsync)
    folder.mark_complete()
    names = [name for name, _ in flushed]
    assert {"config.yaml", "env.json", "log.txt"} <= set(names)
    assert names[-2:] == ["COMPLETE.partial", folder.run_id]
    assert [complete for _, complete in flushed] == [False] * (len(flushed) - 1) + [True]


def test_no_marker_when_flushing_fails(runs, monkeypatch):
    folder = RunFolder.create(runs, "one", CONFIG)

    def fsync(handle):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StoreError, match="Input/output error"):
        folder.mark_complete()
    assert not folder.complete
