"""Runs the scalar functions of ``kernels/`` over arrays, on any target, for tests.

The launchers are of the same form as the product's (``for p in ops.lanes(n)`` over flat arrays), so one text runs the functions on
``numpy``, ``cpu`` and, in the simulator, ``cuda``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from kernels import behaviour, philox, special, speeds
from kernels.amortization import build_level_principal_rate, build_log1p
from kernels.behaviour.model import Model
from kernels.dynamics.hazard import (
    Leaving,
    Servicing,
    Shares,
    build_balance_factor,
    build_leave,
    build_ltv,
    build_settle,
)
from kernels.flows import FIELDS
from kernels.launch import compile_launcher
from kernels.launchers.seeing import build_rate
from kernels.loan_terms import Terms
from kernels.ops import Ops, make_ops
from kernels.terms.adjustable import build_reset_rate
from kernels.unrolled import build_each, build_expression, named_tuple
from tests.kernel_driver import named
from tests.model_columns import column_values


@lru_cache(maxsize=None)
def _specials(ops: Ops) -> Callable[..., None]:
    f = special.build(ops)
    exp, expm1, log, atan, normal, uniform = f
    lanes, at = ops.lanes, ops.at

    def launcher(n, exponents, positives, angles, words, out):  # type: ignore[no-untyped-def]
        for p in lanes(n):
            out[at(0 * n, p)] = exp(exponents[at(0, p)])
            out[at(1 * n, p)] = expm1(exponents[at(0, p)])
            out[at(2 * n, p)] = log(positives[at(0, p)])
            out[at(3 * n, p)] = atan(angles[at(0, p)])
            out[at(4 * n, p)] = normal(words[at(0, p)])
            out[at(5 * n, p)] = uniform(words[at(0, p)])

    return compile_launcher(ops, launcher, "test-specials", (5,))


def specials(target: str, precision: str, exponents: Any, positives: Any, angles: Any, words: Any) -> dict[str, np.ndarray]:
    """exp and expm1 of ``exponents``, log of ``positives``, atan of ``angles``, normal and uniform deviates of ``words``."""
    ops = make_ops(target, precision)
    n = len(exponents)
    out = np.zeros(6 * n, ops.real)
    reals = (np.ascontiguousarray(x, ops.real) for x in (exponents, positives, angles))
    _specials(ops)(n, n, *reals, np.ascontiguousarray(words, np.uint32), out)
    return dict(zip(("exp", "expm1", "log", "atan", "normal", "uniform"), out.reshape(6, n), strict=True))


@lru_cache(maxsize=None)
def _speeds(ops: Ops) -> Callable[..., None]:
    log_survival, monthly, annual = speeds.build_log_survival(ops), speeds.build_monthly(ops), speeds.build_annual(ops)
    short, most, where = speeds.build_short_monthly(ops), ops.real(speeds.SHORT_MOST[ops.precision]), ops.where
    psa_cpr, sda_cdr = speeds.build_psa_cpr(ops), speeds.build_sda_cdr(ops)
    level, reset, log1p = build_level_principal_rate(ops), build_reset_rate(ops), build_log1p(ops)
    lanes, at, half = ops.lanes, ops.at, ops.real(0.5)

    def launcher(n, rates, ages, multiples, remaining, out):  # type: ignore[no-untyped-def]
        for p in lanes(n):
            rate, age, multiple = rates[at(0, p)], ages[at(0, p)], multiples[at(0, p)]
            out[at(0 * n, p)] = where(rate <= most, short(rate), monthly(log_survival(rate), rate))
            out[at(1 * n, p)] = annual(rate)
            out[at(2 * n, p)] = psa_cpr(age, multiple)
            out[at(3 * n, p)] = sda_cdr(age, multiple)
            out[at(4 * n, p)] = level(rate * half * half, remaining[at(0, p)])
            out[at(5 * n, p)] = reset(
                rate, multiple, rate * half, half * multiple, rate + half, half * half, rate * half * half
            )
            out[at(6 * n, p)] = log1p(rate * half * half)

    return compile_launcher(ops, launcher, "test-speeds", (5,))


def speed_functions(
    target: str, precision: str, rates: Any, ages: Any = 1.0, multiples: Any = 1.0, remaining: Any = 1.0
) -> dict[str, np.ndarray]:
    """Speeds and amortisation over arrays broadcast against ``rates``; ``level`` and ``log1p`` see a quarter of ``rates``."""
    ops = make_ops(target, precision)
    inputs = [np.ascontiguousarray(a, ops.real) for a in np.broadcast_arrays(np.atleast_1d(rates), ages, multiples, remaining)]
    n = inputs[0].size
    out = np.zeros(7 * n, ops.real)
    _speeds(ops)(n, n, *inputs, out)
    return dict(zip(("monthly", "annual", "psa", "sda", "level", "reset", "log1p"), out.reshape(7, n), strict=True))


@lru_cache(maxsize=None)
def _words(ops: Ops) -> Callable[..., None]:
    random, lanes, at = philox.build(ops), ops.lanes, ops.at

    def launcher(n, counters, keys, out):  # type: ignore[no-untyped-def]
        for p in lanes(n):
            a, b, c, d = random(
                counters[at(0, p)], counters[at(n, p)], counters[at(2 * n, p)], counters[at(3 * n, p)],
                keys[at(0, p)], keys[at(n, p)],
            )  # fmt: skip
            out[at(0, p)] = a
            out[at(n, p)] = b
            out[at(2 * n, p)] = c
            out[at(3 * n, p)] = d

    return compile_launcher(ops, launcher, "test-words", (3,))


def philox_words(target: str, counters: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Philox4x32-10 of ``counters`` (4, n) under ``keys`` (2, n): (4, n), all uint32."""
    ops = make_ops(target, "float32")
    out = np.zeros(counters.size, np.uint32)
    n = counters.shape[1]
    _words(ops)(n, n, np.ascontiguousarray(counters).ravel(), np.ascontiguousarray(keys).ravel(), out)
    return out.reshape(4, n)


