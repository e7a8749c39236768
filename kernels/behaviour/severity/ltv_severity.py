"""Loss severity in the mark-to-market loan-to-value ratio at liquidation: a put on the house, whose price scatters about the index.

What must be paid back, over the balance at default, is ``owed = 1 + interest until liquidation + fixed costs``, where interest
that no servicer advances is nobody's to claim; the sale brings ``returned = (proceeds - carrying x lag) / ltv`` on average. With
``s`` the standard deviation of the log price, ``severity = E max(owed - returned e^(s z - s^2 / 2), 0) = owed N(s - d) -
returned N(-d)``, ``d = (ln(returned / owed) + s^2 / 2) / s`` (Black and Scholes, *Journal of Political Economy* 81 (1973),
equation 13, with put-call parity). Origin of the figures: docs/theory/ltv_severity.md.

Two normal distributions and a logarithm a loan month would cost more than the prepayment model. What the dispersion adds to
``max(owed - returned, 0)``, over ``owed + returned``, depends on ``v = |owed - returned| / (owed + returned)`` alone and is even
in it: a polynomial is fitted to it, from the formula, when a run is set up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernels import normal, special
from kernels.behaviour.model import Model
from kernels.behaviour.parameter import ANNUAL, SHARE, Parameter, Range
from kernels.ops import Ops, make_ops

MOST_ERROR = 1e-6
"""Of severity by the polynomial against the formula, for dispersions of :data:`DISPERSIONS` and any ltv (a test holds it)."""

DISPERSIONS = (0.01, 0.3)
"""Dispersions for which :data:`MOST_ERROR` holds."""

_REACH = 4.75  # standard deviations: a put further from the money is worth less than 1e-7 of the balance
_COEFFICIENTS = 8

DERIVED = ("scale", *(f"c{power}" for power in range(_COEFFICIENTS)))
"""1 over the largest ``v``, and the polynomial's coefficients, lowest power first."""


def build_expected_loss(ops: Ops) -> Callable[..., Any]:
    """``expected_loss(owed, returned, dispersion)``: mean of what a lognormal sale of mean ``returned`` leaves unpaid of ``owed``.

    All > 0; ``owed`` and ``returned`` in one unit, whatever it is; ``dispersion`` is the standard deviation of the log price.
    """
    cdf, log, half = normal.build_cdf(ops), special.build(ops).log, ops.real(0.5)

    @ops.function
    def expected_loss(owed, returned, dispersion):  # type: ignore[no-untyped-def]
        d = log(returned / owed) / dispersion + half * dispersion
        return owed * cdf(dispersion - d) - returned * cdf(-d)

    return expected_loss


def fit(given: Any) -> list[float]:
    """What the kernel reads after the parameters: :data:`DERIVED`.

    The polynomial is ``w^4`` times one of degree 7 in ``w = 1 - v / largest``, so that it ends at 0 without a step and its
    coefficients are small; least squares at Chebyshev's points, float64.
    """
    dispersion = given.dispersion
    expected_loss = build_expected_loss(make_ops("numpy", "float64"))
    largest = np.tanh(_REACH * dispersion / 2)
    w = (np.cos(np.pi * (np.arange(200) + 0.5) / 200) + 1) / 2
    v = largest * (1 - w)
    added = (expected_loss(1 + v, 1 - v, dispersion) - 2 * v) / 2
    powers = w[:, None] ** (4 + np.arange(_COEFFICIENTS))
    return [float(1 / largest), *np.linalg.lstsq(powers, added)[0].tolist()]


def build(ops: Ops) -> Callable[..., Any]:
    """Loss over the balance at default, in [0, 1]."""
    real, clip, added_by_dispersion = ops.real, ops.clip, _build_polynomial(ops)
    zero, one, years, least, most = real(0), real(1), real(1 / 12), real(1e-6), real(np.inf)

    @ops.function
    def severity(seen, parameters):  # type: ignore[no-untyped-def]
        until_sale = seen.lag * years
        owed = one + parameters.fixed_costs + seen.advances_interest * seen.note_rate * until_sale
        returned = clip(parameters.proceeds - parameters.carrying * until_sale, zero, most)
        # Both times ltv, and one division for the two that are needed: it costs more than all the rest.
        held = clip(seen.ltv, least, most)
        debt = owed * held
        short, total = debt - returned, debt + returned
        inverse = one / (total * held)
        added = added_by_dispersion(clip(one - abs(short) * (held * inverse) * parameters.scale, zero, one), parameters)
        return clip((clip(short, zero, most) + total * added) * (total * inverse), zero, one)

    return severity


def _build_polynomial(ops: Ops) -> Callable[..., Any]:
    """``polynomial(w, parameters)``: ``w^4`` times the one whose coefficients are ``c0`` to ``c7``, in Estrin's order."""

    @ops.function
    def polynomial(w, parameters):  # type: ignore[no-untyped-def]
        w2 = w * w
        w4 = w2 * w2
        low = (parameters.c0 + parameters.c1 * w) + (parameters.c2 + parameters.c3 * w) * w2
        high = (parameters.c4 + parameters.c5 * w) + (parameters.c6 + parameters.c7 * w) * w2
        return (low + high * w4) * w4

    return polynomial


MODEL = Model(
    build,
    {
        "proceeds": Parameter("net proceeds of the sale over the indexed value", Range(0, 2, unit="over the indexed value")),
        "carrying": Parameter(
            "taxes, insurance and upkeep until the sale, over the indexed value, annual", Range(0, 0.25, unit=ANNUAL)
        ),
        "fixed_costs": Parameter("foreclosure and other costs over the balance at default", SHARE),
        "dispersion": Parameter(
            "standard deviation of the log price of a house about its index",
            Range(*DISPERSIONS, unit="standard deviation of the log price; 0.18 is 18%"),
        ),
    },
    reads=("note_rate", "ltv", "lag", "advances_interest"),
    bounded=True,
    derived=DERIVED,
    derive=fit,
)
