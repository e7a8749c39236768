"""Signals: every one of them stops a run alike, with a word in the log, and what it leaves says that it did not finish."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import mcsim
from mcsim import cli, stopping, store
from mcsim.errors import IncompleteRunError
from mcsim.stopping import Stopped, stopping_on_signals

ROOT = Path(__file__).parents[2]
PATHS = 20_000
LONG = (
    f"paths={PATHS}", "engine=serial", "engine.path_block=256", "portfolio.generator.loans=20", "portfolio.generator.term=60",
    "portfolio.generator.age_mean=0", "deal=pass_through", "pricing=none", "backend=numpy", "output.report=false",
)  # fmt: skip
"""Many times as long as its first two blocks, and little for the disk: it ends by a signal only."""

PATIENCE = 120.0
"""Seconds until a run has written its first block, on a machine that has much else to do."""


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """A shell that starts the tests in the background lets them ignore SIGINT, and their children with them."""
    before = {name: signal.signal(getattr(signal, name), signal.SIG_DFL) for name in stopping.SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], Path]]]:
    """``started(*ignored)``: a run that has written a block, and its folder; the signals named are ignored by it."""
    made: list[subprocess.Popen[str]] = []

    def start(*ignored: int) -> tuple[subprocess.Popen[str], Path]:
        command = [sys.executable, "-m", "mcsim", "run", *LONG, f"output.runs_dir={tmp_path}"]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: [signal.signal(number, signal.SIG_IGN) for number in ignored],
        )  # fmt: skip
        made.append(process)
        until = time.monotonic() + PATIENCE
        while not list(tmp_path.glob("*/store.zarr/collateral/prime_jumbo/pool/loss/c/0/0/1")):
            assert process.poll() is None and time.monotonic() < until, process.communicate()
            time.sleep(0.05)
        [folder] = tmp_path.iterdir()
        return process, folder

    yield start
    for process in made:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_stops_a_run(started: Callable[..., tuple[subprocess.Popen[str], Path]], name: str) -> None:
    process, folder = started()
    process.send_signal(getattr(signal, name))
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in said and ("interrupted" if name == "SIGINT" else f"stopped by {name}") in said
    lines = (folder / "log.txt").read_text().splitlines()
    assert lines[-1].endswith(f"ERROR stopped: {name}") and any(line.endswith(f"ERROR {name}: stopping") for line in lines)
    assert not (folder / "COMPLETE").exists() and cli.main(["info", str(folder)]) == 3
    interrupted_run_says_so(folder)


def interrupted_run_says_so(folder: Path) -> None:
    """No path that was not computed is read as a number; whoever opens the store is told."""
    with pytest.raises(IncompleteRunError):
        mcsim.open_run(folder)
    run = mcsim.open_run(folder, complete=False)
    assert run.complete is False
    losses = run.pool.interest.sum("month")
    assert 256 <= losses.sizes["path"] < PATHS and losses.sizes["path"] % 256 == 0
    assert run.pool.attrs["paths_missing"] == PATHS - losses.sizes["path"]
    assert float(losses.min()) > 0, "a path that is not there would sum to 0"
    assert run.pool.attrs["status"].startswith("incomplete")
    plain = xr.open_zarr(folder / "store.zarr", group="collateral/prime_jumbo/pool", chunks=None)
    assert "NaN" in plain.attrs["status"] and np.isnan(plain.interest.isel(path=-1).values).all()
    paid = run.tranches.interest_paid.sum("month")
    # It may have stopped between the pool of a block and its deal.
    assert losses.sizes["path"] - 256 <= paid.sizes["path"] <= losses.sizes["path"]
    assert float(paid.sel(tranche="PT").min()) > 0
    assert not [group for group in store.groups(folder) if group.endswith("/prices")]


def test_a_second_signal_stops_at_once_and_leaves_it_unfinished(
    started: Callable[..., tuple[subprocess.Popen[str], Path]],
) -> None:
    process, folder = started()
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and "Traceback" not in said
    assert "SIGINT: stopping" in (folder / "log.txt").read_text() and not (folder / "COMPLETE").exists()


def test_what_nohup_ignores_stays_ignored(started: Callable[..., tuple[subprocess.Popen[str], Path]]) -> None:
    process, folder = started(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    blocks = len(list(folder.glob("store.zarr/collateral/prime_jumbo/pool/loss/c/0/0/*")))
    until = time.monotonic() + PATIENCE
    while len(list(folder.glob("store.zarr/collateral/prime_jumbo/pool/loss/c/0/0/*"))) <= blocks + 1:
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("name", stopping.SIGNALS)
def test_in_the_process(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handlers are there while it lasts and not after; the word goes into the log of the run that is on."""
    number = getattr(signal, name)
    before, log = signal.getsignal(number), tmp_path / "log.txt"
    log.write_text("first line\n")
    monkeypatch.setattr(stopping, "log_file", log)
    with pytest.raises(Stopped, match=name), stopping_on_signals():
        os.kill(os.getpid(), number)
        time.sleep(1)  # never reached
    assert signal.getsignal(number) == before
    assert [line.endswith(f"ERROR {name}: stopping") for line in log.read_text().splitlines()] == [False, True]


def test_the_second_one_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []

    def leave(code: int) -> None:
        left.append(code)
        raise SystemExit

    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(SystemExit), stopping_on_signals():
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)
    assert left == [130]


def test_what_unwinding_raises_does_not_hide_the_signal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """argparse puts back in a ``finally`` what it had not set yet: an AttributeError, which was called a fault of mcsim."""

    def unwinds(words: list[str]) -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        finally:
            raise AttributeError("save_nargs")

    monkeypatch.setattr(cli, "_dispatch", unwinds)
    assert cli.main(["info", "latest"]) == 130
    assert capsys.readouterr().err == "mcsim: stopped by SIGTERM\n"


LOST = """
import os, signal, sys, time
from mcsim import stopping
class Deaf:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
sys.unraisablehook = stopping.not_raised
with stopping.stopping_on_signals():
    Deaf()
    time.sleep(60)
"""


def test_a_signal_where_nothing_can_be_raised_is_not_lost() -> None:
    done = subprocess.run([sys.executable, "-c", LOST], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (130, "mcsim: SIGTERM again: stopped at once\n")
