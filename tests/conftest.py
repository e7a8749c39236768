"""Shared by all tests: the data that does not ship, and how much hypothesis tries."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# `ci` tries the same examples on every run: a failure there is a change in the code. `explore` looks for new ones.
# Compilation makes a first example slow, so neither has a deadline.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", derandomize=True, max_examples=40, database=None, **_COMMON)
settings.register_profile("explore", max_examples=1000, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder of the data and published tables that do not ship: ``$MCSIM_SHARED``, else ``../shared``; skips without it."""
    folder = Path(os.environ.get("MCSIM_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"{folder.name}: the shared data is not here; name its folder in MCSIM_SHARED")
    return folder


@pytest.fixture(scope="session")
def shared_file(shared_dir: Path) -> Callable[[str], Path]:
    """``shared_file("data/…")``: a file of the shared data; skips where it is missing."""

    def find(name: str) -> Path:
        path = shared_dir / name
        if not path.exists():
            pytest.skip(f"{name}: not among the shared data")
        return path

    return find
