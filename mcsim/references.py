"""References: a value that is another key's, ``rates.sigma=${rates.mean_reversion}``.

A reference stands alone and takes a value, not a section: nothing grows, and no text is built. Nothing outside the configuration
can be reached: a run must not depend on what its folder does not record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcsim.errors import nearest, shown
from mcsim.layouts import PATH_SETTINGS, home

_REFERENCE = re.compile(r"\$\{([\w-]+(?:\.[\w-]+)*)\}")
_CALL = re.compile(r"\$\{[^${}]*:")
_LONGEST_CHAIN = 20

ABSENT: Any = object()


def select(tree: Any, key: str) -> Any:
    """The value at the dotted ``key``; :data:`ABSENT` where there is none."""
    for part in key.split("."):
        if not isinstance(tree, Mapping) or part not in tree:
            return ABSENT
        tree = tree[part]
    return tree


def leaf_names(value: Any, where: str) -> Iterator[str]:
    """Dotted names of what a value holds under ``where``: of every key of a mapping, or its own."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from leaf_names(inner, f"{where}.{key}" if where else str(key))
    else:
        yield where


def resolved(tree: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """``tree`` with every reference replaced by its value. Paths are literal text. What cannot be resolved goes to ``problems``."""

    def walk(value: Any, where: str) -> Any:
        if isinstance(value, Mapping):
            return {key: walk(inner, f"{where}.{key}" if where else str(key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner, f"{where}[{position}]") for position, inner in enumerate(value)]
        if not isinstance(value, str) or "${" not in value or home(where) in PATH_SETTINGS:
            return value
        found, problem = _follow(tree, value)
        if problem:
            problems.append(f"{where} = {shown(value)}: {problem}")
        return found

    return {key: walk(value, key) for key, value in tree.items()}


def _follow(tree: Mapping[str, Any], text: str) -> tuple[Any, str]:
    """The value that a reference stands for, or what is wrong with it."""
    value: Any = text
    for _ in range(_LONGEST_CHAIN):
        match = _REFERENCE.fullmatch(value)
        if not match:
            return None, problem_of_reference(value)
        key = match.group(1)
        value = select(tree, key)
        if value is ABSENT:
            above, _, name = key.rpartition(".")
            siblings = select(tree, above) if above else tree
            return None, f"there is no {key}{nearest(name, map(str, siblings)) if isinstance(siblings, Mapping) else ''}"
        if isinstance(value, Mapping) or (isinstance(value, list) and any(_holds_reference(item) for item in value)):
            return None, f"{key} is no single value; name one of its keys"
        if home(key) in PATH_SETTINGS or not (isinstance(value, str) and "${" in value):
            return value, ""
    return None, "goes round in a circle; write the value itself"


def problem_of_reference(text: str) -> str:
    """What is wrong with a text that holds ``${`` and is no reference."""
    if _CALL.search(text):
        return "reads outside the configuration; write the value itself, or ${section.key}"
    return "expected a reference that stands alone, ${section.key}"


def _holds_reference(item: Any) -> bool:
    return isinstance(item, Mapping | list) or (isinstance(item, str) and "${" in item)
