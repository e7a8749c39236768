"""Prepayment and default as competing exits, then foreclosure: who leaves a loan in a month on a path, what flows, what is lost.

Order of events (BMA, *Standard Formulas*, 1999, SF-19 to SF-29): interest accrues on the balance at the start of the month;
scheduled payment; defaults on the last performing balance, before scheduled principal; prepayment on the scheduled balance;
servicer advances on the loans in foreclosure; liquidation and recovery after their lag.

The loan is carried as shares of its scheduled balance: ``performing`` and ``foreclosed`` are shares, ``scheduled`` is USD. In
``expected`` mode a share is a probability; in ``sampled`` mode it is 0 or 1 and a uniform decides who leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kernels import special
from kernels.flows import Flows
from kernels.ops import Ops

DECREMENTS = ("expected", "sampled")


class Shares(NamedTuple):
    """Where a loan stands, as shares of its scheduled balance; of one in foreclosure USD where no principal is advanced."""

    performing: Any
    foreclosed: Any
    foreclosed_low: Any
    """What rounding lost of ``foreclosed``."""


class Leaving(NamedTuple):
    """Shares that move this month."""

    defaulted: Any
    prepaid: Any
    liquidated: Any
    """What entered foreclosure one lag ago."""


class Servicing(NamedTuple):
    """What the servicer keeps and advances."""

    rate: Any
    """Of the month, over the balance that pays interest."""
    advances_principal: Any
    """1 or 0."""
    advances_interest: Any
    """1 or 0."""


def build_balance_factor(ops: Ops) -> Callable[..., Any]:
    """``balance_factor(opening, expected, inverse_balance)``: expected performing balance over the balance at the cut-off.

    ``opening`` is the scheduled balance at the start of the month (USD), ``expected`` the expected performing share,
    ``inverse_balance`` 1 over the balance at the cut-off.
    """

    @ops.function
    def balance_factor(opening, expected, inverse_balance):  # type: ignore[no-untyped-def]
        return opening * inverse_balance * expected

    return balance_factor


def build_ltv(ops: Ops) -> Callable[..., Any]:
    """``ltv(terms, ltv_per_usd, price)``: loan-to-value ratios of the balance now, and of the balance at default.

    ``ltv_per_usd`` is the LTV at the cut-off over the balance then, ``price`` the home-price index over its value then. The
    second is what a borrower owes who paid nothing since default: severity's.
    """

    @ops.function
    def ltv(terms, ltv_per_usd, price):  # type: ignore[no-untyped-def]
        ltv_per_usd_now = ltv_per_usd / price
        return terms.opening * ltv_per_usd_now, terms.at_default * ltv_per_usd_now

    return ltv


def build_in_force(ops: Ops, already: bool) -> Callable[..., Any]:
    """``in_force(rate, allowed)``: a model's rate, bounded, where it is allowed (1, else 0)."""
    bounded = build_bounded(ops, already)

    @ops.function
    def in_force(rate, allowed):  # type: ignore[no-untyped-def]
        return allowed * bounded(rate)

    return in_force


def build_bounded(ops: Ops, already: bool = False) -> Callable[..., Any]:
    """``bounded(rate)``: a model's rate, held to [0, 1] by us where not by itself. A NaN stays one: it must be seen, not priced."""
    clip, zero, one = ops.clip, ops.real(0), ops.real(1)

    @ops.function
    def unchanged(rate):  # type: ignore[no-untyped-def]
        return rate

    if already:
        return unchanged  # type: ignore[no-any-return]

    @ops.function
    def bounded(rate):  # type: ignore[no-untyped-def]
        return clip(rate, zero, one)

    return bounded


def build_leave(ops: Ops, decrement: str) -> Callable[..., Any]:
    """``leave(performing, smm, mdr, uniform)``: shares that default and prepay this month.

    The two modes have the same mean: P(u <= mdr) = mdr and P(mdr < u <= mdr + smm) = smm. Defaults come first: what prepays
    is held to what is left. A rate that is NaN gives shares that are NaN.
    """
    if decrement not in DECREMENTS:
        raise ValueError(f"unknown decrement {decrement!r}; expected one of {DECREMENTS}")
    where, minimum, zero, one = ops.where, ops.minimum, ops.real(0), ops.real(1)

    @ops.function
    def expected(performing, smm, mdr, uniform):  # type: ignore[no-untyped-def]
        return performing * mdr, performing * minimum(smm, one - mdr)

    @ops.function
    def sampled(performing, smm, mdr, uniform):  # type: ignore[no-untyped-def]
        either = mdr + smm
        none = zero * either  # 0, or NaN where a rate is
        defaulted = where(uniform <= mdr, performing, none)
        return defaulted, where(uniform <= either, performing, none) - defaulted

    return expected if decrement == "expected" else sampled


