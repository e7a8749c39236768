"""A rate given by month, as a table: what the static models and severity by month share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels.behaviour.model import Model
from kernels.behaviour.parameter import SHARE, Parameter
from kernels.ops import Ops


def _by_month(month, parameters):  # type: ignore[no-untyped-def]
    """Entry of a vector in ``month`` (from 1); the last entry holds on."""
    return parameters[min(month, parameters.size) - 1]


def build(ops: Ops) -> Callable[..., Any]:
    """The entry of the month."""
    by_month = ops.function(_by_month)

    @ops.function
    def vector(
        month, age, calendar_month, note_rate, mortgage_rate, balance_factor, ltv, lag, advances_interest, parameters
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        return by_month(month, parameters)

    return vector


def vector_model(name: str, meaning: str, annual: bool = False) -> Model:
    """A model that is a table of shares by month, under one parameter."""
    return Model(build, {name: Parameter(f"{meaning}; the last value holds on", SHARE, table=True)}, ("month",), annual)
