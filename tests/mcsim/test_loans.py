"""The table of loans: what a term sheet prints of it, by hand, and how a tape's columns enter it."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest

from mcsim.loans import NUMERIC, SECURITIES, Loans, make_loans, scheduled_balance
from mcsim.reports.facts import portfolio_record

LOAN: dict[str, Any] = {
    "balance": 1e5, "original_balance": 1.2e5, "ltv": 0.5, "note_rate": 0.04, "servicing_rate": 0.0025, "age": 24,
    "maturity": 336, "amortisation": 336, "interest_only": 0, "day_count": "30/360", "region": "CA",
    "property_type": "single_family",
}  # fmt: skip


def make(*rows: dict[str, Any]) -> Loans:
    full = [{**LOAN, "loan_id": str(i), **row} for i, row in enumerate(rows)]
    return make_loans(datetime.date(2020, 12, 31), {name: [row[name] for row in full] for name in full[0]})


def test_means_of_a_term_sheet_are_weighted_by_balance() -> None:
    """Balances of 1, 2 and 5: a balloon, interest only for life, and one that a defeasance took off its property."""
    loans = make(
        {"amortisation": 337, "note_rate": 0.08},
        {"balance": 2e5, "interest_only": 336, "ltv": 0.8, "age": 0, "region": "TX"},
        {"balance": 5e5, "interest_only": 12, "ltv": 9.9, "property_type": SECURITIES, "maturity": 120, "amortisation": 120},
    )
    found = portfolio_record(loans)
    expected = {
        "loans": 3, "balance": 8e5, "original_balance": 3.6e5, "average_balance": 8e5 / 3, "servicing_rate": 0.0025,
        "note_rate": (0.08 + 7 * 0.04) / 8, "age": (24 + 5 * 24) / 8, "maturity": (3 * 336 + 5 * 120) / 8,
        "ltv": (0.5 + 2 * 0.8) / 3, "interest_only_share": 7 / 8, "balloon_share": 3 / 8, "adjustable_share": 0.0,
    }  # fmt: skip
    assert found.pop("regions") == pytest.approx({"CA": 6 / 8, "TX": 2 / 8}, rel=1e-15)
    assert found == pytest.approx(expected, rel=1e-15)


def test_a_pool_without_property_has_some_ratio_all_the_same() -> None:
    assert make({"property_type": SECURITIES}).summary()["ltv"] == 0.5


def test_months_are_rounded_and_not_cut() -> None:
    """Differences of dates in floating point: 336 less the last digit is 336."""
    loans = make({"maturity": 336 - 1e-10, "amortisation": 336 + 1e-10, "age": 23.6})
    assert (loans.maturity[0], loans.amortisation[0], loans.age[0]) == (336, 336, 24)


def test_loans_stand_by_region_then_number_whatever_the_order_of_the_tape() -> None:
    rows = [{"loan_id": str(i), "region": region} for i, region in enumerate(("TX", "CA", "TX", "AZ", "CA", "TX"))]
    loans, reversed_ = make(*rows), make(*rows[::-1])
    assert loans.region.tolist() == ["AZ", "CA", "CA", "TX", "TX", "TX"]
    assert loans.loan_id.tolist() == reversed_.loan_id.tolist()
    assert all(np.diff(loans.number[loans.region == "TX"].astype(object)) > 0)


def test_a_balance_stops_at_the_last_payment() -> None:
    """Ten level payments at 0%: a tenth each; one that is 99 months old has paid ten and no more, and owes nothing."""
    ages = np.array([0.0, 3.0, 10.0, 99.0, np.nan])
    column = [np.full(5, value) for value in (1000.0, 0.0, 10.0, 0.0)]
    assert scheduled_balance(*column, ages).tolist() == [1000.0, 700.0, 0.0, 0.0, 1000.0]
    column[3] = np.full(5, 4.0)  # four months of interest alone, then six payments
    assert scheduled_balance(*column, ages).tolist() == [1000.0, 1000.0, 0.0, 0.0, 1000.0]


def test_extra_columns_and_terms_stand_with_their_loan() -> None:
    """Sorted with the others, whatever the order of the tape; taken with the others, by a mask, a slice or integers."""
    rows = [{"loan_id": str(i), "region": region} for i, region in enumerate(("TX", "CA", "TX", "AZ", "CA", "TX"))]
    full = [{**LOAN, **row} for row in rows]
    columns = {name: [row[name] for row in full] for name in full[0]}
    dti, terms = [0.1 * i for i in range(6)], [f"terms{i}" for i in range(6)]
    loans = make_loans(datetime.date(2020, 12, 31), {**columns, "terms": terms}, {"dti": dti, "one": 1})
    for some in (
        loans,
        loans.take(loans.region == "TX"),
        loans.take(slice(1, 3)),
        loans.take([3, 1]),
        loans.take([3]).take([0]),
    ):
        assert some.extra["dti"].dtype == np.float64
        assert some.extra["dti"].tolist() == [dti[int(i)] for i in some.loan_id]
        assert some.terms.tolist() == [f"terms{i}" for i in some.loan_id]
        assert some.extra["one"].tolist() == [1.0] * len(some)


def test_terms_follow_from_adjustable_where_nothing_is_said() -> None:
    loans = make({"adjustable": True}, {"adjustable": False}, {"adjustable": True})
    assert dict(zip(loans.loan_id.tolist(), loans.terms.tolist(), strict=True)) == {
        "0": "adjustable",
        "1": "level",
        "2": "adjustable",
    }
    assert make({}, {}).terms.tolist() == ["level", "level"]


def test_every_number_of_a_loan_can_be_read_by_its_name() -> None:
    loans = make_loans(
        datetime.date(2020, 12, 31), {name: [value] for name, value in LOAN.items()} | {"loan_id": ["a"]}, {"dti": [0.4]}
    )
    read = {name: loans.numbers(name) for name in (*NUMERIC, "dti")}
    assert all(values.dtype == np.float64 and values.shape == (1,) for values in read.values())
    assert (read["original_balance"][0], read["maturity"][0], read["adjustable"][0], read["dti"][0]) == (1.2e5, 336, 0, 0.4)
    assert np.isnan(read["score"][0])
    for name in ("number", "region", "terms", "cut_off", "extra", "take", "dt"):
        with pytest.raises(KeyError, match=name):
            loans.numbers(name)
