"""Terminals, pipes, disks, directories: a run is never lost to what shows it, and a disk that is full is one clear line."""

from __future__ import annotations

import io
import json
import logging
import os
import resource
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import mcsim
from mcsim import cli, console, files
from mcsim.errors import InputError, WriteError
from mcsim.results import Run
from tests.mcsim.small_runs import SMALL

ROOT = Path(__file__).parents[2]
TABLE_ENDS = "R  "


def only_run(runs: Path) -> Run:
    """The one run under ``runs``, finished and sound."""
    [folder] = runs.iterdir()
    run = mcsim.open_run(folder)
    assert run.verify() > 0
    return run


def in_process(runs: Path, *more: str, report: bool = False) -> int:
    """``mcsim run`` here: no second start of Python."""
    return cli.main(["run", *SMALL, f"output.runs_dir={runs}", f"output.report={str(report).lower()}", *more])


def in_child(runs: Path, *more: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """``mcsim run`` in a process of its own, where the environment or the limits matter."""
    command = [sys.executable, "-m", "mcsim", "run", *SMALL, f"output.runs_dir={runs}", "output.report=false", *more]
    how = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 300, "check": False, **how}
    return subprocess.run(command, **how)


# --- terminals and pipes ---


def test_a_terminal_that_knows_ascii_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    assert in_process(tmp_path) == 0
    lines = shown.getvalue().decode("ascii").splitlines()
    assert "price  +/- s.e." in lines[1] and any(line.startswith(TABLE_ENDS) for line in lines)
    [folder] = tmp_path.iterdir()
    assert cli.main(["info", str(folder)]) == 0
    assert "..." in shown.getvalue().decode("ascii")


def test_the_c_locale(tmp_path: Path) -> None:
    """Where the system's coding of file names is ASCII too."""
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = in_child(tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert "price  +/- s.e." in done.stdout and "Traceback" not in done.stderr
    only_run(tmp_path)


def test_nobody_reads_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):
        reading, writing = os.pipe()
        os.close(reading)
        monkeypatch.setattr(sys, name, open(writing, "w"))  # noqa: SIM115 - closed with the process's own
    assert in_process(tmp_path, report=True) == 0
    assert only_run(tmp_path).folder.report.is_file()


def test_standard_output_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """A run is complete by then; a verb that only prints has not done what it was asked for."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with full.open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert in_process(tmp_path) == 0
    said = capsys.readouterr().err
    assert "the run is complete" in said and "No space left on device" in said
    run = only_run(tmp_path)
    for verb in ("info", "price", "verify"):
        with full.open("w") as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            assert cli.main([verb, str(run.path)]) == 3
        assert capsys.readouterr().err.splitlines()[-1].startswith("mcsim: standard output cannot be written: No space left")


def test_streams_that_were_closed(tmp_path: Path) -> None:
    """Their numbers must not go to the files of the run."""
    done = in_child(tmp_path, capture_output=False, text=None, preexec_fn=lambda: os.closerange(0, 3))
    assert done.returncode == 0
    only_run(tmp_path)


def test_nothing_that_a_terminal_would_obey_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Names of classes, files and loans are others' text."""
    with console.log_to_stderr():
        logging.getLogger("mcsim").warning("loan \x1b]0;title\x07")
        console.show(["class \x1b[2J", "tab\there"])
    captured = capsys.readouterr()
    assert captured.out == "class \\x1b[2J\ntab\\there\n" and captured.err == "loan \\x1b]0;title\\x07\n"


# --- the report ---


def test_a_report_that_fails_does_not_lose_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(run: Run) -> None:
        assert run.complete, "COMPLETE is written before the report"
        raise ZeroDivisionError("in a chart")

    monkeypatch.setattr("mcsim.reports.report.write_report", fail)
    assert in_process(tmp_path, report=True) == 0
    captured = capsys.readouterr()
    run = only_run(tmp_path)
    assert f"`mcsim report {run.path}` writes it" in captured.err and "in a chart" in captured.err
    assert any(line.startswith(TABLE_ENDS) for line in captured.out.splitlines())
    monkeypatch.undo()
    assert cli.main(["report", str(run.path)]) == 0 and run.folder.report.is_file()


def test_a_run_of_prices_alone_says_what_it_kept(tmp_path: Path) -> None:
    """Its report shows what there is; what was not kept is told with the way to have it."""
    assert in_process(tmp_path, "output=prices", report=True) == 0
    run = only_run(tmp_path)
    assert run.folder.report.is_file() and cli.main(["report", str(run.path)]) == 0
    with pytest.raises(InputError, match="kept no pool: it holds .*/path_values, .*/prices; run again with output.flows=true"):
        _ = run.pool


