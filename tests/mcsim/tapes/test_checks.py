"""Checks that every tape passes through, whatever its reader: fees against the note rate, balances against what was lent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mcsim.errors import InputError
from mcsim.settings import Generator, Portfolio
from mcsim.tapes.absee_terms import BALANCE, PAYMENT
from mcsim.tapes.portfolio import Tape, load_portfolio
from tests.mcsim.tapes import exhibits
from tests.mcsim.tapes.tables import LOAN, load, subjects, write

FEE = "servicerTrusteeFeeRatePercentage"
FANNIE = "{}|R|OTHER|{}|200000|360|11/2019|01/2020|80|80|1|35|740|N|P|SF|1|P|CA|900||FRM|||N\n"
POOL = Generator(
    loans=20, average_balance=500_000.0, balance_spread=0.3, note_rate_mean=0.035, note_rate_spread=0.004, ltv_mean=0.7,
    ltv_spread=0.1, term=360, age_mean=6.0, regions={"CA": 1.0}, adjustable_share=0.0, interest_only_share=0.0, seed=1,
)  # fmt: skip


def fannie(folder: Path, fee: float, *rates: str) -> Tape:
    path = folder / "acquisition.txt"
    path.write_text("".join(FANNIE.format(i, rate) for i, rate in enumerate(rates, start=1)))
    return load_portfolio(Portfolio("f", "fannie_acquisition", str(path), "2019-12-31", 0.5, fee, 12, "none"))


def test_a_fee_at_the_note_rate_is_rejected_by_every_reader(tmp_path: Path) -> None:
    """Under the name of where it stands: the tape's column, or the setting that fills it."""
    table = write(tmp_path / "t.csv", LOAN, LOAN | {"loan_id": "2", "note_rate": "0.03", "servicing_rate": "0.03"},
                  LOAN | {"loan_id": "3", "note_rate": "0.03", "servicing_rate": "0.0299"})  # fmt: skip
    filed = exhibits.write(tmp_path, exhibits.loan(**{FEE: "0.049"}), exhibits.loan(assetNumber="2"))
    unfiled = exhibits.loan(**{FEE: "", PAYMENT: "0"} | dict.fromkeys(
        ("reportPeriodInterestRatePercentage", "originalInterestRatePercentage"), "0.003"))  # fmt: skip
    for tape, loan_id, column in (
        (load(table, share=0.5), "2", "servicing_rate"),
        (exhibits.read(filed, share=0.5), "1", FEE),
        (fannie(tmp_path, 0.035, "3.5", "3.625"), "1", "portfolio.servicing_rate"),
    ):
        assert [(r.loan_id, r.column) for r in tape.rejects] == [(loan_id, column)]
        assert "principal would pay it" in tape.rejects[0].reason
    assert len(exhibits.read(exhibits.write(tmp_path, unfiled)).loans) == 1  # 5 bp of 30
    low = LOAN | {"note_rate": "0.0025"}
    with pytest.raises(InputError, match="portfolio.servicing_rate = '0.0025': servicing of 0.0025 a year is not below"):
        load(write(tmp_path / "t.csv", low))


def test_a_setting_that_takes_the_interest_of_a_generated_pool(tmp_path: Path) -> None:
    portfolio = Portfolio("g", "generator", None, "2020-12-31", 0.0, 0.034, 12, "none", generator=POOL)
    with pytest.raises(InputError, match=r"portfolio.servicing_rate = 0.034: not below the note rate of \d+ of 20 loans"):
        load_portfolio(portfolio)
    assert len(load_portfolio(replace(portfolio, servicing_rate=0.0025)).loans) == 20


def test_a_loan_lent_without_interest_pays_servicing_from_principal(tmp_path: Path) -> None:
    for rate in ("0", "1e-10", "0.125"):
        tape = fannie(tmp_path, 0.00265, rate, "3.5")
        assert len(tape.loans) == 2
        assert subjects(tape)["servicing above the note rate"] == 1


