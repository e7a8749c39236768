"""Methods of valuation: what turns streams into values, and what each takes. A position names one and gives its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from kernels.behaviour.parameter import Parameter
from kernels.discounting import build_spread_factor
from kernels.ops import make_ops
from mcsim.ranges import RANGES
from mcsim.streams import Array, Claims, Streams
from mcsim.valuation.price import DEFAULT, Pricer


class Valuer(Protocol):
    """What values one claim, a block of paths at a time: as :class:`~mcsim.valuation.Pricer`."""

    def add(self, streams: Streams, discount: npt.NDArray[np.floating], first_path: int | None = None) -> None:
        """One block of paths."""

    def path_sums(self) -> Array:
        """(stream, :data:`kernels.discounting.SUMS`, path)."""


@dataclass(frozen=True, eq=False)
class Method:
    """A method of valuation.

    Attributes
    ----------
    meaning, source : str
        What it does, and where from.
    inputs : dict
        What it takes by name, each with its meaning, unit and range; the price table shows one called ``spread``.
    valuer : callable
        ``valuer(claims, inputs, target)``: a :class:`Valuer`; ``inputs`` by name, those of the method among them.
    by_path : callable
        ``by_path(cash, discount, month, inputs)``: value on each path (path,), USD, of cash and factors (month 1..n, path) and months
        (month,): the same in plain sums, which the report holds the stored values against.
    """

    meaning: str
    source: str
    inputs: dict[str, Parameter]
    valuer: Callable[[Claims, Mapping[str, float], str], Valuer]
    by_path: Callable[[Array, Array, Array, Mapping[str, float]], Array]


def _at_a_spread(cash: Array, discount: Array, month: Array, inputs: Mapping[str, float]) -> Array:
    factor = build_spread_factor(make_ops("numpy", "float64"))(float(inputs["spread"]), month)
    return (cash * discount * factor[:, None]).sum(axis=0)


METHODS: dict[str, Method] = {
    "spread": Method(
        meaning="Flows discounted along each path at its short rate and a spread, averaged over paths.",
        source="docs/theory/discounting.md",
        inputs={
            "spread": Parameter(
                "spread over the path's short rate, annual, continuously compounded", RANGES["pricing.spreads.*"]
            )
        },
        valuer=lambda claims, inputs, target: Pricer(claims, {DEFAULT: inputs["spread"]}, target),
        by_path=_at_a_spread,
    )
}
