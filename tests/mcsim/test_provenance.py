"""Provenance: what is recorded is right, and nothing about the person who ran is recorded."""

from __future__ import annotations

import datetime
import getpass
import hashlib
import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mcsim import provenance


def git(folder, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "a")
    return tmp_path


def test_git_state(repository):
    head = git(repository, "rev-parse", "HEAD")
    assert len(head) == 40
    assert provenance.git_state(repository) == {"commit": head, "dirty": False}
    (repository / "a.txt").write_text("b")
    assert provenance.git_state(repository) == {"commit": head, "dirty": True}


def test_git_state_of_another_repository_is_not_ours(repository, tmp_path_factory):
    inside = repository / "venv"
    inside.mkdir()
    nothing = {"commit": None, "dirty": None, "reason": "mcsim does not run from its own git checkout"}
    assert provenance.git_state(inside) == nothing
    assert provenance.git_state(tmp_path_factory.mktemp("bare")) == nothing


def test_git_state_before_the_first_commit(tmp_path):
    git(tmp_path, "init", "-q")
    assert provenance.git_state(tmp_path) == {"commit": None, "dirty": False, "reason": "no commit yet"}


def test_without_git_the_record_says_so(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance.git_state(repository) == {"commit": None, "dirty": None, "reason": "git is not there"}
    assert provenance.store_attributes({}, 3, "cpu", "float32")["git_reason"] == "git is not there"


def test_environment_says_what_ran_and_not_who(monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: "host-of-somebody")
    monkeypatch.setenv("LOGNAME", "somebody")
    assert getpass.getuser() == "somebody"
    record = provenance.environment()
    assert record["packages"]["numpy"] == np.__version__
    assert record["packages"]["zarr"] == importlib.metadata.version("zarr")
    assert record["python"].endswith(platform.python_version())
    assert record["cpu"]["model"]
    assert {"llvm_name", "vector_features", "chosen_by"} <= set(record["cpu"]), "the width of the compiled kernels"
    values = json.dumps(record)
    assert str(Path.home()) not in values
    assert "somebody" not in values


def test_a_null_says_why(monkeypatch):
    """In every record of a run; with git out of reach there are some."""
    monkeypatch.setenv("PATH", "")

    def nulls(record):
        for value in record.values() if isinstance(record, dict) else record:
            if isinstance(value, dict | list):
                yield from nulls(value)
            elif value is None:
                yield record

    records = [provenance.environment(), provenance.input_records([("curve", "cd")])]
    found = [record for whole in records for record in nulls(whole)]
    assert found and all(record["reason"] for record in found)
    attributes = provenance.store_attributes({}, 3, "cpu", "float32")
    assert [name for name, value in attributes.items() if value is None] == ["git_commit", "git_dirty"]
    assert attributes["git_reason"]


def test_devices(tmp_path):
    assert provenance.devices(tmp_path / "none") == []
    gpu = tmp_path / "gpus" / "0000:18:00.0"
    gpu.mkdir(parents=True)
    # Layout of the files as NVIDIA's Linux driver documents them (README, chapter "proc interface").
    (tmp_path / "version").write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build\nGCC version: gcc 13.2.0\n"
    )
    (gpu / "information").write_text("Model: \t\t NVIDIA H200\nIRQ:   \t\t 245\nGPU UUID: \t GPU-0\n")
    assert provenance.devices(tmp_path) == [{"model": "NVIDIA H200", "driver": "580.95.05"}]


def test_plain():
    given = {
        "a": np.float64(0.5),
        2: (np.int32(3), None, True),
        "c": np.arange(2),
        "d": datetime.date(2020, 12, 31),
        "e": Path("x/y"),
    }
    assert provenance.plain(given) == {"a": 0.5, "2": [3, None, True], "c": [0, 1], "d": "2020-12-31", "e": "x/y"}
    with pytest.raises(TypeError, match="cannot record a object"):
        provenance.plain({"x": object()})


def test_config_hash_does_not_see_the_order_and_sees_the_values():
    a = provenance.config_hash({"seed": 1, "rates": {"sigma": 0.01, "curve": "flat"}})
    assert a == provenance.config_hash({"rates": {"curve": "flat", "sigma": 0.01}, "seed": 1})
    assert a != provenance.config_hash({"rates": {"curve": "flat", "sigma": 0.02}, "seed": 1})
    assert a == hashlib.sha256(b'{"rates": {"curve": "flat", "sigma": 0.01}, "seed": 1}').hexdigest()


def test_identity_is_configuration_and_contents():
    def of(config, *digests):
        return provenance.identity(config, [{"path": "x", "sha256": digest} for digest in digests])

    assert of({"seed": 1}, "a", "b") == of({"seed": 1}, "b", "a")
    assert len({of({"seed": 1}, "a"), of({"seed": 1}, "b"), of({"seed": 2}, "a"), of({"seed": 1})}) == 4
    assert of({"seed": 1}) == hashlib.sha256(f'["{provenance.config_hash({"seed": 1})}", []]'.encode()).hexdigest()


def test_file_sha256(tmp_path):
    """FIPS 180-4 example: the message of one million times 'a'."""
    file = tmp_path / "a"
    file.write_bytes(b"a" * 1_000_000)
    assert provenance.file_sha256(file) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"


def test_input_records(tmp_path):
    file = tmp_path / "tape.csv"
    file.write_text("12345")
    records = provenance.input_records(
        [SimpleNamespace(path=str(file), sha256="ab", rows=3, rejects=1), None, ("curve", "cd")]
    )
    assert records == [
        {"path": str(file), "size": 5, "sha256": "ab", "rows": 3, "rejects": 1},
        {"path": "curve", "sha256": "cd"},  # no file, and no tape: no size, no rows
    ]


def test_store_attributes_are_json():
    record = provenance.store_attributes({"seed": 3, "deal": {"file": None}}, 3, "cpu", "float32")
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert json.loads(record["config"]) == {"seed": 3, "deal": {"file": None}}
    assert (record["seed"], record["backend"], record["precision"]) == (3, "cpu", "float32")
    created = datetime.datetime.fromisoformat(record["created"])
    assert created.utcoffset() == datetime.timedelta(0)
