"""SEC Form ABS-EE, exhibit 102, commercial mortgages: the asset-level file of a public CMBS trust.

Sources: 17 CFR 229.1125 (Regulation AB, Schedule AL, item 2); SEC, *EDGAR ABS XML Technical Specification*, version 1.7
(2017), section 4.3 for the code lists. What each field becomes is in docs/theory/tapes.md.
"""

from __future__ import annotations

import datetime
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from mcsim.errors import InputError
from mcsim.tapes import absee_codes, absee_terms
from mcsim.tapes.absee_lines import PERIOD_END, Asset, Exhibit, Loan, arrange, date_of, number_of, read_assets
from mcsim.tapes.absee_property import DEFEASED_LTV, VALUE, Properties, properties_of
from mcsim.tapes.absee_terms import ACCRUALS, AMORTISATION, BALANCE, INTEREST_ONLY, NOT_GIVEN, ORIGINAL, PAYMENT, RATE, Terms
from mcsim.tapes.checks import MOST_LTV, Candidates
from mcsim.tapes.rejects import Reject

__all__ = ["Asset", "read_absee", "read_assets"]

FEE = "servicerTrusteeFeeRatePercentage"
COLUMNS = {
    "loan_id": "assetNumber", "balance": BALANCE, "original_balance": ORIGINAL, "note_rate": RATE, "servicing_rate": FEE,
    "term": "originalTermLoanNumber", "original_amortisation": AMORTISATION, "amortisation": AMORTISATION,
    "original_interest_only": INTEREST_ONLY, "interest_only": INTEREST_ONLY, "payment": PAYMENT,
    "origination": "originationDate", "first_payment": "firstLoanPaymentDueDate", "maturity_date": "maturityDate",
    "maturity": "maturityDate", "region": "propertyState", "original_ltv": VALUE, "ltv": VALUE,
    "property_type": "propertyTypeCode",
}  # fmt: skip
_DATES = ("origination", "first_payment", "maturity_date")
_SOURCES = ("maturity", "maturity_date", "payment", "note_rate", "servicing_rate")
_EXPECTED = dict.fromkeys(_DATES, "expected MM-DD-YYYY") | dict.fromkeys(
    ("original_ltv", "ltv"), f"expected the value of the property, USD: what was lent over it is at most {MOST_LTV:g}"
)
_MOST_NUMBER = 100  # characters of an asset's number: an array of ids is as wide as the widest


def read_absee(path: Path, cut_off: datetime.date | None, servicing_rate: float) -> tuple[Candidates, datetime.date]:
    """Loans of an ABS-EE CMBS exhibit, and its cut-off: the end of the reporting period.

    Parameters
    ----------
    path : Path
        The XML file, plain, in gzip or zip, or in the full text of the submission. It may hold no document type declaration;
        entities are not expanded, nothing is fetched.
    cut_off : date or None
        What the configuration expects; None takes the file's.
    servicing_rate : float
        Annual, for loans whose own servicer and trustee fee is not given.

    Raises
    ------
    InputError
        If the file is empty, too large, not XML, declares a document type, is of another layout, or of another date.
    """
    exhibit = arrange(read_assets(path))
    if not exhibit.loans:
        expected = "expected <assets> with the elements of Schedule AL, item 2"
        raise InputError(f"{path}: holds no loans among its {exhibit.n_assets} assets; {expected}")
    date = _period_end([loan.asset for loan in exhibit.loans], path)
    if cut_off is not None and cut_off != date:
        raise InputError(
            f"{path}: the reporting period ends on {date}, portfolio.cut_off is {cut_off}; set portfolio.cut_off to {date}"
        )
    running = [loan for loan in exhibit.loans if _runs(loan)]
    if not running:
        raise InputError(f"{path}: all {len(exhibit.loans)} loans have a balance of 0; expected at least one that still runs")
    return _candidates(exhibit, running, date, servicing_rate), date


def _period_end(loans: list[Asset], path: Path) -> datetime.date:
    """The date that most loans give: those of another one are rejected, and one loan does not cost the file."""
    dates = Counter(date for loan in loans if (date := date_of(loan.texts.get(PERIOD_END))) is not None)
    if not dates or 2 * dates.most_common(1)[0][1] <= sum(dates.values()):
        texts = sorted({loan.texts.get(PERIOD_END, "") for loan in loans})
        shown = f"{texts[:5]}{' and more' if len(texts) > 5 else ''}"
        raise InputError(f"{path}: {PERIOD_END} is {shown}; expected one date, MM-DD-YYYY, for all loans")
    return dates.most_common(1)[0][0]


def _runs(loan: Loan) -> bool:
    """Whether something is owed still, or may be: of two balances on one loan neither counts."""
    return BALANCE in loan.asset.twice or not absee_codes.has_ended(loan.asset)


