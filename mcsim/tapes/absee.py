"""SEC Form ABS-EE, exhibit 102, commercial mortgages: the asset-level file of a public CMBS trust.

Sources: 17 CFR 229.1125 (Regulation AB, Schedule AL, item 2); SEC, *EDGAR ABS XML Technical Specification*, version 1.7
(2017), section 4.3 for the code lists. What each field becomes is in docs/theory/tapes.md.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcsim.errors import InputError
from mcsim.tapes.checks import Candidates
from mcsim.tapes.rejects import Reject

if TYPE_CHECKING:
    from lxml.etree import _Element

NAMESPACE = "http://www.sec.gov/edgar/document/absee/cmbs/assetdata"
MOST_BYTES = 64 * 2**20  # a conduit of 100 loans is under 1 MiB; a file beyond this is no CMBS exhibit

# EDGAR ABS XML Technical Specification 4.3: INTR_ACCRL_METH_CODE_TYPE, PYMNT_TYP_CODE_TYPE, ORIG_INTR_RT_TYP_CODE_TYPE,
# PYMNT_FREQ_CODE_TYPE, PYMNT_STAT_LOAN_CODE_TYPE, PROPRTY_TYP_CODE_TYPE. Only what Loans can carry is accepted.
ACCRUALS = {"1": "30/360", "2": "actual/365", "3": "actual/360"}
_HYPER_AMORTISING = "7"
_ACCEPTED = {
    "interestAccrualMethodCode": (
        ACCRUALS,
        "accrual method not carried; expected 1 (30/360), 2 (actual/365) or 3 (actual/360)",
    ),
    "originalInterestRateTypeCode": ({"1"}, "rate type not carried; expected 1 (fixed)"),
    "paymentFrequencyCode": ({"1"}, "payment frequency not carried; expected 1 (monthly)"),
    "paymentTypeCode": ({"1", "2", "3", "4", "5", "7"}, "payment type not carried; expected 1 to 5 or 7"),
    "paymentStatusLoanCode": (
        {"0", "A", "B", "1", "2"},
        "not a performing loan; expected 0, A, B, 1 or 2 (less than 90 days delinquent, not matured)",
    ),
}
PROPERTY_TYPES = {
    "CH": "cooperative", "HC": "health_care", "IN": "industrial", "LO": "lodging", "MF": "multifamily",
    "MH": "mobile_home_park", "MU": "mixed_use", "OF": "office", "RT": "retail", "SE": "securities", "SS": "self_storage",
    "WH": "warehouse",
}  # fmt: skip

_PROPERTY_ONLY = {"assetTypeNumber", "assetNumber", "reportingPeriodBeginningDate", "reportingPeriodEndDate", "property"}
_VALUE, _CASH_FLOW = "valuationSecuritizationAmount", "netCashFlowFlowSecuritizationAmount"
_COVERAGE = "debtServiceCoverageNetCashFlowSecuritizationPercentage"
_BALANCE = "reportPeriodEndScheduledLoanBalanceAmount"
_PAYMENT = "periodicPrincipalAndInterestPaymentSecuritizationAmount"
COLUMNS = {
    "loan_id": "assetNumber", "balance": _BALANCE, "original_balance": "originalLoanAmount",
    "note_rate": "reportPeriodInterestRatePercentage", "servicing_rate": "servicerTrusteeFeeRatePercentage",
    "term": "originalTermLoanNumber",
    "original_amortisation": "originalAmortizationTermNumber", "amortisation": "originalAmortizationTermNumber",
    "original_interest_only": "originalInterestOnlyTermNumber", "interest_only": "originalInterestOnlyTermNumber",
    "payment": _PAYMENT, "given_payment": _PAYMENT,
    "origination": "originationDate", "first_payment": "firstLoanPaymentDueDate", "maturity_date": "maturityDate",
    "maturity": "maturityDate", "state": "propertyState", "original_ltv": _VALUE, "ltv": _VALUE,
    "property_type": "propertyTypeCode",
}  # fmt: skip


@dataclass(frozen=True)
class Asset:
    """One ``<assets>`` element: its texts by element name, those of its ``<property>`` elements apart."""

    row: int
    texts: dict[str, str]
    properties: tuple[dict[str, str], ...]

    @property
    def is_loan(self) -> bool:
        """A line that only says what a property of an earlier loan is carries nothing but its number and the period."""
        return bool(self.texts.keys() - _PROPERTY_ONLY)

    @property
    def key(self) -> str:
        """Number of the loan: its properties are numbered 2.01, 2.02, ..., the loan 2 or 2.00."""
        return self.texts.get("assetNumber", "").partition(".")[0]


def read_absee(path: Path, cut_off: datetime.date | None, servicing_rate: float) -> tuple[Candidates, datetime.date]:
    """Loans of an ABS-EE CMBS exhibit, and its cut-off: the end of the reporting period.

    Parameters
    ----------
    path : Path
        The XML file. It may hold no document type declaration; entities are not expanded, nothing is fetched.
    cut_off : date or None
        What the configuration expects; None takes the file's.
    servicing_rate : float
        Annual, for loans whose own servicer and trustee fee is not given.

    Raises
    ------
    InputError
        If the file is empty, too large, not XML, declares a document type, is of another layout, or of another date.
    """
    assets = read_assets(path)
    loans = [asset for asset in assets if asset.is_loan]
    if not loans:
        raise InputError(f"{path}: holds no loans; expected <assets> with the elements of Schedule AL, item 2")
    date = _period_end(loans, path)
    if cut_off is not None and cut_off != date:
        raise InputError(
            f"{path}: the reporting period ends on {date}, portfolio.cut_off is {cut_off}; set portfolio.cut_off to {date}"
        )
    return _candidates(loans, assets, date, servicing_rate), date


def read_assets(path: Path) -> list[Asset]:
    """Every ``<assets>`` element of the file, in its order; see :func:`read_absee` for what raises."""
    root = _parse(path)
    expected = f"{{{NAMESPACE}}}assetData"
    if root.tag != expected:
        raise InputError(f"{path}: wrong layout: the root element is {root.tag!r}; expected {expected!r} (Form ABS-EE, CMBS)")
    prefix = f"{{{NAMESPACE}}}"
    assets = []
    for row, element in enumerate(root.iterfind(f"{prefix}assets"), start=1):
        properties = tuple(_texts(p) for p in element.iterfind(f"{prefix}property"))
        assets.append(Asset(row, _texts(element), properties))
    return assets


def _texts(element: _Element) -> dict[str, str]:
    # The parser drops comments and processing instructions: every child is an element.
    return {str(child.tag).rpartition("}")[2]: (child.text or "").strip() for child in element.iterchildren()}


def _parse(path: Path) -> _Element:
    from lxml import etree

    try:
        with open(path, "rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise InputError(f"{path}: larger than {MOST_BYTES // 2**20} MiB; expected one CMBS exhibit")
    if not content.strip():
        raise InputError(f"{path}: empty file; expected a Form ABS-EE exhibit in XML")
    # Before the parser sees it: an entity can only be declared in a document type declaration, and no exhibit has one.
    # A NUL byte means UTF-16 or UTF-32, where the search would not see it; EDGAR takes ASCII and UTF-8.
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise InputError(f"{path}: declares a document type or entities; these are refused: expected plain XML")
    if b"\0" in content:
        raise InputError(f"{path}: not UTF-8 text; expected a Form ABS-EE exhibit in XML, UTF-8")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise InputError(f"{path}: not well-formed XML, perhaps truncated: {error}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise InputError(f"{path}: declares a document type; this is refused: expected plain XML")
    return root


def _period_end(loans: list[Asset], path: Path) -> datetime.date:
    texts = {loan.texts.get("reportingPeriodEndDate", "") for loan in loans}
    dates = {_date(text) for text in texts}
    if len(dates) != 1 or None in dates:
        raise InputError(f"{path}: reportingPeriodEndDate is {sorted(texts)}; expected one date, MM-DD-YYYY, for all loans")
    return dates.pop()  # type: ignore[return-value]


def _date(text: str) -> datetime.date | None:
    try:
        return datetime.datetime.strptime(text, "%m-%d-%Y").date()
    except ValueError:
        return None


def _number(text: str | None) -> float:
    """NaN for what is not a finite decimal number. ``float`` alone also takes ``1_000``, ``nan`` and ``infinity``."""
    if not text or any(c not in "+-.0123456789eE" for c in text):
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _candidates(loans: list[Asset], assets: list[Asset], cut_off: datetime.date, servicing_rate: float) -> Candidates:
    collateral = _collateral(loans, assets)
    texts = {
        name: np.array([loan.texts.get(name, "") for loan in loans], dtype=object)
        for name in {*COLUMNS.values(), *_ACCEPTED} - {"propertyState", "propertyTypeCode", _VALUE}
    }
    texts |= {
        name: np.array([c[name] for c in collateral], dtype=object) for name in ("propertyState", "propertyTypeCode", _VALUE)
    }
    number = {name: np.array([_number(t) for t in texts[name]]) for name in texts}
    date = {
        name: np.array([_date(t) for t in texts[COLUMNS[name]]], dtype="datetime64[D]")
        for name in ("origination", "first_payment", "maturity_date")
    }
    fee = number["servicerTrusteeFeeRatePercentage"]
    not_given = texts["servicerTrusteeFeeRatePercentage"] == ""
    with np.errstate(all="ignore"):
        original_ltv = number["originalLoanAmount"] / number[_VALUE]
        ltv = number[_BALANCE] / number[_VALUE] * _whole_loan_share(loans, collateral, number[_PAYMENT])
    columns: dict[str, Any] = {
        "loan_id": texts["assetNumber"], "balance": number[_BALANCE], "original_balance": number["originalLoanAmount"],
        "ltv": ltv, "note_rate": number["reportPeriodInterestRatePercentage"],
        "servicing_rate": np.where(not_given, servicing_rate, fee), "state": texts["propertyState"],
        "day_count": np.array([ACCRUALS.get(t, "") for t in texts["interestAccrualMethodCode"]], dtype=object),
        "property_type": np.array([PROPERTY_TYPES.get(t, "other") for t in texts["propertyTypeCode"]], dtype=object),
    }  # fmt: skip
    columns |= _schedule(texts, number, date, cut_off)
    rows = np.array([loan.row for loan in loans], dtype=np.int64)
    extra = {
        "term": number["originalTermLoanNumber"], "original_amortisation": number["originalAmortizationTermNumber"],
        "original_interest_only": number["originalInterestOnlyTermNumber"], "given_payment": number[_PAYMENT],
        "original_ltv": original_ltv, **date,
    }  # fmt: skip
    return Candidates(rows, columns, extra, COLUMNS, texts, _refuse_codes(loans), len(loans))


def _refuse_codes(loans: list[Asset]) -> list[Reject]:
    return [
        Reject(loan.row, loan.texts.get("assetNumber", ""), name, loan.texts.get(name, ""), reason)
        for loan in loans
        for name, (accepted, reason) in _ACCEPTED.items()
        if loan.texts.get(name, "") not in accepted
    ]


def _schedule(
    texts: dict[str, np.ndarray], number: dict[str, np.ndarray], date: dict[str, np.ndarray], cut_off: datetime.date
) -> dict[str, Any]:
    """Counts of months from the dates: age, maturity, amortisation, interest-only; and the level payment."""
    months, day = _month(date["first_payment"]), _day(date["first_payment"])
    end = (cut_off.year - 1970) * 12 + cut_off.month - 1
    latest_due = np.where(day <= cut_off.day, end, end - 1.0)
    # Due dates passed; -1 where the first payment is due in the second month, which then pays interest only.
    seasoning = latest_due - months + 1
    term = number["originalTermLoanNumber"]
    # A loan that hyper-amortises is taken to be repaid at its anticipated repayment date, the end of its original term.
    anticipated = texts["paymentTypeCode"] == _HYPER_AMORTISING
    last_due = np.where(anticipated, months + term - 1, _month(date["maturity_date"]))
    maturity = last_due - latest_due
    amortisation, interest_only = number["originalAmortizationTermNumber"], number["originalInterestOnlyTermNumber"]
    for_life = amortisation == 0
    # Interest only for life: the two terms must say the same, a first payment in the month after next apart.
    whole = maturity + np.where(np.abs(interest_only - seasoning - maturity) <= 1, 0.0, interest_only - seasoning - maturity)
    left = np.where(for_life, whole, np.maximum(interest_only - seasoning, 0.0))
    return {
        "age": np.maximum(seasoning, 0.0),
        "maturity": maturity,
        "interest_only": left,
        "amortisation": np.where(for_life, left, interest_only + amortisation - seasoning),
        # The payment of a loan that is interest only for life is an average month's interest, not a level payment.
        "payment": np.where(for_life, np.nan, number[_PAYMENT]),
    }


def _month(dates: np.ndarray) -> np.ndarray:
    """Months since January 1970, NaN for NaT."""
    return np.where(np.isnat(dates), np.nan, dates.astype("datetime64[M]").astype(np.int64).astype(np.float64))


def _day(dates: np.ndarray) -> np.ndarray:
    day: np.ndarray = (dates - dates.astype("datetime64[M]")) / np.timedelta64(1, "D") + 1
    return day


def _collateral(loans: list[Asset], assets: list[Asset]) -> list[dict[str, str]]:
    """One record a loan: its own property line, with what it leaves open taken from the lines of its properties."""
    lines: dict[str, list[dict[str, str]]] = {}
    for asset in assets:
        if not asset.is_loan:
            lines.setdefault(asset.key, []).extend(asset.properties)
    return [_combine(loan.properties, lines.get(loan.key, [])) for loan in loans]


def _combine(own: tuple[dict[str, str], ...], others: list[dict[str, str]]) -> dict[str, str]:
    """Value: the loan's own line, else the sum over its properties. State and type: the own line, else the largest property's.

    Largest by appraised value where every property has one, else by underwritten net cash flow.
    """
    line = own[0] if len(own) == 1 else {}
    properties = list(own) if len(own) > 1 else others
    record = {name: line.get(name, "") for name in (_VALUE, _CASH_FLOW, _COVERAGE, "propertyState", "propertyTypeCode")}
    if not properties:
        return record
    values = [_number(p.get(_VALUE)) for p in properties]
    valued = all(v > 0 for v in values)
    if not record[_VALUE] and valued:
        record[_VALUE] = repr(math.fsum(values))
    sizes = values if valued else [_number(p.get(_CASH_FLOW)) for p in properties]
    largest = max(range(len(properties)), key=lambda i: -math.inf if math.isnan(sizes[i]) else sizes[i])
    for name in ("propertyState", "propertyTypeCode"):
        record[name] = record[name] or properties[largest].get(name, "")
    return record


def _whole_loan_share(loans: list[Asset], collateral: list[dict[str, str]], payment: np.ndarray) -> np.ndarray:
    """Debt on the property over the trust's part of it, >= 1: the trust may hold one of several notes of equal rank.

    The exhibit does not give the whole loan. It gives the debt service coverage ratio of the whole loan and the net cash flow,
    so the whole loan's debt service, and the payment on the trust's part. NaN where these are missing and the loan not whole.
    """
    whole = np.array([loan.texts.get("loanStructureCode", "") == "WL" for loan in loans])
    cash_flow = np.array([_number(c[_CASH_FLOW]) for c in collateral])
    coverage = np.array([_number(c[_COVERAGE]) for c in collateral])
    with np.errstate(all="ignore"):
        share = cash_flow / coverage / (12 * payment)
        share = np.where(np.isfinite(share) & (coverage > 0) & (payment > 0), np.maximum(share, 1.0), np.nan)
    return np.where(whole, 1.0, share)
