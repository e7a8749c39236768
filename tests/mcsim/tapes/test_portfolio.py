"""Settings, rejects and limits that all sources share; and no traceback, whatever a row holds."""

from __future__ import annotations

import csv
import datetime
import hashlib
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcsim.data_files import DATA
from mcsim.errors import InputError
from mcsim.loans import loan_number, make_loans
from mcsim.settings import Portfolio
from mcsim.tapes.absee_property import VALUE
from mcsim.tapes.portfolio import Tape, load_portfolio
from mcsim.tapes.rejects import Reject, limit_rejects, write_rejects

ROW = "1|R|OTHER|6.5|200000|360|12/2006|02/2007|80|80|1|35|740|N|P|SF|1|P|CA|900||FRM|||N"  # invented
FIELDS = ROW.split("|")
XML_FIELDS = {
    "assetNumber": "1", "reportingPeriodEndDate": "11-13-2017", "originationDate": "07-27-2017",
    "originalLoanAmount": "78000000.00", "originalTermLoanNumber": "84", "maturityDate": "08-06-2024",
    "originalAmortizationTermNumber": "0", "interestAccrualMethodCode": "3", "originalInterestRateTypeCode": "1",
    "originalInterestOnlyTermNumber": "84", "firstLoanPaymentDueDate": "09-06-2017", "loanStructureCode": "WL",
    "paymentTypeCode": "3", "periodicPrincipalAndInterestPaymentSecuritizationAmount": "220115.28",
    "paymentFrequencyCode": "1", "reportPeriodInterestRatePercentage": "0.0334",
    "reportPeriodEndScheduledLoanBalanceAmount": "78000000.00", "paymentStatusLoanCode": "0",
}  # fmt: skip
PROPERTY = f"<property><propertyState>GA</propertyState><{VALUE}>1.5e8</{VALUE}></property>"


def load(path: Path | str, source: str = "fannie_acquisition", cut_off: str = "2007-06-30", share: float = 0.0) -> Tape:
    return load_portfolio(Portfolio("p", source, str(path), cut_off, share, 0.0025, 12, "none"))


def test_write_rejects(tmp_path: Path) -> None:
    rejects = (Reject(3, "a,b", "orig_rate", '4"00', "out of range"), Reject(4, "", "loan_id", "", "missing"))
    write_rejects(rejects, tmp_path / "rejects.csv")
    with open(tmp_path / "rejects.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows == [
        ["row", "loan_id", "column", "value", "reason"],
        ["3", "a,b", "orig_rate", '4"00', "out of range"],
        ["4", "", "loan_id", "", "missing"],
    ]
    with pytest.raises(InputError, match="cannot be written"):
        write_rejects(rejects, tmp_path / "no" / "such" / "folder.csv")


def test_rejects_are_written_before_the_run_stops(tmp_path: Path) -> None:
    tape, rejects = tmp_path / "tape.txt", tmp_path / "rejects.csv"
    bad = [*FIELDS[:4], "-1", *FIELDS[5:]]
    tape.write_text("\n".join("|".join([str(i), *row[1:]]) for i, row in enumerate([FIELDS, bad, FIELDS])), encoding="utf-8")
    portfolio = Portfolio("p", "fannie_acquisition", str(tape), "2007-06-30", 0.3, 0.0025, 12, "none")
    with pytest.raises(InputError, match=r"1 of 3 rows are rejected, a share of 0.3333; at most .*max_reject_share = 0.3 "):
        load_portfolio(portfolio, rejects_file=rejects)
    assert rejects.read_text(encoding="utf-8").splitlines()[1].startswith("2,1,orig_upb,-1,out of range")


def test_limit() -> None:
    rejects = tuple(Reject(row, str(row), "c", "v", "r") for row in (1, 1, 2))
    assert limit_rejects(rejects, 4, 0.5, "tape") == 2  # rows, not problems; the limit itself is allowed
    with pytest.raises(InputError, match="2 of 4 rows"):
        limit_rejects(rejects, 4, 0.499, "tape")
    with pytest.raises(InputError, match="all 2 rows"):
        limit_rejects(rejects, 2, 1.0, "tape")
    with pytest.raises(InputError, match="holds no loans"):
        limit_rejects((), 0, 1.0, "tape")


def test_settings_are_reported_together() -> None:
    portfolio = Portfolio("p", "abse", None, "2017-13-01", 1.5, 0.0, 12, "none")
    with pytest.raises(InputError) as caught:
        load_portfolio(portfolio)
    assert len(caught.value.problems) == 3
    assert "did you mean 'absee'" in str(caught.value)


@pytest.mark.parametrize("file", ["exh_102_exampl.xml", "no/such/file", "\0", "a" * 5000, "."])
def test_missing_file(file: str) -> None:
    with pytest.raises(InputError, match="no such file"):
        load(file, "absee", "")
    if file.startswith("exh"):
        with pytest.raises(InputError, match=r"did you mean 'exh_102_example\.xml'"):
            load(file, "absee", "")


