"""How long a user waits: help, the first run with nothing compiled, a later run; and a book of six combinations of models, edited."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks import book
from benchmarks.records import Record, at_most, missing

ROOT = Path(__file__).resolve().parents[1]

HELP_BAR, FIRST_BAR, LATER_BAR = 1.0, 20.0, 3.0
BOOK_FIRST_BAR, BOOK_LATER_BAR = 60.0, 5.0
"""Seconds (the issues' own)."""

SMALLEST = ("campaign=sec_cmbs", "paths=16", "output=pool", "output.report=false", "backend=cpu")
"""A run that computes next to nothing: what is left is start, compilation or cache, tape, curve, store, deal and prices."""
PRIME = ("campaign=prime_jumbo", "paths=16", "portfolio.generator.loans=32", "output.report=false", "backend=cpu")


def command(*arguments: str) -> list[str]:
    """The command line of this interpreter's mcsim."""
    return [sys.executable, "-m", "mcsim", *arguments]


class Took(NamedTuple):
    """Seconds of one process: what the user waits, and what its threads computed, which other processes do not lengthen."""

    wall: float
    cpu: float


def run(arguments: list[str], cache: Path, program: Path = ROOT) -> Took:
    """Run one process; ``cache`` is where compiled kernels are kept, ``program`` the folder of the packages.

    Raises
    ------
    RuntimeError
        With what the process said, if it failed.
    """
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(program)}
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(arguments, cwd=program, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        took = Took(time.perf_counter() - start, usage.ru_utime + usage.ru_stime)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            text = said.read().decode(errors="replace").strip()[-300:]
            message = f"mcsim {' '.join(arguments[3:-1])}: exit {process.returncode}: {text}"
            raise RuntimeError(message.replace(str(cache.parent), "the run's folder"))  # no machine's paths in the results
    return took


def _record(name: str, took: Took, bar: float) -> Record:
    """What the user waits, beside what was computed meanwhile."""
    return at_most(name, took.wall, "s", bar, f"the bar ({took.cpu:.1f} s of CPU)")


def _campaign(name: str, overrides: tuple[str, ...]) -> list[Record]:
    names = f"first run, {name}, nothing compiled", f"later run, {name}"
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        arguments = command("run", *overrides, f"output.runs_dir={folder}/runs")
        try:
            first = run(arguments, cache)
            later = min(run(arguments, cache) for _ in range(3))
        except RuntimeError as error:
            return [missing(one, "s", str(error)) for one in names]
    return [_record(names[0], first, FIRST_BAR), _record(names[1], later, LATER_BAR)]


def _book() -> list[Record]:
    """The book's first start, a later one, and the one after an edit of a model that two of its six collaterals have."""
    names = [f"{start}, book of {len(book.COMBINATIONS)}" for start in ("first run", "later run", "run after an edit")]
    with tempfile.TemporaryDirectory() as folder:
        program, own, cache = (Path(folder) / name for name in ("program", "options", "cache"))
        book.copy_program(program)
        book.write_options(own)
        chosen = ("backend=cpu", "output.report=false", f"output.runs_dir={folder}/runs")
        arguments = command("run", f"campaign={book.CAMPAIGN}", "--config-dir", str(own), *chosen)
        try:
            first = run(arguments, cache, program)
            later = min(run(arguments, cache, program) for _ in range(3))
            kept = book.kernels_kept(cache)
            book.edit(program)
            edited = run(arguments, cache, program)
        except RuntimeError as error:
            return [missing(name, "s", str(error)) for name in names]
        again = book.kernels_kept(cache) - kept
    return [
        _record(names[0], first, BOOK_FIRST_BAR),
        _record(names[1], later, BOOK_LATER_BAR),
        Record(names[2], edited.wall, "s", "a later run", edited.wall / later.wall, "none", None),
        at_most("kernels compiled again after an edit", again, "kernels", 1, f"the model's own loop; {kept} are kept"),
    ]


def measure() -> list[Record]:
    """Every figure of this file. The fastest of several later starts: a machine's other work only adds."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            helping = min(run(command("--help"), Path(folder)) for _ in range(5))
            records = [_record("mcsim --help", helping, HELP_BAR)]
        except RuntimeError as error:
            records = [missing("mcsim --help", "s", str(error))]
    return records + _campaign("sec_cmbs", SMALLEST) + _campaign("prime_jumbo", PRIME) + _book()
