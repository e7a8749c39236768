"""Nsight Compute's counters of the hot kernel, where ``ncu`` is installed and may read them."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

METRICS = {
    "gpu__time_duration.sum": "time of the kernel under the profiler",
    "smsp__inst_executed.sum": "instructions that warps executed",
    "smsp__issue_active.avg.pct_of_peak_sustained_active": "cycles in which a scheduler issued",
    "smsp__thread_inst_executed_per_inst_executed.ratio": "threads of a warp that took part",
    "sm__warps_active.avg.pct_of_peak_sustained_active": "warps that were resident",
    "launch__registers_per_thread": "registers",
    "dram__bytes.sum": "bytes of device memory read and written",
    "dram__throughput.avg.pct_of_peak_sustained_elapsed": "of what device memory could move",
    "lts__t_sector_hit_rate.pct": "second-level cache hits",
    "l1tex__t_sector_hit_rate.pct": "first-level cache hits",
    "smsp__average_warps_issue_stalled_long_scoreboard_per_issue_active.ratio": "warps that waited for memory, an issue",
    "smsp__average_warps_issue_stalled_math_pipe_throttle_per_issue_active.ratio": "warps that waited for arithmetic, an issue",
}
"""Metric to what it says."""

_LAUNCHES = 24
"""Launches of the profiled process, at most: what fills memory, and the kernel once."""


def profile(arguments: list[str], seconds: float, find: Callable[[str], str | None] = shutil.which) -> dict[str, Any]:
    """Counters of the longest kernel of ``python -m benchmarks.device ARGUMENTS``, or why there are none."""
    ncu = find("ncu")
    if ncu is None:
        return {"absent": "ncu is not installed"}
    options = ["--csv", "--page", "raw", "--print-units", "base", "--clock-control", "none", "--target-processes", "all"]
    command = [ncu, *options, "--launch-count", str(_LAUNCHES), "--metrics", ",".join(METRICS)]
    try:
        done = subprocess.run(
            [*command, sys.executable, "-m", "benchmarks.device", *arguments],
            cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False, timeout=max(seconds, 1),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"absent": f"ncu took longer than the {seconds:.0f} s that were left"}
    return read(done.stdout) or {"absent": f"ncu gave no counters (exit code {done.returncode}): {_last_line(done)}"}


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "ERROR" in line), lines[-1] if lines else "it said nothing")[:200]


def read(text: str) -> dict[str, Any]:
    """Counters of the longest kernel in ncu's raw page: a line of names, one of units, then a line a launch."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if '"Kernel Name"' in line), None)
    if start is None:
        return {}
    names, _, *rows = list(csv.reader(io.StringIO("\n".join(lines[start:]))))
    launches = [dict(zip(names, row, strict=False)) for row in rows if len(row) == len(names)]
    duration = next(iter(METRICS))
    longest = max(launches, key=lambda launch: _number(launch.get(duration)) or 0.0, default=None)
    if longest is None:
        return {}
    return {"kernel": longest["Kernel Name"][:120], **{name: _number(longest.get(name)) for name in METRICS}}


def _number(text: str | None) -> float | None:
    """ncu writes thousands with commas."""
    try:
        return float((text or "").replace(",", ""))
    except ValueError:
        return None
