"""The contract of a loan of an ABS-EE exhibit at its cut-off: rate, months, payment; as modified, where it was.

Sources: 17 CFR 229.1125 (Regulation AB, Schedule AL, item 2); SEC, *EDGAR ABS XML Technical Specification*, version 1.7 (2017),
section 4.3. What each field becomes, and why, is in docs/theory/tapes.md.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kernels.amortization import build_level_payment_rate
from kernels.ops import make_ops
from mcsim.tapes.absee_lines import date_of, number_of
from mcsim.tapes.checks import MOST_BALANCE, MOST_RATE, MOST_TERM

BALANCE, ORIGINAL = "reportPeriodEndScheduledLoanBalanceAmount", "originalLoanAmount"
RATE, PAYMENT = "reportPeriodInterestRatePercentage", "periodicPrincipalAndInterestPaymentSecuritizationAmount"
AMORTISATION, INTEREST_ONLY = "originalAmortizationTermNumber", "originalInterestOnlyTermNumber"
HYPER_DATE, NEW_PAYMENT, NEW_MATURITY = (
    "hyperAmortizingDate", "postModificationPaymentAmount", "postModificationMaturityDate",
)  # fmt: skip
NEW_RATE, NEW_AMORTISATION = "postModificationInterestPercentage", "postModificationAmortizationPeriodAmount"
ACCRUALS = {"1": "30/360", "2": "actual/365", "3": "actual/360"}
"""``interestAccrualMethodCode`` → day count."""
_YEAR_DAYS = {"1": 360, "2": 365, "3": 360}
NOT_GIVEN = frozenset({"", "NA", "N/A"})
_NONE = NOT_GIVEN | {"98", "99"}
# PYMNT_TYP_CODE_TYPE: 3 pays interest only, 7 hyper-amortises, 1 and 2 have no interest-only months.
_FOR_LIFE, _HYPER_AMORTISING, _NO_INTEREST_ONLY = "3", "7", ("1", "2")

# A payment within 2% of the level payment is the contract's: a coupon printed with four decimals moves it by up to .7%, and a
# schedule of its own was seen 1.5% above.
NEAR_LEVEL = 0.02
# Beyond half as much again payment and amortisation term are of different contracts: the part of a loan and the whole, say.
MOST_OVER_LEVEL = 1.5
_COUPON_ROUNDING = 0.00005  # of a coupon with four decimals
_SHORTEST, _LONGEST = 28, 31  # days of a month's interest

_level_payment_rate = build_level_payment_rate(make_ops("numpy", "float64"))


@dataclass
class Terms:
    """Terms at the cut-off, as columns of :class:`~mcsim.loans.Loans`; NaN where the filing does not say.

    ``sources`` says from which element a column came, where that is not the usual one. ``problems`` are (element, what is
    wrong); ``remarks`` are keys of :data:`mcsim.tapes.absee_codes.REMARKS`. ``used`` holds the elements that the checks of every
    tape look at, as far as they are used: what is not used is not checked.
    """

    note_rate: float = math.nan
    age: float = math.nan
    maturity: float = math.nan
    interest_only: float = math.nan
    amortisation: float = math.nan
    payment: float = math.nan
    used: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    remarks: set[str] = field(default_factory=set)


def is_modified(texts: Mapping[str, str]) -> bool:
    """Whether the filing says that the contract was changed."""
    says = any(is_true(texts.get(name, "")) for name in _MODIFIED)
    code = texts.get("modificationCode", "").upper()
    return says or code not in _NONE | {"0"} or texts.get(NEW_MATURITY, "").upper() not in _NONE


def is_true(text: str) -> bool:
    """Whether an indicator is set, in any of the words of filings."""
    return text.upper() in ("TRUE", "1", "Y", "YES")


_MODIFIED = ("modifiedIndicator", "reportPeriodModificationIndicator")


def terms_of(texts: Mapping[str, str], cut_off: datetime.date) -> Terms:
    """Terms of a loan with the texts ``texts`` at ``cut_off``, the end of the reporting period."""
    terms = Terms()
    modified = is_modified(texts)
    terms.note_rate = _note_rate(texts, modified, terms)
    if modified:
        _check_modification(texts, terms)
    first, term = date_of(texts.get("firstLoanPaymentDueDate")), number_of(texts.get("originalTermLoanNumber"))
    terms.used = {"term": term, "origination": date_of(texts.get("originationDate")), "first_payment": first}
    latest = _month(cut_off) - (first is not None and first.day > cut_off.day)
    seasoning = latest - _month(first) + 1
    terms.age = seasoning if math.isnan(seasoning) else max(seasoning, 0.0)
    terms.maturity = _last_due(texts, first, cut_off, modified, terms) - latest
    if "anticipated repayment" in terms.remarks and terms.maturity < 1:
        reason = "the anticipated repayment date has passed and the loan hyper-amortises, which is not carried"
        terms.problems.append((HYPER_DATE, reason))
    _amortise(texts, seasoning, terms)
    if modified:
        _amortise_as_modified(texts, latest, terms)
    terms.payment = _payment(texts, modified, terms)
    if modified:
        _compare_rates(texts, terms)
    return terms


def _check_modification(texts: Mapping[str, str], terms: Terms) -> None:
    """What was agreed is a rate, a payment, months: what is given and is none of these leaves the contract open."""
    most = {NEW_RATE: (MOST_RATE, "rate, per unit"), NEW_PAYMENT: (MOST_BALANCE, "payment, USD"),
            NEW_AMORTISATION: (MOST_TERM, "number of months")}  # fmt: skip
    for name, (largest, what) in most.items():
        given, value = texts.get(name, "").upper() not in _NONE, number_of(texts.get(name))
        in_percent = name == NEW_RATE and abs(value / 100 - terms.note_rate) <= 2 * _COUPON_ROUNDING
        if given and not 0 <= value <= largest and not in_percent:
            terms.problems.append((name, f"modified, and this is no {what}; expected 0 to {largest:g}"))


def _compare_rates(texts: Mapping[str, str], terms: Terms) -> None:
    """The rate agreed beside the period's: a payment of the first and not of the second is of another contract than the rate."""
    agreed, rate = number_of(texts.get(NEW_RATE)), terms.note_rate
    if not 0 < agreed <= MOST_RATE or not abs(agreed - rate) > 2 * _COUPON_ROUNDING:
        return
    given = math.nan if terms.interest_only >= terms.maturity else number_of(texts.get(NEW_PAYMENT))
    if given > 0 and _agrees(given, texts, replace(terms, note_rate=agreed)) and not _agrees(given, texts, terms):
        reason = (
            f"the payment is of this rate, the period's rate is {rate:g} ({RATE}); expected rate and payment of one contract"
        )
        terms.problems.append((NEW_RATE, reason))
    else:
        terms.remarks.add("modified rate")


