"""The worked example of docs/architecture.md: one new file is a model."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_toy_model_is_one_file(tmp_path: Path) -> None:
    """In a copy of the packages, as a contributor would: the file, then the page's own override, on a few loans."""
    for package in ("kernels", "mcsim", "conf"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    name = re.search(r"`(kernels/behaviour/\w+/toy\.py)`", PAGE)
    code = re.search(r"```python\n(\"\"\"Toy.*?)```", PAGE, re.DOTALL)
    override = re.search(r"mcsim run '(behaviour\.prepayment=\{.*?\}\})'", PAGE)
    assert name and code and override
    (tmp_path / name[1]).write_text(code[1], encoding="utf-8")
    words = (
        "paths=8",
        "backend=numpy",
        "portfolio.generator.loans=2",
        "output=prices",
        "output.report=false",
        "output.runs_dir=runs",
    )
    command = [sys.executable, "-m", "mcsim", "run", "campaign=prime_jumbo", *words]
    told = subprocess.run(
        [*command, override[1]], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    wrong = override[1].replace("0.06", "6")
    told = subprocess.run([*command, wrong], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert (
        told.returncode == 2 and "behaviour.prepayment.parameters.base = 6: expected at least 0 and at most 1" in told.stderr
    )
