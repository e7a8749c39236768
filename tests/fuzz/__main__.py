"""``python -m tests.fuzz``: damaged and nonsensical inputs through the command line, for a while.

Whatever goes in, the command answers in bounded time and length, with an exit code of its own and never with a traceback; and where it
answers 0 on a run folder that was damaged, the prices are those of the sound one. ``--seconds``, ``--seed`` and ``--kind`` choose;
a failure prints the seed and the number of the case, and leaves its files.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from mcsim.cli import main as mcsim
from tests.fuzz.kinds import KINDS, Case, Ground

EXIT_CODES = {0, 2, 3, 4, 130}
MOST_SECONDS = 30  # a case: a small run takes about one; the rest is for a loaded machine
MOST_OUTPUT = 20_000  # characters: an answer that a person can read


def answer(words: list[str]) -> tuple[object, str, float]:
    """Exit code (or the exception that came through), everything printed, seconds."""
    printed, started = io.StringIO(), time.monotonic()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            code: object = mcsim(words)
        except BaseException as error:  # nothing may come through main
            code = error
    return code, printed.getvalue(), time.monotonic() - started


def complaint(case: Case, code: object, printed: str, seconds: float) -> str:
    """What is wrong with an answer; empty if nothing."""
    if code not in EXIT_CODES:
        return f"exit code {code!r}"
    if "Traceback" in printed or "a fault of mcsim" in printed:
        return "a traceback"
    if seconds > MOST_SECONDS:
        return f"{seconds:.0f} s"
    if len(printed) > MOST_OUTPUT:
        return f"{len(printed)} characters"
    if code == 0 and case.expected is not None and case.expected not in printed:
        return "exit code 0 and other figures than those of the sound run"
    return ""


def main() -> int:
    """Tries cases until the time is up; 0 if none failed."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--kind", choices=sorted(KINDS), action="append")
    arguments.add_argument("--case", type=int, help="this case alone")
    chosen = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    ground = Ground.make(folder)
    kinds = chosen.kind or sorted(KINDS)
    codes: Counter[tuple[str, object]] = Counter()
    failures, number, end = 0, chosen.case or 0, time.monotonic() + chosen.seconds
    while time.monotonic() < end:
        kind = kinds[number % len(kinds)]
        place = folder / f"case-{number}"
        place.mkdir()
        case = KINDS[kind](random.Random(f"{chosen.seed} {number}"), ground, place)
        code, printed, seconds = answer(case.words)
        wrong = complaint(case, code, printed, seconds)
        codes[kind, code if isinstance(code, int) else "raised"] += 1
        if wrong:
            failures += 1
            print(f"FAILED {kind}, seed {chosen.seed}, case {number}: {wrong}\n  {case.words} {case.said}\n  {printed[-600:]}")
        else:
            shutil.rmtree(place, ignore_errors=True)
        if chosen.case is not None:
            print(code, printed)
            break
        number += 1
    for kind in kinds:
        seen = {str(code): count for (of, code), count in sorted(codes.items(), key=str) if of == kind}
        print(f"{kind:12} " + ", ".join(f"exit {code}: {count}" for code, count in seen.items()))
    print(f"{sum(codes.values())} cases, {failures} failures" + (f"; files in {folder}" if failures else ""))
    if not failures:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
