"""Primary 30-year mortgage rate from par rates, with a residual that decays and a floor.

Source: the form of MathWorks, *Prepayment modeling with a two factor Hull White model* (constant, ten-year and
two-year rates); the lagged ten-year rate and the estimates are least squares on monthly averages, 1990 to 2020. Theory and
numbers: docs/theory/mortgage_rate.md, conf/rates/.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from kernels import special
from kernels.ops import Ops


@lru_cache(maxsize=None)
def build_mortgage_rate(ops: Ops) -> Callable[..., Any]:
    """``mortgage_rate(ten, ten_lagged, two, residual, constant, on_ten, on_ten_lagged, on_two, floor)``: annual rate.

    ``ten``, ``ten_lagged`` (a month before) and ``two`` are par rates with semi-annual coupons; all rates annual, per unit.
    The floor binds the whole, residual included; a NaN stays one.
    """
    maximum = ops.maximum

    @ops.function
    def mortgage_rate(ten, ten_lagged, two, residual, constant, on_ten, on_ten_lagged, on_two, floor):  # type: ignore[no-untyped-def]
        rate = (constant + residual) + (on_ten * ten + on_ten_lagged * ten_lagged) + on_two * two
        return maximum(rate, floor)

    return mortgage_rate


@lru_cache(maxsize=None)
def build_residual(ops: Ops) -> Callable[..., Any]:
    """``residual(initial, month, half_life)``: initial 2^(-month / half_life); months, ``half_life`` > 0."""
    exp, log_two = special.build(ops).exp, ops.real(math.log(2))

    @ops.function
    def residual(initial, month, half_life):  # type: ignore[no-untyped-def]
        return initial * exp(-log_two * (month / half_life))

    return residual
