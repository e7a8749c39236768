"""The acquisition-file reader: on rows made here, and on the real files where they are at hand."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import numpy as np
import pytest

from mcsim.errors import InputError
from mcsim.loans import scheduled_balance
from mcsim.settings import Portfolio
from mcsim.tapes.portfolio import Tape, load_portfolio

SHARED = Path(os.environ.get("MCSIM_SHARED", Path(__file__).parents[4] / "shared"))
REAL = SHARED / "data" / "fannie_sflp"


def line(**changes: str) -> str:
    """A line in the layout, invented."""
    fields = {
        "loan_id": "1", "channel": "R", "seller": "OTHER", "rate": "6.5", "upb": "200000", "term": "360",
        "origination": "12/2006", "first_payment": "02/2007", "ltv": "80", "cltv": "80", "borrowers": "1", "dti": "35",
        "fico": "740", "first_time": "N", "purpose": "P", "property_type": "SF", "units": "1", "occupancy": "P", "state": "CA",
        "zip3": "900", "mi": "", "product": "FRM", "co_fico": "", "mi_type": "", "relocation": "N",
    }  # fmt: skip
    return "|".join((fields | changes).values())


def load(path: Path, cut_off: str = "2007-06-30", share: float = 0.0, **kwargs: object) -> Tape:
    portfolio = Portfolio("f", "fannie_acquisition", str(path), cut_off, share, 0.0025, 12, "principal_and_interest")
    return load_portfolio(portfolio, **kwargs)  # type: ignore[arg-type]


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "acquisition.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_loan(tmp_path: Path) -> None:
    loans = load(write(tmp_path, line(property_type="CO"))).loans
    # Due on 1 February to 1 June 2007: five payments; 355 left.
    assert (loans.age[0], loans.maturity[0], loans.amortisation[0], loans.interest_only[0]) == (5, 355, 355, 0)
    r = 0.065 / 12
    closed_form = 200_000 * ((1 + r) ** 360 - (1 + r) ** 5) / ((1 + r) ** 360 - 1)
    assert loans.balance[0] == round(closed_form, 2)  # to the cent: the two forms differ by rounding near 1e-10
    assert loans.note_rate[0] == 0.065
    assert loans.ltv[0] == pytest.approx(0.8 * closed_form / 200_000, rel=1e-7)  # the balance is rounded to the cent
    assert (loans.day_count[0], loans.region[0], loans.property_type[0]) == ("30/360", "CA", "condominium")
    assert np.isnan(loans.payment[0])


def test_loan_whose_first_payment_is_to_come(tmp_path: Path) -> None:
    """First due in month 2: month 1 pays interest only, and the schedule moves out by one month."""
    loans = load(write(tmp_path, line()), cut_off="2006-12-31").loans
    assert (loans.age[0], loans.interest_only[0], loans.maturity[0], loans.amortisation[0]) == (0, 1, 361, 361)
    assert loans.balance[0] == 200_000


def test_mark_to_market(tmp_path: Path) -> None:
    asked = []

    def ratio(state: str, start: datetime.date, end: datetime.date) -> float:
        asked.append((state, start, end))
        return 1.25

    path = write(tmp_path, line(), line(loan_id="2"))
    marked, plain = load(path, home_price_ratio=ratio).loans, load(path).loans
    np.testing.assert_array_equal(marked.ltv, plain.ltv / 1.25)
    assert asked == [("CA", datetime.date(2006, 12, 1), datetime.date(2007, 6, 30))]  # once for the two loans


def test_no_home_price_index_is_a_reject(tmp_path: Path) -> None:
    def ratio(state: str, start: datetime.date, end: datetime.date) -> float:
        raise InputError("no index") if state == "HI" else KeyError(state) if state == "AK" else AssertionError

    path = write(tmp_path, line(state="HI"), line(loan_id="2", state="AK"))
    with pytest.raises(InputError, match="no home-price index"):
        load(path, home_price_ratio=ratio)


def test_no_date_beside_a_home_price_index_is_a_reject(tmp_path: Path) -> None:
    path = write(tmp_path, line(), line(loan_id="2", origination=""), line(loan_id="3", origination="never"))
    tape = load(path, share=0.7, home_price_ratio=lambda state, start, end: 1.0)
    assert {(r.loan_id, r.column) for r in tape.rejects} == {("2", "orig_date"), ("3", "orig_date")}


def test_26_columns_and_blank_lines_are_read(tmp_path: Path) -> None:
    tape = load(write(tmp_path, line() + "|200701", "", line(loan_id="2") + "|200701"))
    assert len(tape.loans) == 2


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"upb": "-5"}, "orig_upb"), ({"upb": ""}, "orig_upb"), ({"upb": "1e999"}, "orig_upb"), ({"rate": "400"}, "orig_rate"),
        ({"rate": "nan"}, "orig_rate"), ({"term": "0"}, "orig_term"), ({"term": "360.5"}, "orig_term"),
        ({"origination": "12/2200"}, "orig_date"), ({"origination": "13/2006"}, "orig_date"),
        ({"first_payment": "02/2200"}, "first_pay"), ({"first_payment": ""}, "first_pay"), ({"ltv": ""}, "oltv"),
        ({"ltv": "0"}, "oltv"), ({"state": "PR"}, "state"), ({"state": "California"}, "state"), ({"loan_id": ""}, "loan_id"),
        ({"product": "ARM"}, "product"), ({"product": ""}, "product"), ({"product": "frm"}, "product"), ({"term": "4"}, "orig_term"),
        # At realistic bounds: made after the cut-off; 30 years hence; first due more than two months after it; a ratio of 3000%
        # (30 taken for per unit), of 301%; a rate of 25.1%; terms of more than 50 years; other territories.
        ({"origination": "07/2007"}, "orig_date"), ({"origination": "12/2036"}, "orig_date"),
        ({"origination": "12/1949"}, "orig_date"),
        ({"first_payment": "10/2007"}, "first_pay"), ({"first_payment": "12/1949"}, "first_pay"), ({"ltv": "3000"}, "oltv"),
        ({"ltv": "301"}, "oltv"), ({"ltv": "-80"}, "oltv"), ({"rate": "25.1"}, "orig_rate"), ({"rate": "-1"}, "orig_rate"),
        ({"term": "601"}, "orig_term"), ({"upb": "10100000000"}, "orig_upb"), ({"state": "VI"}, "state"), ({"state": "GU"}, "state"),
        ({"state": "ca"}, "state"), ({"rate": "6.5%"}, "orig_rate"),
    ],
)  # fmt: skip
def test_bad_row(tmp_path: Path, changes: dict[str, str], column: str) -> None:
    tape = load(write(tmp_path, line(loan_id="7"), line(**changes)), share=0.5)
    assert {(r.row, r.column) for r in tape.rejects} == {(2, column)}
    assert tape.loans.loan_id.tolist() == ["7"]
    assert tape.inputs[0].rejects == 1


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [
        # The last values that are right.
        ({"origination": "06/2007", "first_payment": "08/2007"}, "maturity", 361), ({"first_payment": "08/2007"}, "interest_only", 1),
        ({"ltv": "300"}, "ltv", 3.0), ({"ltv": "1"}, "ltv", 0.01), ({"ltv": "30"}, "ltv", 0.3), ({"rate": "25"}, "note_rate", 0.25),
        ({"rate": "0"}, "note_rate", 0.0), ({"term": "600"}, "maturity", 595), ({"term": "6"}, "maturity", 1),
        ({"upb": "10000000000"}, "original_balance", 1e10), ({"state": "DC"}, "region", "DC"),
    ],
)  # fmt: skip
def test_row_at_the_bounds(tmp_path: Path, changes: dict[str, str], column: str, value: object) -> None:
    loans = load(write(tmp_path, line(**changes))).loans
    factor = loans.balance[0] / loans.original_balance[0] if column == "ltv" else 1.0
    found = getattr(loans, column)[0]
    assert found == value if column != "ltv" else found == pytest.approx(value * factor, rel=1e-15)  # type: ignore[operator]


def test_territories_are_named(tmp_path: Path) -> None:
    rows = [line(), *(line(loan_id=state, state=state) for state in ("PR", "VI", "GU"))]
    reasons = {r.value: r.reason for r in load(write(tmp_path, *rows), share=0.8).rejects}
    for state, name in (("PR", "Puerto Rico"), ("VI", "the Virgin Islands"), ("GU", "Guam")):
        assert reasons[state].startswith(f"{name} has no FHFA state index")


def test_what_the_reader_does_not_use_is_noted(tmp_path: Path) -> None:
    rows = [line(), line(loan_id="2", cltv="95"), line(loan_id="3", property_type="DPR"), line(loan_id="4", property_type="")]
    tape = load(write(tmp_path, *rows))
    told = {note.subject: (note.count, note.loan_ids) for note in tape.notes}
    assert told == {"property type not known": (2, ("3", "4")), "second liens": (1, ("2",))}
    assert (tape.loans.ltv == tape.loans.ltv[0]).all()  # of the first lien
    assert not load(write(tmp_path, line(), line(loan_id="2"))).notes


def test_line_of_another_width(tmp_path: Path) -> None:
    tape = load(write(tmp_path, line(), "2|only|three", line(loan_id="3")), share=0.4)
    assert [(r.row, r.loan_id, r.column) for r in tape.rejects] == [(2, "2", "line")]
    assert tape.inputs[0].rows == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"), (b"a,b,c\n1,2,3\n", "a header row"), (b"\n\n", "an empty file"), (b"\x00\xff\xfe|\x01", "binary data"),
        (b"x|" * 107 + b"\n", "108 columns"), (b"1,2,3\n", "delimited text of 3 columns"),
    ],
)  # fmt: skip
def test_bad_file_is_one_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load(path)
    assert len(caught.value.problems) == 1


def test_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    rows = [line(loan_id=str(i), state=state, upb=str(100_000 + i)) for i, state in enumerate(["CA", "AK", "TX", "CA", "AK"])]
    forward = load(write(tmp_path, *rows)).loans
    backward = load(write(tmp_path, *reversed(rows))).loans
    for name in ("loan_id", "number", "region", "balance", "ltv"):
        np.testing.assert_array_equal(getattr(forward, name), getattr(backward, name))
    assert forward.region.tolist() == ["AK", "AK", "CA", "CA", "TX"]
    assert all(np.diff(forward.number[:2].astype(object)) > 0)


def test_scheduled_balance_of_an_interest_only_loan() -> None:
    a = np.array
    months = [a([float(m)]) for m in (360, 24, 36)]
    r = 0.06 / 12
    closed_form = 100_000 * ((1 + r) ** 336 - (1 + r) ** 12) / ((1 + r) ** 336 - 1)
    assert scheduled_balance(a([1e5]), a([0.06]), *months)[0] == round(closed_form, 2)


@pytest.mark.parametrize(
    ("name", "cut_off", "rows", "rejected", "rate"),
    [
        # Rows as in the files; rejected are Puerto Rico, Guam and the Virgin Islands (awk over the state column), which have
        # no FHFA state index; mean rate 8.00% and 6.50% over all rows (taken from the file with awk).
        ("Acquisition_2000Q1_first5000.txt", "2000-05-31", 5000, 21, 0.0800),
        ("Acquisition_2007Q3_first10000.txt", "2007-10-31", 10000, 38, 0.0650),
    ],
)
def test_real_file(name: str, cut_off: str, rows: int, rejected: int, rate: float) -> None:
    if not (REAL / name).exists():
        pytest.skip("Fannie Mae's terms forbid redistribution: the file is not here")
    tape = load(REAL / name, cut_off=cut_off, share=0.01)
    loans = tape.loans
    assert (tape.inputs[0].rows, tape.inputs[0].rejects, len(loans)) == (rows, rejected, rows - rejected)
    assert {r.column for r in tape.rejects} == {"state"}
    assert loans.note_rate.mean() == pytest.approx(rate, abs=0.00005 + 0.0001)  # two decimals, and the rejected rows
    assert (loans.balance <= loans.original_balance).all()
    assert (loans.age + loans.maturity >= 60).all()
    assert loans.interest_only.max() <= 1
