"""One value against its type, its range and its choices, and values by name against the parameters that take them."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

from kernels.behaviour.parameter import Parameter, Range
from mcsim.errors import nearest, shown
from mcsim.layouts import home
from mcsim.merging import meant
from mcsim.ranges import CHOICES

BUILDS = re.compile(r"_(target|partial|recursive|convert|args)_")
"""Keys by which Hydra's ``instantiate`` would build any object from text."""

LARGEST = sys.float_info.max  # a whole number beyond it is no float at all

BAD: Any = object()
"""Stands for a value of which a problem was told."""


def unknown(raw: Mapping[str, Any], known: list[str], where: str) -> list[str]:
    """Keys of a section that it does not have, each with what may be meant."""
    prefix = f"{where}." if where else ""
    return [
        f"{prefix}{key}: unknown key{meant(where, str(key), known)}"
        for key in raw
        if key not in known and not BUILDS.fullmatch(str(key))
    ]


def type_problem(value: Any, hint: type) -> str:
    """What a value of a type should have been; empty where it is of it."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is bool:
        return "" if isinstance(value, bool) else "expected true or false"
    if hint is int:
        return "" if is_number and isinstance(value, int) else "expected a whole number"
    if hint is float:
        return "" if is_number and abs(value) <= LARGEST else "expected a finite number"
    if is_number and isinstance(value, int) and re.fullmatch(r"(19|20)\d{6}", str(value)):
        return "expected text; a date is YYYY-MM-DD"
    return "" if isinstance(value, str) and value else "expected text"


def choice_problem(value: Any, where: str) -> str:
    """The choices of a setting, where the value is none of them."""
    choices = CHOICES.get(home(where))
    if choices is None or value in choices:
        return ""
    hint = nearest(value, choices)
    return f"expected one of {', '.join(choices)}{hint if 'did you mean' in hint else ''}"


def range_problem(value: Any, limits: Range | None) -> str:
    """The range, where the value is not in it."""
    return "" if limits is None or limits.holds(value) else f"expected {limits}"


def values_of(given: Mapping[str, Any], takes: Mapping[str, Parameter], where: str, problems: list[str]) -> dict[str, Any]:
    """Values of exactly the parameters that something ``takes``; what is wrong goes to ``problems``."""
    problems += unknown(given, list(takes), where)
    values = {}
    for name, parameter in takes.items():
        inner = f"{where}.{name}"
        if name not in given:
            problems.append(f"{inner}: missing ({parameter.meaning}); give it a value with {inner}=VALUE")
        else:
            check = _table if parameter.table else _number
            values[name] = check(given[name], parameter, inner, problems)
    return values


def _number(value: Any, parameter: Parameter, where: str, problems: list[str]) -> Any:
    problem = type_problem(value, float) or range_problem(value, parameter.range)
    if problem:
        problems.append(f"{where} = {shown(value)}: {problem}")
        return BAD
    return float(value)


def _table(value: Any, parameter: Parameter, where: str, problems: list[str]) -> Any:
    length = parameter.length
    if not isinstance(value, list) or not value or (length and len(value) != length):
        count = f"{length}" if length else "one or more"
        problems.append(f"{where} = {shown(value)}: expected a list of {count} numbers, such as {where}=[0.01,0.02]")
        return BAD
    return [_number(item, parameter, f"{where}[{position}]", problems) for position, item in enumerate(value)]
