"""What a compiled launcher follows from: no file that adds a function to it is missed, none that does not is in the key."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
import pytest

from kernels import behaviour, cache, philox, reach, scenario_paths
from kernels.discounting import build_present_values
from kernels.dynamics.hazard import DECREMENTS
from kernels.launchers.cpu import build_simulate
from kernels.launchers.rates import build_rate_loop
from kernels.ops import LANES, make_ops
from kernels.reach import ROOT, reach_digest, reached_files, with_imports
from kernels.waterfall_paths import build_waterfall

BY = Path(cache.__file__).resolve()
MODELS = [("prepayment", "richard_roll"), ("default", "ltv_hazard"), ("severity", "ltv_severity"), ("prepayment", "psa")]
LOANS = ["months-expected", "months-sampled", *(model for _, model in MODELS)]


@lru_cache(maxsize=1)
def launchers() -> dict[str, Callable[..., Any]]:
    """Every launcher of the program that is compiled on ``cpu``, and of the loans' some combinations of models."""
    single, double = make_ops("cpu", "float32"), make_ops("cpu", "float64")
    found: dict[str, Callable[..., Any]] = {
        "scenarios": scenario_paths.build(single),
        "waterfall": build_waterfall(double),
        "present values": build_present_values(double),
    }
    found |= {f"months-{decrement}": build_simulate(single, LANES, decrement) for decrement in DECREMENTS}
    return found | {name: build_rate_loop(single, LANES, kind, behaviour.KINDS[kind][name]) for kind, name in MODELS}


def files_by_inspect(function: Any, seen: set[Any]) -> set[Path]:
    """Files of all functions that Python's own ``inspect`` finds in closures and globals, at any depth."""
    function = getattr(function, "py_func", function)
    if not isinstance(function, FunctionType) or function in seen:
        return set()
    seen.add(function)
    variables = inspect.getclosurevars(function)
    inner = [*variables.nonlocals.values(), *variables.globals.values()]
    files = {Path(inspect.getfile(function)).resolve()}
    return files.union(*(files_by_inspect(one, seen) for one in inner))


@pytest.mark.parametrize("name", ["scenarios", "waterfall", "present values", *LOANS])
def test_an_edit_of_any_file_that_adds_a_function_changes_the_digest(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = launchers()[name]
    before, needed = reach_digest(launcher, BY), files_by_inspect(launcher, set())
    assert len(needed) > 1 and needed <= reached_files(launcher)
    text, changed = reach._text, set()
    for edited in ROOT.rglob("*.py"):
        monkeypatch.setattr(reach, "_text", lambda path, edited=edited: text(path) + b"#" * (path == edited))
        if reach_digest(launcher, BY) != before:
            changed.add(edited)
    assert needed | {BY} <= changed == with_imports(needed | {BY})


@pytest.mark.parametrize("name", LOANS)
def test_no_other_models_formula_is_reached(name: str) -> None:
    formulas = {
        (kind, model): Path(inspect.getfile(one.build))
        for kind, models in behaviour.KINDS.items()
        for model, one in models.items()
    }
    chosen = {formulas[one] for one in MODELS if one[1] == name}
    assert with_imports(reached_files(launchers()[name])) & {*formulas.values()} == chosen


def test_what_only_an_import_brings_counts() -> None:
    """A function imported within another, a relative import, a name that is no module."""
    ops = with_imports({ROOT / "ops.py"})
    assert {ROOT / "processor.py", ROOT / "ops_cuda.py", ROOT / "__init__.py"} <= ops
    assert ROOT / "special.py" in with_imports({ROOT / "normal.py"})
    assert ROOT / "waterfall.py" not in with_imports({ROOT / "launchers" / "cpu.py"})


class Pair(NamedTuple):
    first: int
    second: int


class Turned(NamedTuple):
    second: int
    first: int


def closed_over(value: Any) -> Callable[..., Any]:
    def function() -> Any:
        return value

    return function


def calls(inner: Callable[..., Any]) -> Callable[..., Any]:
    def function() -> Any:
        return inner()

    return function


DIFFERENT = {
    "number": (1, 2), "its type": (np.float32(1), np.float64(1)), "whole and real": (1, 1.0), "text": ("a", "b"),
    "array": (np.arange(3), np.arange(3) + 1), "its shape": (np.zeros(4), np.zeros((2, 2))), "tuple": ((1, (2,)), (1, (3,))),
    "order of names": (Pair, Turned), "mapping": ({"a": 1}, {"a": 2}), "nothing": (None, False), "function": (min, max),
    "set": (frozenset("ab"), frozenset("abc")),
}  # fmt: skip


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_what_is_closed_over_counts_at_any_depth(pair: tuple[Any, Any]) -> None:
    one, other, again = (reach_digest(calls(closed_over(value)), BY) for value in (*pair, pair[0]))
    assert one == again != other


def from_text(body: str, file: Path, **known: Any) -> Any:
    """A function of ``x`` as ``file`` would hold it, with ``known`` beside it there."""
    space = dict(known)
    exec(compile(f"def function(x):\n    return {body}", str(file), "exec"), space)
    return space["function"]


@pytest.mark.parametrize("bodies", [("x + x", "x - x"), ("x + 1", "x + 2"), ("min(x, 1)", "max(x, 1)")])
def test_the_code_that_was_loaded_counts_beside_the_text(bodies: tuple[str, str]) -> None:
    """A file that was edited after it was loaded: neither the old code under the new text's name, nor the other way about."""
    one, other = (reach_digest(from_text(body, ROOT / "normal.py"), BY) for body in bodies)
    assert one != other


def test_what_stands_beside_a_function_counts() -> None:
    """A constant, a function, and a module's function, that it names: with their files."""
    inner = from_text("x", ROOT / "special.py")
    for body, known in (("inner(x)", {"inner": inner}), ("philox.build(x)", {"philox": philox})):
        assert len(reached_files(from_text(body, ROOT / "normal.py", **known))) == 2
    one, other = (reach_digest(from_text("x + SHIFT", ROOT / "normal.py", SHIFT=shift), BY) for shift in (1, 2))
    assert one != other


def test_a_name_without_a_value_and_a_function_that_calls_itself() -> None:
    def function() -> Any:
        return function, later

    if not callable(function):
        later = 1
    assert reached_files(function) == {Path(__file__).resolve()}


def test_another_process_finds_the_same() -> None:
    """The order of a set of texts is another one there."""
    code = (
        "from tests.kernels.test_reach import BY, closed_over, launchers, reach_digest\n"
        "function = launchers()['months-expected']\n"
        "print(reach_digest(function, BY), reach_digest(closed_over(frozenset('abcdef')), BY))"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT.parent, env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        here = [reach_digest(launchers()["months-expected"], BY), reach_digest(closed_over(frozenset("abcdef")), BY)]
        assert done.stdout.split() == here