class Hand(NamedTuple):
    """Arrays and numbers of what a model reads."""

    month: Any
    age: Any
    calendar_month: Any
    lag: Any
    advances_interest: Any
    note_rate: Any
    mortgage_rate: Any
    balance_factor: Any
    ltv: Any
    others: Any
    """:func:`others_of` the model by name, an entry a lane: as if each were of another loan."""


BY_PATH = ("note_rate", "mortgage_rate", "balance_factor", "ltv")


def others_of(model: Model) -> tuple[str, ...]:
    """What a model reads beside: columns of the loans, and rows of the scenario that no model that ships reads."""
    return tuple(name for name in model.observes if name not in Hand._fields)


@lru_cache(maxsize=None)
def others_type(names: tuple[str, ...]) -> Any:
    """A named tuple of them; one that is compiled has a field."""
    return named_tuple("Others", names or ("none",))


def hand_loaders(ops: Ops, model: Model) -> dict[str, Callable[..., Any]]:
    """How a model's test loads each of them."""
    place = {name: "[at(0, p)]" if name in BY_PATH else "" for name in Hand._fields if name != "others"}
    place |= {f"others.{name}": "[at(0, p)]" for name in others_of(model)}
    return {
        name.rpartition(".")[2]: build_expression(ops, "hand, p", f"hand.{name}{at}", at=ops.at) for name, at in place.items()
    }


@lru_cache(maxsize=None)
def _model(ops: Ops, kind: str, name: str) -> Callable[..., None]:
    model, lanes, at = behaviour.KINDS[kind][name], ops.lanes, ops.at
    rate, parameters_of = build_rate(ops, model, hand_loaders(ops, model)), model.build_parameters(ops)

    def launcher(n, hand, values, out):  # type: ignore[no-untyped-def]
        parameters = parameters_of(values)
        for p in lanes(n):
            out[at(0, p)] = rate(hand, parameters, p)

    return compile_launcher(ops, launcher, f"test-model-{kind}-{name}", (3,))


