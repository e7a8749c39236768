"""Which lines of an exhibit are loans, which are properties of one, and what joins nothing."""

from __future__ import annotations

import datetime
import math
from pathlib import Path

import pytest

from mcsim.errors import InputError
from mcsim.tapes.absee_lines import LOAN_FIELDS, Asset, date_of, number_of
from tests.mcsim.tapes.exhibits import INTEREST_ONLY, LOAN, PROPERTY, loan, noted, part, read, terms, write

OPEN = {"propertyName": "Portfolio", "valuationSecuritizationAmount": "8000000"}
PERIOD = {"reportingPeriodBeginningDate": "10-12-2017", "reportingPeriodEndDate": "11-13-2017"}


@pytest.mark.parametrize(
    "numbers",
    [
        ("2.01", "2.02"),
        ("2-001", "2-002"),
        ("2.1", "2.2"),
        ("002.01", "002.02"),
        ("2A", "2B"),
        ("2", "2"),
        ("2_01", "2_02"),
        ("2/1", "2/2"),
        ("2 A", "2 B"),
        ("2-A", "2_B"),
        ("2 01", "2 - 02"),
    ],
)
@pytest.mark.parametrize(
    "more",
    [
        {},
        PERIOD,
        PERIOD | {"assetAddedIndicator": "false"},
        {"primaryServicerName": "Example Servicing"},
        {"GroupID": "1", "reportPeriodModificationIndicator": "false"},
        {"maturityDate": "10-06-2026"},  # one field of a loan does not make a loan
        {
            "maturityDate": "10-06-2026",
            "originationDate": "09-20-2016",
            "paymentStatusLoanCode": "0",
            "originalLoanAmount": "",
        },
    ],
)
def test_a_property_line_joins_its_loan_whatever_else_it_carries(
    tmp_path: Path, numbers: tuple[str, str], more: dict[str, str]
) -> None:
    lines = [part(number, state, kind, value, **more) for number, state, kind, value in zip(
        numbers, ("TX", "NV"), ("OF", "SS"), ("5000000", "3000000"), strict=True)]  # fmt: skip
    tape = read(write(tmp_path, loan(), loan(OPEN, assetNumber="2"), *lines))
    assert sorted(tape.loans.loan_id) == ["1", "2"]
    assert (terms(tape, "2")["region"], terms(tape, "2")["property_type"]) == ("TX", "office")
    assert tape.loans.ltv[list(tape.loans.loan_id).index("2")] == 9_838_000 / 8_000_000
    (lines_note,) = [str(n) for n in tape.notes if n.subject == "lines"]
    assert "lines: 4, 19,676,000 USD" in lines_note
    assert "2 loans, 0 of no balance, 2 lines of their properties, 0 that join no loan" in lines_note


@pytest.mark.parametrize("missing", [0, 1, 4])
def test_a_loan_that_lacks_some_fields_is_a_loan_still(missing: int) -> None:
    """A damaged loan is rejected by name, not taken for a property of another."""
    texts = LOAN | dict.fromkeys(LOAN_FIELDS[:missing], "")
    assert Asset(1, texts, (PROPERTY,)).is_loan
    assert not Asset(1, {name: LOAN[name] for name in LOAN_FIELDS[:4]}, ()).is_loan


def test_the_largest_property_gives_state_and_type(tmp_path: Path) -> None:
    """By value, in whatever order; by cash flow where a value is missing."""
    small, large = part("1.01", "NV", "SS", "3000000"), part("1.02", "TX", "OF", "5000000")
    for lines in ((small, large), (large, small)):
        tape = read(write(tmp_path, loan(OPEN), *lines))
        assert (terms(tape)["region"], terms(tape)["property_type"]) == ("TX", "office")
        assert noted(tape, "several states") == ["1"]
    by_income = {"propertyState": "AZ", "propertyTypeCode": "LO", "netCashFlowFlowSecuritizationAmount": "900000"}
    other = {"propertyState": "NM", "propertyTypeCode": "MF", "netCashFlowFlowSecuritizationAmount": "800000"}
    for own in ((OPEN, by_income, other), (OPEN, other, by_income)):
        lines = [part(f"1.{i}", "", "", "").replace("</property>", "".join(f"<{k}>{v}</{k}>" for k, v in p.items()) + "</property>")
                 for i, p in enumerate(own[1:], start=1)]  # fmt: skip
        assert terms(read(write(tmp_path, loan(OPEN), *lines)))["region"] == "AZ"


