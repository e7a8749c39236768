"""Static vectors: speeds given by month, and the PSA and SDA curves by loan age.

Source: BMA, *Standard Formulas* (1999); see :mod:`kernels.speeds`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels import speeds
from kernels.behaviour.model import Model
from kernels.ops import Ops


def _by_month(month, parameters):  # type: ignore[no-untyped-def]
    """Entry of a vector in ``month`` (from 1); the last entry holds on."""
    return parameters[min(month, parameters.size) - 1]


def _build_vector(ops: Ops) -> Callable[..., Any]:
    by_month = ops.function(_by_month)

    @ops.function
    def vector(
        month, age, calendar_month, note_rate, mortgage_rate, balance_factor, ltv, lag, advances_interest, parameters
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        return by_month(month, parameters)

    return vector


def _build_psa(ops: Ops) -> Callable[..., Any]:
    psa_cpr = speeds.build_psa_cpr(ops)

    @ops.function
    def psa(
        month, age, calendar_month, note_rate, mortgage_rate, balance_factor, ltv, lag, advances_interest, parameters
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        return psa_cpr(age, parameters[0])

    return psa


def _build_sda(ops: Ops) -> Callable[..., Any]:
    sda_cdr = speeds.build_sda_cdr(ops)

    @ops.function
    def sda(
        month, age, calendar_month, note_rate, mortgage_rate, balance_factor, ltv, lag, advances_interest, parameters
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        return sda_cdr(age, parameters[0])

    return sda


_MONTH, _AGE = ("month",), ("age",)

SMM = Model(_build_vector, {"smm[]": "single monthly mortality by month; the last value holds on"}, _MONTH)
CPR = Model(
    _build_vector, {"cpr[]": "conditional prepayment rate, annual, by month; the last value holds on"}, _MONTH, annual=True
)
PSA = Model(_build_psa, {"multiple": "1 is 100% PSA"}, _AGE, annual=True)
MDR = Model(_build_vector, {"mdr[]": "monthly default rate by month; the last value holds on"}, _MONTH)
CDR = Model(
    _build_vector, {"cdr[]": "conditional default rate, annual, by month; the last value holds on"}, _MONTH, annual=True
)
SDA = Model(_build_sda, {"multiple": "1 is 100% SDA"}, _AGE, annual=True)
SEVERITY = Model(
    _build_vector, {"severity[]": "loss over the balance at default, by month of liquidation; the last holds on"}, _MONTH
)
