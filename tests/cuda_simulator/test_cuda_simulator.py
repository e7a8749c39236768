"""The ``cuda`` target in numba's simulator: the same bits as ``numpy``. In a subprocess: the simulator is chosen at import."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cuda_simulator.simulated import NAMES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """Every check's outcome: empty where it holds."""
    if importlib.util.find_spec("numba_cuda") is None:
        pytest.skip("the cuda target needs numba-cuda (extra cuda13)")
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.cuda_simulator.simulated"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("name", NAMES)
def test_simulator_agrees_with_numpy(outcomes: dict[str, str], name: str) -> None:
    assert outcomes[name] == "", outcomes[name]
