"""A rate by loan age, times a multiple: what the BMA's standard speeds share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels.behaviour.model import Model
from kernels.behaviour.parameter import Parameter, Range
from kernels.ops import Ops


def age_curve_model(build_rate: Callable[[Ops], Callable[..., Any]], curve: str, rate: str, most: int) -> Model:
    """The model of ``build_rate(ops)``, an annual rate of ``(age, multiple)``.

    Parameters
    ----------
    build_rate : callable
        Of :mod:`kernels.speeds`.
    curve, rate : str
        Their names: ``PSA``, ``CPR``.
    most : int
        The multiple at which the rate nears 1.
    """

    def build(ops: Ops) -> Callable[..., Any]:
        by_age = build_rate(ops)

        @ops.function
        def at_age(seen, parameters):  # type: ignore[no-untyped-def]
            return by_age(seen.age, parameters.multiple)

        return at_age  # type: ignore[no-any-return]

    multiple = Parameter(f"1 is 100% {curve}", Range(0, most, unit=f"1 is 100% {curve}; at {most} the {rate} nears 1"))
    return Model(build, {"multiple": multiple}, reads=("age",), annual=True)
