"""The width of the vector registers: full where the processor has AVX-512, the user's own choice first, in key and record."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kernels import processor

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(importlib.util.find_spec("llvmlite") is None, reason="without numba nothing is compiled")


class _Features(dict[str, bool]):
    def flatten(self) -> str:
        return ",".join(f"{'+' if there else '-'}{name}" for name, there in self.items())


@pytest.fixture(autouse=True)
def no_choice_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NUMBA_CPU_FEATURES", "NUMBA_CPU_NAME", "NUMBA_ENABLE_AVX"):
        monkeypatch.delenv(name, raising=False)


def machine(monkeypatch: pytest.MonkeyPatch, **features: bool) -> None:
    from llvmlite import binding

    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: _Features(features))


def test_the_preference_is_switched_off_with_avx512_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, avx2=True, avx512f=True)
    assert processor.host_features() == "+avx2,+avx512f,-prefer-256-bit"
    machine(monkeypatch, avx2=True, avx512f=False)
    assert processor.host_features() is None
    machine(monkeypatch)
    assert processor.host_features() is None


def test_the_record_says_what_was_chosen_and_by_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, sse=True, avx2=True, avx512f=True)
    assert processor.vectors()["vector_features"] == "+avx2,+avx512f,-prefer-256-bit"
    assert "0009" in processor.vectors()["chosen_by"]
    assert processor.vectors()["register_bits"] == 512
    monkeypatch.setenv("NUMBA_CPU_NAME", "haswell")
    assert processor.vectors() == {
        "llvm_name": "haswell", "vector_features": "-prefer-256-bit", "register_bits": 256, "chosen_by": "NUMBA_CPU_NAME",
    }  # fmt: skip
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "+avx2,+fma")
    assert processor.vectors() == {
        "llvm_name": "haswell", "vector_features": "+avx2", "register_bits": 256, "chosen_by": "NUMBA_CPU_FEATURES",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("NUMBA_CPU_NAME", "nonsense", "'nonsense' is not a recognized processor"),
        ("NUMBA_CPU_NAME", "sandybrigde", "'sandybrigde' is not a recognized processor"),
        ("NUMBA_CPU_FEATURES", "nonsense", "LLVM does not take it"),
        ("NUMBA_CPU_FEATURES", "+avx3", "'+avx3' is not a recognized feature"),
    ],
)
def test_what_llvm_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str) -> None:
    """LLVM passes over an unknown name, and ends the process over features without a sign."""
    assert processor.problems() == []
    monkeypatch.setenv(variable, value)
    (problem,) = processor.problems()
    assert f"{variable}={value}: {said}" in problem and "unset it" in problem
    assert processor.vectors()["llvm_name"] is None and said in processor.vectors()["chosen_by"]


def test_a_processor_with_wider_registers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, avx2=True, avx512f=False)
    monkeypatch.setenv("NUMBA_CPU_NAME", "skylake-avx512")
    assert "registers of 512 bits, this processor of 256" in processor.problems()[0]
    monkeypatch.setenv("NUMBA_CPU_NAME", "haswell")
    assert processor.problems() == []


@pytest.mark.parametrize("value", ["0", "-1", "abc", "1.5"])
def test_a_variable_that_numba_does_not_take_is_one_line(value: str) -> None:
    code = "from kernels.processor import problems; print(*problems(), sep='\\n')"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_NUM_THREADS": value}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1 and "NUMBA_NUM_THREADS" in done.stdout and value in done.stdout and not done.stderr


CHILD = """
import json, sys
import numpy as np
from kernels.cache import cached_njit
from kernels.ops import make_ops
from kernels.special import build
exp = build(make_ops("cpu", "float32")).exp
def launcher(x, out):
    for p in range(4096):
        out[np.uint64(p)] = exp(x[np.uint64(p)])
compiled = cached_njit(launcher, "width")
out = np.empty(4096, np.float32)
compiled(np.linspace(-80, 80, 4096, dtype=np.float32), out)
import re
text = next(iter(compiled.inspect_llvm().values())) if not sum(compiled.stats.cache_hits.values()) else ""
target = compiled.targetctx.codegen().magic_tuple()
code = next(iter(compiled.inspect_asm().values())) if text else ""
print(json.dumps({"registers": {name: code.count(name) for name in ("%ymm", "%zmm")}, "bits": out.tobytes().hex(),
    "lanes": sorted({int(n) for n in re.findall(r"fmul <(\\d+) x float>", text)}),
    "features": target[2], "name": target[1]}))
"""


def compiled_with(folder: Path, **environment: str) -> dict[str, Any]:
    """What a process of its own compiled: the code generator is set up once in a process."""
    full = os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(folder)} | environment
    (folder / "child.py").write_text(CHILD)
    done = subprocess.run([sys.executable, str(folder / "child.py")], env=full, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_every_width_gives_the_same_bits_under_keys_of_their_own(tmp_path: Path) -> None:
    """The host's features, AVX-512 as a model of Intel's that prefers 256 bits, and a machine that has AVX2 alone."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    if not features.get("avx2"):
        pytest.skip("x86-64 with AVX2 is what the width is known for")
    if os.environ.get("NUMBA_DISABLE_JIT", "0") == "1":
        pytest.skip("nothing is compiled")
    host = compiled_with(tmp_path)
    narrow = compiled_with(tmp_path, NUMBA_CPU_NAME="haswell", NUMBA_CPU_FEATURES="+avx2,+fma")
    assert narrow["bits"] == host["bits"]
    assert narrow["features"] == "+avx2,+fma" and 8 in narrow["lanes"], "the user's own choice holds"
    assert len(list(tmp_path.rglob("*.nbc"))) == 2, "one key for both would load instructions that a processor may not have"
    named = compiled_with(tmp_path, NUMBA_CPU_NAME="haswell")
    assert named["bits"] == host["bits"] and named["features"] == "-prefer-256-bit"
    assert named["registers"]["%ymm"] and not named["registers"]["%zmm"], "none of this processor's own"
    if features.get("avx512f"):
        assert host["registers"]["%zmm"]
        intel = compiled_with(tmp_path, NUMBA_CPU_NAME="skylake-avx512")
        assert intel["bits"] == host["bits"]
        assert host["lanes"] == intel["lanes"] and 16 in intel["lanes"], "LLVM's preference for 256 bits is off"
