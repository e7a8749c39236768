"""House rules that a machine can hold: lengths, direction of imports, annotations, nothing of one machine in the files."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

FILE_LINES = 330
"""About 300: a tenth over is no reason to tear a file in two."""
FUNCTION_LINES = 44
"""About 40, likewise; without docstring, nested functions and blank lines."""

LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
"""What may be longer, and why."""

LARGEST_FILE = 2 * 1024 * 1024

FORBIDDEN = {
    # Patterns that do not match their own text: a letter of each word stands in a class.
    "a folder of one machine": r"(?<![\w./-])/(?:wor[k]|tm[p]|roo[t]|hom[e])/\w",
    "the address of a package registry": r"--(?:extra-)?index-ur[l]|/simpl[e]/|pypi\.or[g]|files\.pythonhoste[d]",
    "unfinished work": r"\b(?:TOD[O]|FIXM[E]|XX[X]|NotImplementedErro[r])\b",
}


@lru_cache(maxsize=1)
def project_files() -> tuple[Path, ...]:
    """Tracked files, and new ones that git does not ignore."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return tuple(path for name in sorted(set(listed.stdout.split("\0"))) if name and (path := ROOT / name).is_file())


def python_files() -> list[tuple[str, str]]:
    return [(str(p.relative_to(ROOT)), p.read_text()) for p in project_files() if p.suffix == ".py"]


Function = ast.FunctionDef | ast.AsyncFunctionDef


def own_lines(function: Function, source: list[str]) -> int:
    """Lines of a function that hold code of its own."""
    lines = set(range(function.lineno, (function.end_lineno or function.lineno) + 1))
    inside = [node for node in ast.walk(function) if isinstance(node, Function) and node is not function]
    if ast.get_docstring(function) is not None:
        inside.append(function.body[0])
    for node in inside:
        lines -= set(range(node.lineno, node.end_lineno + 1))
    return sum(bool(source[line - 1].strip()) for line in lines)


def test_files_are_short() -> None:
    long = {name: n for name, text in python_files() if (n := len(text.splitlines())) > FILE_LINES and name not in LONG_FILES}
    assert not long, f"over {FILE_LINES} lines, each perhaps two files: {long}"


def test_functions_are_short() -> None:
    long = {}
    for name, text in python_files():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, Function) and f"{name}:{node.name}" not in LONG_FUNCTIONS:
                n = own_lines(node, text.splitlines())
                if n > FUNCTION_LINES:
                    long[f"{name}:{node.name}"] = n
    assert not long, f"over {FUNCTION_LINES} lines: {long}"


def test_exceptions_are_still_needed() -> None:
    files = dict(python_files())
    for name in LONG_FILES:
        assert len(files[name].splitlines()) > FILE_LINES, name
    for entry in LONG_FUNCTIONS:
        name, function = entry.split(":")
        nodes = [n for n in ast.walk(ast.parse(files[name])) if isinstance(n, Function) and n.name == function]
        assert max(own_lines(node, files[name].splitlines()) for node in nodes) > FUNCTION_LINES, entry


def test_module_functions_are_annotated() -> None:
    # mypy leaves the functions that numba compiles alone, and cannot tell the builders around them apart.
    bare = []
    for name, text in python_files():
        lines = text.splitlines()
        for node in ast.parse(text).body if name.startswith(("kernels/", "mcsim/")) else []:
            if isinstance(node, Function) and "no-untyped-def" not in lines[node.lineno - 1]:
                arguments = [*node.args.args, *node.args.kwonlyargs]
                if node.returns is None or any(argument.annotation is None for argument in arguments):
                    bare.append(f"{name}:{node.name}")
    assert not bare


def test_future_annotations_everywhere() -> None:
    without = [name for name, text in python_files() if "import" in text and "from __future__ import annotations" not in text]
    assert not without


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern, found = re.compile(FORBIDDEN[what]), []
    for path in project_files():
        data = path.read_bytes()
        if b"\0" in data or path.suffix == ".xml" or (what == "unfinished work" and path.suffix != ".py"):
            continue
        for number, line in enumerate(data.decode(errors="replace").splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found, f"{what}: {found}"


def test_documents_name_files_that_there_are() -> None:
    """By the end of their path. Decisions may speak of what is gone, plans of what is not there; a worked example makes its file."""
    tracked = [f"/{path.relative_to(ROOT)}" for path in project_files()]
    gone = []
    for path in project_files():
        name = str(path.relative_to(ROOT))
        if path.suffix != ".md" or name.startswith("docs/adr/") or name == "CHANGELOG.md":
            continue
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"^## Room for what is planned\n.*?(?=^## |\Z)", "", text, flags=re.DOTALL | re.MULTILINE)
        text = re.sub(r"`[\w/]+\.py`, the one new file", "", text)
        named = set(re.findall(r"\w[\w/-]*\.py\b", text))
        gone += [f"{name}: {one}" for one in sorted(named) if not any(there.endswith(f"/{one}") for there in tracked)]
    assert not gone, gone


def test_no_large_file() -> None:
    assert not [str(p.relative_to(ROOT)) for p in project_files() if p.stat().st_size > LARGEST_FILE]


def test_imports_point_one_way() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_own_lines_are_counted() -> None:
    source = 'def f():\n    """Doc."""\n\n    def g():\n        return 1\n\n    a = 1\n    return a\n'
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert own_lines(function, source.splitlines()) == 3  # def, a = 1, return a
