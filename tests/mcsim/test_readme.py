"""The README's Python examples run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mcsim
from mcsim.results import Run

README = Path(__file__).parents[2] / "README.md"
MARK = "<!-- executed by tests/mcsim/test_readme.py -->"
SMALL = ("backend=numpy", "paths=32")
FEW = "portfolio.generator.loans=4"
"""What keeps an example short: these win over its own overrides."""


def blocks(text: str) -> list[str]:
    """Python blocks right below the mark."""
    return re.findall(re.escape(MARK) + r"\s*\n```python\n(.*?)```", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def examples() -> list[str]:
    """The marked blocks, in order."""
    if not README.is_file():
        pytest.skip("no README.md here")
    text = README.read_text(encoding="utf-8")
    found = blocks(text)
    assert len(found) == text.count(MARK), "a mark stands right above a block fenced as ```python"
    return found


def test_there_is_an_example(examples: list[str]) -> None:
    assert examples and any("mcsim.run(" in example for example in examples)


def test_examples_run(examples: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other in one namespace, as cells of a notebook; in an empty folder, on few loans and paths."""
    full = mcsim.run

    def small(*overrides: str) -> Run:
        drawn = not any(o.startswith("campaign=") and o != "campaign=prime_jumbo" for o in overrides)
        return full(*overrides, *SMALL, *([FEW] if drawn else []))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mcsim, "run", small)
    names: dict[str, object] = {}
    for number, example in enumerate(examples, start=1):
        exec(compile(example, f"README.md, example {number}", "exec"), names)
    assert (tmp_path / "runs").is_dir()


def test_only_marked_python_blocks_are_examples() -> None:
    text = f"{MARK}\n```python\na = 1\n```\n```python\nb = 2\n```\n{MARK}\n\n```python\nc = 3\nd = 4\n```\n{MARK}\n```sh\nls\n```\n"
    assert blocks(text) == ["a = 1\n", "c = 3\nd = 4\n"]
