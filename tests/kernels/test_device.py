"""What stands in for a device in the simulator, and that nothing else in the package talks to one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="the cuda target needs numba-cuda (extra cuda13)")

from kernels import device as devices

ROOT = Path(__file__).resolve().parents[2]
HOST = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> devices.Device:
    """Without a launch the stand-in needs no simulator."""
    monkeypatch.setattr(devices, "is_simulated", lambda: True)
    devices.device.cache_clear()
    monkeypatch.setattr(devices, "device", devices.device)
    yield devices.device()
    devices.device.cache_clear()


def test_arrays_go_up_and_come_down_as_copies(simulated: devices.Device) -> None:
    host = HOST.copy()
    there = simulated.put(host)
    host[:] = -1
    there[0] = there[1]
    there[:, 2] = 9.0
    assert simulated.fetch(there).wait().tolist() == [[3, 4, 9], [3, 4, 9]]
    out = np.empty(2, np.float32)
    assert simulated.fetch(there.reshape(-1)[2:4], out).wait() is out
    assert out.tolist() == [9, 3]


def test_memory_that_was_not_written_shows(simulated: devices.Device) -> None:
    assert np.isnan(simulated.fetch(simulated.empty((2, 3), np.float32)).wait()).all()
    assert (simulated.fetch(simulated.zeros(4, np.float64)).wait() == 0).all()


def test_an_array_on_the_device_is_no_array_of_the_host(simulated: devices.Device) -> None:
    there = simulated.put(HOST)
    with pytest.raises(TypeError, match="copied to the host by fetch alone"):
        np.asarray(there)
    with pytest.raises(TypeError):
        there + 1
    with pytest.raises(TypeError, match="put the host's there first"):
        simulated.launch(None, 1, 1, there, (HOST,))


def test_groups_of_arrays_go_up_as_they_are(simulated: devices.Device) -> None:
    class Pair(NamedTuple):
        values: object
        count: int

    group = devices.put_all((Pair(HOST, 2), (HOST, 1.5)))
    assert isinstance(group[0], Pair) and group[0].count == 2 and group[1][1] == 1.5
    assert simulated.fetch(group[0].values).wait().tolist() == simulated.fetch(group[1][0]).wait().tolist() == HOST.tolist()


def test_a_simulator_measures_nothing(simulated: devices.Device) -> None:
    assert simulated.seconds(simulated.mark(), simulated.mark()) is None
    assert 0 < simulated.memory().free <= simulated.memory().total


def test_one_file_talks_to_the_device() -> None:
    talk = re.compile(
        r"\bto_device\b|\bdevice_array|\bcopy_to_host\b|\bimport cupy|\bas_cuda_array\b|\bexternal_stream\b|\bcuda\.stream\b"
    )
    files = [path for folder in ("kernels", "mcsim", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in files if talk.search(path.read_text(encoding="utf-8"))}
    assert found == {"kernels/device.py"}
