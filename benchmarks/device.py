"""All that only a GPU can show, in one call: ``python -m benchmarks.device`` (``make device``).

Needs kernels/, numpy, numba, numba-cuda and CuPy alone, ends within its budget of time and writes one JSON after every section, so
that what was found is there whatever stops it. Sections in the order of worth; one for which too little time is left says so.
In numba's simulator (``NUMBA_ENABLE_CUDASIM=1``) the same way is gone with tiny sizes and nothing is measured: rates are null.
The exit code is 1 where a section failed or parity does not hold.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.on_device import deal, end_to_end, parity, profiler, rates
from benchmarks.on_device.record import Sections, device_properties, facts
from benchmarks.on_device.variants import MAPPINGS
from kernels.device import device

RESULT = Path(__file__).parent / "results" / "device.json"
BUDGET = 460.0
"""Seconds: eight minutes less what starting and writing take."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device", description="What only a GPU can show.")
    parser.add_argument("--out", type=Path, default=RESULT, help="the JSON file (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=BUDGET, help="budget of time (default: %(default)s)")
    parser.add_argument("--profile", choices=list(MAPPINGS), help="run this mapping once, for a profiler, and nothing else")
    chosen = parser.parse_args(arguments)
    simulated = device().simulated
    size = rates.TINY if simulated else rates.LARGE
    if chosen.profile:
        rates.run_once(size, chosen.profile)
        return 0
    sections = Sections(chosen.out, chosen.seconds, facts())
    with np.errstate(all="ignore"):  # numpy scalars warn in the simulator where devices are silent
        measure(sections, size, simulated)
    for name, result in sections.found.items():
        print(f"{name}: {summary(result)}")
    print(f"written to {chosen.out}")
    return int(bool(sections.failed))


def measure(sections: Sections, size: rates.Size, simulated: bool) -> None:
    """All sections; the seconds set aside for each are mostly its kernels' compilation."""
    properties = {} if simulated else device_properties()
    small = (34, 6, 2) if simulated else (200, 120, 256)
    sections.run("copy", 5, lambda: rates.copy(size))
    bandwidth = sections.found["copy"].get("per_second")
    sections.run("parity: whole run", 60, lambda: parity.whole_run(*small))
    sections.run("loan kernel, expected", 60, lambda: rates.mappings(size, bandwidth, properties, ("expected",)))
    sections.run("end to end", 30, lambda: end_to_end.measure(size, 2 if simulated else 8))
    sections.run("parity: models", 60, lambda: parity.models(9 if simulated else 100_000, lambda: sections.left))
    sections.run("parity: scenarios", 30, lambda: parity.scenarios(*small[1:]))
    sections.run("loan kernel, sampled", 60, lambda: rates.mappings(size, bandwidth, properties, ("sampled",)))
    sections.run("scenarios", 15, lambda: rates.scenarios(size))
    sections.run("waterfall", 30, lambda: deal.measure(size.n_classes, size.n_months, size.n_paths, size.repeats))
    sections.run("present values", 10, lambda: rates.present_values(size))
    first = next(iter(MAPPINGS))
    sections.run("profile", 40, lambda: {first: counters(first, simulated, sections.left - 5)})


def counters(mapping: str, simulated: bool, seconds: float) -> dict[str, Any]:
    """Of a mapping's kernel, run once more in a process of its own."""
    return {"absent": "the simulator has none"} if simulated else profiler.profile(["--profile", mapping], seconds)


def summary(result: Any) -> str:
    """A line of a section: why there is nothing, whether it holds, its rates."""
    for key in ("skipped", "failed"):
        if key in result:
            return f"{key}: {result[key]}"
    parts = [] if "holds" not in result else ["holds" if result["holds"] else "DOES NOT HOLD"]
    named = {"": result, **{key: value for key, value in result.items() if isinstance(value, dict)}}
    for key, value in named.items():
        if "failed" in value:
            parts.append(f"{key} failed: {value['failed']}")
        if "per_second" in value:
            rate = value["per_second"]
            parts.append(f"{key} {'not measured' if rate is None else f'{rate:.3e} a second'}".strip())
    return "; ".join(parts) or "see the file"


if __name__ == "__main__":
    sys.exit(main())
