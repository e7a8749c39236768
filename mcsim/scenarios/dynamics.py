"""Table of the regions' home-price dynamics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mcsim.data_files import find_file, read_rows
from mcsim.errors import InputError, nearest

COLUMNS = ("region", "mean_growth_annual", "beta_quarterly", "residual_sd_quarterly", "residual_ar1")
_STATE_COLUMNS = ("state", *COLUMNS[1:])  # as tables of users, made before a region was called so, have it
NATION = "US"


@dataclass(frozen=True)
class RegionDynamics:
    """How a region's quarterly log growth follows the nation's; names as the columns of the file."""

    mean_growth_annual: float
    beta_quarterly: float
    residual_sd_quarterly: float
    residual_ar1: float


def load_dynamics(name: str) -> dict[str, RegionDynamics]:
    """Dynamics by region from the file ``name``; ``US`` is the nation itself.

    Raises
    ------
    InputError
        With every row that cannot be used.
    """
    path = find_file(name, "home_prices.region_file")
    header, *rows = read_rows(path)
    if tuple(header) not in (COLUMNS, _STATE_COLUMNS):
        raise InputError(f"{path.name}: columns {', '.join(header)}; expected {', '.join(COLUMNS)}")
    problems: list[str] = []
    table: dict[str, RegionDynamics] = {}
    for number, row in enumerate(rows, start=2):
        where = f"{path.name} row {number}"
        values = _numbers(row)
        if len(row) != len(COLUMNS) or len(values) != len(COLUMNS) - 1:
            problems.append(f"{where}: {','.join(row)!r}; expected a region and {len(COLUMNS) - 1} numbers")
            continue
        if row[0] in table:
            problems.append(f"{where}: region {row[0]!r} stands twice; keep one row")
        table[row[0]] = RegionDynamics(*values)
        problems += [f"{where}: {problem}" for problem in _check(row[0], table[row[0]])]
    if NATION not in table:
        problems.append(f"{path.name}: no row for {NATION}; its mean growth fixes the regions' intercepts")
    if problems:
        raise InputError(problems)
    return table


def _numbers(row: Sequence[str]) -> list[float]:
    try:
        return [float(cell) for cell in row[1:]]
    except ValueError:
        return []


def _check(region: str, dynamics: RegionDynamics) -> list[str]:
    problems = []
    if len(region) != 2 or not (region.isascii() and region.isalpha() and region.isupper()):
        problems.append(f"region {region!r}; expected two capital letters")
    if not all(math.isfinite(value) for value in vars(dynamics).values()):
        problems.append(f"{region}: a value is not finite")
    if dynamics.residual_sd_quarterly < 0:
        problems.append(f"{region}: residual_sd_quarterly {dynamics.residual_sd_quarterly}; expected 0 or more")
    if abs(dynamics.residual_ar1) >= 1:
        problems.append(f"{region}: residual_ar1 {dynamics.residual_ar1}; expected a stationary process, between -1 and 1")
    return problems


def choose_regions(table: dict[str, RegionDynamics], regions: Sequence[str], path: str | Path) -> list[RegionDynamics]:
    """Dynamics of ``regions`` in their order.

    Raises
    ------
    InputError
        Naming every region that the table lacks, or that is given twice.
    """
    problems = [f"no home-price dynamics for region {s!r} in {path}{nearest(s, table)}" for s in regions if s not in table]
    problems += [f"region {s!r} is given twice" for s in sorted({s for s in regions if list(regions).count(s) > 1})]
    if problems:
        raise InputError(problems)
    return [table[s] for s in regions]
