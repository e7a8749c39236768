"""Columns of a table that no tape has: what the mapping's section ``extra`` says of them, for a model or a term that reads them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

from kernels.observables import OBSERVABLES
from mcsim.errors import nearest, shown
from mcsim.loans import COLUMNS
from mcsim.tapes.cells import number_of
from mcsim.tapes.table_fields import FIELDS, UNITS, Field, own_name, unit_called

EXTRA_KEYS = ("range", "missing", "required")
"""Beside those of any source."""

_LONGEST_NAME = 64  # of what stands in messages and in a model's file


@dataclass(frozen=True)
class Extra(Field):
    """A column of numbers under a name of one's own.

    Attributes
    ----------
    missing : frozenset of str
        Cells that hold nothing, in small letters, beside those that do in any column.
    required : bool
        A row without it is rejected; else it is not known: NaN.
    """

    missing: frozenset[str] = frozenset()
    required: bool = False


def read_extra(name: str, given: Any, where: str, problems: list[str]) -> Extra:
    """What the mapping says of the column that it calls ``name``; what is wrong with that goes to ``problems``."""
    problems += [f"{where}: {problem}" for problem in _name_problems(name)]
    keys = given if isinstance(given, Mapping) else {}
    unit = unit_called(str(keys.get("unit", "")))
    kind = next((kind for kind, units in UNITS.items() if unit in units and kind != "rate"), "number")
    if unit and kind == "number":
        known = tuple(dict.fromkeys(name for units in UNITS.values() for name in units))
        problems.append(f"{where}.unit = {shown(keys['unit'])}: unknown unit{nearest(unit, known)}")
    low, high = _range(keys.get("range", ""), where, problems)
    missing = keys.get("missing", [])
    if not isinstance(missing, list) or not all(isinstance(code, str) for code in missing):
        problems.append(f"{where}.missing = {shown(missing)}: expected a list of cells that hold nothing, such as [999, U]")
        missing = []
    required = keys.get("required", "false")
    if required not in ("true", "false"):
        problems.append(f"{where}.required = {shown(required)}: expected true or false")
    cells = frozenset(code.strip().casefold() for code in missing)
    return Extra(kind, "a column of the table's own", "not known", low, high, missing=cells, required=required == "true")


def _name_problems(name: str) -> list[str]:
    ours = own_name(name)
    if name in FIELDS:
        return [f"is a field; map it with columns: {{{name}: COLUMN}}, and models read it from there"]
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or len(name) > _LONGEST_NAME or iskeyword(name):
        hint = f", such as {ours}" if re.fullmatch(r"[a-z][a-z0-9_]*", ours) and not iskeyword(ours) else ""
        return [f"no name that a model can read: small letters, digits and underscores, at most {_LONGEST_NAME}{hint}"]
    if name in OBSERVABLES or name in (*COLUMNS, "cut_off", "extra"):
        return ["is what every loan has already, and a model would read that; give it another name"]
    return []


def _range(given: Any, where: str, problems: list[str]) -> tuple[float, float]:
    """Lowest and highest value; 0 and 0 where nothing is said."""
    if given == "":
        return 0.0, 0.0
    ends: list[float | None] = []
    if isinstance(given, list) and len(given) == 2 and all(isinstance(end, str) for end in given):
        ends = [open_end if end == "" else number_of(end) for end, open_end in zip(given, (-math.inf, math.inf), strict=True)]
    if len(ends) == 2 and ends[0] is not None and ends[1] is not None and ends[0] < ends[1]:
        return ends[0], ends[1]
    problems.append(
        f"{where}.range = {shown(given)}: expected [lowest, highest] in our own unit, such as [0, 1.5] or [0, null]"
    )
    return 0.0, 0.0
