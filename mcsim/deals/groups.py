"""What is given for each group of a deal's collateral."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from mcsim.errors import nearest

T = TypeVar("T")


def by_group(groups: Sequence[str], given: Mapping[str, T] | T) -> dict[str, T]:
    """What was given, in the order of ``groups``; for a deal of one group it may stand for itself, without a mapping."""
    if isinstance(given, Mapping):
        return {group: given[group] for group in groups}
    (group,) = groups
    return {group: given}


def problems_of_groups(groups: Sequence[str], given: object, what: str) -> list[str]:
    """Groups that are missing from ``given``, and those that the deal does not have; ``what`` is given for each."""
    if not isinstance(given, Mapping):
        named = f"the deal stands on {len(groups)} groups, {', '.join(groups)}; {what} is needed for each, found one"
        return [named] if len(groups) != 1 else []
    unknown = [
        f"{what} is given for the unknown group {name!r}{nearest(str(name), groups)}" for name in given if name not in groups
    ]
    return unknown + [f"{what} of group {name!r} is missing; the deal stands on it" for name in groups if name not in given]
