"""Richard-Roll prepayment with the OTS refinancing curve: CPR = refinancing x seasoning x seasonality x burnout.

Sources: Richard and Roll, *Prepayments on fixed-rate mortgage-backed securities*, J. Portfolio Management 15 (1989), 73-82
(the form, and the seasonality of its Figure 3); Office of Thrift Supervision, *Net Portfolio Value Model Manual* (March 2000)
(the arctangent). Theory and constants: docs/theory/richard_roll.md, conf/behaviour/.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels import special
from kernels.behaviour.model import Model, Part
from kernels.behaviour.parameter import NOT_NEGATIVE, POSITIVE, Parameter
from kernels.ops import Ops


def build(ops: Ops) -> Callable[..., Any]:
    """CPR of Richard and Roll."""
    real, where, clip = ops.real, ops.where, ops.clip
    zero, one, most = real(0), real(1), real(0.999)

    @ops.function
    def cpr(seen, parameters):  # type: ignore[no-untyped-def]
        seasoned = seen.age / parameters.ramp_months
        seasonality = parameters.seasonality[seen.calendar_month]
        by_time = parameters.multiplier * where(seasoned < one, seasoned, one) * seasonality
        burnout = parameters.burnout_floor + parameters.burnout_slope * seen.balance_factor
        return clip(by_time * seen.refinancing * burnout, zero, most)

    return cpr


def build_refinancing(ops: Ops) -> Callable[..., Any]:
    """CPR before seasoning and burnout: the arctangent of note rate over mortgage rate, the same for all loans of one note rate."""
    atan_ratio = special.build_atan_ratio(ops)

    @ops.function
    def refinancing(seen, parameters):  # type: ignore[no-untyped-def]
        apart = parameters.steepness * (parameters.centre * seen.mortgage_rate - seen.note_rate)
        return parameters.level - parameters.height * atan_ratio(apart, seen.mortgage_rate)

    return refinancing


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
    reads=("age", "calendar_month", "refinancing", "balance_factor"),
    parts={"refinancing": Part(build_refinancing, reads=("note_rate", "mortgage_rate"))},
    annual=True,
    bounded=True,
)
