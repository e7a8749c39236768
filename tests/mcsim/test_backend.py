"""Which target runs: ``auto`` says why; what is not there is one clear error."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from mcsim import backend
from mcsim.backend import BACKENDS, choose_backend
from mcsim.cli import main
from mcsim.errors import BackendError, InputError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def no_numba_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without the extra, whatever this one has."""
    monkeypatch.setitem(sys.modules, "numba_cuda", None)


@pytest.fixture
def no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with the extra and without a device."""
    if importlib.util.find_spec("numba_cuda") is None:
        pytest.skip("needs numba-cuda (extra cuda13)")
    from numba import cuda

    monkeypatch.setattr(backend, "_driver_loads", lambda: True)
    monkeypatch.setattr(cuda, "is_available", lambda: False)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("name", ["numpy", "cpu"])
def test_asked_for(name: str, precision: str) -> None:
    chosen = choose_backend(name, precision)
    assert (chosen.target, chosen.precision, chosen.reason) == (name, precision, "asked for")
    assert (chosen.ops.target, chosen.ops.precision, chosen.ops64.precision) == (name, precision, "float64")


def test_auto_takes_the_processor_and_says_why(no_numba_cuda: None) -> None:
    chosen = choose_backend("auto", "float32")
    assert chosen.target == "cpu"
    assert "numba-cuda is not installed" in chosen.reason and "numba compiles" in chosen.reason


def test_auto_falls_back_on_numpy(no_numba_cuda: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    chosen = choose_backend("auto", "float64")
    assert chosen.target == "numpy" and "numba is not installed" in chosen.reason
    with pytest.raises(BackendError, match=r"backend=cpu was asked for, but numba is not installed"):
        choose_backend("cpu", "float64")


def test_auto_takes_a_device_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "_no_cuda", lambda: "")
    assert choose_backend("auto", "float32") == backend.Backend("cuda", "float32", "a CUDA device is there")
    assert choose_backend("cuda", "float32").reason == "asked for"


def test_cuda_without_the_extra(no_numba_cuda: None) -> None:
    with pytest.raises(BackendError, match=r"backend=cuda was asked for.*pip install 'mcsim\[cuda13\]'") as caught:
        choose_backend("cuda", "float32")
    assert caught.value.exit_code == 2


def test_cuda_without_a_device(no_device: None) -> None:
    with pytest.raises(BackendError, match=r"no CUDA device was found.*mcsim\[cuda13\].*backend=cpu"):
        choose_backend("cuda", "float32")
    assert "no CUDA device was found" in choose_backend("auto", "float32").reason


def test_cuda_without_cupy(no_device: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from numba import cuda

    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    with pytest.raises(BackendError, match=r"backend=cuda was asked for, but CuPy is not installed.*mcsim\[cuda13\]"):
        choose_backend("cuda", "float32")
    monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", "1")  # where numpy stands in for it
    assert choose_backend("cuda", "float32").target == "cuda"


def test_cuda_without_a_driver(no_device: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "_driver_loads", lambda: False)
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    with pytest.raises(BackendError, match=r"no CUDA driver \(libcuda\.so\.1\) was found.*mcsim\[cuda13\].*backend=cpu"):
        choose_backend("cuda", "float32")


def test_a_driver_that_fails(no_device: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> bool:
        raise OSError("libcuda.so.1")

    from numba import cuda

    monkeypatch.setattr(cuda, "is_available", broken)
    with pytest.raises(BackendError, match=r"the CUDA driver failed \(OSError\)"):
        choose_backend("cuda", "float32")


def test_unknown_names_together() -> None:
    with pytest.raises(InputError) as caught:
        choose_backend("cdua", "float46")
    assert caught.value.problems == [
        "backend: unknown 'cdua'; did you mean 'cuda'?",
        "precision: unknown 'float46'; did you mean 'float64'?",
    ]


def test_the_names_are_those_of_the_configuration() -> None:
    assert sorted(BACKENDS) == sorted(path.stem for path in (ROOT / "conf" / "backend").glob("*.yaml"))


def test_on_the_command_line(no_numba_cuda: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "backend=cuda", f"output.runs_dir={tmp_path / 'runs'}"]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "mcsim[cuda13]" in message and "Traceback" not in message
    assert not (tmp_path / "runs").exists()


def test_choosing_numpy_loads_no_compiler() -> None:
    code = "import sys; from mcsim.backend import choose_backend as c; c('numpy', 'float32').ops; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_a_compiler_that_is_switched_off_is_no_cpu(no_numba_cuda: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interpreted kernels run a thousand times slower: numpy, with the reason."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    chosen = choose_backend("auto", "float32")
    assert chosen.target == "numpy" and "NUMBA_DISABLE_JIT" in chosen.reason
    with pytest.raises(BackendError, match="backend=cpu was asked for, but NUMBA_DISABLE_JIT switches .* off; unset it"):
        choose_backend("cpu", "float32")


@pytest.mark.parametrize(("name", "value"), [("NUMBA_CPU_NAME", "nonsense"), ("NUMBA_CPU_FEATURES", "nonsense")])
def test_a_processor_that_llvm_does_not_know(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    for target in ("auto", "cpu"):
        with pytest.raises(InputError, match=f"{name}={value}"):
            choose_backend(target, "float32")
    assert choose_backend("numpy", "float32").target == "numpy"
