"""SDA default by loan age (BMA, *Standard Formulas*, 1999; :mod:`kernels.speeds`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels import speeds
from kernels.behaviour.model import Model
from kernels.behaviour.parameter import Parameter, Range
from kernels.ops import Ops


def build(ops: Ops) -> Callable[..., Any]:
    """CDR at the loan's age."""
    by_age = speeds.build_sda_cdr(ops)

    @ops.function
    def sda(
        month, age, calendar_month, note_rate, mortgage_rate, balance_factor, ltv, lag, advances_interest, parameters
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        return by_age(age, parameters[0])

    return sda


_MULTIPLE = Parameter("1 is 100% SDA", Range(0, 166, unit="1 is 100% SDA; at 166 the CDR nears 1"))
MODEL = Model(build, {"multiple": _MULTIPLE}, reads=("age",), annual=True)