def _agrees(given: float, texts: Mapping[str, str], terms: Terms) -> bool:
    """Whether a payment is the level payment, or a month's interest, of these terms."""
    if _is_interest(given, texts, terms.note_rate):
        return True
    return any(abs(given / level - 1) <= NEAR_LEVEL for level in _levels(texts, terms))


def _month(date: datetime.date | None) -> float:
    return math.nan if date is None else 12.0 * date.year + date.month - 1


def _note_rate(texts: Mapping[str, str], modified: bool, terms: Terms) -> float:
    """The rate of the reporting period; where it is blank, or 0 for a loan lent at interest, that of the contract."""
    rate = number_of(texts.get(RATE))
    given = texts.get(RATE, "").upper() not in _NONE
    agreed = number_of(texts.get(NEW_RATE)) if modified else math.nan
    lent = [number_of(texts.get(n)) for n in ("interestRateSecuritizationPercentage", "originalInterestRatePercentage")]
    if given and (rate != 0 or agreed == 0 or not any(r > 0 for r in lent)):
        if not modified and lent[-1] > 0 and abs(rate - lent[-1]) > 2 * _COUPON_ROUNDING:
            terms.remarks.add("other rate")
        return rate
    found = next((r for r in (agreed, *lent) if r > 0), math.nan)
    if agreed > 0:
        terms.sources["note_rate"] = NEW_RATE
    if found > 0:
        terms.remarks.add("rate of the contract")
    return found


