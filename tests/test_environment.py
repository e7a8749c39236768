"""pyproject.toml, environment.yml and requirements.lock say the same; what is imported is declared."""

from __future__ import annotations

import ast
import itertools
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()

DISTRIBUTIONS = {"yaml": "pyyaml", "hydra": "hydra-core", "omegaconf": "hydra-core", "numba_cuda": "numba-cuda"}
"""Distribution of a module whose name differs from it; omegaconf is part of Hydra's interface."""

NOT_OURS = {"markupsafe": "jinja2"}
"""Modules that a declared dependency is built on and re-exports."""


def requirements(names: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(r.name): r for r in map(Requirement, names)}


def section(name: str) -> str:
    """Text of the lock up to the end of a section: what that section installs."""
    return LOCK[: (re.search(rf"^# section: {name}\n(?:[^#\n].*\n|\n)*", LOCK, re.MULTILINE) or pytest.fail(name)).end()]


def pins(text: str) -> dict[str, Version]:
    return {canonicalize_name(n): Version(v) for n, v in re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", text, re.MULTILINE)}


EXTRAS = PROJECT["optional-dependencies"]


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        ("run", PROJECT["dependencies"]),
        ("test", PROJECT["dependencies"] + EXTRAS["dev"]),
        ("ptx", PROJECT["dependencies"] + EXTRAS["dev"] + EXTRAS["ptx"]),
    ],
)
def test_lock_holds_what_the_project_asks_for(part: str, wanted: list[str]) -> None:
    locked = pins(section(part))
    wrong = [
        f"{r}: {locked.get(name)} is locked"
        for name, r in requirements(wanted).items()
        if name not in locked or not r.specifier.contains(locked[name], prereleases=True)
    ]
    assert not wrong, f"run `make lock`: {wrong}"


def test_running_needs_no_test_and_no_cuda_package() -> None:
    locked = pins(section("run"))
    assert not {"pytest", "mypy", "scipy", "numba-cuda"} & locked.keys()
    assert not [name for name in locked if name.startswith("nvidia-")]


def test_lock_is_hashed_and_holds_no_address() -> None:
    lines = LOCK.splitlines()
    for line, following in itertools.pairwise(lines):
        if "==" in line:
            assert line.endswith(" \\"), line
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", following), line
    assert not re.search(r"https?:|file:|--(extra-)?index|--find-links|--trusted", LOCK)
    assert len(pins(LOCK)) == len(re.findall(r"==", LOCK)), "a package stands in two sections"


def test_conda_environment_agrees() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    python = Requirement(next(entry for entry in conda if entry.startswith("python ")))
    assert str(python.specifier) == str(Requirement(f"python{PROJECT['requires-python']}").specifier)
    assert environment["name"] == PROJECT["name"]
    own = re.fullmatch(r"(?:-e|--editable) \.\[(.+)\]", pip[0])
    assert own, f"the project with its extras comes first: {pip[0]!r}"
    assert set(own[1].split(",")) <= EXTRAS.keys()
    declared = requirements(PROJECT["dependencies"] + [r for extra in own[1].split(",") for r in EXTRAS[extra]])
    for name, wanted in requirements(pip[1:]).items():
        assert str(wanted.specifier) == str(declared[name].specifier), name


def imported(folder: str) -> set[str]:
    """Top-level names of the other distributions that a package imports."""
    names: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add((node.module or "").split(".")[0])
    return names - set(sys.stdlib_module_names) - {"kernels", "mcsim", "benchmarks"}


def test_every_import_is_declared() -> None:
    declared = set(requirements(PROJECT["dependencies"] + EXTRAS["cuda13"]))
    used = {canonicalize_name(DISTRIBUTIONS.get(name) or NOT_OURS.get(name, name)) for name in imported("mcsim")}
    assert not used - declared


def test_every_dependency_is_used() -> None:
    used = {canonicalize_name(DISTRIBUTIONS.get(name, name)) for name in imported("mcsim") | imported("kernels")}
    assert not set(requirements(PROJECT["dependencies"])) - used


def test_kernels_import_numpy_and_numba_alone() -> None:
    assert imported("kernels") <= {"numpy", "numba", "llvmlite", "cupy"}  # llvmlite is numba's own compiler
