"""A second filing, read by the standard library's parser and recomputed on its own; and small exhibits that went wrong."""

from __future__ import annotations

import calendar
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mcsim.data_files import DATA
from mcsim.errors import InputError
from mcsim.loans import Loans
from mcsim.settings import Portfolio
from mcsim.simulation.prepare import prepare_loans
from mcsim.tapes.portfolio import Tape
from tests.mcsim.tapes.exhibits import noted, read, terms

SECOND = "data/sec_absee_cmbs_2/ex102_bank5_second_deal.xml"
PAYMENT = "periodicPrincipalAndInterestPaymentSecuritizationAmount"
CASES = "cases"


@pytest.fixture(scope="module")
def second(shared_file: Callable[[str], Path]) -> Tape:
    return read(shared_file(SECOND), cut_off="2025-12-11")


@pytest.fixture(scope="module")
def elements(shared_file: Callable[[str], Path]) -> dict[str, dict[str, str]]:
    """Texts of the 35 loans and of their own property lines, by number: those with an amount lent."""
    found = {}
    for asset in ElementTree.parse(shared_file(SECOND)).getroot():
        texts = {e.tag.rpartition("}")[2]: e.text or "" for part in (asset, *asset.findall("{*}property")) for e in part}
        if "originalLoanAmount" in texts:
            found[texts["assetNumber"]] = texts
    return found


def test_every_loan_is_read(second: Tape, elements: dict[str, dict[str, str]]) -> None:
    loans = second.loans
    assert (len(loans), len(elements), second.rejects) == (35, 35, ())
    assert round(loans.balance.sum(), 2) == 949_066_382.67
    assert sorted(loans.loan_id) == sorted(elements)
    (lines,) = [str(note) for note in second.notes if note.subject == "lines"]
    assert lines.startswith("lines: 94, 949,066,383 USD")
    assert "35 loans, 0 of no balance, 59 lines of their properties, 0 that join no loan" in lines
    assert noted(second, "outside the states") == ["14"]  # Somerset Village, Bermuda
    # Five-year loans: 34 interest only, of which 25 have 0.00 in the payment field and 9 the interest of 28 to 31 days.
    assert (np.isnan(loans.payment).sum(), (loans.interest_only == loans.maturity).sum()) == (34, 34)
    assert sum(texts[PAYMENT] == "0.00" for texts in elements.values()) == 25
    assert set(loans.maturity) == {58, 59, 60}


def test_balance_at_maturity_recomputed(second: Tape, elements: dict[str, dict[str, str]]) -> None:
    """The balloon of each loan by a loop of its own over calendar months: what is lent interest only is due whole, loan 17 after 60
    payments. The filing's own balance of loan 17 after two is the loop's to the cent or two of rounded interest."""
    lent = elements["17"]
    balance, payment, rate = (float(lent[n]) for n in ("originalLoanAmount", PAYMENT, "originalInterestRatePercentage"))
    year, month = 2025, 10  # interest of October is due on 11 November
    for paid in range(60):
        if paid == 2:
            assert abs(balance - float(lent["reportPeriodEndScheduledLoanBalanceAmount"])) < 0.02
            balance = float(lent["reportPeriodEndScheduledLoanBalanceAmount"])
        if paid < 59:
            balance -= payment - balance * rate * calendar.monthrange(year, month)[1] / 360
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    due = balances_at_maturity(second.loans)
    assert due.pop("17") == pytest.approx(balance, abs=1e-6)  # 58 float64 roundings of amounts of 2.5e7
    assert due == {n: float(t["reportPeriodEndScheduledLoanBalanceAmount"]) for n, t in elements.items() if n != "17"}


def balances_at_maturity(loans: Loans) -> dict[str, float]:
    regions = tuple(sorted(set(loans.region)))
    prepared = prepare_loans(loans, Portfolio("p", "absee", "", "", 0.0, 0.0, 12, "none"), regions, 60, "float64")
    return {
        str(n): float(prepared.balances[i, m - 1]) for i, (n, m) in enumerate(zip(loans.loan_id, loans.maturity, strict=True))
    }


def test_parts_of_loans_against_the_debt_service_filed(second: Tape, elements: dict[str, dict[str, str]]) -> None:
    """The reader takes the whole loan from underwritten cash flow and coverage; this filing gives its debt service besides.
    Coverage has two decimals, of at least 1.39: .36%. Debt service of a year of 360 or 365 days: 1.4%."""
    ltv = dict(zip(second.loans.loan_id.tolist(), second.loans.ltv.tolist(), strict=True))
    name = "mostRecentDebtServiceAmount"
    parts = [n for n, texts in elements.items() if texts["loanStructureCode"] != "WL" and name in texts]
    assert len(parts) == 5  # of six; loan 7 gives none
    for number in parts:
        texts = {name: float(elements[number].get(name) or "nan") for name in (
            "mostRecentDebtServiceAmount", "reportPeriodInterestRatePercentage", "valuationSecuritizationAmount",
            "reportPeriodEndScheduledLoanBalanceAmount", PAYMENT)}  # fmt: skip
        service, rate, value, balance, payment = texts.values()
        own = 12 * payment if number == "17" else balance * rate * 365 / 360
        assert ltv[number] == pytest.approx(balance * service / own / value, rel=0.018)
        assert 0.3 < ltv[number] < 0.65


