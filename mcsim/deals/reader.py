"""Reading values of a deal: each checked as it is read, every problem noted, none raised."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcsim.deals.deal import words_of_funds
from mcsim.errors import nearest, shown

_LARGEST = sys.float_info.max  # a whole number beyond it is no float at all


@dataclass
class Reader:
    """Reads values and collects what is wrong with them.

    ``source`` names the deal's file in every message; ``groups`` are the deal's, once they are read.
    """

    source: str
    problems: list[str] = field(default_factory=list)
    groups: tuple[str, ...] = ()

    def problem(self, where: str, text: str) -> None:
        """Note one problem."""
        self.problems.append(f"{self.source}: {where}: {text}" if where else f"{self.source}: {text}")

    def keys(self, raw: Mapping[str, Any], known: Iterable[str], where: str, required: Iterable[str] = ()) -> None:
        """Unknown and missing keys."""
        known = tuple(known)
        for key in raw:
            if key not in known:
                self.problem(where, f"unknown key {key!r}{nearest(str(key), known)}")
        for key in required:
            if key not in raw:
                self.problem(where, f"{key!r} is missing; add it")

    def number(self, value: Any, where: str, low: float, high: float, unit: str) -> float:
        """A finite number in [low, high]; NaN where it is not."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
            self.problem(where, f"{shown(value)} is not a number; expected {unit}, {low:g} to {high:g}")
        elif not low <= value <= high:
            self.problem(where, f"{shown(value)} is out of range; expected {unit}, {low:g} to {high:g}")
        else:
            return float(value)
        return math.nan

    def whole(self, value: Any, where: str, low: int, high: int, unit: str) -> int:
        """A whole number in [low, high]; ``low`` where it is not."""
        number = self.number(value, where, low, high, unit)
        if math.isnan(number):
            return low
        if number != int(number):
            self.problem(where, f"{shown(value)} is not a whole number; expected {unit}, {low} to {high}")
        return int(number)

    def choice(self, value: Any, where: str, known: Iterable[str]) -> str:
        """One of ``known``; the first of them where it is not."""
        known = tuple(known)
        if isinstance(value, str) and value in known:
            return value
        self.problem(where, f"{shown(value)} is not one of {', '.join(known)}{nearest(_text(value), known)}")
        return known[0]

    def mapping(self, value: Any, where: str) -> dict[str, Any]:
        """A mapping with text keys; empty where it is not."""
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return {str(key): item for key, item in value.items()}
        self.problem(where, f"{shown(value)} is not a mapping of names to their terms")
        return {}

    def names(self, value: Any, where: str) -> tuple[str, ...]:
        """One name or a list of them."""
        items = [value] if isinstance(value, str | int | float) and not isinstance(value, bool) else value
        if not isinstance(items, list | tuple) or not items:
            self.problem(where, f"{shown(value)} is not a name or a list of names")
            return ()
        return tuple(_text(item) for item in items)

    def sources(self, value: Any, where: str) -> tuple[str, ...]:
        """Names of what a step takes from, its words replaced by the funds they stand for."""
        words = words_of_funds(self.groups)
        return tuple(fund for name in self.names(value, where) for fund in words.get(name, (name,)))


def _text(value: Any) -> str:
    """A name as it was given, a number as it is written."""
    return value if isinstance(value, str) else shown(value)
