"""A month of a waterfall, one path: what comes in, what is due, who is paid.

The arithmetic is float64 on every target: money must be right to the cent. Sources: Fabozzi (ed.), *The Handbook of
Mortgage-Backed Securities*, 7th ed. 2016 (senior-subordinate structures, net-WAC coupons, allocation of losses);
the conventions are written out in docs/theory/waterfall.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from kernels.ops import Ops

HALF_CENT = 0.005
"""USD. Payments are made in cents: a smaller difference between two sums is rounding, not money."""

NEGLIGIBLE_SHARE = 1e-5
"""Of the performing balance: less than this that pays is the rounding of a float32 pool (below 1e-6 of it), not loans."""


@lru_cache(maxsize=None)
def build_collect(ops: Ops) -> Callable[..., Any]:
    """``collect(interest, scheduled, advanced, prepaid, recovery, loss, servicing, collateral)``: the month's funds, USD.

    ``interest`` includes what is advanced; ``servicing`` is the servicer's fee, which it keeps out of what it collects: out of
    interest, then out of principal; what is not there is neither taken nor carried. ``collateral`` is the balance of the
    collateral as the classes see it, before the month.

    Returns
    -------
    tuple
        Interest funds, principal funds, their sum (``collections``), and the collateral after the month: less principal
        and losses.
    """
    where, zero = ops.where, ops.real(0)

    @ops.function
    def collect(interest, scheduled, advanced, prepaid, recovery, loss, servicing, collateral):  # type: ignore[no-untyped-def]
        principal = scheduled + advanced + prepaid + recovery
        net = interest - servicing
        interest_funds = where(net > zero, net, zero)
        principal_funds = principal + where(net < zero, net, zero)
        principal_funds = where(principal_funds > zero, principal_funds, zero)
        return interest_funds, principal_funds, interest_funds + principal_funds, collateral - (principal + loss)

    return collect


@lru_cache(maxsize=None)
def build_bearing(ops: Ops) -> Callable[..., Any]:
    """``bearing(advanced, collateral, foreclosed, defaulted)``: balance that bears interest in the month; 0 where no loan does.

    Balances are those at the start of the month, ``collateral`` as the classes see it: what is due on theirs is then what there is,
    to the cent, whatever the pool's precision. All of it bears interest where interest is ``advanced``; else neither what is
    ``foreclosed`` nor what is ``defaulted`` in the month does.
    """
    where = ops.where
    zero, negligible, rounding = (ops.real(x) for x in (0, NEGLIGIBLE_SHARE, HALF_CENT))

    @ops.function
    def bearing(advanced, collateral, foreclosed, defaulted):  # type: ignore[no-untyped-def]
        performing = collateral - foreclosed
        balance = where(advanced > zero, collateral, performing - defaulted)
        return where(balance > where(advanced > zero, rounding, rounding + negligible * performing), balance, zero)

    return bearing


@lru_cache(maxsize=None)
def build_rate_on(ops: Ops) -> Callable[..., Any]:
    """``rate_on(earned, bearing, fee_rate)``: what is ``earned`` on the balance ``bearing`` it, less the deal's fees.

    ``fee_rate`` is annual, the sum of the deal's. Where nothing bears interest it is 0. Never negative. A rate of the month.
    """
    where, zero, one, months = ops.where, ops.real(0), ops.real(1), ops.real(12)

    @ops.function
    def rate_on(earned, bearing, fee_rate):  # type: ignore[no-untyped-def]
        bears = bearing > zero
        rate = earned / where(bears, bearing, one) - fee_rate / months
        return where(bears, where(rate > zero, rate, zero), zero)

    return rate_on


@lru_cache(maxsize=None)
def build_net_wac(ops: Ops) -> Callable[..., Any]:
    """``net_wac(interest, advanced, servicing, collateral, foreclosed, defaulted, fee_rate)``: net weighted average coupon.

    Interest due over the balance that bears it (:func:`build_bearing`), less the deal's fees. ``interest`` is what borrowers pay,
    ``advanced`` what the servicer advances on loans in foreclosure, net of its fee, ``servicing`` its fee on the loans that pay.

    Returns
    -------
    tuple
        The rate of the month; what is earned, and the balance that earns it, both 0 where no loan bears interest.
    """
    bearing_of, rate_on, where, zero = build_bearing(ops), build_rate_on(ops), ops.where, ops.real(0)

    @ops.function
    def net_wac(interest, advanced, servicing, collateral, foreclosed, defaulted, fee_rate):  # type: ignore[no-untyped-def]
        bearing = bearing_of(advanced, collateral, foreclosed, defaulted)
        earned = where(bearing > zero, interest + advanced - servicing, zero)
        return rate_on(earned, bearing, fee_rate), earned, bearing

    return net_wac


@lru_cache(maxsize=None)
def build_rate_of_month(ops: Ops) -> Callable[..., Any]:
    """``rate_of_month(annual_rate)``: of interest or a fee, 30/360: a twelfth."""
    months = ops.real(12)

    @ops.function
    def rate_of_month(annual_rate):  # type: ignore[no-untyped-def]
        return annual_rate / months

    return rate_of_month


@lru_cache(maxsize=None)
def build_accrue(ops: Ops) -> Callable[..., Any]:
    """``accrue(balance, rate)``: a month's interest or fee at a rate of the month."""

    @ops.function
    def accrue(balance, rate):  # type: ignore[no-untyped-def]
        return balance * rate

    return accrue