def model_rate(
    target: str, precision: str, kind: str, name: str, parameters: Any, note: Any, market: Any, factor: Any, ltv: Any,
    month: int = 1, age: int = 1, calendar_month: int = 0, lag: int = 12, advances_interest: int = 1,
    others: Mapping[str, Any] | None = None,
) -> np.ndarray:  # fmt: skip
    """A behavioural model over arrays of its observables, with what it derives from its parameters.

    ``others`` are :func:`others_of` the model by name; of one that is not given, :func:`~tests.model_columns.column_values`.
    """
    ops = make_ops(target, precision)
    observables = [np.ascontiguousarray(a, ops.real) for a in np.broadcast_arrays(note, market, factor, ltv)]
    n = observables[0].size
    out = np.zeros(n, ops.real)
    model = behaviour.KINDS[kind][name]
    values = np.array(model.values(named(model, parameters)), ops.real)
    loan = ops.real(age), calendar_month, ops.real(lag), ops.real(advances_interest)
    of_others = others_type(others_of(model))
    known = {other: column_values(model, other, n) for other in of_others._fields} | dict(others or {})
    given = {other: np.array(np.broadcast_to(x, n), ops.real) for other, x in known.items()}
    hand = Hand(month, *loan, *observables, of_others(**given))
    _model(ops, kind, name)(n, n, hand, values, out)
    return out


@lru_cache(maxsize=None)
def _month(ops: Ops) -> Callable[..., None]:
    expected, sampled = build_leave(ops, "expected"), build_leave(ops, "sampled")
    factor_of, ltv_of, settle = build_balance_factor(ops), build_ltv(ops), build_settle(ops, "expected")
    lanes, at, one, zero = ops.lanes, ops.at, ops.real(1), ops.real(0)
    store = build_each(ops, FIELDS, "out, first, n, p, flows", "out[at(first + {i} * n, p)] = flows.{name}", at=at)

    def launcher(n, a, matures, principal, interest, out):  # type: ignore[no-untyped-def]
        for p in lanes(n):
            scheduled, performing, foreclosed, liquidated = a[at(0, p)], a[at(n, p)], a[at(2 * n, p)], a[at(3 * n, p)]
            smm, mdr, uniform, severity = a[at(4 * n, p)], a[at(5 * n, p)], a[at(6 * n, p)], a[at(7 * n, p)]
            terms = Terms(zero, smm, mdr, scheduled, scheduled + one)
            out[at(0, p)] = factor_of(scheduled, performing, severity)
            out[at(n, p)], out[at(21 * n, p)] = ltv_of(terms, mdr, one + smm)
            d, q = expected(performing, smm, mdr, uniform)
            out[at(2 * n, p)], out[at(3 * n, p)] = d, q
            hit, gone = sampled(one, smm, mdr, uniform)
            out[at(4 * n, p)], out[at(5 * n, p)] = hit, gone
            shares, entering, flows = settle(
                terms, matures, Shares(performing, foreclosed, zero), Leaving(d, q, liquidated), severity,
                Servicing(uniform * mdr, principal, interest),
            )  # fmt: skip
            out[at(6 * n, p)], out[at(7 * n, p)], out[at(20 * n, p)] = shares
            out[at(8 * n, p)] = entering
            store(out, 9 * n, n, p, flows)

    return compile_launcher(ops, launcher, "test-month", (5,))


def month_functions(
    target: str, precision: str, inputs: np.ndarray, matures: int, principal: int, interest: int
) -> np.ndarray:
    """What is observed, both ``leave`` and ``settle`` over ``inputs`` (8, n): scheduled, performing, foreclosed, liquidated, smm, mdr,
    uniform, severity. Returns (22, n): factor, ltv, both pairs, shares and what enters, the 11 flows, the low part, the second ltv."""
    ops = make_ops(target, precision)
    n = inputs.shape[1]
    out = np.zeros(22 * n, ops.real)
    flat = np.ascontiguousarray(inputs, ops.real).ravel()
    _month(ops)(n, n, flat, ops.real(matures), ops.real(principal), ops.real(interest), out)
    return out.reshape(22, n)
