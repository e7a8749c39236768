"""The worked examples of docs/extending.md: one new file is a model, one is an instrument."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")


def test_the_toy_model_is_one_file(tmp_path: Path) -> None:
    """In a copy of the packages, as a contributor would: the file, then the page's own override, on a few loans."""
    copied(tmp_path)
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


def copied(tmp_path: Path) -> None:
    """The packages, as a contributor has them."""
    for package in ("kernels", "mcsim", "conf"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))


def told(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What mcsim answers there."""
    command = [sys.executable, "-m", "mcsim", *words]
    return subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False)


def test_the_interest_strip_is_one_file(tmp_path: Path) -> None:
    """The page's own file and commands: valued in a run, in its report, and again over the finished run."""
    copied(tmp_path)
    name = re.search(r"`(mcsim/instruments/\w+\.py)`, the one new file", PAGE)
    code = re.search(r"```python\n(\"\"\"Interest strip.*?)```", PAGE, re.DOTALL)
    run = re.search(r"mcsim run campaign=prime_jumbo '(positions\.strip=.*?)'", PAGE)
    again = re.search(r"mcsim price RUN '(positions\.strip=.*?)'", PAGE)
    assert name and code and run and again
    (tmp_path / name[1]).write_text(code[1], encoding="utf-8")
    small = ("paths=8", "backend=numpy", "portfolio.generator.loans=2", "output.runs_dir=runs")
    done = told(tmp_path, "run", "campaign=prime_jumbo", *small, run[1])
    assert done.returncode == 0, done.stderr
    # a price, no average life, the spread, and no loss: there is no principal
    row = r"^strip +50 +[\d,]+ +[\d.]+ +[\d.]+ +[\d,]+ +[\d,]+ +400$"
    assert re.search(row, done.stdout, re.MULTILINE) and "* strip: interest_strip, stripped 0.8\n" in done.stdout, done.stdout
    page = next((tmp_path / "runs").rglob("report.html")).read_text(encoding="utf-8")
    assert (
        "<small>50 % of prime_jumbo, interest strip, stripped 0.8</small>" in page
        and "Interest strip: a part of the loans" in page
    )
    other = told(tmp_path, "price", "latest", again[1])
    assert other.returncode == 0 and re.search(r"^strip +50 .* 500$", other.stdout, re.MULTILINE), other
    wrong = told(tmp_path, "price", "latest", again[1].replace("stripped: 0.8", "stripped: 8"))
    assert wrong.returncode == 2 and "positions.strip.inputs.stripped = 8: expected at least 0 and at most 1" in wrong.stderr
    (tmp_path / "mcsim/instruments/broken.py").write_text("import no_such_module\n", encoding="utf-8")
    broken = told(tmp_path, "price", "latest", again[1])
    assert broken.returncode == 2, broken.stderr
    assert broken.stderr.startswith("mcsim: mcsim/instruments/broken.py, line 1: cannot be imported: ModuleNotFoundError")
