"""Default hazard in the mark-to-market loan-to-value ratio: a baseline that ramps linearly with age.

``mdr = base * min(age / ramp, 1) * exp(slope * (ltv - pivot))``, ltv held between ``lowest`` and ``highest``. The
exponential form is that of a proportional hazard in current LTV (Deng, Quigley and Van Order, *Econometrica* 68 (2000),
275-307, equation 6); where each figure comes from is in docs/theory/ltv_hazard.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels import special
from kernels.behaviour.model import Model
from kernels.behaviour.parameter import NOT_NEGATIVE, POSITIVE, SHARE, Parameter
from kernels.ops import Ops


def build(ops: Ops) -> Callable[..., Any]:
    """MDR as a proportional hazard in mark-to-market LTV."""
    exp = special.build(ops).exp
    where, clip, zero, one = ops.where, ops.clip, ops.real(0), ops.real(1)

    @ops.function
    def mdr(seen, parameters):  # type: ignore[no-untyped-def]
        seasoned = seen.age / parameters.ramp_months
        by_time = parameters.base * where(seasoned < one, seasoned, one)
        ltv = clip(seen.ltv, parameters.lowest_ltv, parameters.highest_ltv)
        return clip(by_time * exp(parameters.slope * (ltv - parameters.pivot)), zero, one)

    return mdr


MODEL = Model(
    build,
    {
        "base": Parameter("monthly default rate of a seasoned loan at the pivot", SHARE),
        "slope": Parameter("change of log hazard per unit of ltv"),
        "pivot": Parameter("ltv at which the hazard is the base"),
        "ramp_months": Parameter("months of age to the full hazard", POSITIVE),
        "lowest_ltv": Parameter("the hazard is flat below", NOT_NEGATIVE, at_most="highest_ltv"),
        "highest_ltv": Parameter("the hazard is flat above", NOT_NEGATIVE),
    },
    reads=("age", "ltv"),
    bounded=True,
)
