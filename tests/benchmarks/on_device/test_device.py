"""``benchmarks.device`` from end to end in the simulator: with kernels/, numpy and numba-cuda alone, and without any tool."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.on_device.machine_code import hot_loop, parse

ROOT = Path(__file__).resolve().parents[3]
NEEDS_CUDA = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="the cuda target needs numba-cuda (extra cuda13)"
)
SECTIONS = (
    "copy", "parity: whole run", "loan kernel, expected", "end to end", "parity: models", "parity: scenarios",
    "loan kernel, sampled", "scenarios", "waterfall", "present values", "profile",
)  # fmt: skip

_ALONE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("mcsim", "zarr", "xarray", "yaml", "hydra", "polars", "QuantLib", "scipy", "lxml"):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())
"""
"""What Python runs first: a machine that has none of these."""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The benchmark in a copy of the two packages."""
    if not (folder / "kernels").exists():
        for package in ("kernels", "benchmarks"):
            shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "sitecustomize.py").write_text(_ALONE)
    environment = {"PATH": os.defpath, "PYTHONPATH": str(folder), "NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-m", "benchmarks.device", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of a run."""
    folder = tmp_path_factory.mktemp("alone")
    done = run(folder, "--out", "out/device.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "parity: whole run: holds" in done.stdout and "not measured" in done.stdout
    return dict(json.loads((folder / "out" / "device.json").read_text()))


def numbers(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every number of a record with its name."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from numbers(one, name)
    elif isinstance(value, float):
        yield key, value


@NEEDS_CUDA
def test_every_section_is_there_and_parity_holds(found: dict[str, Any]) -> None:
    assert tuple(found["sections"]) == SECTIONS
    assert not [name for name, result in found["sections"].items() if "failed" in json.dumps(result)]
    assert all(found["sections"][name]["holds"] for name in SECTIONS if name.startswith(("parity", "waterfall")))
    assert {one["contracted"]["equal_bits"] for one in found["sections"]["parity: models"]["models"].values()} == {True}


@NEEDS_CUDA
def test_the_simulator_writes_nothing_as_if_it_were_measured(found: dict[str, Any]) -> None:
    assert found["simulator"] is True and found["device"] == "simulator" and found["driver"] is None
    allowed = {"apart", "apart_usd", "tolerance", "work", "budget_seconds", "bytes_of_its_own"}
    assert {name for name, _ in numbers(found)} <= allowed
    mappings = found["sections"]["loan kernel, expected"]
    assert len([name for name in mappings if name.endswith(", expected")]) == 3
    assert {one["per_second"] for one in mappings.values() if isinstance(one, dict)} == {None}


@NEEDS_CUDA
def test_what_is_absent_is_said(found: dict[str, Any]) -> None:
    assert found["sections"]["end to end"]["store"] == {"absent": "zarr is not installed"}
    assert found["sections"]["profile"]["state in memory"] == {"absent": "the simulator has none"}


@NEEDS_CUDA
def test_it_ends_within_its_budget(tmp_path: Path) -> None:
    done = run(tmp_path, "--out", "device.json", "--seconds", "1")
    assert done.returncode == 0, done.stderr
    sections = json.loads((tmp_path / "device.json").read_text())["sections"]
    assert tuple(sections) == SECTIONS and all("skipped" in result for result in sections.values())


@NEEDS_CUDA
def test_a_profiler_sees_the_loan_kernel_once(tmp_path: Path) -> None:
    done = run(tmp_path, "--profile", "loan outside, state in registers")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@NEEDS_CUDA
@pytest.mark.skipif(os.environ.get("NUMBA_ENABLE_CUDASIM", "0") == "1", reason="the simulator compiles nothing")
@pytest.mark.parametrize("name", ["loan outside, state in registers", "loans across the warp"])
def test_state_is_in_registers(name: str) -> None:
    """No stack, no spills, no float64; and a hot loop that can be counted."""
    from benchmarks import ptx
    from benchmarks.on_device.variants import MAPPINGS

    text = ptx.compile_ptx(*ptx.loan_kernel("expected", build=MAPPINGS[name].build))
    assert not ptx.measure(text).broken(ptx.Budget(registers=128))
    loop = hot_loop(parse(text))
    assert loop is not None and loop.instructions > 300 and loop.stores < 20


@NEEDS_CUDA
@pytest.mark.skipif(os.environ.get("NUMBA_ENABLE_CUDASIM", "0") == "1", reason="the simulator compiles nothing")
def test_contraction_is_switched_off_for_what_is_compiled_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba import cuda, float32

    from benchmarks import ptx
    from benchmarks.on_device import variants

    def kernel(a, b):  # type: ignore[no-untyped-def]
        b[0] = a[0] * a[1] + a[2]

    class Real:
        simulated = False

    monkeypatch.setattr(variants, "device", Real)
    jit = cuda.jit
    with variants.contraction(False):
        assert cuda.jit is not jit
        text = ptx.compile_ptx(kernel, (float32[::1], float32[::1]))
    assert cuda.jit is jit and "fma." not in text and "mul.rn.f32" in text
    with variants.contraction(True):
        assert "fma." in ptx.compile_ptx(kernel, (float32[::1], float32[::1]))
