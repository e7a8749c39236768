"""An independent month-by-month account of one loan on one path: plain Python floats, one pass over the events.

Nothing here is taken from ``kernels/``. The loan is carried in USD, its foreclosures as a list of cohorts, the level schedule by
the closed form of the balance factor (BMA, *Standard Formulas*, 1999, SF-4); the kernels carry shares of a scheduled balance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.kernel_driver import Loan

Rate = Callable[[int, int, int, float, float, float, float], float]
"""``rate(month, age, calendar_month, note_rate, mortgage_rate, balance_factor, ltv)``: monthly rate, or severity."""


@dataclass(frozen=True)
class OracleModels:
    """The three models as Python functions."""

    smm: Rate
    mdr: Rate
    severity: Rate


@dataclass
class Cohort:
    """Loans that defaulted together: USD."""

    month: int
    at_default: float
    balance: float


def philox4x32(counter: Sequence[int], key: Sequence[int]) -> list[int]:
    """Philox4x32-10 on Python integers (Salmon et al. 2011, section 3.3)."""
    c, (k0, k1), low = list(counter), key, 0xFFFFFFFF
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k0, b & low, (a >> 32) ^ c[3] ^ k1, a & low]
        k0, k1 = (k0 + 0x9E3779B9) & low, (k1 + 0xBB67AE85) & low
    return c


def balance_factor(rate: float, payments: int, paid: int) -> float:
    """Balance over original of a level-payment loan after ``paid`` of ``payments`` payments (SF-4)."""
    if rate <= 0:
        return 1 - paid / payments
    # The closed form with the growth factor taken out: expm1 keeps the digits near the end.
    return math.expm1(-(payments - paid) * math.log1p(rate)) / math.expm1(-payments * math.log1p(rate))


def note_rates(loan: Loan, index: Sequence[float], n_months: int) -> list[float]:
    """Note rate in months 1..n: resets on the index ``lookback`` months before, rounded, within the caps."""
    rates, rate = [], loan.note_rate
    for month in range(1, n_months + 1):
        arm = loan.arm
        if arm and month >= arm.first_reset and (month - arm.first_reset) % arm.reset_period == 0:
            full = index[max(month - 1 - arm.lookback, 0)] + arm.margin
            if arm.rounding:
                full = round(full / arm.rounding) * arm.rounding
            cap = arm.initial_cap if month == arm.first_reset else arm.periodic_cap
            held = min(max(full, rate - cap), rate + cap)
            rate = max(min(held, arm.life_cap), arm.life_floor)
        rates.append(rate)
    return rates


def schedule(loan: Loan, rates: Sequence[float], n_months: int) -> tuple[list[float], list[float]]:
    """Scheduled balance at the start of months 1..n, and the share of it that is due, balloon aside."""
    balance, balances, shares = loan.balance, [], []
    for month in range(1, n_months + 1):
        balances.append(balance)
        share = 0.0
        if loan.interest_only < month <= loan.maturity:
            left = max(loan.amortisation - (month - 1), 1)
            share = 1 - balance_factor(rates[month - 1] / 12, left, 1)
        shares.append(share)
        if month < loan.maturity:
            balance *= 1 - share
    return balances, shares


def draw(seed: Sequence[int], path: int, month: int, number: int) -> float:
    """The uniform of a loan's decrement: one counter serves four months, a word each."""
    block, word = divmod(month - 1, 4)
    return (philox4x32([path, block, number & 0xFFFFFFFF, number >> 32], seed)[word] + 0.5) * 2.0**-32


def simulate(
    loan: Loan,
    models: OracleModels,
    mortgage_rate: Sequence[float],
    index: Sequence[float],
    home_price: Sequence[float],
    accrual: float = 1 / 12,
    calendar_month: int = 0,
    uniforms: Sequence[float] | None = None,
) -> np.ndarray:
    """Flows (month, field) in the order of ``kernels.flows.FIELDS``; sampled where ``uniforms`` are given."""
    n_months = len(mortgage_rate) - 1
    rates = note_rates(loan, index, n_months)
    balances, shares = schedule(loan, rates, n_months)
    expected, alive, cohorts, rows = 1.0, 1.0, list[Cohort](), []
    for month in range(1, n_months + 1):
        opening, share, rate = balances[month - 1], shares[month - 1], rates[month - 1]
        state = (
            month, loan.age + month, (calendar_month + month - 1) % 12, rate, mortgage_rate[month - 1],
            opening * expected / loan.balance, loan.ltv * opening / loan.balance / home_price[month - 1],
        )  # fmt: skip
        mdr = models.mdr(*state) if month <= loan.last_default else 0.0
        smm = min(models.smm(*state), 1 - mdr)
        d, q = mdr, smm
        if uniforms is not None:
            u = uniforms[month - 1]
            d, q = float(u <= mdr), float(mdr < u <= mdr + smm)
        last = month == loan.maturity
        performing = opening * alive
        flows = _performing(performing, d, q, 1.0 if last else share, rate * accrual)
        flows["servicing_fee"] = (performing - performing * d) * loan.servicing_rate / 12
        if d > 0:
            cohorts.append(Cohort(month, performing * d, performing * d))
        defaulted = balances[month - 1 - loan.lag] if month > loan.lag else 0.0  # a defaulted borrower has paid nothing since
        severity = models.severity(*state[:-1], loan.ltv * defaulted / loan.balance / home_price[month - 1])
        advanced_rate = max(rate * accrual - loan.servicing_rate / 12, 0.0)
        flows |= _foreclosures(loan, cohorts, month, advanced_rate, 0.0 if last else share, severity)
        alive *= 0.0 if last else 1 - d - q
        expected *= 0.0 if last else 1 - mdr - smm
        rows.append([flows[name] for name in ORDER])
    return np.array(rows)


