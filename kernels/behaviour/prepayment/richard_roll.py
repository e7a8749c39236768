"""Richard-Roll prepayment with the OTS refinancing curve: CPR = refinancing x seasoning x seasonality x burnout.

Sources: Richard and Roll, *Prepayments on fixed-rate mortgage-backed securities*, J. Portfolio Management 15 (1989), 73-82
(the form, and the seasonality of its Figure 3); Office of Thrift Supervision, *Net Portfolio Value Model Manual* (March 2000)
(the arctangent). Theory and constants: docs/theory/richard_roll.md, conf/behaviour/.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels import special
from kernels.behaviour.model import Model
from kernels.behaviour.parameter import NOT_NEGATIVE, POSITIVE, Parameter
from kernels.ops import Ops

_SEASONALITY = 8  # position of January's multiplier


def build(ops: Ops) -> Callable[..., Any]:
    """CPR of Richard and Roll."""
    atan_ratio = special.build_atan_ratio(ops)
    real, where, clip = ops.real, ops.where, ops.clip
    zero, one, most = real(0), real(1), real(0.999)

    @ops.function
    def cpr(
        month, age, calendar_month, note_rate, mortgage_rate, balance_factor, ltv, lag, advances_interest, parameters
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        level, height, steepness, centre = parameters[0], parameters[1], parameters[2], parameters[3]
        ramp, burnout_floor, burnout_slope, multiplier = parameters[4], parameters[5], parameters[6], parameters[7]
        seasoned = age / ramp
        by_time = multiplier * where(seasoned < one, seasoned, one) * parameters[_SEASONALITY + calendar_month]
        refinancing = level - height * atan_ratio(steepness * (centre * mortgage_rate - note_rate), mortgage_rate)
        burnout = burnout_floor + burnout_slope * balance_factor
        return clip(by_time * refinancing * burnout, zero, most)

    return cpr


MODEL = Model(
    build,
    {
        "level": Parameter("CPR at the centre of the arctangent, annual"),
        "height": Parameter("CPR per radian, annual"),
        "steepness": Parameter("radians per unit of note rate over mortgage rate"),
        "centre": Parameter("note rate over mortgage rate at the steepest point"),
        "ramp_months": Parameter("months of age to full seasoning", POSITIVE),
        "burnout_floor": Parameter("burnout multiplier of a pool that is paid off"),
        "burnout_slope": Parameter("burnout multiplier per unit of balance factor"),
        "multiplier": Parameter("multiplies the CPR; 1 is the source's own", NOT_NEGATIVE),
        "seasonality": Parameter("multiplier from January to December", NOT_NEGATIVE, table=True, length=12),
    },
    reads=("age", "calendar_month", "note_rate", "mortgage_rate", "balance_factor"),
    annual=True,
    bounded=True,
)