def test_repeated_and_divided_loan_data_join_their_loan(tmp_path: Path) -> None:
    """Some repeat the loan on the line of each property, some divide its amounts among them: one loan either way."""
    whole = read(write(tmp_path, loan(OPEN), part("1.01"), part("1.02", "NV", value="3000000")))
    property_1, property_2 = ({"propertyState": s, "propertyTypeCode": "OF", "valuationSecuritizationAmount": v}
                              for s, v in (("TX", "5000000"), ("NV", "3000000")))  # fmt: skip
    repeated = read(write(tmp_path, loan(OPEN), loan(property_1, assetNumber="1.01"), loan(property_2, assetNumber="1-002")))
    same_number = read(write(tmp_path, loan(OPEN), loan(property_1), loan(property_2)))
    divided = read(
        write(
            tmp_path,
            loan(OPEN),
            loan(
                property_1,
                assetNumber="1.01",
                originalLoanAmount="6000000",
                reportPeriodEndScheduledLoanBalanceAmount="5902800",
            ),
            loan(
                property_2,
                assetNumber="1.02",
                originalLoanAmount="4000000",
                reportPeriodEndScheduledLoanBalanceAmount="3935200",
            ),
        )
    )
    for tape in (repeated, same_number, divided):
        assert len(tape.loans) == 1
        assert terms(tape) == terms(whole)
        assert tape.loans.balance.sum() == 9_838_000


def test_a_part_with_terms_of_its_own_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, loan(), loan(assetNumber="2"), loan(assetNumber="2.01", originalLoanAmount="7000000"))
    with pytest.raises(InputError, match="1 of 3 rows are rejected"):
        read(file)
    tape = read(file, share=0.34)
    assert [(r.row, r.loan_id, r.column) for r in tape.rejects] == [(3, "2.01", "assetNumber")]
    assert "a part of loan 2 and has terms of its own" in tape.rejects[0].reason
    assert sorted(tape.loans.loan_id) == ["1", "2"]


def test_parts_without_their_loan(tmp_path: Path) -> None:
    """Two lines that say the same are one loan twice, or two: refused. Lines that differ are loans, whatever their number."""
    tape = read(write(tmp_path, loan(), loan(assetNumber="2.01"), loan(assetNumber="2.02")), share=0.7)
    assert {r.loan_id for r in tape.rejects} == {"2.01", "2.02"}
    tape = read(write(tmp_path, loan(assetNumber="A-1"), loan(assetNumber="A-2", originalLoanAmount="9900000")))
    assert sorted(tape.loans.loan_id) == ["A-1", "A-2"]


def test_a_companion_note_stands_on_the_property_of_the_first(tmp_path: Path) -> None:
    second = loan({"propertyName": "Example"}, assetNumber="1A", **INTEREST_ONLY)
    tape = read(write(tmp_path, second, loan()))
    assert sorted(tape.loans.loan_id) == ["1", "1A"]
    assert terms(tape, "1A")["region"] == "OH"
    assert tape.loans.ltv[list(tape.loans.loan_id).index("1A")] == 10 / 15


@pytest.mark.parametrize("bare", ["1A", "1B"])
def test_notes_with_letters_alone_stand_on_the_property_that_one_of_them_has(tmp_path: Path, bare: str) -> None:
    notes = [loan(*([{"propertyName": ""}] if n == bare else [PROPERTY]), assetNumber=n) for n in ("1A", "1B")]
    tape = read(write(tmp_path, *notes))
    assert set(tape.loans.ltv) == {9_838_000 / 15_000_000}
    assert (set(tape.loans.region), set(tape.loans.property_type)) == ({"OH"}, {"retail"})


