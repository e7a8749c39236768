"""A rate given by month, as a table: what the static models and severity by month share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels.behaviour.model import Model
from kernels.behaviour.parameter import SHARE, Parameter
from kernels.ops import Ops


def build(ops: Ops) -> Callable[..., Any]:
    """The entry of the month; the last entry holds on."""

    @ops.function
    def vector(seen, parameters):  # type: ignore[no-untyped-def]
        (values,) = parameters
        return values[min(seen.month, values.size) - 1]

    return vector  # type: ignore[no-any-return]


def vector_model(name: str, meaning: str, annual: bool = False) -> Model:
    """A model that is a table of shares by month, under one parameter."""
    return Model(build, {name: Parameter(f"{meaning}; the last value holds on", SHARE, table=True)}, ("month",), annual)