@pytest.mark.parametrize("backend", ["module://nope", "nonsense"])
def test_a_foreign_backend_of_matplotlib(backend: str, tmp_path: Path) -> None:
    """Read once, when the library is imported; hence the process of its own."""
    code = (
        "from mcsim.reports import charts, statistics as s; import numpy as np;"
        "fan = s.fan_of(np.random.default_rng(1).random((24, 9)), np.arange(1, 25));"
        "print(charts.fan_chart('x', fan, 1, 'USD', 'alt')[:4])"
    )
    environment = os.environ | {"MPLBACKEND": backend, "MPLCONFIGDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "<svg\n", done.stderr


# --- disks and directories ---


@pytest.mark.parametrize("limit", [20_000, 60_000])
def test_a_limit_on_the_size_of_a_file(tmp_path: Path, limit: int) -> None:
    """Hit early and late; it names the file and the cause, and leaves no half file."""
    done = in_child(tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert done.returncode == 3
    message = done.stderr.splitlines()[-1]
    assert "store.zarr/" in message and "File too large" in message and "ulimit -f" in message
    assert "fault of mcsim" not in done.stderr and "Traceback" not in done.stderr
    [folder] = tmp_path.iterdir()
    assert not (folder / "COMPLETE").exists() and not list(folder.rglob("*partial*"))
    assert message.removeprefix("mcsim: ") in (folder / "log.txt").read_text()


def test_a_disk_that_fills_while_records_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace = os.replace

    def full(source: Any, target: Any) -> None:
        if Path(target).name == "COMPLETE":
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    assert in_process(tmp_path) == 3
    assert "COMPLETE cannot be written: No space left on device; free space there" in capsys.readouterr().err
    [folder] = tmp_path.iterdir()
    assert not list(folder.glob("COMPLETE*"))
    assert "stopped: " in (folder / "log.txt").read_text().splitlines()[-1]
    assert cli.main(["info", str(folder)]) == 3


def test_an_error_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The system names no file where a write fails, only where an opening does: then the folder is named."""

    def fail(*given: Any) -> None:
        raise OSError(122, "Disk quota exceeded")

    monkeypatch.setattr("mcsim.priced_book.checked_book", fail)
    assert in_process(tmp_path) == 3
    [folder] = tmp_path.iterdir()
    assert f"mcsim: {folder} cannot be written: Disk quota exceeded; free space within the quota" in capsys.readouterr().err


def test_the_working_directory_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert in_process(tmp_path / "runs") == 2
    assert capsys.readouterr().err.splitlines() == [
        "mcsim: the working directory is not there any more (No such file or directory); change to one that is"
    ]


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (OSError(28, "No space left on device", "x/y"), 3, "x/y cannot be written: No space left on device; free space there"),
        (
            OSError(122, "Disk quota exceeded"),
            3,
            "standard output, or another file, cannot be written: Disk quota exceeded; free",
        ),
        (OSError(30, "Read-only file system", "d"), 3, "d cannot be written: Read-only file system; take a directory that"),
        (OSError(40, "Too many levels of symbolic links", "d"), 2, "d: Too many levels of symbolic links"),
        (
            FileNotFoundError(2, "No such file or directory"),
            2,
            "the working directory, or another file of the system: No such",
        ),
        (OSError("cannot read"), 2, "the working directory, or another file of the system: cannot read"),
    ],
)
def test_every_error_of_the_system_is_one_line(
    error: OSError, code: int, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr("mcsim.configuration.load_settings", fail)
    assert cli.main(["run"]) == code
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"mcsim: {text}")


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    files.write_whole(path, "old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match=r"record\.json cannot be written: No space left on device"):
        files.write_whole(path, "new", flush=True)
    assert [found.name for found in tmp_path.iterdir()] == ["record.json"] and path.read_text() == "old"


# --- warnings, and the log ---


def test_every_warning_of_a_run_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mcsim's and Python's, each once, in order; on the object, on the disk under the marker, in the report, in `info`."""
    from mcsim import priced_book
    from mcsim import run as module

    check, log = priced_book.checked_book, logging.getLogger("mcsim")
    level = log.level
    assert module is mcsim.run

    def warn(*given: Any) -> Any:
        deal = check(*given)
        log.warning("the curve is <old>")
        log.warning("the curve is <old>")
        warnings.warn("overflow somewhere", RuntimeWarning, stacklevel=1)
        return deal

    monkeypatch.setattr("mcsim.priced_book.checked_book", warn)
    shown = warnings.showwarning
    with pytest.warns(RuntimeWarning, match="overflow"):
        run = mcsim.run(*SMALL, f"output.runs_dir={tmp_path}")
    expected = ["the curve is <old>", "RuntimeWarning: overflow somewhere"]
    assert run.warnings[-2:] == expected == json.loads((run.path / "warnings.json").read_text())[-2:]
    html = run.report().read_text()
    assert "<li>the curve is &lt;old&gt;</li>" in html and "overflow somewhere" in html
    assert "warnings" in repr(run)
    assert (log.level, warnings.showwarning, log.handlers) == (level, shown, [])
    assert "the curve is <old>" in run.folder.log.read_text()


def test_warnings_of_a_run_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: Any) -> None:
        logging.getLogger("mcsim").warning("look at this")
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("mcsim.priced_book.checked_book", fail)
    with pytest.raises(ZeroDivisionError) as caught:
        mcsim.run(*SMALL, f"output.runs_dir={tmp_path}")
    [folder] = tmp_path.iterdir()
    run = mcsim.open_run(folder, complete=False)
    assert run.warnings[-1] == "look at this"
    assert caught.value.log_file == folder / "log.txt"  # type: ignore[attr-defined]  # under the name it has now
