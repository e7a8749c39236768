"""``python -m tests.mutants``: wrong changes to the code, one at a time, each of which a test has to see.

The list is data: ``mutants.yaml``, one entry a change, with the file, what stands there (once), what stands there instead and
the tests that must fail. An entry with ``equivalent`` says why no test can see it; it is listed and not run. ``--only WORD``
runs those that name WORD, ``--jobs N`` that many at a time.
"""

from __future__ import annotations

import argparse
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("mutants.yaml")
TIMEOUT = 300  # seconds a mutant: one that never ends is seen

TESTS_FAILED = 1  # pytest's exit code; 2 and above say that nothing was tested


@dataclass(frozen=True)
class Mutant:
    """One wrong change."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    equivalent: str = ""

    def __str__(self) -> str:
        first_old, first_new = (next(iter(text.strip().splitlines()), "(nothing)") for text in (self.old, self.new))
        return f"{self.file}: {first_old.strip()} -> {first_new.strip()}"


def read_mutants() -> list[Mutant]:
    """Entries of the list."""
    entries = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    return [
        Mutant(e["file"], e["from"], e["to"], tuple(e["tests"].split()) if "tests" in e else (), e.get("equivalent", ""))
        for e in entries
    ]


def copy_project(folder: Path) -> None:
    """The project's files, as they are in the working tree."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def run_tests(folder: Path, tests: tuple[str, ...]) -> int:
    """Exit code of pytest on ``tests`` in the copy under ``folder``."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",  # a mutant of the same length and second would be taken for the file before
        "NUMBA_CACHE_DIR": str(folder / ".cache"),
        "MCSIM_SHARED": os.environ.get("MCSIM_SHARED", str(ROOT.parent / "shared")),
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--benchmark-disable", *tests]
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return TESTS_FAILED
    return done.returncode


def survives(folder: Path, mutant: Mutant) -> str:
    """Empty if a test failed, else what happened."""
    file = folder / mutant.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        return f"its text stands {text.count(mutant.old)} times in the file; expected once"
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        code = run_tests(folder, mutant.tests)
    finally:
        file.write_text(text, encoding="utf-8")
    if code == TESTS_FAILED:
        return ""
    return "no test failed" if code == 0 else f"the tests did not run: pytest's exit code is {code}"


def main() -> int:
    """Runs the list; 0 if every mutant was seen."""
    arguments = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.splitlines()[0])
    arguments.add_argument("--only", default="", metavar="WORD")
    arguments.add_argument("--jobs", type=int, default=2)
    chosen = arguments.parse_args()
    wanted = [m for m in read_mutants() if chosen.only in f"{m} {' '.join(m.tests)}"]
    mutants = [m for m in wanted if not m.equivalent]
    if not mutants:  # pytest without a name would run every test there is
        print(f"no mutant to run names {chosen.only!r}")
        return 1
    with tempfile.TemporaryDirectory(prefix="mutants-") as temporary:
        copies: queue.Queue[Path] = queue.Queue()
        for job in range(max(1, chosen.jobs)):
            copy_project(Path(temporary) / str(job))
            copies.put(Path(temporary) / str(job))

        def attempt(mutant: Mutant) -> str:
            folder, started = copies.get(), time.monotonic()
            try:
                outcome = survives(folder, mutant)
            finally:
                copies.put(folder)
            print(
                f"{'SEEN' if not outcome else 'UNSEEN'} {time.monotonic() - started:5.1f} s  {mutant}  {outcome}", flush=True
            )
            return outcome

        tests = tuple(sorted({name for mutant in mutants for name in mutant.tests}))
        if run_tests(Path(temporary) / "0", tests):
            print("the tests fail without any mutant; mend them first")
            return 1
        with ThreadPoolExecutor(max(1, chosen.jobs)) as pool:
            unseen = sum(bool(outcome) for outcome in pool.map(attempt, mutants))
    print(f"{len(mutants) - unseen} of {len(mutants)} seen, {len(wanted) - len(mutants)} said to be equivalent")
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
