"""Codes that change a contract: applied, rejected by their name, or noted; and what is owed no more is left out."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mcsim.errors import InputError
from mcsim.settings import Portfolio
from mcsim.simulation.prepare import prepare_loans
from mcsim.tapes.absee_property import COVERAGE, RECENT_VALUE, VALUE
from mcsim.tapes.absee_terms import AMORTISATION, BALANCE, NEW_AMORTISATION, NEW_MATURITY, NEW_PAYMENT, NEW_RATE, PAYMENT, RATE
from tests.mcsim.tapes.exhibits import INTEREST_ONLY, PROPERTY, loan, noted, part, read, terms, write

MODIFIED = {"modifiedIndicator": "true", "modificationCode": "1", "lastModificationDate": "06-01-2017"}
SENT, BACK = "mostRecentSpecialServicerTransferDate", "mostRecentMasterServicerReturnDate"


def test_a_modified_loan_is_read_as_modified(tmp_path: Path) -> None:
    """Rate, payment and maturity after modification: as of a loan that was lent so."""
    agreed = {RATE: "0.0300", NEW_RATE: "0.0300", NEW_PAYMENT: "30000.00", NEW_MATURITY: "10-06-2031"}
    tape = read(write(tmp_path, loan(**MODIFIED | agreed)))
    lent = loan(**{RATE: "0.0300", PAYMENT: "30000.00", "maturityDate": "10-06-2031", "originalTermLoanNumber": "180"})
    assert terms(tape) == terms(read(write(tmp_path, lent)))
    assert (terms(tape)["maturity"], terms(tape)["payment"], terms(tape)["note_rate"]) == (167, 30_000, 0.03)
    assert noted(tape, "modified") == ["1"]
    assert any("1 maturity extended" in str(note) for note in tape.notes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # Extended past a maturity that has gone by: two more years from October 2017.
        ({"maturityDate": "10-06-2017", NEW_MATURITY: "10-06-2019"}, {"maturity": 23, "payment": 52466.54}),
        # Extended again: the maturity was moved, the modified one left behind.
        ({"maturityDate": "10-06-2027", NEW_MATURITY: "10-06-2017"}, {"maturity": 119}),
        # Interest only for life stays so to the new maturity.
        (INTEREST_ONLY | {NEW_MATURITY: "10-06-2028"}, {"maturity": 131, "interest_only": 131, "amortisation": 131}),
        # The new payment is interest: interest only to maturity.
        ({NEW_PAYMENT: f"{9_838_000 * 0.048 / 12:.2f}"}, {"interest_only": 107, "amortisation": 107, "payment": math.nan}),
        # 300 months agreed in June, five of them gone by the cut-off.
        ({NEW_AMORTISATION: "300"}, {"amortisation": 295, "maturity": 107}),
        # A loan that would be paid off before it matures is paid off when it matures.
        ({AMORTISATION: "120", NEW_MATURITY: "10-06-2028", PAYMENT: "0"}, {"amortisation": 131, "maturity": 131}),
        ({NEW_PAYMENT: "", NEW_MATURITY: "", NEW_RATE: ""}, {"maturity": 107, "payment": 52466.54, "note_rate": 0.048}),
    ],
)
def test_what_a_modification_changes(tmp_path: Path, changes: dict[str, str], expected: dict[str, float]) -> None:
    tape = read(write(tmp_path, loan(**MODIFIED | changes)))
    found = terms(tape)
    for name, value in expected.items():
        assert found[name] == value or (math.isnan(value) and math.isnan(found[name])), name  # type: ignore[arg-type]
    assert noted(tape, "modified") == ["1"]


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({NEW_MATURITY: "soon"}, NEW_MATURITY, "not a date"),
        ({NEW_PAYMENT: "20000.00"}, NEW_PAYMENT, "does not cover a month's interest"),
        ({NEW_PAYMENT: "90000.00"}, NEW_PAYMENT, "times the level payment"),
        ({NEW_RATE: "3.0"}, NEW_RATE, "no rate, per unit"),
        ({NEW_RATE: "abc"}, NEW_RATE, "no rate, per unit"),
        ({NEW_PAYMENT: "-5"}, NEW_PAYMENT, "no payment"),
        ({NEW_AMORTISATION: "soon"}, NEW_AMORTISATION, "no number of months"),
        # The payment of 360 months at 3%, beside a rate of 4.8% for the period.
        ({NEW_RATE: "0.03", NEW_PAYMENT: "41476.18"}, NEW_RATE, "the period's rate is 0.048"),
        ({NEW_RATE: "0.03", NEW_PAYMENT: "24595.00"}, NEW_RATE, "the period's rate is 0.048"),  # a month's interest at 3%
        # Shortened to a day that has gone by: matured, whatever the maturity of the first contract was.
        ({NEW_MATURITY: "10-06-2017"}, NEW_MATURITY, "the last payment is not after the cut-off"),
        ({NEW_MATURITY: "11-01-2017"}, NEW_MATURITY, "the last payment is not after the cut-off"),
    ],
)
def test_a_modification_that_cannot_be_read_is_rejected(
    tmp_path: Path, changes: dict[str, str], column: str, reason: str
) -> None:
    tape = read(write(tmp_path, loan(**MODIFIED | changes), loan(assetNumber="2")), share=0.5)
    assert any(r.column == column and reason in r.reason for r in tape.rejects)


REJECTED = [
    ({"paymentStatusLoanCode": "3"}, "90 or more days delinquent"),
    ({"paymentStatusLoanCode": "4"}, "matured balloon, performing"),
    ({"paymentStatusLoanCode": "5"}, "matured balloon, not performing"),
    ({"paymentStatusLoanCode": ""}, "missing: not a performing loan"),
    ({"paymentStatusLoanCode": "NA"}, "missing: not a performing loan"),
    ({"paymentStatusLoanCode": "Z"}, "not in the list of codes: not a performing loan"),
    ({"workoutStrategyCode": "2"}, "foreclosure"),
    ({"workoutStrategyCode": "3"}, "bankruptcy"),
    ({"workoutStrategyCode": "7", SENT: "01-05-2017"}, "real estate owned"),
    ({"workoutStrategyCode": "10", SENT: "01-05-2017", BACK: "12-05-2016"}, "deed in lieu"),
    ({"liquidationPrepaymentCode": "3"}, "disposition or liquidation, with a balance of 9838000.00"),
    ({"liquidationPrepaymentCode": "2"}, "payoff before maturity, with a balance"),
    ({"assetSubjectDemandStatusCode": "1"}, "repurchased or replaced"),
    ({"originalInterestRateTypeCode": "2"}, "adjustable rate"),
    ({"originalInterestRateTypeCode": "3"}, "step rate"),
    ({"paymentFrequencyCode": "12"}, "yearly"),
    ({"paymentTypeCode": "6"}, "principal only"),
    ({"interestAccrualMethodCode": "4"}, "actual/actual"),
]


@pytest.mark.parametrize(("changes", "reason"), REJECTED)
def test_rejected_by_name(tmp_path: Path, changes: dict[str, str], reason: str) -> None:
    file = write(tmp_path, loan(**changes), *(loan(assetNumber=str(i)) for i in range(2, 5)))
    tape = read(file, share=0.25)
    assert {r.loan_id for r in tape.rejects} == {"1"}
    assert any(reason in r.reason and r.column in changes for r in tape.rejects)
    with pytest.raises(InputError, match=r"1 of 4 rows are rejected, a share of 0.25"):
        read(file, share=0.24)


@pytest.mark.parametrize(("code", "reason"), [("1", "in foreclosure"), ("2", "real estate owned")])
def test_a_property_in_foreclosure_rejects_its_loan(tmp_path: Path, code: str, reason: str) -> None:
    line = part("1.01").replace("</property>", f"<propertyStatusCode>{code}</propertyStatusCode></property>")
    tape = read(write(tmp_path, loan(), line, loan(assetNumber="2")), share=0.5)
    assert [(r.loan_id, r.column, r.value) for r in tape.rejects] == [("1", "propertyStatusCode", code)]
    assert reason in tape.rejects[0].reason


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"paymentStatusLoanCode": "1"}, "delinquent"),
        ({"paymentStatusLoanCode": "2"}, "delinquent"),
        ({SENT: "01-05-2017"}, "specially serviced"),
        ({SENT: "01-05-2017", "workoutStrategyCode": "1"}, "specially serviced"),
        ({SENT: "01-05-2017", BACK: "06-05-2017", "workoutStrategyCode": "2"}, "workout ended"),
        ({"nonRecoverabilityIndicator": "true"}, "not recoverable"),
        ({"realizedLossToTrustAmount": "12,000.00"}, "realised loss"),
        ({"deferredInterestCumulativeAmount": "500"}, "deferred interest"),
        ({"negativeAmortizationIndicator": "true"}, "negative amortisation"),
        ({"liquidationPrepaymentCode": "1"}, "curtailed"),
        ({"reportPeriodEndActualBalanceAmount": "10400000"}, "actual balance"),
        ({"loanStructureCode": "B1"}, "subordinate"),
        ({"lienPositionSecuritizationCode": "2"}, "subordinate"),
        ({"workoutStrategyCode": "98"}, "workout"),
        ({"workoutStrategyCode": "8"}, "workout"),
        ({"workoutStrategyCode": "1"}, "workout"),  # a modification, and none is filed
        ({"modificationCode": "98"}, "no modification"),
        ({NEW_RATE: "0.03"}, "no modification"),
        ({NEW_PAYMENT: "41476.18"}, "no modification"),
        ({"assetSubjectDemandStatusCode": "2"}, "repurchase demanded"),
        ({"liquidationPrepaymentCode": "12"}, "codes not known"),
        ({"liquidationPrepaymentCode": "99"}, "codes not known"),
        ({"modifiedIndicator": "maybe"}, "codes not known"),
        ({"nonRecoverabilityIndicator": "?"}, "codes not known"),
        ({"workoutStrategyCode": "77"}, "codes not known"),
        ({"modificationCode": "99"}, "codes not known"),
        ({"lienPositionSecuritizationCode": "9"}, "codes not known"),
    ],
)
def test_noted(tmp_path: Path, changes: dict[str, str], subject: str) -> None:
    property_ = PROPERTY | {"netCashFlowFlowSecuritizationAmount": "900000", COVERAGE: "1.43"}
    tape = read(write(tmp_path, loan(property_, **changes), loan(assetNumber="2")))
    assert noted(tape, subject) == ["1"]
    assert {note.subject for note in tape.notes} == {"lines", subject}
    (note,) = [n for n in tape.notes if n.subject == subject]
    assert (note.count, note.balance) == (1, 9_838_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"workoutStrategyCode": "NA"}, {"liquidationPrepaymentCode": "0"}, {"assetSubjectDemandStatusCode": "NA"},
        {"realizedLossToTrustAmount": "0.00"}, {SENT: "NA"}, {"modificationCode": "NA"}, {"modificationCode": "0"},
        {"modifiedIndicator": "No"},        {NEW_RATE: "0", NEW_PAYMENT: "0.00"}, {NEW_RATE: "NA"},
    ],
)  # fmt: skip
def test_codes_that_say_nothing(tmp_path: Path, changes: dict[str, str]) -> None:
    assert {note.subject for note in read(write(tmp_path, loan(**changes))).notes} == {"lines"}


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({BALANCE: "0.00", "liquidationPrepaymentCode": "2"}, "paid off"),
        ({BALANCE: "0", "liquidationPrepaymentCode": "9", PAYMENT: "", RATE: "0"}, "paid off"),
        ({BALANCE: "", "liquidationPrepaymentCode": "5"}, "paid off"),
        ({BALANCE: "0.00", "liquidationPrepaymentCode": "3", "paymentStatusLoanCode": "5"}, "liquidated"),
        ({BALANCE: "0.00"}, "no balance"),
    ],
)
def test_loans_that_have_ended_are_no_rejects(tmp_path: Path, changes: dict[str, str], subject: str) -> None:
    """Left out with a word, whatever else is wrong with them; the share of rejects does not count them, either way."""
    ended = loan(assetNumber="9", **changes)
    tape = read(write(tmp_path, loan(), ended))
    assert (tape.loans.loan_id.tolist(), tape.rejects, tape.inputs[0].rows) == (["1"], (), 1)
    assert noted(tape, subject) == ["9"]
    file = write(
        tmp_path,
        loan(),
        loan(assetNumber="2", paymentStatusLoanCode="3"),
        *(ended.replace(">9<", f">{i}<") for i in range(10, 20)),
    )
    with pytest.raises(InputError, match="1 of 2 rows are rejected, a share of 0.5"):
        read(file, share=0.49)
    with pytest.raises(InputError, match="all 1 loans have a balance of 0"):
        read(write(tmp_path, ended))


@pytest.mark.parametrize(
    "property_",
    [
        PROPERTY | {"propertyTypeCode": "SE", "DefeasedStatusCode": "F"},
        {"propertyName": "Defeased", "propertyTypeCode": "SE", "DefeasedStatusCode": "F"},
        {"propertyName": "DEFEASED", "DefeasedStatusCode": "N"},  # said by the name alone
        {"propertyName": "Example", "propertyStatusCode": "3"},
        {"propertyName": "Example", "DefeasedStatusCode": "F", "propertyTypeCode": "OF", "propertyState": "NA", VALUE: "NA"},
    ],
)
def test_a_defeased_loan_has_no_property_risk(tmp_path: Path, property_: dict[str, str]) -> None:
    tape = read(write(tmp_path, loan(), loan(property_, assetNumber="2", loanStructureCode="PP")))
    assert noted(tape, "defeased") == ["2"]
    assert terms(tape, "2")["property_type"] == "securities"
    assert terms(tape, "2")["maturity"] == 107
    assert {n.subject for n in tape.notes} == {"lines", "defeased"}
    assert tape.loans.summary()["ltv"] == pytest.approx(9.838 / 15, rel=1e-14)  # of the loan that has a property
    regions = tuple(sorted(set(tape.loans.region)))
    prepared = prepare_loans(tape.loans, Portfolio("p", "absee", "", "", 0.0, 0.0, 12, "none"), regions, 119, "float64")
    from kernels.loan_terms import Count

    last = dict(zip(tape.loans.loan_id.tolist(), prepared.counts[:, Count.LAST_DEFAULT].tolist(), strict=True))
    assert last == {"1": 107, "2": 0}


def test_partly_defeased(tmp_path: Path) -> None:
    tape = read(write(tmp_path, loan(PROPERTY | {"DefeasedStatusCode": "IP"})))
    assert noted(tape, "partly defeased") == ["1"]
    assert terms(tape)["property_type"] == "retail"
    defeased = part("1.02", "", "SE", "0")
    tape = read(write(tmp_path, loan(PROPERTY), part("1.01"), defeased))
    assert noted(tape, "partly defeased") == ["1"]


@pytest.mark.parametrize("state", ["PR", "GU", "D0", "A6", "X0", "", "NA", "98", "pr"])
def test_a_property_outside_the_states_follows_the_nation(tmp_path: Path, state: str) -> None:
    tape = read(write(tmp_path, loan(PROPERTY | {"propertyState": state})))
    assert terms(tape)["region"] == "US"
    assert noted(tape, "outside the states") == ["1"]


@pytest.mark.parametrize("state", ["ZZ", "Texas", "T", "QQ"])
def test_a_state_that_is_none_is_rejected(tmp_path: Path, state: str) -> None:
    tape = read(write(tmp_path, loan(PROPERTY | {"propertyState": state}), loan(assetNumber="2")), share=0.5)
    assert [(r.loan_id, r.column, r.value) for r in tape.rejects] == [("1", "propertyState", state.upper())]


@pytest.mark.parametrize(("code", "kind", "known"), [("OF", "office", True), ("of", "office", True), ("98", "other", True),
                         ("", "other", False), ("NA", "other", False), ("ZZ", "other", False), ("QX", "other", False)])  # fmt: skip
def test_unknown_property_types_are_counted(tmp_path: Path, code: str, kind: str, known: bool) -> None:
    tape = read(write(tmp_path, loan(PROPERTY | {"propertyTypeCode": code})))
    assert terms(tape)["property_type"] == kind
    assert noted(tape, "unknown type") == ([] if known else ["1"])


def test_the_most_recent_value_stands_in(tmp_path: Path) -> None:
    tape = read(write(tmp_path, loan(PROPERTY | {VALUE: "", RECENT_VALUE: "12000000"})))
    assert tape.loans.ltv[0] == 9.838 / 12
    assert noted(tape, "value") == ["1"]


def test_loan_groups_are_noted(tmp_path: Path) -> None:
    tape = read(write(tmp_path, loan(GroupID="1"), loan(assetNumber="2", GroupID="2")))
    assert [str(n) for n in tape.notes if n.subject == "loan groups"] == ["loan groups: 2: read as one pool (1, 2)"]


@pytest.mark.parametrize(("code", "noted_"), [("Q", True), ("X", False), ("IP", False), ("n", False)])
def test_codes_of_a_property(tmp_path: Path, code: str, noted_: bool) -> None:
    """X is in the list: the contract allows no defeasance. What is not is counted, on a line of its own as well."""
    element = f"<DefeasedStatusCode>{code}</DefeasedStatusCode></property>"
    on_a_line = part("1.01").replace("</property>", element)
    for lines in ((loan().replace("</property>", element),), (loan(), on_a_line)):
        tape = read(write(tmp_path, *lines, loan(assetNumber="2")))
        assert noted(tape, "codes not known") == (["1"] if noted_ else [])
        assert not noted_ or any(f"DefeasedStatusCode {code}: not in the list" in str(note) for note in tape.notes)


def test_a_modified_rate_that_is_not_in_force_is_noted(tmp_path: Path) -> None:
    """The reduction has ended, or is to come: rate and payment of the period are one contract, and read."""
    tape = read(write(tmp_path, loan(**MODIFIED | {NEW_RATE: "0.03"})))
    assert (terms(tape)["note_rate"], terms(tape)["payment"]) == (0.048, 52466.54)
    assert noted(tape, "modified rate") == ["1"]
    for same in ("0.04800001", "4.8"):  # in percent: the contract can be read
        tape = read(write(tmp_path, loan(**MODIFIED | {NEW_RATE: same, NEW_PAYMENT: "52466.54"})))
        assert noted(tape, "modified rate") == []
    # The payment of a loan that is interest only for life is not used, and not held against anything.
    tape = read(write(tmp_path, loan(**INTEREST_ONLY | MODIFIED | {NEW_RATE: "0.03", NEW_PAYMENT: "25000"})))
    assert noted(tape, "modified rate") == ["1"]


def test_extended_again_is_noted(tmp_path: Path) -> None:
    tape = read(write(tmp_path, loan(**MODIFIED | {"maturityDate": "10-06-2027", NEW_MATURITY: "10-06-2017"})))
    assert noted(tape, "extended again") == ["1"]


@pytest.mark.parametrize("code", ["", "0"])
def test_a_balance_that_is_unpaid_still_is_no_loan_of_no_balance(tmp_path: Path, code: str) -> None:
    """Scheduled at zero, owed by the borrower all the same: rejected by its balance, not left out as if nothing were owed."""
    owed = {BALANCE: "0.00", "reportPeriodEndActualBalanceAmount": "9838000.00", "liquidationPrepaymentCode": code}
    tape = read(write(tmp_path, loan(**owed), loan(assetNumber="2")), share=0.5)
    assert [(r.loan_id, r.column, r.value) for r in tape.rejects] == [("1", BALANCE, "0.00")]
    assert not [note for note in tape.notes if note.subject == "no balance"]
