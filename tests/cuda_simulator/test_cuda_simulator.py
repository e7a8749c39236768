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
def outcomes(request: pytest.FixtureRequest) -> dict[str, str]:
    """Outcome of each check that was selected: empty where it holds."""
    if importlib.util.find_spec("numba_cuda") is None:
        pytest.skip("the cuda target needs numba-cuda (extra cuda13)")
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    selected = [item.callspec.params["name"] for item in request.session.items if item.path == Path(__file__)]
    command = [sys.executable, "-m", "tests.cuda_simulator.simulated", *selected]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("name", NAMES, ids=[name.replace(" ", "-") for name in NAMES])
def test_simulator_agrees_with_numpy(outcomes: dict[str, str], name: str) -> None:
    assert outcomes[name] == "", outcomes[name]
