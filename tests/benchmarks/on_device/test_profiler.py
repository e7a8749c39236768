"""Counters of Nsight Compute: read from its raw page, or said to be absent."""

from __future__ import annotations

import stat
from pathlib import Path

from benchmarks.on_device.profiler import METRICS, profile, read

_NAMES = ",".join(f'"{name}"' for name in ("ID", "Kernel Name", *METRICS))
_UNITS = ",".join(['"",""', *['"unit"'] * len(METRICS)])


def page(*launches: tuple[str, float]) -> str:
    """What ncu prints: talk, then the table."""
    rows = [
        ",".join(f'"{x}"' for x in (i, name, f"{time:,.2f}", *["7"] * (len(METRICS) - 1)))
        for i, (name, time) in enumerate(launches)
    ]
    return "\n".join(["==PROF== Connected to process 7", _NAMES, _UNITS, *rows]) + "\n"


def tool(folder: Path, text: str, code: int = 0) -> str:
    """A program that prints ``text``."""
    (folder / "page").write_text(text)
    path = folder / "ncu"
    path.write_text(f'#!/bin/sh\ncat "{folder}/page"\nexit {code}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_the_longest_kernel_is_taken() -> None:
    found = read(page(("fill", 12.0), ("kernel", 1_234_567.0), ("reduce", 99.5)))
    assert found["kernel"] == "kernel"
    assert found["gpu__time_duration.sum"] == 1_234_567.0 and found["dram__bytes.sum"] == 7


def test_a_counter_that_is_not_there_is_none() -> None:
    assert read(page(("kernel", 5.0)).replace('"7"', '"n/a"'))["dram__bytes.sum"] is None


def test_no_table_is_no_counters() -> None:
    assert read("==ERROR== no permission\n") == {} and read(page()) == {}


def test_absent_or_refused_is_said(tmp_path: Path) -> None:
    assert profile([], 5, lambda name: None) == {"absent": "ncu is not installed"}
    refused = profile([], 5, lambda name: tool(tmp_path, "==ERROR== ERR_NVGPUCTRPERM\nbye\n", 9))
    assert refused == {"absent": "ncu gave no counters (exit code 9): ==ERROR== ERR_NVGPUCTRPERM"}
    assert profile([], 5, lambda name: tool(tmp_path, page(("kernel", 5.0))))["kernel"] == "kernel"


def test_a_profiler_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "ncu"
    path.write_text("#!/bin/sh\nexec sleep 30\n")
    path.chmod(0o755)
    assert "longer than" in profile([], 1, lambda name: str(path))["absent"]