@pytest.mark.parametrize("form", ["tape", "hyphens", "servicer_name"])
def test_property_lines_of_any_form(shared_file: Callable[[str], Path], form: str) -> None:
    folder = f"{CASES}/01-portfolio-line-with-indicator"
    clean, tape = (read(shared_file(f"{folder}/{name}.xml")) for name in ("clean", form))
    assert same(tape.loans, clean.loans)
    assert (len(tape.loans), tape.loans.balance.sum()) == (3, 21_757_000)
    assert tape.loans.ltv[list(tape.loans.loan_id).index("2")] == pytest.approx(0.614875, rel=1e-12)


def same(one: Loans, other: Loans) -> bool:
    names = [name for name in vars(one) if name not in ("cut_off", "extra")]
    return one.extra == other.extra == {} and all(
        np.array_equal(getattr(one, n), getattr(other, n), equal_nan=getattr(one, n).dtype.kind == "f") for n in names
    )


def test_modified(shared_file: Callable[[str], Path]) -> None:
    folder = f"{CASES}/02-modified-loan"
    tape, equal, extended = (read(shared_file(f"{folder}/{n}.xml")) for n in ("tape", "expected_equivalent", "extended"))
    assert same(tape.loans, equal.loans)
    assert (terms(tape)["maturity"], terms(tape)["payment"]) == (167, 30_000)
    assert terms(extended)["maturity"] == 23  # 6 October 2019
    assert noted(tape, "modified") == noted(extended, "modified") == ["1"]


def test_paid_off(shared_file: Callable[[str], Path]) -> None:
    tape = read(shared_file(f"{CASES}/03-paid-off-loan/tape.xml"))
    assert (len(tape.loans), tape.loans.balance.sum(), noted(tape, "paid off")) == (2, 11_919_000, ["1"])


def test_defeased(shared_file: Callable[[str], Path]) -> None:
    for name in ("tape", "no_property"):
        tape = read(shared_file(f"{CASES}/11-defeased-loan/{name}.xml"))
        assert (len(tape.loans), noted(tape, "defeased")) == (3, ["2"])


def test_payment_field_of_interest_only_loans(shared_file: Callable[[str], Path]) -> None:
    folder = f"{CASES}/13-interest-only-payment"
    level, days_28, zero = (read(shared_file(f"{folder}/{name}.xml")).loans for name in ("level", "d28", "zero"))
    assert same(level, days_28)
    assert same(level, zero)


@pytest.mark.parametrize("name", ["cp1252", "prefixed", "bom_leading_blank"])
def test_dialects(shared_file: Callable[[str], Path], name: str) -> None:
    base = read(shared_file(f"{CASES}/00-base/tape.xml")).loans
    assert same(read(shared_file(f"{CASES}/12-xml-dialects/{name}.xml")).loans, base)


def test_submission_text(shared_file: Callable[[str], Path]) -> None:
    base = read(shared_file(f"{CASES}/00-base/tape.xml")).loans
    assert same(read(shared_file(f"{CASES}/05-full-submission-text/0000000000-17-000001.txt")).loans, base)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("04-sec-html-page/ex102.xml", "found an HTML page titled"),
        (
            "12-xml-dialects/rmbs.xml",
            r"residential mortgages \(namespace .../rmbs/...\); expected exhibit 102 .* commercial mortgages",
        ),
        ("12-xml-dialects/nons.xml", "'assetData' in no namespace"),
        ("12-xml-dialects/latin_mislabelled.xml", "not the encoding 'utf-8' that it declares: byte 0xe9 on line 8"),
    ],
)
def test_refused_in_one_line(shared_file: Callable[[str], Path], name: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(shared_file(f"{CASES}/{name}"))
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("wrap", ["gzip", "zip", "submission", "bom", "windows-1252", "crlf"])
def test_the_filing_that_ships_in_any_wrapping(tmp_path: Path, wrap: str) -> None:
    """The same loans out of a gzip file, a zip archive, the full text of the submission, and other encodings."""
    import gzip
    import zipfile

    content = (DATA / "exh_102_example.xml").read_bytes()
    file = tmp_path / "filing"
    if wrap == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("exh_102.xml", content)
    else:
        file.write_bytes(
            {
                "gzip": lambda: gzip.compress(content),
                "submission": lambda: (
                    b"<SEC-DOCUMENT>x\n<DOCUMENT>\n<TYPE>EX-102\n<TEXT>\n<XML>\n" + content + b"</XML>\n</TEXT>\n</DOCUMENT>"
                ),
                "bom": lambda: b"\xef\xbb\xbf" + content,
                "windows-1252": lambda: (
                    content.decode().replace('"UTF-8"', '"windows-1252"', 1).encode("cp1252", "xmlcharrefreplace")
                ),
                "crlf": lambda: content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
            }[wrap]()
        )
    assert same(read(file).loans, read(DATA / "exh_102_example.xml").loans)
