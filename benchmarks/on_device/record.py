"""The record of a run of ``benchmarks.device``: what it ran on, what each section found, within a budget of time."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import math
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernels.device import device

PACKAGES = (
    "numpy",
    "numba",
    "numba-cuda",
    "cupy-cuda13x",
    "cupy-cuda12x",
    "cuda-bindings",
    "cuda-core",
    "cuda-toolkit",
    "zarr",
)


@dataclass(frozen=True)
class Timing:
    """Of a piece of work on the device, by its own clock; ``None`` in the simulator."""

    seconds: float | None
    """Median."""
    spread: float | None
    """Longest less shortest, over the median."""
    repeats: int

    def rate(self, work: float) -> dict[str, Any]:
        """With ``work`` a second."""
        return {"work": work, "per_second": None if self.seconds is None else work / self.seconds, **vars(self)}


def timed(run: Callable[[], None], repeats: int) -> Timing:
    """``run`` once to compile and warm up, then ``repeats`` times between two marks."""
    here = device()
    run()
    here.synchronize()
    taken = []
    for _ in range(repeats):
        first = here.mark()
        run()
        taken.append(here.seconds(first, here.mark()))
    known = [seconds for seconds in taken if seconds is not None]
    if not known:
        return Timing(None, None, repeats)
    median = statistics.median(known)
    return Timing(median, (max(known) - min(known)) / median, repeats)


@dataclass
class Sections:
    """Runs sections in order, each if there is time for it, and writes all that is known after each.

    Attributes
    ----------
    path : Path
        The JSON file.
    budget : float
        Seconds for all of them.
    """

    path: Path
    budget: float
    facts: dict[str, Any]
    clock: Callable[[], float] = time.monotonic
    found: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._start = self.clock()

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.budget - (self.clock() - self._start)

    def run(self, name: str, needs: float, section: Callable[[], Mapping[str, Any]]) -> None:
        """``section`` under ``name`` where ``needs`` seconds are left; what it raises is its result, and the next one runs."""
        if self.left < needs:
            self.found[name] = {
                "skipped": f"{self.left:.0f} s of {self.budget:.0f} s were left, {needs:.0f} s are set aside for it"
            }
        else:
            began = self.clock()
            try:
                self.found[name] = dict(section())
            except Exception as error:  # whatever it is, the others still tell something
                self.found[name] = {"failed": f"{type(error).__name__}: {error}"[:500]}
            self.found[name]["section_seconds"] = None if device().simulated else round(self.clock() - began, 2)
        self.write()

    def write(self) -> None:
        """All that is known so far."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        known = {**self.facts, "budget_seconds": self.budget, "sections": self.found}
        text = json.dumps(_plain(known), indent=1, allow_nan=False)
        self.path.write_text(text + "\n", encoding="utf-8")

    @property
    def failed(self) -> list[str]:
        """Sections of which something raised, and those whose parity does not hold."""
        return [name for name, result in self.found.items() if _raised(result) or result.get("holds") is False]


def _raised(result: Any) -> bool:
    """Whether anything in it, at any depth, says that it failed."""
    return isinstance(result, Mapping) and ("failed" in result or any(map(_raised, result.values())))


def attempt(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``run`` gives, or what it raised: one of several that are told together, the others of which still tell something."""
    try:
        return run()
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"[:300]}


def _plain(value: Any) -> Any:
    """As JSON holds it: a number that is not finite is null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def facts() -> dict[str, Any]:
    """Device, driver and versions: what the figures hold for."""
    here = device()
    return {
        "simulator": here.simulated,
        "device": here.name,
        "properties": {} if here.simulated else device_properties(),
        "driver": None if here.simulated else _driver(),
        "memory": None if here.simulated else here.memory()._asdict(),
        "python": platform.python_version(),
        "packages": dict(_versions()),
        "commit": _said(["git", "rev-parse", "--short", "HEAD"]),
    }


def device_properties() -> dict[str, Any]:
    """What limits are computed from: multiprocessors, clock (Hz), compute capability, memory."""
    from numba import cuda

    current = cuda.get_current_device()

    def asked(name: str, times: float = 1) -> float | None:
        try:
            return float(getattr(current, name)) * times
        except Exception:  # what a driver does not tell is not known; the rest is
            return None

    return {
        "multiprocessors": asked("MULTIPROCESSOR_COUNT"),
        "clock": asked("CLOCK_RATE", 1e3),
        "memory_clock": asked("MEMORY_CLOCK_RATE", 1e3),
        "second_level_cache": asked("L2_CACHE_SIZE"),
        "compute_capability": list(current.compute_capability),
    }


def _versions() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue


def _driver() -> str | None:
    return _said(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"])


def _said(command: list[str]) -> str | None:
    """First line of what a command prints, or nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip().partition("\n")[0] or None if done.returncode == 0 else None