def _last_due(
    texts: Mapping[str, str], first: datetime.date | None, cut_off: datetime.date, modified: bool, terms: Terms
) -> float:
    """Month of the last payment: of the modified contract, of the anticipated repayment, or of the maturity."""
    matures, agreed = date_of(texts.get("maturityDate")), texts.get(NEW_MATURITY, "")
    terms.used["maturity_date"] = matures
    if modified and agreed.upper() not in _NONE:
        changed = date_of(agreed)
        if changed is None:
            terms.problems.append((NEW_MATURITY, "modified, and this is not a date; expected MM-DD-YYYY"))
        # Where the loan was extended again the maturity itself was moved beyond the first one, and this one left behind.
        elif changed > cut_off or not _month(matures) > _month(first) + terms.used["term"]:
            terms.used["maturity_date"] = changed
            terms.sources |= dict.fromkeys(("maturity", "maturity_date"), NEW_MATURITY)
            return _month(changed)
        else:
            terms.remarks.add("extended again")
    hyper = date_of(texts.get(HYPER_DATE))
    if hyper is not None and first is not None and matures is not None and first < hyper < matures:
        terms.remarks.add("anticipated repayment")
        return _month(hyper)
    if texts.get("paymentTypeCode") == _HYPER_AMORTISING:
        # Some filings repeat the final maturity as hyperAmortizingDate: the original term gives the anticipated date.
        terms.remarks.add("anticipated repayment")
        return min(_month(first) + terms.used["term"] - 1, _month(matures))
    return _month(matures)


def _amortise(texts: Mapping[str, str], seasoning: float, terms: Terms) -> None:
    """Interest-only and amortisation months left, and the original ones as far as they are used."""
    kind = texts.get("paymentTypeCode", "")
    period, interest_only = (_count(texts.get(name)) for name in (AMORTISATION, INTEREST_ONLY))
    if interest_only is None:
        interest_only = {_FOR_LIFE: terms.used["term"]}.get(kind, 0.0 if kind in _NO_INTEREST_ONLY else math.nan)
    left = interest_only - seasoning
    # A first payment in the month after next moves the count of months by one against the dates.
    to_maturity = interest_only > 0 and abs(left - terms.maturity) <= 1
    for_life = to_maturity or period == 0 or (period is None and kind == _FOR_LIFE)
    period = 0.0 if for_life else math.nan if period is None else period
    terms.used |= {"original_amortisation": period, "original_interest_only": interest_only}
    if for_life:
        terms.interest_only = terms.amortisation = terms.maturity if to_maturity else left
    else:
        terms.interest_only = left if math.isnan(left) else max(left, 0.0)
        terms.amortisation = interest_only + period - seasoning


def _amortise_as_modified(texts: Mapping[str, str], latest: float, terms: Terms) -> None:
    """A loan that was interest only for life stays so to its new maturity; another amortises over the period agreed, if any is."""
    if terms.used["original_amortisation"] == 0 and terms.used["original_interest_only"] > 0:
        terms.interest_only = terms.amortisation = terms.maturity
        return
    agreed, since = number_of(texts.get(NEW_AMORTISATION)), date_of(texts.get("lastModificationDate"))
    if agreed > 0:
        terms.amortisation = agreed - (0.0 if since is None else max(latest - _month(since), 0.0))
    terms.amortisation = max(terms.amortisation, terms.maturity)


def _count(text: str | None) -> float | None:
    """A count of months; None where none is given, NaN where it is no number."""
    return None if (text or "").upper() in NOT_GIVEN else number_of(text)