@lru_cache(maxsize=None)
def build_accrue_capped(ops: Ops) -> Callable[..., Any]:
    """``accrue_capped(balance, rate, cap)``: as :func:`build_accrue`, at most at ``cap``, e.g. the month's net WAC."""
    where = ops.where

    @ops.function
    def accrue_capped(balance, rate, cap):  # type: ignore[no-untyped-def]
        return balance * where(rate < cap, rate, cap)

    return accrue_capped


@lru_cache(maxsize=None)
def build_pay(ops: Ops) -> Callable[..., Any]:
    """``pay(claim, cash)``: the smaller of the two. Returns what is left of each and what is paid.

    One rule for interest, principal and fees out of cash, for an account up to its target, and for write-downs, where the
    "cash" is the loss that must be borne. One of the two is left at exactly 0.
    """
    where = ops.where

    @ops.function
    def pay(claim, cash):  # type: ignore[no-untyped-def]
        paid = where(cash < claim, cash, claim)
        return claim - paid, cash - paid, paid

    return pay


@lru_cache(maxsize=None)
def build_ratio(ops: Ops) -> Callable[..., Any]:
    """``ratio(total, cash)``: share of their claims that holders paid pro rata receive, in [0, 1]."""
    where, one = ops.where, ops.real(1)

    @ops.function
    def ratio(total, cash):  # type: ignore[no-untyped-def]
        short = cash < total
        return where(short, cash / where(short, total, one), one)

    return ratio


@lru_cache(maxsize=None)
def build_deficit(ops: Ops) -> Callable[..., Any]:
    """``deficit(outstanding, collateral)``: by how much the classes' balances exceed the collateral, USD.

    Losses, and principal that went to interest or fees, once overcollateralisation is used up. Under half a cent: none.
    """
    where, zero, rounding = ops.where, ops.real(0), ops.real(HALF_CENT)

    @ops.function
    def deficit(outstanding, collateral):  # type: ignore[no-untyped-def]
        excess = outstanding - where(collateral > zero, collateral, zero)
        return where(excess > rounding, excess, zero)

    return deficit


@lru_cache(maxsize=None)
def build_target(ops: Ops) -> Callable[..., Any]:
    """``target(balance, outstanding, collateral, share, floor, runs)``: an account against its target.

    The target is ``share`` of the collateral, at least ``floor`` (USD); it is 0 once no class is outstanding and in the last
    month (``runs`` = 0). Returns the room below the target and the excess over it, USD.
    """
    where, zero, rounding = ops.where, ops.real(0), ops.real(HALF_CENT)

    @ops.function
    def target(balance, outstanding, collateral, share, floor, runs):  # type: ignore[no-untyped-def]
        level = share * collateral
        level = runs * where(level > floor, level, floor)
        level = where(outstanding > rounding, level, zero)
        room = level - balance
        return where(room > zero, room, zero), where(room < zero, -room, zero)

    return target


@lru_cache(maxsize=None)
def build_amount(ops: Ops) -> Callable[..., Any]:
    """``amount(x)``: itself."""

    @ops.function
    def amount(x):  # type: ignore[no-untyped-def]
        return x

    return amount


@lru_cache(maxsize=None)
def build_above(ops: Ops) -> Callable[..., Any]:
    """``above(left, right)``: 1 where ``left`` > ``right``, else 0; neither is above what is no number."""
    where, zero, one = ops.where, ops.real(0), ops.real(1)

    @ops.function
    def above(left, right):  # type: ignore[no-untyped-def]
        return where(left > right, one, zero)

    return above


@lru_cache(maxsize=None)
def build_at_least(ops: Ops) -> Callable[..., Any]:
    """``at_least(left, right)``: 1 where ``left`` >= ``right``, else 0."""
    where, zero, one = ops.where, ops.real(0), ops.real(1)

    @ops.function
    def at_least(left, right):  # type: ignore[no-untyped-def]
        return where(left >= right, one, zero)

    return at_least


@lru_cache(maxsize=None)
def build_both(ops: Ops) -> Callable[..., Any]:
    """``both(left, right)``: 1 where neither flag is 0, else 0."""
    where, zero, one = ops.where, ops.real(0), ops.real(1)

    @ops.function
    def both(left, right):  # type: ignore[no-untyped-def]
        return where(left != zero, where(right != zero, one, zero), zero)

    return both


@lru_cache(maxsize=None)
def build_either(ops: Ops) -> Callable[..., Any]:
    """``either(left, right)``: 1 where one of the flags is not 0, else 0."""
    where, zero, one = ops.where, ops.real(0), ops.real(1)

    @ops.function
    def either(left, right):  # type: ignore[no-untyped-def]
        return where(left != zero, one, where(right != zero, one, zero))

    return either


@lru_cache(maxsize=None)
def build_not(ops: Ops) -> Callable[..., Any]:
    """``not_(flag)``: 1 where it is 0, else 0."""
    where, zero, one = ops.where, ops.real(0), ops.real(1)

    @ops.function
    def not_(flag):  # type: ignore[no-untyped-def]
        return where(flag != zero, zero, one)

    return not_