def test_loan_number() -> None:
    # b2sum of the two letters, first 16 hexadecimal digits; RFC 7693 appendix A gives the digest of "abc".
    assert loan_number("abc").to_bytes(8, "little").hex() == "ba80a53f981c4d0d"
    assert loan_number("1") == int.from_bytes(hashlib.blake2b(b"1").digest()[:8], "little")


def test_take() -> None:
    loans = load(DATA / "exh_102_example.xml", "absee", "").loans
    some = loans.take(loans.balance > 5e7)
    assert len(some) == 4
    assert some.cut_off == loans.cut_off
    assert len(loans.take(slice(0, 3))) == 3


def test_columns_that_may_be_left_out() -> None:
    columns = {name: np.ones(2) for name in ("balance", "original_balance", "ltv", "note_rate", "servicing_rate", "age",
               "maturity", "amortisation", "interest_only")}  # fmt: skip
    texts = {"loan_id": ["b", "a"], "day_count": ["30/360"] * 2, "region": ["CA", "AK"], "property_type": ["other"] * 2}
    loans = make_loans(datetime.date(2020, 12, 31), columns | texts)
    assert loans.region.tolist() == ["AK", "CA"]
    assert loans.adjustable.dtype == bool
    assert (loans.age.dtype, loans.number.dtype) == (np.int64, np.uint64)
    assert np.isnan(loans.payment).all()


TEXTS = st.one_of(
    st.text(
        alphabet=st.characters(exclude_characters="|\n\r\0", exclude_categories=("Cs",)), max_size=8
    ),  # a NUL: no text file
    st.sampled_from(
        ["", "0", "-1", "1e308", "1e999", "-0", "nan", "inf", "12/2200", "00/0000", "01/0000", "12/9999", "360", "٣"]
    ),
    st.floats().map(str),
    st.integers(-(10**30), 10**30).map(str),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, len(FIELDS) - 1), TEXTS), max_size=6))
def test_fannie_row_of_anything(changes: list[tuple[int, str]]) -> None:
    row = list(FIELDS)
    for at, text in changes:
        row[at] = text
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tape.txt"
        path.write_text("|".join(["good", *FIELDS[1:]]) + "\n" + "|".join(row) + "\n", encoding="utf-8")
        tape = load(path, share=0.5)  # the good row survives beside any other
    assert "good" in tape.loans.loan_id
    _assert_usable(tape)


XML_TEXTS = st.one_of(
    st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="<>&\x7f"), max_size=8),
    st.sampled_from(
        ["", "0", "-1", "1e308", "1e999", "1e-320", "nan", "07-27-2200", "01-01-0001", "12-31-9999", "02-30-2017"]
    ),
    st.integers(-(10**30), 10**30).map(str),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(sorted(XML_FIELDS)), XML_TEXTS, max_size=6))
def test_absee_row_of_anything(changes: dict[str, str]) -> None:
    """Whatever one row holds, the two good ones are read as they are without it."""
    head = '<assetData xmlns="http://www.sec.gov/edgar/document/absee/cmbs/assetdata">'
    rows = [XML_FIELDS | {"assetNumber": name} for name in ("good", "sound")] + [XML_FIELDS | changes]
    lines = ["<assets>" + "".join(f"<{k}>{v}</{k}>" for k, v in r.items()) + PROPERTY + "</assets>" for r in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tape.xml"
        path.write_text(f"{head}{''.join(lines)}</assetData>", encoding="utf-8")
        tape = load(path, "absee", "", share=0.5)
    assert {"good", "sound"} <= set(tape.loans.loan_id)
    good = tape.loans.take(tape.loans.loan_id == "good")
    assert (good.balance[0], good.maturity[0], good.interest_only[0], good.region[0]) == (78e6, 81, 81, "GA")
    left_out = sum(note.count for note in tape.notes if note.subject in LEFT_OUT)
    _assert_usable(tape, 3 - left_out)


LEFT_OUT = ("paid off", "liquidated", "no balance", "lines without a loan")


def _assert_usable(tape: Tape, rows: int = 2) -> None:
    """What the simulation relies on."""
    loans = tape.loans
    assert len(loans) + len({r.row for r in tape.rejects}) == rows
    for name in ("balance", "original_balance", "ltv", "note_rate", "servicing_rate"):
        assert np.isfinite(getattr(loans, name)).all()
    assert (loans.balance > 0).all()
    assert (loans.ltv > 0).all()
    assert (loans.age >= 0).all()
    assert (loans.maturity >= 1).all()
    assert (loans.maturity <= 1300).all()
    assert (loans.amortisation >= loans.maturity).all()
    assert ((loans.interest_only >= 0) & (loans.interest_only <= loans.maturity)).all()
    assert set(loans.day_count) <= {"30/360", "actual/360", "actual/365"}
