"""Elementary functions as branch-free polynomials: exp, expm1, log, atan and the normal quantile.

libm calls cannot be vectorised by LLVM, and differ in the last bit between targets; these do neither. The coefficients are
those of Taylor series and, for atan, of its Chebyshev series, except the normal quantile's, which are Wichura's.

Sources: argument reduction by powers of two and by (x-1)/(x+1), e.g. Muller, *Elementary Functions*, 3rd ed. 2016, ch. 11;
normal quantile: Wichura, Algorithm AS 241, *Applied Statistics* 37 (1988), 477-484, PPND7 and PPND16.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from kernels.ops import Ops

_LN2 = Fraction("0.69314718055994530941723212145817656807550013436026")  # OEIS A002162

_AS241 = {
    # (central numerator, central denominator, middle numerator, middle denominator, tail numerator, tail denominator)
    "float32": (
        [3.3871327179, 5.0434271938e1, 1.5929113202e2, 5.9109374720e1],
        [1.0, 1.7895169469e1, 7.8757757664e1, 6.7187563600e1],
        [1.4234372777, 2.7568153900, 1.3067284816, 1.7023821103e-1],
        [1.0, 7.3700164250e-1, 1.2021132975e-1],
        [6.6579051150, 3.0812263860, 4.2868294337e-1, 1.7337203997e-2],
        [1.0, 2.4197894225e-1, 1.2258202635e-2],
    ),
    "float64": (
        [3.3871328727963666080, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
         4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3],
        [1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
         2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3],
        [1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
         1.27045825245236838258, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4],
        [1.0, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1,
         1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9],
        [6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 2.96560571828504891230e-1,
         2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7],
        [1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
         7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15],
    ),
}  # fmt: skip

MAX_ULP = {"exp": 2.0, "expm1": 6.0, "log": 1.0, "atan": 2.5}
"""Largest error, in units in the last place of the result, in either precision. That of expm1 is just above ln(2) / 2, where
the power of two changes."""


class Special(NamedTuple):
    """Elementary functions of one target and precision.

    ``exp``, ``expm1``: argument clamped to the range of normal results. ``log``: x > 0 and normal. ``atan``: any finite x.
    ``normal_from_bits``: a standard normal deviate from 32 random bits. ``uniform_from_bits``: a uniform on (0, 1].
    Accuracy (a test holds it): :data:`MAX_ULP` units in the last place; the normal deviate 6e-7 in float32 and 2e-15 in
    float64, relative, beside what rounding the probability costs near the centre.
    """

    exp: Callable[..., Any]
    expm1: Callable[..., Any]
    log: Callable[..., Any]
    atan: Callable[..., Any]
    normal_from_bits: Callable[..., Any]
    uniform_from_bits: Callable[..., Any]


@lru_cache(maxsize=None)
def build(ops: Ops) -> Special:
    """Special functions for ``ops``."""
    exp, expm1 = _build_exponentials(ops)
    log = _build_log(ops)
    return Special(exp, expm1, log, _build_atan(ops), _build_normal(ops, log), _build_uniform(ops))


def build_polynomial(ops: Ops, coefficients: Sequence[float]) -> Callable[..., Any]:
    """``sum(c[k] * x**k)`` by Horner's rule: the fewest operations, which is what numpy pays for.

    In the short loops of the loan month the compiled target is as fast with it as with Estrin's (docs/adr/0002). Nested closures,
    four coefficients in each, so that neither a loop nor an array is compiled; numpy works in place, a fifth faster.
    """
    if ops.target == "numpy":
        return _build_array_polynomial(ops, coefficients)
    c0, c1, c2, c3 = (ops.real(c) for c in [*coefficients, 0.0, 0.0, 0.0, 0.0][:4])
    if len(coefficients) > 4:
        rest = build_polynomial(ops, coefficients[4:])

        @ops.function
        def polynomial(x):  # type: ignore[no-untyped-def]
            return c0 + x * (c1 + x * (c2 + x * (c3 + x * rest(x))))

        return polynomial  # type: ignore[no-any-return]

    def constant(x):  # type: ignore[no-untyped-def]
        return c0

    def linear(x):  # type: ignore[no-untyped-def]
        return c0 + x * c1

    def quadratic(x):  # type: ignore[no-untyped-def]
        return c0 + x * (c1 + x * c2)

    def cubic(x):  # type: ignore[no-untyped-def]
        return c0 + x * (c1 + x * (c2 + x * c3))

    return ops.function((constant, linear, quadratic, cubic)[len(coefficients) - 1])  # type: ignore[no-any-return]


def _build_array_polynomial(ops: Ops, coefficients: Sequence[float]) -> Callable[..., Any]:
    lowest, *middle, highest = (ops.real(c) for c in (coefficients if len(coefficients) > 1 else [*coefficients, 0.0]))

    def polynomial(x: Any) -> Any:
        total = x * highest
        for coefficient in reversed(middle):
            total += coefficient
            total *= x
        total += lowest
        return total

    return polynomial


def _build_exponentials(ops: Ops) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """``x = k ln 2 + r``, ``exp(x) - 1 = 2**k (exp(r) - 1) + (2**k - 1)``: exact near 0, so expm1 costs nothing extra."""
    single = ops.precision == "float32"
    # |r| <= ln(2)/2: the first dropped term is below half a unit in the last place.
    tail = build_polynomial(ops, [1 / math.factorial(k) for k in range(1, 8 if single else 14)])
    real, integer, clip, bits, from_bits, to_integer = (
        ops.real, ops.integer, ops.clip, ops.bits, ops.from_bits, ops.to_integer)  # fmt: skip
    mantissa, bias = (23, 127) if single else (52, 1023)
    shift, one = integer(mantissa), real(1)
    # Adding 1.5 * 2**mantissa rounds to an integer, which then stands in the low bits: with the exponent's bias, as an exponent.
    rounder = real(1.5 * 2.0**mantissa + bias)
    log2e = real(1 / math.log(2))
    ln2_high, ln2_low = _ln2_parts(ops)
    lowest, highest = (real(-87.0), real(88.0)) if single else (real(-708.0), real(709.0))

    @ops.function
    def reduce(x):  # type: ignore[no-untyped-def]
        x = clip(x, lowest, highest)
        t = x * log2e + rounder
        k = t - rounder
        r = (x - k * ln2_high) - k * ln2_low
        return from_bits(to_integer(bits(t) << shift)), r * tail(r)

    @ops.function
    def exp(x):  # type: ignore[no-untyped-def]
        scale, m = reduce(x)
        return scale + scale * m

    @ops.function
    def expm1(x):  # type: ignore[no-untyped-def]
        scale, m = reduce(x)
        return scale * m + (scale - one)

    return exp, expm1


@lru_cache(maxsize=None)
def build_two_sum(ops: Ops) -> Callable[..., Any]:
    """``two_sum(a, b)``: the rounded sum and what rounding lost, exactly (Knuth, *TAOCP* 2, 3rd ed. 1997, 4.2.2, theorem B)."""

    @ops.function
    def two_sum(a, b):  # type: ignore[no-untyped-def]
        total = a + b
        from_b = total - a
        return total, (a - (total - from_b)) + (b - from_b)

    return two_sum


def _ln2_parts(ops: Ops) -> tuple[Any, Any]:
    """ln 2 in two parts, the first with so few bits that k * high is exact (Cody and Waite 1980)."""
    unit = 2 ** (12 if ops.precision == "float32" else 32)
    high = Fraction(math.floor(_LN2 * unit), unit)
    return ops.real(float(high)), ops.real(float(_LN2 - high))


def _build_log(ops: Ops) -> Callable[..., Any]:
    """``x = 2**k (1 + f)``, 1 + f in [sqrt(1/2), sqrt(2)); ``log(1 + f) = 2 atanh(s)``, s = f / (2 + f)."""
    single = ops.precision == "float32"
    # atanh(s) = s (1 + z/3 + z^2/5 + ...), z = s^2 <= 0.0295
    series = build_polynomial(ops, [2 / (2 * k + 1) for k in range(1, 6 if single else 12)])
    real, integer, bits, from_bits, to_integer, to_real = (
        ops.real, ops.integer, ops.bits, ops.from_bits, ops.to_integer, ops.to_real)  # fmt: skip
    mantissa = 23 if single else 52
    shift, one, two = integer(mantissa), real(1), real(2)
    root_half = real(math.sqrt(0.5)).view(integer)
    mask = integer((1 << mantissa) - 1)
    offset = integer(int(one.view(integer)) - int(root_half))
    exponent_bias = integer(127 if single else 1023)
    ln2_high, ln2_low = _ln2_parts(ops)

    @ops.function
    def log(x):  # type: ignore[no-untyped-def]
        moved = to_integer(bits(x) + offset)
        k = to_real(to_integer((moved >> shift) - exponent_bias))
        f = from_bits(to_integer((moved & mask) + root_half)) - one
        s = f / (two + f)
        z = s * s
        # 2 s = f - s f keeps the leading term exact
        return k * ln2_high + (f - (s * f - (s * (z * series(z)) + k * ln2_low)))

    return log


def build_atan_ratio(ops: Ops) -> Callable[..., Any]:
    """``atan_ratio(y, x)``: atan(y / x) for x > 0, with one division: of the smaller by the larger, atan(1 / t) = pi / 2 - atan(t).

    On [0, 1] the Chebyshev series of atan, ``2 sum (-1)^k q^(2k+1) / (2k+1) T_{2k+1}(t)`` with q = sqrt(2) - 1, cut where the next
    term is below half a unit in the last place. With t = cos u it is atan(q e^iu) + atan(q e^-iu), of which the addition theorem
    makes atan(2 q t / (1 - q^2)), and 2 q = 1 - q^2.
    """
    series = build_polynomial(ops, atan_coefficients(10 if ops.precision == "float32" else 22))
    real, where, minimum, maximum = ops.real, ops.where, ops.minimum, ops.maximum
    bits, from_bits, to_integer = ops.bits, ops.from_bits, ops.to_integer
    half_pi, sign_bit = real(math.pi / 2), real(-0.0).view(ops.integer)

    @ops.function
    def atan_ratio(y, x):  # type: ignore[no-untyped-def]
        size = abs(y)
        t = minimum(size, x) / maximum(size, x)
        angle = t * series(t * t)
        angle = where(size > x, half_pi - angle, angle)
        return from_bits(to_integer(bits(angle) | (bits(y) & sign_bit)))

    return atan_ratio  # type: ignore[no-any-return]


@lru_cache(maxsize=None)
def atan_coefficients(terms: int) -> tuple[float, ...]:
    """Of t, t^3, ... in the first ``terms`` terms of the Chebyshev series; summed exactly, rounded once."""
    q = Fraction(math.isqrt(2 * 10**100), 10**50) - 1
    total = [Fraction(0)] * terms
    for k in range(terms):
        weight, n = 2 * (-1) ** k * q ** (2 * k + 1) / (2 * k + 1), 2 * k + 1
        for i in range(k + 1):  # T_n(t) = n / 2 sum (-1)^i (n - i - 1)! / (i! (n - 2 i)!) (2 t)^(n - 2 i)
            power = n - 2 * i
            ways = Fraction(math.factorial(n - i - 1), math.factorial(i) * math.factorial(power))
            total[(power - 1) // 2] += weight * Fraction(n, 2) * (-1) ** i * ways * 2**power
    return tuple(float(c) for c in total)


def _build_atan(ops: Ops) -> Callable[..., Any]:
    atan_ratio, one = build_atan_ratio(ops), ops.real(1)

    @ops.function
    def atan(x):  # type: ignore[no-untyped-def]
        return atan_ratio(x, one)

    return atan  # type: ignore[no-any-return]


def _build_uniform(ops: Ops) -> Callable[..., Any]:
    """32 random bits to (0, 1], with the full relative resolution of the precision near 0, where rare events live."""
    to_real, unit, half = ops.to_real, ops.real(2.0**-32), ops.real(0.5)

    @ops.function
    def uniform_from_bits(word):  # type: ignore[no-untyped-def]
        return (to_real(word) + half) * unit

    return uniform_from_bits


def _build_normal(ops: Ops, log: Callable[..., Any]) -> Callable[..., Any]:
    """Normal deviate from 32 bits: one bit is the sign, 31 give the tail probability, so both precisions see one number."""
    central_n, central_d, middle_n, middle_d, tail_n, tail_d = (
        build_polynomial(ops, coefficients) for coefficients in _AS241[ops.precision]
    )
    real, where, to_real, to_uint32, to_integer = ops.real, ops.where, ops.to_real, ops.to_uint32, ops.to_integer
    sqrt = build_square_root(ops)
    half, unit = real(0.5), real(2.0**-32)
    radius, centre = real(0.180625), real(0.425)  # AS 241: |q| <= 0.425 is the central region, 0.425^2
    near, far, boundary = real(1.6), real(5.0), real(5.0)
    one, two, low_bit = real(1), real(2), np.uint32(1)

    @ops.function
    def normal_from_bits(word):  # type: ignore[no-untyped-def]
        tail_probability = (to_real(to_uint32(word >> low_bit)) + half) * unit
        q = half - tail_probability
        r = radius - q * q
        central = q * central_n(r) / central_d(r)
        root = sqrt(-log(tail_probability))
        middle = middle_n(root - near) / middle_d(root - near)
        tail = tail_n(root - far) / tail_d(root - far)
        size = where(q <= centre, central, where(root <= boundary, middle, tail))
        sign = one - two * to_real(to_integer(word & low_bit))
        return sign * size

    return normal_from_bits


def build_square_root(ops: Ops) -> Callable[..., Any]:
    """IEEE square root: an instruction on every target, so vectorisable and exact."""
    if ops.target == "numpy":
        return np.sqrt
    real, root = ops.real, math.sqrt

    @ops.function
    def sqrt(x):  # type: ignore[no-untyped-def]
        return real(root(x))

    return sqrt