def test_what_stands_twice_counts_once(tmp_path: Path) -> None:
    """A loan or a property that a second line says word for word: its value is no other property's."""
    lines = [loan(OPEN, PROPERTY, assetNumber="1"), loan({"propertyName": "Portfolio"}, assetNumber="2"),
             part("2.01", value="9000000"), part("2.02", value="5000000")]  # fmt: skip
    once, twice = read(write(tmp_path, *lines)), read(write(tmp_path, *lines, *lines))
    assert [terms(twice, i) for i in "12"] == [terms(once, i) for i in "12"]
    assert twice.loans.ltv.tolist() == once.loans.ltv.tolist()
    assert sorted(once.loans.ltv) == [9_838_000 / 23_000_000, 9_838_000 / 14_000_000]
    assert (noted(once, "lines that stand twice"), noted(twice, "lines that stand twice")) == ([], ["1", "2", "2.01", "2.02"])


def test_two_periods_in_one_file(tmp_path: Path) -> None:
    """An interest-only loan is the same at both dates, but for the date: which is meant does not show."""
    lines = [loan(**INTEREST_ONLY, reportingPeriodEndDate=date) for date in ("11-13-2017", "12-13-2017")]
    with pytest.raises(InputError, match=r"reportingPeriodEndDate is \['11-13-2017', '12-13-2017'\]; expected one date"):
        read(write(tmp_path, *lines))


def test_what_joins_no_loan_is_named_or_refused(tmp_path: Path) -> None:
    tape = read(write(tmp_path, loan(), part("7.01"), part("8")))
    assert len(tape.loans) == 1
    assert noted(tape, "lines without a loan") == ["7.01", "8"]
    # With an amount of a loan on it, a line that is neither would take a balance with it: it costs the share of rejects.
    damaged = part("9", originalLoanAmount="5000000", maturityDate="10-06-2026")
    with pytest.raises(InputError, match=r"loan '9', originalLoanAmount = '5000000': neither a loan \(2 of 10 fields"):
        read(write(tmp_path, loan(), damaged))


def test_two_loans_of_one_number_are_both_rejected(tmp_path: Path) -> None:
    tape = read(write(tmp_path, loan(), loan(assetNumber="2"), loan(assetNumber="2", originalLoanAmount="7000000")), share=0.7)
    assert [r.row for r in tape.rejects if "duplicate id" in r.reason] == [2, 3]


def test_a_number_of_any_length_costs_its_loan_alone(tmp_path: Path) -> None:
    tape = read(write(tmp_path, loan(), loan(assetNumber="7" * 1_000_000), part("8" * 1_000_000)), share=0.5)
    assert tape.loans.loan_id.tolist() == ["1"]
    assert [r.reason for r in tape.rejects] == ["1,000,000 characters; expected at most 100"]
    assert all(len(str(note)) < 300 for note in tape.notes)


def test_one_loan_of_another_period_does_not_cost_the_file(tmp_path: Path) -> None:
    lines = [loan(assetNumber=str(i)) for i in range(1, 4)] + [loan(assetNumber="4", reportingPeriodEndDate="10-13-2017")]
    tape = read(write(tmp_path, *lines, loan(assetNumber="5", reportingPeriodEndDate="")), share=0.2)
    assert tape.loans.cut_off == datetime.date(2017, 11, 13)
    assert [(r.loan_id, r.column, r.value) for r in tape.rejects] == [("4", "reportingPeriodEndDate", "10-13-2017")]
    with pytest.raises(InputError, match="expected one date"):
        read(write(tmp_path, *lines[2:]))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1234.5", 1234.5), ("1,234.50", 1234.5), ("$1,234,567.89", 1234567.89), ("-5", -5.0), ("4.5%", 0.045), (".5", 0.5),
        ("7.8E7", 7.8e7), (" 12 ", 12.0), ("0.00", 0.0),
        *((text, math.nan) for text in ("", "x", "1_000", "nan", "infinity", "1,23", "1.234,5", "1e999", "12 34", "0x10", "--1")),
    ],
)  # fmt: skip
def test_numbers(text: str, value: float) -> None:
    found = number_of(text)
    assert found == value or (math.isnan(found) and math.isnan(value))


