"""All benchmarks: prints every figure with its ratio and merges them into ``benchmarks/results/latest.json``.

    python -m benchmarks.run              everything
    python -m benchmarks.run loans store  some

The exit code is 1 where a figure misses its bar.
"""

from __future__ import annotations

import argparse
import importlib

from benchmarks import records

BENCHMARKS = {
    "loans": "throughput and accuracy of the loan months",
    "byhand": "the loan months and a run against what a user would write in numpy",
    "store": "writing path blocks",
    "pipeline": "a whole run against its parts, and with loan means",
    "startup": "help, first run, later run",
    "memory": "peak of a run against its plan",
}


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Measure mcsim against its peers and bars.")
    parser.add_argument("names", nargs="*", metavar="name", help="; ".join(f"{k}: {v}" for k, v in BENCHMARKS.items()))
    names = parser.parse_args(arguments).names
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"unknown benchmark {', '.join(unknown)}; known: {', '.join(BENCHMARKS)}")
    machine = records.machine()
    print(f"{machine['cpu']}, {machine['cores']} cores, AVX-512 {'yes' if machine['avx512'] else 'no'}")
    missed = 0
    for name in names or BENCHMARKS:
        print(f"\n{name}: {BENCHMARKS[name]}", flush=True)
        found = importlib.import_module(f"benchmarks.{name}").measure()
        for record in found:
            print(records.show(record), flush=True)
            missed += record.holds is False
        records.write(found)
    print(f"\nwritten to {records.RESULTS.relative_to(records.RESULTS.parents[2])}; {missed} missed")
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
