"""PSA prepayment by loan age (BMA, *Standard Formulas*, 1999; :mod:`kernels.speeds`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels import speeds
from kernels.behaviour.model import Model
from kernels.behaviour.parameter import Parameter, Range
from kernels.ops import Ops


def build(ops: Ops) -> Callable[..., Any]:
    """CPR at the loan's age."""
    by_age = speeds.build_psa_cpr(ops)

    @ops.function
    def psa(
        month, age, calendar_month, note_rate, mortgage_rate, balance_factor, ltv, lag, advances_interest, parameters
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        return by_age(age, parameters[0])

    return psa


_MULTIPLE = Parameter("1 is 100% PSA", Range(0, 16, unit="1 is 100% PSA; at 16 the CPR nears 1"))
MODEL = Model(build, {"multiple": _MULTIPLE}, reads=("age",), annual=True)
