"""Small ABS-EE exhibits made in code: invented loans in the elements of Schedule AL, item 2."""

from __future__ import annotations

from pathlib import Path

from mcsim.settings import Portfolio
from mcsim.tapes.portfolio import Tape, load_portfolio

NAMESPACE = "http://www.sec.gov/edgar/document/absee/cmbs/assetdata"

# 10m lent on 20 September 2016 at 4.80%, 30/360, 120 months, 30 years' amortisation; 13 payments made by 13 November 2017.
LOAN = {
    "assetTypeNumber": "Prospectus Loan ID", "assetNumber": "1", "reportingPeriodBeginningDate": "10-12-2017",
    "reportingPeriodEndDate": "11-13-2017", "originationDate": "09-20-2016", "originalLoanAmount": "10000000.00",
    "originalTermLoanNumber": "120", "maturityDate": "10-06-2026", "originalAmortizationTermNumber": "360",
    "originalInterestRatePercentage": "0.0480", "interestAccrualMethodCode": "1", "originalInterestRateTypeCode": "1",
    "originalInterestOnlyTermNumber": "0", "firstLoanPaymentDueDate": "11-06-2016", "loanStructureCode": "WL",
    "paymentTypeCode": "2", "periodicPrincipalAndInterestPaymentSecuritizationAmount": "52466.54",
    "paymentFrequencyCode": "1", "modifiedIndicator": "false", "reportPeriodInterestRatePercentage": "0.0480",
    "servicerTrusteeFeeRatePercentage": "0.0002", "reportPeriodEndScheduledLoanBalanceAmount": "9838000.00",
    "paymentStatusLoanCode": "0",
}  # fmt: skip
INTEREST_ONLY = {"originalAmortizationTermNumber": "0", "originalInterestOnlyTermNumber": "120", "paymentTypeCode": "3",
                 "periodicPrincipalAndInterestPaymentSecuritizationAmount": "40000.00",
                 "reportPeriodEndScheduledLoanBalanceAmount": "10000000.00"}  # fmt: skip
PROPERTY = {
    "propertyName": "Example",
    "propertyState": "OH",
    "propertyTypeCode": "RT",
    "valuationSecuritizationAmount": "15000000",
}


def element(name: str, texts: dict[str, str], inner: str = "") -> str:
    return f"<{name}>" + "".join(f"<{key}>{text}</{key}>" for key, text in texts.items()) + inner + f"</{name}>"


def loan(*properties: dict[str, str], **changes: str) -> str:
    """``LOAN`` with ``changes``, on ``properties`` or on one of :data:`PROPERTY`."""
    return element("assets", LOAN | changes, "".join(element("property", p) for p in properties or (PROPERTY,)))


def part(number: str, state: str = "TX", kind: str = "OF", value: str = "5000000", **more: str) -> str:
    """A line that says what one property of a loan is; ``more`` fields of the line itself."""
    texts = {"propertyState": state, "propertyTypeCode": kind, "valuationSecuritizationAmount": value}
    return element("assets", {"assetNumber": number} | more, element("property", texts))


def write(folder: Path, *lines: str) -> Path:
    path = folder / "exhibit.xml"
    path.write_text(f'<assetData xmlns="{NAMESPACE}">{"".join(lines)}</assetData>', encoding="utf-8")
    return path


def read(file: Path | str, share: float = 0.0, cut_off: str = "") -> Tape:
    """The loans of ``file``; up to ``share`` of them may be rejected."""
    return load_portfolio(Portfolio("cmbs", "absee", str(file), cut_off, share, 0.0005, 12, "none"))


def terms(tape: Tape, loan_id: str = "1") -> dict[str, object]:
    """What the contract of one loan became."""
    (at,) = [i for i, found in enumerate(tape.loans.loan_id) if found == loan_id]
    names = ("balance", "note_rate", "age", "maturity", "amortisation", "interest_only", "payment", "region", "property_type")
    return {name: getattr(tape.loans, name)[at].item() for name in names}


def noted(tape: Tape, subject: str) -> list[str]:
    """Ids that the notes name under ``subject``."""
    return [number for note in tape.notes if note.subject == subject for number in note.loan_ids]
