"""Elementary functions: units in the last place against extended precision, and the same bits on numpy and cpu."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special as scipy_special
from scipy import stats

from kernels.ops import PRECISIONS
from kernels.special import MAX_ULP
from tests.elementwise import specials

N = 100_000
RANGE = {"float32": (-87.0, 88.0, -37.0, 38.0), "float64": (-708.0, 709.0, -307.0, 308.0)}
"""Where exp is not clamped, and the decimal exponents of normal numbers."""


def points(precision: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points over the whole domain, dense where the reductions change branch: powers of two, sqrt(1/2), tan(pi/8)."""
    rng = np.random.default_rng(seed)
    low, high, smallest, largest = RANGE[precision]
    sign = rng.choice([-1.0, 1.0], N // 4)
    near_ln2 = np.log(2) * (rng.integers(-8, 8, N // 4) + 0.5) + rng.normal(0, 1e-3, N // 4)
    exponents = [
        rng.uniform(low, high, N // 4),
        rng.uniform(-1, 1, N // 4),
        near_ln2,
        sign * 10.0 ** rng.uniform(-30, 0, N // 4),
    ]
    near_one = 1 + sign * 10.0 ** rng.uniform(-9, -1, N // 4)
    positives = [10.0 ** rng.uniform(smallest, largest, N // 2), rng.uniform(0.7, 1.45, N // 4), near_one]
    angles = [
        10.0 ** rng.uniform(-20, 20, N // 2),
        rng.uniform(-3, 3, N // 4),
        sign * rng.normal(np.tan(np.pi / 8), 1e-2, N // 4),
    ]
    words = rng.integers(0, 2**32, N, dtype=np.uint32)
    real = np.dtype(precision).type
    return (*(np.concatenate(x).astype(real) for x in (exponents, positives, angles)), words)  # type: ignore[return-value]


def ulps(value: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Error in units in the last place of the exact result."""
    return np.abs(value.astype(np.longdouble) - exact) / np.spacing(np.abs(exact.astype(value.dtype))).astype(np.longdouble)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="no precision beyond float64 to compare with")
@pytest.mark.parametrize("precision", PRECISIONS)
def test_accuracy_is_what_the_docstring_says(precision: str) -> None:
    exponents, positives, angles, words = points(precision)
    value = specials("numpy", precision, exponents, positives, angles, words)
    exact = {
        "exp": np.exp(exponents.astype(np.longdouble)),
        "expm1": np.expm1(exponents.astype(np.longdouble)),
        "log": np.log(positives.astype(np.longdouble)),
        "atan": np.arctan(angles.astype(np.longdouble)),
    }
    worst = {name: float(ulps(value[name], reference).max()) for name, reference in exact.items()}
    assert all(worst[name] <= MAX_ULP[name] for name in worst), worst


@pytest.mark.parametrize("precision", PRECISIONS)
def test_exact_points(precision: str) -> None:
    x = np.array([0.0, 0.0, 1.0])
    value = specials("numpy", precision, x, [1.0, 2.0, 4.0], [0.0, 1.0, -1.0], [0, 0, 0])
    assert value["exp"][0] == 1 and value["expm1"][0] == 0 and value["log"][0] == 0 and value["atan"][0] == 0
    assert value["atan"][1] == -value["atan"][2]
    np.testing.assert_array_max_ulp(value["exp"][2:], np.exp(np.ones(1, value["exp"].dtype)), 2)
    np.testing.assert_array_max_ulp(value["log"][1:], np.log(np.array([2, 4], value["log"].dtype)), 1)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_exponentials_saturate_and_stay_finite(precision: str) -> None:
    low, high, *_ = RANGE[precision]
    value = specials("numpy", precision, [-1e30, low, high, 1e30], np.ones(4), [-1e30, -1e9, 1e9, 1e30], np.zeros(4))
    assert value["exp"][0] == value["exp"][1] > 0
    assert value["exp"][2] == value["exp"][3] < np.inf
    assert value["expm1"][0] == -1
    np.testing.assert_allclose(
        value["atan"], np.array([-1, -1, 1, 1]) * np.pi / 2, rtol=2e-7, err_msg="atan of large arguments"
    )


@pytest.mark.parametrize("precision", PRECISIONS)
def test_numpy_and_cpu_agree_to_the_last_bit(precision: str) -> None:
    inputs = points(precision, seed=1)
    on_numpy, on_cpu = (specials(target, precision, *inputs) for target in ("numpy", "cpu"))
    for name, value in on_numpy.items():
        np.testing.assert_array_equal(value.view(np.uint8), on_cpu[name].view(np.uint8), err_msg=name)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_numpy_and_cpu_agree_on_whatever_hypothesis_finds(precision: str) -> None:
    width: Literal[32, 64] = 32 if precision == "float32" else 64
    smallest = float(np.finfo(precision).tiny)
    any_real = st.floats(width=width, allow_nan=False, allow_infinity=False)  # zeros, subnormals, the largest
    positive = st.floats(width=width, min_value=smallest, allow_infinity=False)
    row = st.tuples(any_real, positive, any_real, st.integers(0, 2**32 - 1))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(row, min_size=1, max_size=40))
    def check(rows: list[tuple[float, float, float, int]]) -> None:
        columns = [np.array(c) for c in zip(*rows, strict=True)]
        with np.errstate(over="ignore", under="ignore"):
            on_numpy, on_cpu = (specials(target, precision, *columns) for target in ("numpy", "cpu"))
        for name, value in on_numpy.items():
            np.testing.assert_array_equal(value.view(np.uint8), on_cpu[name].view(np.uint8), err_msg=name)

    check()


def normals(precision: str, words: np.ndarray) -> np.ndarray:
    """Normal deviates of ``words``."""
    ones = np.ones(len(words))
    return specials("numpy", precision, ones, ones, ones, words)["normal"]


@pytest.mark.parametrize(("precision", "bound"), [("float32", 6e-7), ("float64", 2e-15)])
def test_normal_quantile(precision: str, bound: float) -> None:
    # The word's low bit is the sign, the rest the tail probability. The bound is relative; it holds in the far tail too.
    words = np.concatenate([np.arange(4096), 2 ** np.arange(1, 32), np.random.default_rng(3).integers(0, 2**32, N)])
    words = words.astype(np.uint32)
    tail = ((words >> np.uint32(1)).astype(np.float64) + 0.5) * 2.0**-32
    exact = -scipy_special.ndtri(tail) * np.where(words & np.uint32(1), -1.0, 1.0)
    value = normals(precision, words).astype(np.float64)
    # float32 cannot hold one half less a probability better than 2^-25: near the centre the error is absolute.
    absolute = 2.0**-24 * np.sqrt(2 * np.pi) if precision == "float32" else 2.0**-53
    assert np.max(np.abs(value - exact) - bound * np.abs(exact)) <= absolute


@pytest.mark.parametrize("precision", PRECISIONS)
def test_normal_moments_are_those_of_the_distribution(precision: str) -> None:
    # Equally spaced words integrate over the distribution: what is left is the midpoint rule's error in the last interval.
    step = 2**12
    even = np.arange(0, 2**32, step, dtype=np.uint64) + step // 2
    words = np.concatenate([even, even + 1]).astype(np.uint32)  # either sign
    z = normals(precision, words).astype(np.float64)
    assert abs(z.mean()) < 1e-12  # an odd function of the sign bit
    assert abs((z**2).mean() - 1) < 1e-5
    assert abs((z**4).mean() - 3) < 5e-4
    assert z.min() == -z.max()


def test_normal_deviates_follow_the_distribution_far_out() -> None:
    words = np.random.default_rng(11).integers(0, 2**32, 400_000, dtype=np.uint32)
    z = normals("float32", words)
    # Fixed seed: the p-value is a constant; 1e-3 would be met by chance in all but one of a thousand seeds.
    assert stats.kstest(z[:50_000].astype(float), "norm").pvalue > 1e-3
    beyond = np.array([(np.abs(z) > x).mean() for x in (2.0, 3.0, 4.0)])
    expected = 2 * stats.norm.sf([2.0, 3.0, 4.0])
    assert np.all(np.abs(beyond - expected) < 4 * np.sqrt(expected / len(z)))
    most = normals("float64", np.array([0, 1], np.uint32))
    np.testing.assert_allclose(most, [-scipy_special.ndtri(2.0**-33), scipy_special.ndtri(2.0**-33)], rtol=1e-14)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_uniforms_lie_above_zero_and_reach_one(precision: str) -> None:
    words = np.array([0, 1, 2**31, 2**32 - 1], np.uint32)
    ones = np.ones(4)
    u = specials("numpy", precision, ones, ones, ones, words)["uniform"].astype(np.float64)
    exact = (words.astype(np.float64) + 0.5) * 2.0**-32
    # A rate of 0 never fires (u > 0) and a rate of 1 always does (u <= 1).
    assert u.min() > 0 and u.max() <= 1
    np.testing.assert_allclose(u, exact, rtol=float(np.finfo(precision).eps))
