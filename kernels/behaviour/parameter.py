"""What a model's parameter may be: its meaning, unit, range, and whether it is a number or a table of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

ANNUAL = "annual, per unit: 0.05 is 5%"


@dataclass(frozen=True)
class Range:
    """``lowest <= value <= highest`` (``lowest < value`` if ``above``), a multiple of ``step`` if there is one."""

    lowest: float = -math.inf
    highest: float = math.inf
    above: bool = False
    step: int = 0
    unit: str = ""

    def holds(self, value: Any) -> bool:
        """True where ``value`` is in the range."""
        high_enough = value > self.lowest if self.above else value >= self.lowest
        return bool(high_enough and value <= self.highest and (not self.step or value % self.step == 0))

    def __str__(self) -> str:
        parts = []
        if self.step:
            parts.append(f"a multiple of {self.step}")
        if self.lowest > -math.inf:
            parts.append(f"{'above' if self.above else 'at least'} {_number(self.lowest)}")
        if self.highest < math.inf:
            parts.append(f"at most {_number(self.highest)}")
        return " and ".join(parts) + (f" ({self.unit})" if self.unit else "")


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


SHARE = Range(0, 1, unit="per unit: 0.05 is 5%")
POSITIVE = Range(0, above=True)
NOT_NEGATIVE = Range(0)


@dataclass(frozen=True)
class Parameter:
    """A parameter of a model.

    Attributes
    ----------
    meaning : str
        With its unit.
    range : Range
        Of the number, or of each of a table; any finite number where nothing is said.
    table : bool
        A table of numbers: the last parameter of a model, which takes the rest of the array.
    length : int
        Of a table, where it is fixed: the kernel reads that many without looking. 0: one entry or more.
    at_most : str
        Another parameter of the model that this one may not exceed.
    """

    meaning: str
    range: Range = Range()
    table: bool = False
    length: int = 0
    at_most: str = ""