def _build_exact(ops: Ops, decrement: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Sum and difference of shares, with what rounding lost.

    In float64 nothing that matters is lost, and nothing is computed. In ``sampled`` mode nothing at all: a loan enters foreclosure
    once, whole, and leaves it whole.
    """
    two_sum, zero, single = special.build_two_sum(ops), ops.real(0), ops.precision == "float32" and decrement == "expected"

    @ops.function
    def add(a, b):  # type: ignore[no-untyped-def]
        return two_sum(a, b) if single else (a + b, zero)

    @ops.function
    def subtract(a, b):  # type: ignore[no-untyped-def]
        # What is liquidated is part of what is foreclosed: half of the steps do where b <= a (Dekker 1971).
        difference = a - b
        return difference, (a - difference) - b if single else zero

    return add, subtract


def build_expect(ops: Ops) -> Callable[..., Any]:
    """``expect(expected, smm, mdr, matures)``: expected performing share a month on."""
    leave, one = build_leave(ops, "expected"), ops.real(1)

    @ops.function
    def expect(expected, smm, mdr, matures):  # type: ignore[no-untyped-def]
        defaults, prepays = leave(expected, smm, mdr, one)
        return (expected - defaults - prepays) * (one - matures)

    return expect


def build_settle(ops: Ops, decrement: str) -> Callable[..., Any]:
    """``settle(terms, matures, shares, leaving, severity, servicing)``: new shares, what enters foreclosure, the month's flows.

    ``terms`` are :class:`kernels.loan_terms.Terms`, ``matures`` is 1 in the month of maturity, else 0, ``severity`` the loss over
    the balance at default; the flows are :data:`kernels.flows.Flows`, USD.

    The share in foreclosure is a running sum of what enters less what leaves a lag later: carried in two parts, it falls to zero
    with the precision it had at its peak. With principal advanced, a foreclosed share is one of the falling scheduled balance,
    as the performing shares are; else it is USD and does not fall.
    The servicer keeps its fee out of the interest it collects, and advances interest net of it.
    """
    where, clip, minimum, add, subtract = ops.where, ops.clip, ops.minimum, *_build_exact(ops, decrement)
    zero, one, half, most = ops.real(0), ops.real(1), ops.real(0.5), ops.real(np.inf)

    @ops.function
    def settle(terms, matures, shares, leaving, severity, servicing):  # type: ignore[no-untyped-def]
        scheduled, principal_rate = terms.opening, terms.principal_rate
        defaulted, prepaid, liquidated = leaving.defaulted, leaving.prepaid, leaving.liquidated
        advanced = servicing.advances_principal > half
        unit = where(advanced, scheduled, one)
        defaulted_balance = defaulted * scheduled
        entering = where(advanced, defaulted, defaulted_balance)
        entered, lost_entering = add(shares.foreclosed, entering)
        remaining, lost_leaving = subtract(entered, liquidated)
        low = shares.foreclosed_low + lost_entering
        in_foreclosure = entered + low
        low = low + lost_leaving
        left = unit * clip(remaining + low, zero, most)

        paying = scheduled * (shares.performing - defaulted)
        net_rate = terms.interest_rate - servicing.rate
        advanced_rate = servicing.advances_interest * unit * where(net_rate > zero, net_rate, zero)
        after_payment = scheduled - scheduled * principal_rate
        stays = shares.performing - defaulted - prepaid
        # A maturing loan is paid off, but a balloon is never advanced: what is in foreclosure keeps its balance.
        advanced_principal = where(advanced, left * (principal_rate * (one - matures)), zero)
        liquidated_balance = unit * liquidated
        loss = severity * liquidated * where(advanced, terms.at_default, one)
        loss = minimum(loss, liquidated_balance)

        flows = Flows(
            balance=after_payment * stays,
            foreclosure_balance=left - advanced_principal,
            interest=paying * terms.interest_rate,
            advanced_interest=in_foreclosure * advanced_rate,
            scheduled_principal=paying * principal_rate,
            advanced_principal=advanced_principal,
            prepaid_principal=after_payment * prepaid,
            defaulted_balance=defaulted_balance,
            recovery=liquidated_balance - loss,
            loss=loss,
            servicing_fee=paying * servicing.rate,
        )
        return Shares(stays * (one - matures), remaining, low), entering, flows

    return settle
