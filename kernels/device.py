"""The device: its memory, its streams, copies and launches.

CuPy owns memory (a pool), pinned host memory (a pool too), streams and events; kernels are compiled by numba-cuda and launched on
CuPy's arrays and streams. Two streams: one computes, in the order in which work is queued; one copies results down while the
next work computes. Nothing else in this package or above it allocates on a device, copies or launches.

In numba's simulator (``NUMBA_ENABLE_CUDASIM=1``) numpy stands in: the same few operations, and what is queued has happened when the
call returns. An array of it is no numpy array, so that code which would fail on a device fails there too.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from numba import cuda

Shape = int | tuple[int, ...]


class Memory(NamedTuple):
    """Bytes of the device."""

    free: int
    """That this process can have: what the device has free, and what the pool keeps for reuse."""
    total: int


class Copy(Protocol):
    """A copy to the host that is under way."""

    def wait(self) -> np.ndarray:
        """The host's array, once the copy has arrived."""
        ...


class Device(Protocol):
    """What :func:`device` gives: one device, or what stands in for it.

    Arrays on it offer ``shape``, ``dtype``, ``size``, ``nbytes``, ``reshape``, and reading and setting of slices by arrays on the
    device or numbers.
    """

    name: str
    simulated: bool

    def queueing(self) -> Any:
        """Context in which this thread alone queues work: what it queues stays together. May be entered again."""
        ...

    def put(self, host: np.ndarray) -> Any:
        """A copy of ``host`` on the device; ``host`` may be changed at once."""
        ...

    def empty(self, shape: Shape, dtype: Any) -> Any:
        """Memory as it is; NaN in the simulator."""
        ...

    def zeros(self, shape: Shape, dtype: Any) -> Any:
        """Zeros, written in the order of the work that computes."""
        ...

    def launch(self, kernel: Any, blocks: Shape, threads: Shape, *args: Any) -> None:
        """Queue ``kernel``; arrays of ``args``, alone or in (named) tuples, are on the device."""
        ...

    def fetch(self, array: Any, out: np.ndarray | None = None, after: Any = None) -> Copy:
        """Queue the copy of ``array`` down, beside what computes next.

        It begins after all that is queued now, or after the mark at which ``array`` was there. Without ``out`` it goes into pinned
        memory of its own. ``array`` stays until the copy has been waited for.
        """
        ...

    def memory(self) -> Memory:
        """Free and total."""
        ...

    def synchronize(self) -> None:
        """Wait for all that is queued."""
        ...

    def mark(self) -> Any:
        """A point in the work that computes, for :meth:`seconds` and :meth:`fetch`."""
        ...

    def seconds(self, first: Any, last: Any) -> float | None:
        """Between two marks, by the device's own clock; waits for the second. ``None`` in the simulator: it measures nothing."""
        ...


def is_simulated() -> bool:
    """Whether numba's simulator runs the kernels: chosen by the environment when numba is imported."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0").strip() not in ("", "0")


@lru_cache(maxsize=1)
def device() -> Device:
    """The device of this process.

    Raises
    ------
    ImportError
        If CuPy is not installed.
    """
    return _Simulated() if is_simulated() else _CupyDevice()


def with_arrays(value: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    """``value`` with every array of ``kind`` changed, alone or in (named) tuples of any depth."""
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, tuple):
        parts = [with_arrays(part, kind, change) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def put_all(value: Any) -> Any:
    """``value`` with every numpy array, alone or in tuples, put on the device."""
    return with_arrays(value, np.ndarray, device().put)


class _CupyCopy:
    """Keeps both ends until the copy has arrived: the pool would give the device's to work that is queued meanwhile."""

    def __init__(self, source: Any, out: np.ndarray, done: Any) -> None:
        self._source, self._out, self._done = source, out, done

    def wait(self) -> np.ndarray:
        self._done.synchronize()
        self._source = None
        return self._out


