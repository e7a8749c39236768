"""Methods of valuation: what turns streams into values, and what each takes. A position names one and gives its inputs."""

from __future__ import annotations

from dataclasses import dataclass

from kernels.behaviour.parameter import Parameter
from mcsim.ranges import RANGES


@dataclass(frozen=True, eq=False)
class Method:
    """A method: ``meaning``, ``source``, and its ``inputs`` by name, each with its meaning, unit and range."""

    meaning: str
    source: str
    inputs: dict[str, Parameter]


METHODS: dict[str, Method] = {
    "spread": Method(
        "Flows discounted along each path at its short rate and a spread, averaged over paths.",
        "docs/theory/discounting.md",
        {
            "spread": Parameter(
                "spread over the path's short rate, annual, continuously compounded", RANGES["pricing.spreads.*"]
            )
        },
    )
}