def test_an_odd_fee_is_noted(tmp_path: Path) -> None:
    rows = [LOAN | {"loan_id": fee, "servicing_rate": fee} for fee in ("0.01", "0.0101", "0.02", "0.0025")]
    (note,) = [note for note in load(write(tmp_path / "t.csv", *rows)).notes if note.subject == "servicing"]
    assert (note.count, set(note.loan_ids)) == (2, {"0.0101", "0.02"})


@pytest.mark.parametrize(
    ("balance", "rejected", "noted"),
    [("200500", 0, 0), ("200501", 0, 1), ("300500", 0, 1), ("300501", 1, 0), ("1000000", 1, 0)],
)
def test_a_balance_above_what_was_lent(tmp_path: Path, balance: str, rejected: int, noted: int) -> None:
    """Up to 500 USD are the agencies' rounding; a half more is beyond what contracts let negative amortisation add."""
    row = LOAN | {"loan_id": "2", "balance": balance, "original_balance": "200000"}
    tape = load(write(tmp_path / "t.csv", LOAN, row), share=0.5)
    assert [(r.loan_id, r.column) for r in tape.rejects] == [("2", "balance")] * rejected
    assert subjects(tape).get("balance above the original one", 0) == noted


def test_a_balance_above_what_was_lent_in_a_filing(tmp_path: Path) -> None:
    lines = [
        exhibits.loan(assetNumber=str(i), **{BALANCE: b, PAYMENT: "0"}) for i, b in enumerate(("12e6", "15.1e6", "9838000"))
    ]
    tape = exhibits.read(exhibits.write(tmp_path, *lines), share=0.5)
    assert [(r.loan_id, r.column) for r in tape.rejects] == [("1", BALANCE)]
    assert exhibits.noted(tape, "balance above the original one") == ["0"]


def test_a_rate_per_unit_among_percentages_of_the_agency_s_file(tmp_path: Path) -> None:
    tape = fannie(tmp_path, 0.00265, "3.5", "4", "3.875", "0.035")
    assert [(r.loan_id, r.column, r.value) for r in tape.rejects] == [("4", "orig_rate", "0.035")]
    assert "a hundredth of the tape's median, 0.035 per unit" in tape.rejects[0].reason


def test_a_ratio_that_is_a_hundredth_of_the_others(tmp_path: Path) -> None:
    """Not in a filing, which has values in USD: a small part of a large loan, or a loan to a cooperative, is real."""
    lines = [exhibits.loan(assetNumber=str(i)) for i in range(3)]
    odd = exhibits.loan(exhibits.PROPERTY | {"valuationSecuritizationAmount": "1.5e9"}, assetNumber="9")
    assert len(exhibits.read(exhibits.write(tmp_path, *lines, odd)).loans) == 4
    rows = [LOAN | {"loan_id": str(i)} for i in range(3)] + [LOAN | {"loan_id": "9", "ltv": "0.007"}]
    tape = load(write(tmp_path / "t.csv", *rows), share=0.5)
    assert [(r.loan_id, r.column) for r in tape.rejects] == [("9", "ltv")]
    rows[-1]["property_type"] = "cooperative"
    assert not load(write(tmp_path / "t.csv", *rows)).rejects


def test_a_ratio_of_next_to_nothing_is_said(tmp_path: Path) -> None:
    """A value in the wrong unit gives a loan that cannot lose; one that is nearly over, or on a building of flats, is so by nature."""
    value = {"valuationSecuritizationAmount": "15000000000"}
    tape = exhibits.read(exhibits.write(tmp_path, exhibits.loan(exhibits.PROPERTY | value), exhibits.loan(assetNumber="2")))
    assert exhibits.noted(tape, "loan-to-value ratio") == ["1"]
    rows = [LOAN | {"ltv": "0.001"}, LOAN | {"loan_id": "2", "remaining_term": "12", "ltv": "0.009", "balance": "900"},
            LOAN | {"loan_id": "3", "ltv": "0.009", "property_type": "cooperative"},
            *(LOAN | {"loan_id": f"{i}", "ltv": "0.5"} for i in range(4, 9))]  # fmt: skip
    assert exhibits.noted(load(write(tmp_path / "t.csv", *rows)), "loan-to-value ratio") == ["1"]
