"""Memory, threads, open files, variables of the environment: the cause is named, in one line, and no run is lost to it."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mcsim import cli, store
from mcsim.errors import StoreError
from tests.mcsim.test_surroundings import ROOT, in_child, in_process, only_run

LOADER = "libx.so: failed to map segment from shared object"
LIMITS = {
    "memory, said by the loader of libraries": (ImportError(f"\nnot a numpy issue\n{LOADER}"), "out of memory"),
    "memory, said by a binding": (OSError(f"Could not find/load shared object file 'libx.so': {LOADER}"), "out of memory"),
    "files, said by the loader": (ImportError("libx.so: cannot open shared object file: Error 24"), "too many open files"),
    "memory": (MemoryError(), "out of memory"),
    "files": (OSError(errno.EMFILE, "Too many open files", "x"), "too many open files: raise the limit (`ulimit -n`"),
    "threads": (RuntimeError("can't start new thread"), "a thread could not be started"),
}


@pytest.mark.parametrize("limit", list(LIMITS))
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_limit_of_the_system_is_named(
    limit: str, wrapped: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As itself or as what it led to: no fault of mcsim, no damage of a store."""
    error, said = LIMITS[limit]

    def fail(words: list[str]) -> int:
        if not wrapped:
            raise error
        try:
            raise error
        except Exception as cause:
            raise StoreError("store is not a zarr store") from cause

    monkeypatch.setattr(cli, "_dispatch", fail)
    assert cli.main(["info", "latest"]) == 3
    message = capsys.readouterr().err
    assert message.startswith(f"mcsim: {said}") and message.count("\n") == 1 and "fault" not in message


@pytest.mark.parametrize("most", [5, 8])
def test_few_open_files_are_one_line(most: int, tmp_path: Path) -> None:
    """With five, an event loop is left half made, and complains when it is taken away."""

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    done = in_child(tmp_path, "backend=numpy", preexec_fn=few)
    assert done.returncode == 3 and "too many open files" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr and "OSError" not in done.stderr


def test_a_limit_after_the_run_is_complete_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> Any:
        raise StoreError("damaged") from LIMITS["files"][0]

    monkeypatch.setattr(store, "read_block", fail)
    monkeypatch.setattr("mcsim.reports.report.write_report", fail)
    assert in_process(tmp_path, report=True) == 0
    said = capsys.readouterr().err
    assert said.count("the run is complete") == 2 and said.count("too many open files") == 2
    only_run(tmp_path)


def test_a_signal_after_the_run_is_complete_loses_the_report_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)

    monkeypatch.setattr("mcsim.reports.report.write_report", stopped)
    assert in_process(tmp_path, report=True) == 130
    said = capsys.readouterr().err
    assert "the run is complete, its report was not written: stopped; `mcsim report" in said
    assert said.endswith("mcsim: stopped by SIGTERM\n")
    only_run(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("PYTHONOPTIMIZE", "1", 2),
        ("PYTHONOPTIMIZE", "2", 2),
        ("NUMBA_NUM_THREADS", "0", 2),
        ("NUMBA_NUM_THREADS", "abc", 2),
        ("NUMBA_CPU_FEATURES", "x", 2),
    ],
)
def test_a_variable_of_the_environment_is_one_line(tmp_path: Path, name: str, value: str, code: int) -> None:
    done = in_child(tmp_path / "runs", "backend=auto", env=os.environ | {name: value})
    assert done.returncode == code and done.stderr.count("\n") == 1 and name in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_directory_that_is_gone_is_named_by_every_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone, before = tmp_path / "gone", Path.cwd()
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    try:
        for verb in ("info", "verify", "report", "price", "run"):
            assert cli.main([verb, "latest"]) == 2
            assert "the working directory is not there any more" in capsys.readouterr().err
    finally:
        os.chdir(before)


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["run", "--help"]])
def test_a_full_device_gets_advice_that_helps(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-u", "-m", "mcsim", *words],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 3 and "standard output" in done.stderr and "runs_dir" not in done.stderr


def test_python_without_assertions_is_refused_by_the_library_too() -> None:
    """zarr drops a key of its metadata inside an ``assert``: without it the first store fails."""
    for call in ("run()", "open_run('latest')"):
        done = subprocess.run(
            [sys.executable, "-O", "-c", f"import mcsim; mcsim.{call}"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.stderr.splitlines()[-1].startswith("mcsim.errors.InputError: PYTHONOPTIMIZE=1 (python -O)")