class _CupyDevice:
    """The current CUDA device."""

    simulated = False

    def __init__(self) -> None:
        import cupy

        self._cupy = cupy
        self._lock = threading.RLock()
        # Non-blocking: nothing that another library puts on the legacy stream makes them wait.
        self._compute, self._copies = (cupy.cuda.Stream(non_blocking=True) for _ in range(2))
        self._launching = cuda.external_stream(self._compute.ptr)
        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        self.name = properties["name"].decode()

    @contextmanager
    def queueing(self) -> Iterator[None]:
        # CuPy's current stream belongs to the thread, and its pool reuses memory in the order of that stream.
        with self._lock, self._compute:
            yield

    def put(self, host: np.ndarray) -> Any:
        with self.queueing():
            return self._cupy.asarray(np.ascontiguousarray(host))

    def empty(self, shape: Shape, dtype: Any) -> Any:
        with self.queueing():
            return self._cupy.empty(shape, dtype)

    def zeros(self, shape: Shape, dtype: Any) -> Any:
        with self.queueing():
            return self._cupy.zeros(shape, dtype)

    def launch(self, kernel: Any, blocks: Shape, threads: Shape, *args: Any) -> None:
        with self.queueing():
            views = with_arrays(args, self._cupy.ndarray, self._view)
            kernel[blocks, threads, self._launching](*views)

    @staticmethod
    def _view(array: Any) -> Any:
        # Given CuPy's array itself, numba would wait for the stream before every launch.
        return cuda.as_cuda_array(array, sync=False)

    def fetch(self, array: Any, out: np.ndarray | None = None, after: Any = None) -> Copy:
        with self.queueing():
            source = self._cupy.ascontiguousarray(array)
            into = self._pinned(source.shape, source.dtype) if out is None else out
            # What had to be brought together first was queued just now.
            self._copies.wait_event(after if after is not None and source is array else self._compute.record())
            self._cupy.asnumpy(source, stream=self._copies, out=into, blocking=False)
            return _CupyCopy(source, into, self._copies.record())

    def _pinned(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
        """Memory of the host that the device copies into by itself; from CuPy's pool, and back to it with the array."""
        size = math.prod(shape)
        memory = self._cupy.cuda.alloc_pinned_memory(max(size, 1) * dtype.itemsize)
        return np.frombuffer(memory, dtype, size).reshape(shape)

    def memory(self) -> Memory:
        free, total = self._cupy.cuda.Device().mem_info
        return Memory(int(free) + self._cupy.get_default_memory_pool().free_bytes(), int(total))

    def synchronize(self) -> None:
        self._compute.synchronize()
        self._copies.synchronize()

    def mark(self) -> Any:
        return self._compute.record(self._cupy.cuda.Event())

    def seconds(self, first: Any, last: Any) -> float | None:
        last.synchronize()
        return float(self._cupy.cuda.get_elapsed_time(first, last)) / 1e3


class SimulatedArray:
    """An array on the simulated device: what CuPy's arrays offer and this package uses, no more."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.shape, self.dtype, self.size, self.nbytes = values.shape, values.dtype, values.size, values.nbytes

    def reshape(self, *shape: Any) -> SimulatedArray:
        """A view of another shape."""
        view = self.values.view()
        view.shape = shape[0] if len(shape) == 1 else shape  # numpy's own reshape would copy where it cannot view
        return SimulatedArray(view)

    def __getitem__(self, index: Any) -> SimulatedArray:
        return SimulatedArray(np.asarray(self.values[index]))

    def __setitem__(self, index: Any, value: SimulatedArray | float) -> None:
        self.values[index] = value.values if isinstance(value, SimulatedArray) else value

    def __array__(self, *_: Any) -> Any:
        raise TypeError("an array on the device is copied to the host by fetch alone")


class _SimulatedCopy:
    def __init__(self, out: np.ndarray) -> None:
        self._out = out

    def wait(self) -> np.ndarray:
        return self._out


class _Simulated:
    """numba's simulator: one launch at a time, each over when the call returns."""

    name, simulated = "simulator", True

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def queueing(self) -> Any:
        return self._lock

    def put(self, host: np.ndarray) -> Any:
        return SimulatedArray(np.array(host, order="C"))

    def empty(self, shape: Shape, dtype: Any) -> Any:
        kind = np.dtype(dtype)
        return SimulatedArray(np.full(shape, np.nan if kind.kind == "f" else np.iinfo(kind).max, kind))

    def zeros(self, shape: Shape, dtype: Any) -> Any:
        return SimulatedArray(np.zeros(shape, dtype))

    def launch(self, kernel: Any, blocks: Shape, threads: Shape, *args: Any) -> None:
        if _holds(args, np.ndarray):
            raise TypeError("a launch takes arrays on the device; put the host's there first")
        with self._lock:
            kernel[blocks, threads](*with_arrays(args, SimulatedArray, lambda array: array.values))

    def fetch(self, array: Any, out: np.ndarray | None = None, after: Any = None) -> Copy:
        into = np.empty(array.shape, array.dtype) if out is None else out
        into[...] = array.values
        return _SimulatedCopy(into)

    def memory(self) -> Memory:
        pages, size = os.sysconf("SC_AVPHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        return Memory(pages * size, os.sysconf("SC_PHYS_PAGES") * size)

    def synchronize(self) -> None:
        pass

    def mark(self) -> Any:
        return None

    def seconds(self, first: Any, last: Any) -> float | None:
        return None


def _holds(value: Any, kind: type) -> bool:
    """Whether there is an array of ``kind`` in tuples of any depth."""
    return any(_holds(part, kind) for part in value) if isinstance(value, tuple) else isinstance(value, kind)