ORDER = (
    "balance", "foreclosure_balance", "interest", "advanced_interest", "scheduled_principal", "advanced_principal",
    "prepaid_principal", "defaulted_balance", "recovery", "loss", "servicing_fee",
)  # fmt: skip


def _performing(performing: float, d: float, q: float, share: float, interest_rate: float) -> dict[str, float]:
    """Defaults first, before scheduled principal; prepayments on the scheduled balance before defaults (SF-20)."""
    paying = performing - performing * d
    scheduled = paying * share
    prepaid = q * performing * (1 - share)
    return {
        "balance": max(paying - scheduled - prepaid, 0.0),
        "interest": paying * interest_rate,
        "scheduled_principal": scheduled,
        "prepaid_principal": prepaid,
        "defaulted_balance": performing * d,
    }


def _foreclosures(
    loan: Loan, cohorts: list[Cohort], month: int, interest_rate: float, share: float, severity: float
) -> dict[str, float]:
    """Interest, net of servicing, on all in foreclosure; liquidation after the lag; advanced principal on the rest (SF-20, SF-21)."""
    interest = sum(c.balance for c in cohorts) * interest_rate if loan.advances_interest else 0.0
    principal = recovery = loss = 0.0
    for cohort in list(cohorts):
        if month - cohort.month == loan.lag:
            lost = min(severity * cohort.at_default, cohort.balance)
            loss, recovery = loss + lost, recovery + cohort.balance - lost
            cohorts.remove(cohort)
        elif loan.advances_principal:
            paid = cohort.balance * share
            cohort.balance, principal = cohort.balance - paid, principal + paid
    return {
        "foreclosure_balance": sum(c.balance for c in cohorts),
        "advanced_interest": interest,
        "advanced_principal": principal,
        "recovery": recovery,
        "loss": loss,
    }


# --- the models, from their sources ------------------------------------------------------------------------------------


def monthly(annual: float) -> float:
    """SMM from CPR (SF-5)."""
    return 1 - (1 - min(annual, 1.0)) ** (1 / 12)


def psa(age: float, multiple: float = 1.0) -> float:
    """CPR of the PSA curve (SF-6): 0.2% more a month to 6% at 30."""
    return multiple * 0.002 * min(age, 30)


def sda(age: float, multiple: float = 1.0) -> float:
    """CDR of the SDA curve (SF-18): 0.02% more a month to 0.6% at 30, flat to 60, 0.0095% less a month to 0.03% at 120."""
    return multiple * float(np.interp(age, [0, 30, 60, 120], [0, 0.006, 0.006, 0.0003]))


def richard_roll(parameters: Sequence[float]) -> Rate:
    """CPR of Richard and Roll (1989) with the OTS (2000) arctangent, as a monthly rate."""
    level, height, steepness, centre, ramp, floor, slope, multiplier, *seasonality = parameters

    def smm(month: int, age: int, calendar: int, note: float, market: float, factor: float, ltv: float) -> float:
        refinancing = level - height * math.atan(steepness * (centre - note / market))
        cpr = multiplier * refinancing * min(age / ramp, 1) * seasonality[calendar] * (floor + slope * factor)
        return monthly(min(max(cpr, 0.0), 0.999))

    return smm


def ltv_hazard(parameters: Sequence[float]) -> Rate:
    """Proportional hazard in mark-to-market LTV (Deng, Quigley and Van Order 2000)."""
    base, slope, pivot, ramp, lowest, highest = parameters

    def mdr(month: int, age: int, calendar: int, note: float, market: float, factor: float, ltv: float) -> float:
        return min(base * min(age / ramp, 1) * math.exp(slope * (min(max(ltv, lowest), highest) - pivot)), 1.0)

    return mdr


def ltv_severity(parameters: Sequence[float], lag: int = 12, advances: bool = True) -> Rate:
    """A put on a lognormal house price (Black and Scholes 1973): interest and carrying by the lag and the note rate."""
    proceeds, carrying, costs, dispersion = parameters
    returned_at_one = max(proceeds - carrying * lag / 12, 0.0)

    def normal(x: float) -> float:
        return math.erfc(-x / math.sqrt(2)) / 2

    def severity(month: int, age: int, calendar: int, note: float, market: float, factor: float, ltv: float) -> float:
        owed = 1 + costs + advances * note * lag / 12
        if ltv <= 0 or returned_at_one <= 0:
            return 0.0 if returned_at_one > 0 else 1.0
        returned = returned_at_one / ltv
        d = (math.log(returned / owed) + dispersion**2 / 2) / dispersion
        return min(owed * normal(dispersion - d) - returned * normal(-d), 1.0)

    return severity


def vector(values: Sequence[float]) -> Rate:
    """Values by month; the last holds on."""
    return lambda month, *_: values[min(month, len(values)) - 1]
