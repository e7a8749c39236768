"""The record of a run: a budget of time, one JSON that is whole after every section, nothing measured in the simulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda", reason="the cuda target needs numba-cuda (extra cuda13)")

from benchmarks.on_device.record import Sections, Timing, facts, timed
from kernels import device as devices


@pytest.fixture(autouse=True)
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without a launch the stand-in needs no simulator."""
    monkeypatch.setattr(devices, "is_simulated", lambda: True)
    devices.device.cache_clear()
    yield
    devices.device.cache_clear()


def test_a_section_without_time_is_skipped_and_says_so(tmp_path: Path) -> None:
    now = [0.0]
    sections = Sections(tmp_path / "out" / "device.json", 100, {"device": "none"}, clock=lambda: now[0])
    sections.run("first", 50, lambda: {"per_second": None})
    now[0] = 95.0
    sections.run("second", 50, lambda: pytest.fail("there is no time"))
    stored = json.loads(sections.path.read_text())
    assert stored["device"] == "none" and list(stored["sections"]) == ["first", "second"]
    assert stored["sections"]["second"] == {"skipped": "5 s of 100 s were left, 50 s are set aside for it"}
    assert sections.failed == []


def test_a_section_that_fails_leaves_the_others(tmp_path: Path) -> None:
    sections = Sections(tmp_path / "device.json", 100, {})
    sections.run("broken", 0, lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    sections.run("apart", 0, lambda: {"holds": False})
    sections.run("fine", 0, lambda: {"holds": True})
    assert sections.failed == ["broken", "apart"]
    assert json.loads(sections.path.read_text())["sections"]["broken"]["failed"] == "ZeroDivisionError: division by zero"


def test_a_number_that_json_lacks_is_null(tmp_path: Path) -> None:
    sections = Sections(tmp_path / "device.json", 100, {})
    sections.run("x", 0, lambda: {"apart": [float("nan"), 1.5, {"largest": float("inf")}]})
    assert json.loads(sections.path.read_text())["sections"]["x"]["apart"] == [None, 1.5, {"largest": None}]


def test_the_simulator_measures_nothing() -> None:
    calls = []
    timing = timed(lambda: calls.append(1), 3)
    assert len(calls) == 4 and timing == Timing(None, None, 3)
    assert timing.rate(12.0) == {"work": 12.0, "per_second": None, "seconds": None, "spread": None, "repeats": 3}
    known = facts()
    assert known["simulator"] is True and known["driver"] is None and known["properties"] == {}
    assert Timing(0.5, 0.1, 3).rate(12.0)["per_second"] == 24.0
