"""The scenario stage: blocks of paths of rates and home prices to the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mcsim import store
from mcsim.scenario import Scenario


def lay_out(where: Path, regions: Sequence[str], n_months: int, n_paths: int, path_block: int) -> None:
    """Make room in the store: before the first block, from one thread."""
    coords: dict[str, Any] = {"region": regions, "month": range(n_months + 1), "path": range(n_paths)}
    store.create_group(where, "scenarios", coords, path_block)


def write(where: Path, scenario: Scenario) -> None:
    """One block, from any thread."""
    store.write_block(where, "scenarios", scenario.first_path, dict(scenario.arrays))