def _payment(texts: Mapping[str, str], modified: bool, terms: Terms) -> float:
    """The level payment after the interest-only months, USD a month; NaN for a loan that is interest only for life.

    What the filing gives is held against the level payment and against a month's interest before it is trusted: the field
    often holds the interest of the first period (28 to 31 days of it) or 0.00, also for a loan that will amortise.
    """
    if terms.interest_only >= terms.maturity:
        return math.nan  # the field is an average month's interest, and is not used
    name = NEW_PAYMENT if modified and number_of(texts.get(NEW_PAYMENT)) > 0 else PAYMENT
    text = texts.get(name, "")
    given, levels = number_of(text), _levels(texts, terms)
    if not levels:
        return math.nan  # something else is missing, and is rejected for it
    if text.upper() in _NONE or given == 0:
        terms.remarks.add("payment not given")
        return levels[0]
    if not given > 0:
        terms.problems.append((name, "missing or not a number; expected more than 0, a level payment"))
        return math.nan
    if any(abs(given / level - 1) <= NEAR_LEVEL for level in levels):
        return given
    if name == NEW_PAYMENT:
        terms.sources["payment"] = NEW_PAYMENT
    if _is_interest(given, texts, terms.note_rate):
        if name == NEW_PAYMENT:
            terms.interest_only = terms.amortisation = terms.maturity
            terms.remarks.add("interest only as modified")
            return math.nan
        terms.remarks.add("payment is interest")
        return levels[0]
    if terms.interest_only > 0:
        terms.remarks.add("payment before amortisation")
        return levels[0]
    over = min(given / level for level in levels)
    if over > MOST_OVER_LEVEL:
        level = f"the level payment of balance, rate and amortisation term ({levels[0]:,.2f})"
        reason = f"{over:.3g} times {level}; expected at most {MOST_OVER_LEVEL:g}: of the whole loan, of which the trust holds a part?"
        terms.problems.append((name, reason))
    if name == PAYMENT:
        terms.remarks.add("own schedule")
    return given


def _levels(texts: Mapping[str, str], terms: Terms) -> list[float]:
    """Level payments, to the cent: the contract's first, from what was lent, unless that and what is owed tell of two contracts."""
    period, payments = number_of(texts.get(AMORTISATION)), terms.amortisation - terms.interest_only
    if not (0 <= terms.note_rate <= MOST_RATE):
        return []
    owed, lent = (
        round(number_of(texts.get(name)) * float(_level_payment_rate(terms.note_rate / 12, months)), 2)
        if 1 <= months <= 2 * MOST_TERM
        else math.nan
        for name, months in ((BALANCE, payments), (ORIGINAL, period))
    )
    if not owed > 0:
        return []
    if not lent > 0:
        return [owed]
    return [lent, owed] if abs(lent / owed - 1) <= NEAR_LEVEL else [owed, lent]


def _is_interest(given: float, texts: Mapping[str, str], rate: float) -> bool:
    """Whether ``given`` is interest of 28 to 31 days on what is owed or on what was lent, to the rounding of the coupon."""
    balances = (number_of(texts.get(name)) for name in (BALANCE, ORIGINAL))
    days = _YEAR_DAYS.get(texts.get("interestAccrualMethodCode", ""), 360)
    low, high = (rate - _COUPON_ROUNDING) * _SHORTEST / days, (rate + _COUPON_ROUNDING) * _LONGEST / days
    return any(balance * low - 0.01 <= given <= balance * high + 0.01 for balance in balances)


def annual_debt_service(texts: Mapping[str, str], terms: Terms) -> float:
    """What the trust's part of the loan paid in a year at securitisation, USD, as a coverage ratio counts it.

    Twelve payments as filed where that is the level payment or an average month's interest, and for a modified loan; else what
    those are computed to be: the interest of 30 days, which some file, is 1.4% short of an average month's.
    """
    filed, code = number_of(texts.get(PAYMENT)), texts.get("interestAccrualMethodCode", "")
    interest = number_of(texts.get(BALANCE)) * terms.note_rate * (1 if code == "1" else 365 / _YEAR_DAYS.get(code, 360))
    pays_interest = math.isnan(terms.payment) or "payment is interest" in terms.remarks
    computed = interest if pays_interest else 12 * terms.payment
    if filed > 0 and (is_modified(texts) or abs(12 * filed - computed) < 0.005 * computed):
        return 12 * filed
    return computed