@pytest.mark.parametrize(
    "text", ["11-06-2026", "11/06/2026", "2026-11-06", "2026-11-06T00:00:00", "2026-11-06T00:00:00.000Z", "2026-11-06-05:00"]
)
def test_dates(text: str) -> None:
    assert date_of(text) == datetime.date(2026, 11, 6)
    assert date_of(text.replace("06", "32")) is None
    assert date_of("") is None


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("reportPeriodInterestRatePercentage", "0.03", "0.048"),
        ("reportPeriodEndScheduledLoanBalanceAmount", "9838000.00", "1.0"),
        ("reportPeriodEndScheduledLoanBalanceAmount", "0", "9838000.00"),  # not left out as paid off either
        ("paymentStatusLoanCode", "0", "3"),
        ("maturityDate", "10-06-2026", "10-06-2036"),
        ("originatorName", "One", "Another"),
    ],
)
def test_an_element_that_stands_twice(tmp_path: Path, name: str, first: str, second: str) -> None:
    """Which of two contents counts does not show, in either order; the same one twice is one."""
    for one, other in ((first, second), (second, first)):
        twice = loan(**{name: one}).replace(f"</{name}>", f"</{name}><{name}>{other}</{name}>")
        tape = read(write(tmp_path, twice, loan(assetNumber="2")), share=0.5)
        assert tape.loans.loan_id.tolist() == ["2"]
        (reject,) = [r for r in tape.rejects if r.column == name and "stands twice" in r.reason]
        assert (reject.loan_id, reject.value) == ("1", f"{one}, {other}")
    for other in (LOAN.get(name, ""), "", f"{LOAN.get(name, '')} "):
        same = loan(**{name: LOAN.get(name, "")}).replace(f"</{name}>", f"</{name}><{name}>{other}</{name}>")
        assert len(read(write(tmp_path, same)).loans) == 1


def test_an_element_of_a_property_that_stands_twice(tmp_path: Path) -> None:
    """On the loan's own line, and on one that joins it: the loan is in doubt."""
    more = "<propertyState>NV</propertyState></property>"
    own, joined = loan().replace("</property>", more), part("1.01").replace("</property>", more)
    for lines in ((own,), (loan(), joined)):
        tape = read(write(tmp_path, *lines, loan(assetNumber="2")), share=0.5)
        assert [(r.loan_id, r.column) for r in tape.rejects] == [("1", "propertyState")]
        assert "stands twice with different contents" in tape.rejects[0].reason


@pytest.mark.parametrize(("second", "said"), [("4000000", ["1"]), ("4919000", []), ("4919001.50", [])])
def test_balances_of_parts_are_held_against_the_loan(tmp_path: Path, second: str, said: list[str]) -> None:
    balance = "reportPeriodEndScheduledLoanBalanceAmount"
    lines = [part("1-001", **{balance: "4919000"}), part("1-002", **{balance: second})]
    tape = read(write(tmp_path, loan(), *lines))
    assert tape.loans.balance.tolist() == [9_838_000]
    assert noted(tape, "parts do not sum") == said
    assert not noted(read(write(tmp_path, loan(), part("1-001", **{balance: "9838000.00"}))), "parts do not sum")


def test_lines_that_join_nothing_are_named_beside_the_loans_that_are_refused(tmp_path: Path) -> None:
    """The value that a loan lacks stands on a line whose number says nothing of it."""
    with pytest.raises(InputError, match=r"(?s)valuationSecuritizationAmount.*noted: lines without a loan: 1: .*\(P1#1\)"):
        read(write(tmp_path, loan({"propertyName": "Example"}), part("P1#1")))
