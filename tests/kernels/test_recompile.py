"""An edit compiles again what follows from it and nothing else: the real files on disk, in a copy of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kernels.reach import ROOT

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") == "1", reason="nothing is compiled, so nothing is kept"
)

BUILD = """
from kernels.behaviour import KINDS
from kernels.launchers.block import first_class, rate_arguments
from kernels.launchers.rates import build_rate_loop
from kernels.ops import LANES, make_ops
ops = make_ops("cpu", "float32")
for kind, name in (("prepayment", "smm"), ("default", "ltv_hazard")):
    first_class(ops, build_rate_loop(ops, LANES, kind, KINDS[kind][name]), f"rate-{kind}-{name}", rate_arguments(ops))
"""
"""Compiles the loops of two models. What drives them knows neither: tests/kernels/test_reach.py."""


def kept_after_a_start(folder: Path) -> set[str]:
    """Compiled kernels on disk after a process that needs the two loops."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    subprocess.run([sys.executable, "-c", BUILD], cwd=folder, env=environment, check=True, capture_output=True)
    return {path.name for path in (folder / "cache").rglob("*.nbc")}


def test_an_edit_of_one_models_file_compiles_its_loop_alone(tmp_path: Path) -> None:
    shutil.copytree(ROOT, tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    first = kept_after_a_start(tmp_path)
    assert len(first) == 2

    other = tmp_path / "kernels/behaviour/prepayment/richard_roll.py"  # of no loop that is needed
    other.write_text(other.read_text() + "\n# edited\n")
    assert kept_after_a_start(tmp_path) == first

    formula = tmp_path / "kernels/behaviour/default/ltv_hazard.py"
    formula.write_text(formula.read_text() + "\n# edited\n")
    second = kept_after_a_start(tmp_path)
    assert second > first and len(second - first) == 1
