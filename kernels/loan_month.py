"""One loan, one path, one month: what is due, who leaves, what is lost.

Order of events (BMA, *Standard Formulas*, 1999, SF-19 to SF-29): interest accrues on the balance at the start of the month;
scheduled payment; defaults on the last performing balance, before scheduled principal; prepayment on the scheduled balance;
servicer advances on the loans in foreclosure; liquidation and recovery after their lag.

The loan is carried as shares of its scheduled balance: ``performing`` and ``foreclosed`` are shares, ``scheduled`` is USD. In
``expected`` mode a share is a probability; in ``sampled`` mode it is 0 or 1 and a uniform decides who leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernels import special
from kernels.ops import Ops

FIELDS = (
    "balance",
    "foreclosure_balance",
    "interest",
    "advanced_interest",
    "scheduled_principal",
    "advanced_principal",
    "prepaid_principal",
    "defaulted_balance",
    "recovery",
    "loss",
    "servicing_fee",
)
"""Flows of one month, in the order that :func:`build_flows` returns them; units and meanings in mcsim/variables.py."""

DECREMENTS = ("expected", "sampled")


def build_observe(ops: Ops) -> Callable[..., Any]:
    """``observe(opening, at_default, expected, inverse_balance, ltv_per_usd, price)``: balance factor, loan-to-value ratios.

    ``opening`` is the scheduled balance at the start of the month (USD), ``at_default`` that of the month in which defaulted
    what is liquidated now, ``expected`` the expected performing share,
    ``inverse_balance`` 1 over the balance at the cut-off, ``ltv_per_usd`` the LTV then over that balance, ``price`` the
    home-price index over its value then. The second ratio is what a borrower owes who paid nothing since default: severity's.
    """

    @ops.function
    def observe(opening, at_default, expected, inverse_balance, ltv_per_usd, price):  # type: ignore[no-untyped-def]
        ltv_per_usd_now = ltv_per_usd / price
        return opening * inverse_balance * expected, opening * ltv_per_usd_now, at_default * ltv_per_usd_now

    return observe


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


def build_flows(ops: Ops, decrement: str) -> Callable[..., Any]:
    """``flows(...)``: new shares and the month's flows in USD, in the order of :data:`FIELDS`.

    Arguments: ``scheduled`` (balance at the start of the month, USD); ``performing``, ``foreclosed`` (shares) and
    ``foreclosed_low`` (what rounding lost of the latter); ``defaulted``, ``prepaid`` (shares that leave now); ``liquidated``
    (what entered foreclosure one lag ago) and ``scheduled_at_default`` (balance at the start of that month);
    ``interest_rate`` (of the month), ``principal_rate`` (scheduled principal over balance), ``matures`` (1 in the month of
    maturity, else 0), ``severity``, ``servicing_rate`` (of the month), ``advances_principal``, ``advances_interest`` (1 or 0).

    Returns the new ``performing``, ``foreclosed`` and ``foreclosed_low``, what enters foreclosure, then the flows. The share in
    foreclosure is a running sum of what enters less what leaves a lag later: carried in two parts, it falls to zero with the
    precision it had at its peak. With principal advanced, a
    foreclosed share is one of the falling scheduled balance, as the performing shares are; else it is USD and does not fall.
    The servicer keeps its fee out of the interest it collects, and advances interest net of it.
    """
    where, clip, minimum, add, subtract = ops.where, ops.clip, ops.minimum, *_build_exact(ops, decrement)
    zero, one, half, most = ops.real(0), ops.real(1), ops.real(0.5), ops.real(np.inf)

    @ops.function
    def flows(
        scheduled, performing, foreclosed, foreclosed_low, defaulted, prepaid, liquidated, scheduled_at_default,
        interest_rate, principal_rate, matures, severity, servicing_rate, advances_principal, advances_interest,
    ):  # type: ignore[no-untyped-def]  # fmt: skip
        advanced = advances_principal > half
        unit = where(advanced, scheduled, one)
        defaulted_balance = defaulted * scheduled
        entering = where(advanced, defaulted, defaulted_balance)
        entered, lost_entering = add(foreclosed, entering)
        remaining, lost_leaving = subtract(entered, liquidated)
        low = foreclosed_low + lost_entering
        in_foreclosure = entered + low
        low = low + lost_leaving
        left = unit * clip(remaining + low, zero, most)

        paying = scheduled * (performing - defaulted)
        net_rate = interest_rate - servicing_rate
        advanced_rate = advances_interest * unit * where(net_rate > zero, net_rate, zero)
        after_payment = scheduled - scheduled * principal_rate
        stays = performing - defaulted - prepaid
        # A maturing loan is paid off, but a balloon is never advanced: what is in foreclosure keeps its balance.
        advanced_principal = where(advanced, left * (principal_rate * (one - matures)), zero)
        liquidated_balance = unit * liquidated
        loss = severity * liquidated * where(advanced, scheduled_at_default, one)
        loss = minimum(loss, liquidated_balance)

        return (
            stays * (one - matures),
            remaining,
            low,
            entering,
            after_payment * stays,
            left - advanced_principal,
            paying * interest_rate,
            in_foreclosure * advanced_rate,
            paying * principal_rate,
            advanced_principal,
            after_payment * prepaid,
            defaulted_balance,
            liquidated_balance - loss,
            loss,
            paying * servicing_rate,
        )

    return flows
