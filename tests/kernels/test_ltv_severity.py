"""Severity as a put on a lognormal house price: against its closed form, quadrature, the published figures, and its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.behaviour.severity.ltv_severity import DISPERSIONS, MOST_ERROR, build_expected_loss
from kernels.ops import make_ops
from tests import oracle
from tests.elementwise import model_rate

SHIPPED = (0.7378, 0.0167, 0.0675, 0.18)
"""conf/behaviour/severity/ltv_severity.yaml; that it is so, is tests/mcsim/test_configuration.py's."""

costs = st.tuples(st.floats(0.3, 1.2), st.floats(0, 0.05), st.floats(0, 0.3), st.floats(*DISPERSIONS))
loan = st.tuples(st.integers(1, 60), st.floats(0, 0.15), st.booleans())
"""Lag, note rate, whether the servicer advances interest."""


def severity(
    parameters: tuple[float, ...], note: float, ltv: object, lag: int, advances: bool = True, **where: str
) -> np.ndarray:
    """The model at an array of ltv."""
    target, precision = where.get("target", "numpy"), where.get("precision", "float64")
    ltvs = np.atleast_1d(np.asarray(ltv, float))
    return model_rate(
        target,
        precision,
        "severity",
        "ltv_severity",
        parameters,
        note,
        0.05,
        1.0,
        ltvs,
        lag=lag,
        advances_interest=int(advances),
    )


@settings(max_examples=200, deadline=None)
@given(costs, loan, st.lists(st.floats(0.02, 8), min_size=1, max_size=20))
def test_polynomial_keeps_its_word_against_the_closed_form(
    parameters: tuple[float, ...], terms: tuple[int, float, bool], ltvs: list[float]
) -> None:
    lag, note, advances = terms
    exact = oracle.ltv_severity(parameters, lag, advances)
    found = severity(parameters, note, ltvs, lag, advances)
    expected = [exact(1, 1, 0, note, 0.05, 1.0, ltv) for ltv in ltvs]
    # MOST_ERROR of the balance for a loss of up to about all of it; `owed` scales it.
    np.testing.assert_allclose(found, expected, rtol=0, atol=MOST_ERROR * (1 + parameters[2] + note * lag / 12))


def test_closed_form_is_the_average_over_the_dispersion() -> None:
    """E max(owed - returned e^(s z - s^2/2), 0) by Gauss and Legendre over the part of z where something is lost."""
    expected_loss = build_expected_loss(make_ops("numpy", "float64"))
    for owed, returned, s in ((1.18, 0.696 / 0.6, 0.18), (1.1, 0.8, 0.05), (1.0, 1.5, 0.3)):
        last = min((math.log(owed / returned) + s * s / 2) / s, 10.0)  # beyond it the sale pays everything
        nodes, weights = np.polynomial.legendre.leggauss(200)
        half = (last + 10) / 2
        z = last + half * (nodes - 1)
        lost = (owed - returned * np.exp(s * z - s * s / 2)) * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        found = float(expected_loss(np.float64(owed), np.float64(returned), np.float64(s)))
        assert found == pytest.approx(float(weights @ lost) * half, abs=1e-13)


@pytest.mark.parametrize(
    ("lag", "note", "ltv", "percent"),
    [
        (30, 0.045, (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2), (9.4, 20.3, 31.3, 40.7, 48.4, 54.7, 60.0)),  # FMAP's worked case
        (12, 0.033, (0.6, 0.7, 0.8), (4.2, 11.7, 21.1)),  # its costs over the lag and the rate of the shipped jumbo pool
    ],
)
def test_published_severities(lag: int, note: float, ltv: tuple[float, ...], percent: tuple[float, ...]) -> None:
    found = 100 * severity(SHIPPED, note, ltv, lag)
    np.testing.assert_allclose(found, percent, atol=0.05)  # half a unit of the last digit printed


def test_worked_severities_without_dispersion() -> None:
    """FMAP v3.0 (FHFA): 2, 18, 31, 41, 48, 60% at an indexed LTV of 60 to 120, within its .6 points (docs/theory/ltv_severity.md)."""
    flat = (*SHIPPED[:3], 0.01)  # the smallest dispersion that is taken
    found = 100 * severity(flat, 0.045, (0.6, 0.7, 0.8, 0.9, 1.0, 1.2), 30)
    np.testing.assert_allclose(found, (2, 18, 31, 41, 48, 60), atol=0.65)


def test_interest_and_carrying_follow_the_lag_the_note_rate_and_the_advances() -> None:
    """Far under water nothing is left to chance: severity = owed - returned, so each of its parts can be read off."""
    at = {(lag, note, adv): float(severity(SHIPPED, note, 2.0, lag, adv)[0]) for lag, note, adv in CASES}
    month = 1 / 12
    for (lag, note, adv), value in at.items():
        owed = 1 + 0.0675 + adv * note * lag * month
        assert value == pytest.approx(owed - (0.7378 - 0.0167 * lag * month) / 2, abs=MOST_ERROR)
    assert at[24, 0.05, True] - at[12, 0.05, True] == pytest.approx(0.05 + 0.0167 / 2, abs=2 * MOST_ERROR)
    assert at[12, 0.05, True] - at[12, 0.05, False] == pytest.approx(0.05, abs=2 * MOST_ERROR)


CASES = [(lag, note, adv) for lag in (1, 12, 24) for note in (0.0, 0.05) for adv in (True, False)]


def test_limits() -> None:
    assert severity(SHIPPED, 0.04, (0.0, 1e-9, 0.05), 12).tolist() == [0.0, 0.0, 0.0], "a house worth many times the loan"
    assert severity(SHIPPED, 0.04, 1e6, 12)[0] == 1.0, "a house worth nothing: no more than the balance is lost"
    assert severity(SHIPPED, 0.04, 0.5, 600)[0] == 1.0, "carrying for fifty years eats the house"
    assert np.isnan(severity(SHIPPED, 0.04, np.nan, 12)[0]), "a NaN is seen, not priced"


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_float32(target: str) -> None:
    ltv = np.linspace(0.2, 2.0, 400)
    single = severity(SHIPPED, 0.045, ltv, 30, target=target, precision="float32")
    exact = severity(SHIPPED, 0.045, ltv, 30)
    # Roundings of numbers up to owed + returned, about 5 at the lowest ltv, at 6e-8 each.
    np.testing.assert_allclose(single, exact, atol=2e-6)
