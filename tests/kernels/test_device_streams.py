"""What is asked of CuPy and numba on a device, in order: a stand-in for both writes down what it is told."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="the cuda target needs numba-cuda (extra cuda13)")

from kernels import device as devices


class OnDevice(np.ndarray):
    """CuPy's array."""


class Told:
    """CuPy 14 and numba's launch as far as :mod:`kernels.device` uses them."""

    def __init__(self) -> None:
        self.log: list[str] = []
        told, made = self, iter(("compute", "copies"))

        class Event:
            def __init__(self, stream: str = "") -> None:
                self.stream = stream

            def synchronize(self) -> None:
                told.log.append(f"wait for {self.stream}")

        class Stream:
            def __init__(self, non_blocking: bool) -> None:
                assert non_blocking
                self.name, self.ptr = next(made), 7

            def __enter__(self) -> None:
                told.log.append(f"into {self.name}")

            def __exit__(self, *_: Any) -> None:
                told.log.append(f"out of {self.name}")

            def record(self, event: Event | None = None) -> Event:
                told.log.append(f"record {self.name}")
                return Event(self.name)

            def wait_event(self, event: Event) -> None:
                told.log.append(f"{self.name} waits for {event.stream}")

            def synchronize(self) -> None:
                told.log.append(f"synchronize {self.name}")

        self.stream, self.event = Stream, Event

    def module(self) -> Any:
        """``cupy``."""

        def asnumpy(array: Any, stream: Any, out: np.ndarray, blocking: bool) -> None:
            assert not blocking
            self.log.append(f"copy on {stream.name}")
            out[...] = array

        pool = SimpleNamespace(free_bytes=lambda: 30)
        runtime = SimpleNamespace(getDeviceProperties=lambda number: {"name": b"a device"})
        cuda = SimpleNamespace(
            Stream=self.stream, Event=self.event, Device=lambda: SimpleNamespace(id=0, mem_info=(70, 200)), runtime=runtime,
            alloc_pinned_memory=bytearray, get_elapsed_time=lambda first, last: 1500.0,
        )  # fmt: skip
        return SimpleNamespace(
            cuda=cuda, ndarray=OnDevice, asarray=lambda host: np.array(host).view(OnDevice), ascontiguousarray=lambda a: a,
            empty=lambda shape, kind: np.empty(shape, kind).view(OnDevice),
            zeros=lambda shape, kind: np.zeros(shape, kind).view(OnDevice),
            asnumpy=asnumpy, get_default_memory_pool=lambda: pool,
        )  # fmt: skip


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()

    monkeypatch.setitem(sys.modules, "cupy", told.module())
    views = SimpleNamespace(
        external_stream=lambda pointer: f"stream {pointer}", as_cuda_array=lambda array, sync: ("view", array.shape, sync)
    )
    monkeypatch.setattr(devices, "cuda", views)
    return told


def test_the_copy_waits_for_what_computes_and_keeps_its_source(told: Told) -> None:
    here = devices._CupyDevice()
    source = here.put(np.arange(6.0))
    told.log.clear()
    copy = here.fetch(source)
    assert told.log == [
        "into compute", "record compute", "copies waits for compute", "copy on copies", "record copies", "out of compute"
    ]  # fmt: skip
    assert copy._source is source
    assert copy.wait().tolist() == [0, 1, 2, 3, 4, 5] and told.log[-1] == "wait for copies"
    assert copy._source is None
    assert here.fetch(here.zeros((0, 3), np.float32)).wait().shape == (0, 3)
    out = np.empty(6)
    assert here.fetch(source, out).wait() is out


def test_a_copy_may_begin_where_its_source_was_there(told: Told) -> None:
    here = devices._CupyDevice()
    source = here.zeros(3, np.float32)
    there = here.mark()
    there.stream = "the draw"
    here.fetch(source, after=there)
    assert "copies waits for the draw" in told.log and "copies waits for compute" not in told.log


def test_a_launch_takes_views_that_nothing_waits_for(told: Told) -> None:
    class Group(NamedTuple):
        values: Any
        count: int

    launches: list[tuple[Any, ...]] = []

    class Kernel:
        def __getitem__(self, grid: Any) -> Any:
            return lambda *args: launches.append((grid, args))

    here = devices._CupyDevice()
    here.launch(Kernel(), (2, 1), 128, Group(here.empty((3, 2), np.float32), 5), (here.zeros(4, np.int64), 1.5))
    ((grid, (group, pair)),) = launches
    assert grid == ((2, 1), 128, "stream 7")
    assert isinstance(group, Group) and group == (("view", (3, 2), False), 5) and pair == (("view", (4,), False), 1.5)
    assert "synchronize" not in " ".join(told.log)


def test_what_the_device_says_of_itself(told: Told) -> None:
    here = devices._CupyDevice()
    assert (here.name, here.simulated) == ("a device", False)
    assert here.memory() == (100, 200), "what is free, and what the pool keeps"
    assert here.seconds(here.mark(), here.mark()) == 1.5
    here.synchronize()
    assert told.log[-2:] == ["synchronize compute", "synchronize copies"]
