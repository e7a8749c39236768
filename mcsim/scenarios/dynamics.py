"""Table of the states' home-price dynamics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mcsim.data_files import find_file, read_rows
from mcsim.errors import InputError, nearest

COLUMNS = ("state", "mean_growth_annual", "beta_quarterly", "residual_sd_quarterly", "residual_ar1")
NATION = "US"


@dataclass(frozen=True)
class StateDynamics:
    """How a state's quarterly log growth follows the nation's; names as the columns of the file."""

    mean_growth_annual: float
    beta_quarterly: float
    residual_sd_quarterly: float
    residual_ar1: float


def load_dynamics(name: str) -> dict[str, StateDynamics]:
    """Dynamics by state from the file ``name``; ``US`` is the nation itself.

    Raises
    ------
    InputError
        With every row that cannot be used.
    """
    path = find_file(name, "home_prices.state_file")
    header, *rows = read_rows(path)
    if tuple(header) != COLUMNS:
        raise InputError(f"{path.name}: columns {', '.join(header)}; expected {', '.join(COLUMNS)}")
    problems: list[str] = []
    table: dict[str, StateDynamics] = {}
    for number, row in enumerate(rows, start=2):
        where = f"{path.name} row {number}"
        values = _numbers(row)
        if len(row) != len(COLUMNS) or len(values) != len(COLUMNS) - 1:
            problems.append(f"{where}: {','.join(row)!r}; expected a state and {len(COLUMNS) - 1} numbers")
            continue
        if row[0] in table:
            problems.append(f"{where}: state {row[0]!r} stands twice; keep one row")
        table[row[0]] = StateDynamics(*values)
        problems += [f"{where}: {problem}" for problem in _check(row[0], table[row[0]])]
    if NATION not in table:
        problems.append(f"{path.name}: no row for {NATION}; its mean growth fixes the states' intercepts")
    if problems:
        raise InputError(problems)
    return table


def _numbers(row: Sequence[str]) -> list[float]:
    try:
        return [float(cell) for cell in row[1:]]
    except ValueError:
        return []


def _check(state: str, dynamics: StateDynamics) -> list[str]:
    problems = []
    if len(state) != 2 or not (state.isascii() and state.isalpha() and state.isupper()):
        problems.append(f"state {state!r}; expected two capital letters")
    if not all(math.isfinite(value) for value in vars(dynamics).values()):
        problems.append(f"{state}: a value is not finite")
    if dynamics.residual_sd_quarterly < 0:
        problems.append(f"{state}: residual_sd_quarterly {dynamics.residual_sd_quarterly}; expected 0 or more")
    if abs(dynamics.residual_ar1) >= 1:
        problems.append(f"{state}: residual_ar1 {dynamics.residual_ar1}; expected a stationary process, between -1 and 1")
    return problems


def choose_states(table: dict[str, StateDynamics], states: Sequence[str], path: str | Path) -> list[StateDynamics]:
    """Dynamics of ``states`` in their order.

    Raises
    ------
    InputError
        Naming every state that the table lacks, or that is given twice.
    """
    problems = [f"no home-price dynamics for state {s!r} in {path}{nearest(s, table)}" for s in states if s not in table]
    problems += [f"state {s!r} is given twice" for s in sorted({s for s in states if list(states).count(s) > 1})]
    if problems:
        raise InputError(problems)
    return [table[s] for s in states]
