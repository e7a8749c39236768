"""What stands behind a loan of an ABS-EE exhibit: value, state and type of its properties, or government securities.

Code lists: SEC, *EDGAR ABS XML Technical Specification*, version 1.7 (2017), section 4.3 (PROPRTY_TYP_CODE_TYPE,
PROPRTY_STAT_CODE_TYPE, DFSNC_STAT_CODE_TYPE). What each field becomes is in docs/theory/tapes.md.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from mcsim.tapes.absee_lines import Loan, date_of, number_of
from mcsim.tapes.checks import NATION, STATES

VALUE, RECENT_VALUE = "valuationSecuritizationAmount", "mostRecentValuationAmount"
CASH_FLOW, COVERAGE = "netCashFlowFlowSecuritizationAmount", "debtServiceCoverageNetCashFlowSecuritizationPercentage"
INCOME, INCOME_COVERAGE = (
    "netOperatingIncomeSecuritizationAmount", "debtServiceCoverageNetOperatingIncomeSecuritizationPercentage",
)  # fmt: skip
PROPERTY_TYPES = {
    "CH": "cooperative", "HC": "health_care", "IN": "industrial", "LO": "lodging", "MF": "multifamily",
    "MH": "mobile_home_park", "MU": "mixed_use", "OF": "office", "RT": "retail", "SE": "securities", "SS": "self_storage",
    "WH": "warehouse", "98": "other", "OT": "other",
}  # fmt: skip
STATUSES = {"1": "in foreclosure", "2": "real estate owned"}
"""``propertyStatusCode`` of a property whose loan no longer performs."""
CHANGED = {"4": "property partly released", "5": "property substituted"}
"""``propertyStatusCode`` that leaves the loan as it is."""
DEFEASED_LTV = 0.01
"""Loan-to-value ratio of a defeased loan: government securities stand behind it, no property. The least that models take."""

_DAYS_OFF = 15  # of a year of statements: most are of three, six or nine months
_OPEN = frozenset({"", "NA", "N/A", "99", "NONE", "UNKNOWN"})
_OPEN_STATES = _OPEN | {"98", "XX", "VARIOUS", "VAR", "MULTIPLE"}
_OPEN_TYPES = _OPEN | {"ZZ"}
TERRITORIES = frozenset({"PR", "GU", "VI", "AS", "MP"})
_ABROAD = re.compile(r"\A(?:[A-Z][0-9]|[0-9][A-Z])\Z")  # EDGAR's codes of countries and of provinces of Canada: D0 is Bermuda


@dataclass(frozen=True)
class Properties:
    """What the property lines say together.

    Attributes
    ----------
    texts : dict
        State, type and value as they were taken, for messages.
    state : str
        Two letters, :data:`~mcsim.tapes.checks.NATION` where no state is given or the property lies outside the states.
    property_type : str
        A name of :data:`~mcsim.tapes.checks.PROPERTY_TYPES`.
    value : float
        USD, all properties.
    debt_service : float
        USD a year, of the whole loan; NaN where it cannot be told.
    defeased : bool
        All of the loan is secured by government securities.
    remarks : frozenset of str
        What the notes of the tape count: keys of :data:`mcsim.tapes.absee_codes.REMARKS`.
    statuses : frozenset of str
        ``propertyStatusCode`` of the properties.
    """

    texts: dict[str, str]
    state: str
    property_type: str
    value: float
    debt_service: float
    defeased: bool
    remarks: frozenset[str]
    statuses: frozenset[str]


def properties_of(loan: Loan) -> Properties:
    """One record of a loan: its own property line, and for what that leaves open the lines of its properties.

    Value: the own line's, else the sum over the properties, else the most recent appraisal. State and type: the own line's, else
    the largest property's, by appraised value where every property has one, else by underwritten net cash flow. A companion
    note (1A beside 1) without properties stands on those of the first.
    """
    own, parts = _lines(loan)
    if not (own or parts) or _bare([own, *parts]):
        own, parts = _lines(loan.companion) if loan.companion else (own, parts)
    everything = [own, *parts]
    value, recent, filed = _value(own, parts)
    state, kind = (_chosen(own, parts, name, empty) for name, empty in _CHOSEN.items())
    defeased, partly = _defeasance(own, parts)
    remarks = {
        "value": recent and not defeased,
        "partly defeased": partly and not defeased,
        "several states": len({_code(p.get("propertyState")) for p in parts} & STATES) > 1,
        "unknown type": not defeased and kind not in PROPERTY_TYPES,
    }
    statuses = frozenset(p.get("propertyStatusCode", "") for p in everything)
    remarks |= {words: code in statuses for code, words in CHANGED.items()}
    placed, outside = _place(state, defeased)
    remarks |= {"outside the states": outside and not defeased}
    return Properties(
        {"propertyState": state, "propertyTypeCode": kind, VALUE: filed if math.isnan(value) else f"{value:.2f}"},
        placed,
        "securities" if defeased else PROPERTY_TYPES.get(kind, "other"),
        value,
        _debt_service(own, parts),
        defeased,
        frozenset(name for name, holds in remarks.items() if holds),
        statuses,
    )


_CHOSEN = {"propertyState": _OPEN_STATES, "propertyTypeCode": _OPEN_TYPES}


def _lines(loan: Loan) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The line of the loan as a whole, and those of its properties: with several on the loan itself there is none of the whole."""
    own = loan.asset.properties
    return (own[0], loan.lines) if len(own) == 1 else ({}, [*own, *loan.lines])