def _candidates(exhibit: Exhibit, running: list[Loan], cut_off: datetime.date, servicing_rate: float) -> Candidates:
    assets = [loan.asset for loan in running]
    properties = [properties_of(loan) for loan in running]
    terms = [absee_terms.terms_of(asset.texts, cut_off) for asset in assets]
    rejects = list(exhibit.rejects)
    for loan, stands, term in zip(running, properties, terms, strict=True):
        rejects += absee_codes.refuse(loan.asset, stands) + _problems(loan.asset, term, cut_off) + _twice(loan)
    fees = [asset.texts.get(FEE, "") for asset in assets]
    original_ltv, ltv = _loan_to_value(assets, properties, terms)
    columns: dict[str, Any] = {
        "loan_id": _texts(asset.number for asset in assets), "balance": _numbers(assets, BALANCE),
        "original_balance": _numbers(assets, ORIGINAL), "ltv": ltv,
        "servicing_rate": np.array([servicing_rate if text.upper() in NOT_GIVEN else number_of(text) for text in fees]),
        "day_count": _texts(ACCRUALS.get(asset.texts.get("interestAccrualMethodCode", ""), "") for asset in assets),
        "region": _texts(stands.state for stands in properties),
        "property_type": _texts(stands.property_type for stands in properties),
    }  # fmt: skip
    for name in ("note_rate", "age", "maturity", "interest_only", "amortisation", "payment"):
        columns[name] = np.array([getattr(term, name) for term in terms], dtype=np.float64)
    besides: dict[str, np.ndarray] = {"original_ltv": original_ltv}
    for name in ("term", "original_amortisation", "original_interest_only"):
        besides[name] = np.array([term.used[name] for term in terms], dtype=np.float64)
    for name in _DATES:
        besides[name] = np.array([term.used[name] for term in terms], dtype="datetime64[D]")
    for fee, term in zip(fees, terms, strict=True):
        term.sources |= {"servicing_rate": "portfolio.servicing_rate"} if fee.upper() in NOT_GIVEN else {}
    sources = {name: _texts(term.sources.get(name, COLUMNS[name]) for term in terms) for name in _SOURCES}
    elements = {*COLUMNS.values(), *(name for names in sources.values() for name in names)} - {"portfolio.servicing_rate"}
    texts = {name: _texts(asset.texts.get(name, "") for asset in assets) for name in elements}
    texts |= {n: _texts(stands.texts[n] for stands in properties) for n in ("propertyState", "propertyTypeCode", VALUE)}
    remarks = [absee_codes.remarks_of(n, c) | t.remarks for n, c, t in zip(running, properties, terms, strict=True)]
    ended = [loan.asset for loan in exhibit.loans if not _runs(loan)]
    rows = np.array([asset.row for asset in assets], dtype=np.int64)
    n_rows = len(running) + len(exhibit.rejects)
    notes = absee_codes.notes_of(exhibit, running, remarks, ended)
    return Candidates(rows, columns, besides, COLUMNS, texts, rejects, n_rows, notes, sources, _EXPECTED)


def _texts(values: Any) -> np.ndarray:
    return np.array(list(values), dtype=object)


def _numbers(assets: list[Asset], name: str) -> np.ndarray:
    return np.array([number_of(asset.texts.get(name)) for asset in assets], dtype=np.float64)


def _problems(asset: Asset, terms: Terms, cut_off: datetime.date) -> list[Reject]:
    found = list(terms.problems)
    if date_of(asset.texts.get(PERIOD_END)) not in (None, cut_off):
        found.append((PERIOD_END, f"another reporting period; expected the one that ends on {cut_off}, as for most loans"))
    if len(asset.number) > _MOST_NUMBER:
        found.append(("assetNumber", f"{len(asset.number):,} characters; expected at most {_MOST_NUMBER}"))
    return [Reject(asset.row, asset.number, name, asset.texts.get(name, ""), reason) for name, reason in found]


def _twice(loan: Loan) -> list[Reject]:
    """Elements that stand twice on the loan, or on a line of a property of it, and do not say the same: neither counts."""
    reason = "stands twice with different contents; expected once"
    twice = loan.asset.twice | loan.twice
    return [Reject(loan.asset.row, loan.asset.number, name, both, reason) for name, both in twice.items()]


def _loan_to_value(assets: list[Asset], properties: list[Properties], terms: list[Terms]) -> tuple[np.ndarray, np.ndarray]:
    """Ratio at origination and at the cut-off.

    The trust may hold one of several notes of equal rank. The exhibit does not give the whole loan; it gives the whole loan's
    underwritten cash flow and its coverage, so its debt service, and the payment on the trust's part. NaN where these are
    missing and the loan is not whole.
    """
    defeased = np.array([stands.defeased for stands in properties])
    value = np.array([stands.value for stands in properties])
    part = np.array([absee_terms.annual_debt_service(a.texts, t) for a, t in zip(assets, terms, strict=True)])
    with np.errstate(all="ignore"):
        share = np.array([stands.debt_service for stands in properties]) / part
        share = np.where(np.isfinite(share) & (part > 0), np.maximum(share, 1.0), np.nan)
        share = np.where([asset.texts.get("loanStructureCode") == "WL" for asset in assets], 1.0, share)
        original, now = _numbers(assets, ORIGINAL) / value, _numbers(assets, BALANCE) / value * share
    return np.where(defeased, DEFEASED_LTV, original), np.where(defeased, DEFEASED_LTV, now)
