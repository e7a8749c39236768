"""Loss severity, linear in the mark-to-market loan-to-value ratio at liquidation, between a floor and a cap.

``severity = clip(intercept + slope * ltv, floor, cap)``: the share of the balance that a forced sale, its costs and the
carry do not return. Origin of the figures: docs/theory/ltv_severity.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels.behaviour.model import Model
from kernels.ops import Ops


def build(ops: Ops) -> Callable[..., Any]:
    """Loss over the balance at default."""
    where = ops.where

    @ops.function
    def severity(month, age, calendar_month, note_rate, mortgage_rate, balance_factor, ltv, parameters):  # type: ignore[no-untyped-def]
        intercept, slope, floor, cap = parameters[0], parameters[1], parameters[2], parameters[3]
        loss = intercept + slope * ltv
        loss = where(loss > floor, loss, floor)
        return where(loss < cap, loss, cap)

    return severity


MODEL = Model(
    build,
    {
        "intercept": "severity at an ltv of 0, before floor and cap",
        "slope": "severity per unit of ltv",
        "floor": "least severity",
        "cap": "greatest severity",
    },
)