def _bare(lines: list[dict[str, str]]) -> bool:
    return not any(line.get(name) for line in lines for name in (VALUE, RECENT_VALUE, "propertyState", "propertyTypeCode"))


def _code(text: str | None) -> str:
    return (text or "").strip().upper()


def _value(own: dict[str, str], parts: list[dict[str, str]]) -> tuple[float, bool, str]:
    """Value, whether it is the most recent one for lack of that at securitisation, and what is filed as that."""
    filed = own.get(VALUE) or ", ".join(part.get(VALUE, "") for part in parts[:5])
    for name in (VALUE, RECENT_VALUE):
        text = own.get(name, "")
        value = number_of(text)
        if text and value != 0:
            return value, name == RECENT_VALUE, filed
        values = [number_of(part.get(name)) for part in parts]
        if values and all(v > 0 for v in values):
            return math.fsum(values), name == RECENT_VALUE, filed
    return math.nan, False, filed


def _chosen(own: dict[str, str], parts: list[dict[str, str]], name: str, empty: frozenset[str]) -> str:
    """The own line's code, else that of the largest property."""
    code = _code(own.get(name))
    if code not in empty or not parts:
        return "" if code in empty else code
    values = [number_of(part.get(VALUE)) for part in parts]
    sizes = values if all(v > 0 for v in values) else [number_of(part.get(CASH_FLOW)) for part in parts]
    largest = max(range(len(parts)), key=lambda i: -math.inf if math.isnan(sizes[i]) else sizes[i])
    code = _code(parts[largest].get(name))
    return "" if code in empty else code


def _place(state: str, defeased: bool) -> tuple[str, bool]:
    """State of the model, and whether the property lies outside those it knows."""
    outside = not state or state in TERRITORIES or bool(_ABROAD.match(state))
    if outside or (defeased and state not in STATES):
        return NATION, outside
    return state, False


def _is_defeased(line: dict[str, str]) -> bool:
    """Filers say so in any of four places, and seldom in all (DefeasedStatusCode N beside a property named Defeased)."""
    status = _code(line.get("DefeasedStatusCode") or line.get("defeasedStatusCode"))
    named = line.get("propertyName", "").strip().lower().startswith("defeased")
    return status == "F" or _code(line.get("propertyTypeCode")) == "SE" or line.get("propertyStatusCode") == "3" or named


def _defeasance(own: dict[str, str], parts: list[dict[str, str]]) -> tuple[bool, bool]:
    """Whether all of the loan is defeased, and whether some of it."""
    whole = _is_defeased(own) or (bool(parts) and all(_is_defeased(part) for part in parts))
    codes = {_code(line.get("DefeasedStatusCode") or line.get("defeasedStatusCode")) for line in (own, *parts)}
    return whole, bool(codes & {"P", "IP"}) or any(_is_defeased(part) for part in parts)


def _debt_service(own: dict[str, str], parts: list[dict[str, str]]) -> float:
    """Of the whole loan, a year: underwritten income over its coverage, else as last reported, if for a year."""
    for amount, coverage in ((CASH_FLOW, COVERAGE), (INCOME, INCOME_COVERAGE)):
        income, ratio = number_of(own.get(amount)), number_of(own.get(coverage))
        if math.isnan(income) and parts:
            income = math.fsum(number_of(part.get(amount)) for part in parts)
        if ratio > 0 and income > 0:
            return income / ratio
    reported = number_of(own.get("mostRecentDebtServiceAmount"))
    start, end = (date_of(own.get(f"mostRecentFinancials{side}Date")) for side in ("Start", "End"))
    a_year = start is not None and end is not None and abs((end - start).days - 365) <= _DAYS_OFF
    return reported if a_year and reported > 0 else math.nan
