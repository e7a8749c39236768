"""A book in the configuration: parts by name, options within them, overrides into them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mcsim
from mcsim.configuration import load_settings, settings_of
from mcsim.errors import InputError
from mcsim.layouts import home
from mcsim.multirun import check_all
from mcsim.yaml_files import dump_yaml, parse_yaml
from tests.mcsim.books import FILES, book, write


def test_the_parts_of_a_book_are_what_their_options_say(with_book: Path) -> None:
    found, jumbo, offices = book(with_book), load_settings(["campaign=prime_jumbo"]), load_settings(["campaign=sec_cmbs"])
    assert (list(found.collaterals), list(found.deals), list(found.positions)) == (
        ["jumbo", "offices"], ["both", "first"], ["whole", "piece"]
    )  # fmt: skip
    assert found.collaterals["jumbo"].behaviour == jumbo.only_collateral.behaviour
    assert found.collaterals["jumbo"].portfolio.generator == jumbo.only_collateral.portfolio.generator
    assert found.collaterals["offices"].portfolio == offices.only_collateral.portfolio
    models = found.collaterals["offices"].behaviour
    assert models.default == offices.only_collateral.behaviour.default and models.decrement == "sampled"
    assert (models.prepayment.model, models.prepayment.parameters) == ("psa", {"multiple": 1.5})
    assert found.deals["first"].deal == jumbo.only_deal.deal and found.deals["first"].pricing == jumbo.only_deal.pricing
    assert found.deals["both"].groups == {"homes": "jumbo", "offices": "offices"}
    assert (found.positions["piece"].of, found.positions["piece"].share) == ("first/B1", 0.35)
    assert found.market_date == "2017-11-13" and found.rates.curve == "2017-11-13"


def test_a_book_is_read_again_from_its_record(with_book: Path) -> None:
    found = book(with_book)
    assert settings_of(parse_yaml(dump_yaml(found.raw), "config.yaml")) == found
    assert not {"portfolio", "behaviour", "deal", "pricing"} & set(found.raw)


def test_one_of_each_is_a_book_of_one_entry_each() -> None:
    found = load_settings(["campaign=sec_cmbs"])
    assert (list(found.collaterals), list(found.deals), found.positions) == (["sec_cmbs"], ["conduit"], {})
    assert found.deals["conduit"].groups == {"pool": "sec_cmbs"} and not {"collaterals", "deals"} & set(found.raw)
    assert found.only_collateral is found.collaterals["sec_cmbs"] and found.only_deal is found.deals["conduit"]


def test_a_single_part_is_not_taken_where_there_are_more(with_book: Path) -> None:
    with pytest.raises(InputError, match="the book has 2 collaterals, jumbo, offices: choose one by its name"):
        _ = book(with_book).only_collateral
    with pytest.raises(InputError, match="2 deals, both, first"):
        _ = book(with_book).only_deal


def test_a_book_needs_no_deal(tmp_path: Path) -> None:
    own = write(tmp_path, {"campaign/mine.yaml": "collaterals: {one: {portfolio: prime_jumbo, behaviour: static_bma}}\n"})
    assert book(own).deals == {} and book(own).only_collateral.behaviour.prepayment.model == "psa"


@pytest.mark.parametrize(
    ("name", "at_home"),
    [
        ("collaterals.jumbo.portfolio.file", "portfolio.file"),
        ("collaterals.jumbo.behaviour.prepayment.model", "behaviour.prepayment.model"),
        ("deals.first.deal.classes.A1", "deal.classes.A1"),
        ("deals.first.groups.pool", "deals.*.groups.pool"),
        ("positions.whole.inputs.spread", "positions.*.inputs.spread"),
        ("positions.whole", "positions.*"),
        ("portfolio.file", "portfolio.file"),
        ("collaterals", "collaterals"),
        ("collaterals.jumbo.deal.x", "collaterals.*.deal.x"),
    ],
)
def test_where_a_setting_is_at_home(name: str, at_home: str) -> None:
    assert home(name) == at_home


def test_the_book_that_ships(tmp_path: Path) -> None:
    """What its file says, in a run of fewer loans and paths; what a run of it stores is tests/mcsim/test_book.py's."""
    found = load_settings(["campaign=book"])
    assert {name: own.groups for name, own in found.deals.items()} == {
        "both": {"homes": "homes", "offices": "offices"}, "jumbo": {"pool": "homes"}
    }  # fmt: skip
    assert {own.instrument for own in found.positions.values()} == {"whole_loan", "deal_class"}
    assert sum(c.get("share", 0) for c in found.deals["both"].deal["classes"].values()) == 1
    fewer = ["paths=8", "collaterals.homes.portfolio.generator.loans=5", "backend=numpy", "output.report=false"]
    run = mcsim.run("campaign=book", *fewer, f"output.runs_dir={tmp_path}")
    assert set(run.collateral) == set(found.collaterals) and set(run.deals) == set(found.deals)
    assert set(run.positions.position.values) == set(found.positions) and run.complete


# Who wins.


@pytest.mark.parametrize(
    ("words", "where", "value"),
    [
        (["collaterals.jumbo.portfolio.generator.loans=100"], "collaterals.jumbo.portfolio.generator.loans", 100),
        (["collaterals.jumbo.portfolio.generator.regions={CA: 1.0}"], "collaterals.jumbo.portfolio.generator.regions", {"CA": 1.0}),
        (["collaterals.offices.portfolio=sec_cmbs"], "collaterals.offices.portfolio.liquidation_lag", 12),
        (["collaterals.jumbo.portfolio={option: sec_cmbs, liquidation_lag: 9}"], "collaterals.jumbo.portfolio.source", "absee"),
        (["collaterals.jumbo.portfolio={option: sec_cmbs, liquidation_lag: 9}"], "collaterals.jumbo.portfolio.liquidation_lag", 9),
        (["collaterals.jumbo.portfolio={liquidation_lag: 9}"], "collaterals.jumbo.portfolio.source", "generator"),
        (["collaterals.offices.behaviour=static_bma"], "collaterals.offices.behaviour.default.model", "sda"),
        (["collaterals.offices.behaviour.default=mdr"], "collaterals.offices.behaviour.prepayment.model", "psa"),
        (["collaterals.offices.behaviour.default=mdr"], "collaterals.offices.behaviour.default.parameters", {"mdr": [0.01]}),
        (
            ["collaterals.jumbo.behaviour.prepayment.parameters.multiple=2", "collaterals.jumbo.behaviour.prepayment=psa"],
            "collaterals.jumbo.behaviour.prepayment.parameters", {"multiple": 2},
        ),
        (
            ["collaterals.jumbo.behaviour.prepayment=psa", "collaterals.jumbo.behaviour=richard_roll_ltv"],
            "collaterals.jumbo.behaviour.prepayment.model", "psa",
        ),
        (
            ["collaterals.jumbo.behaviour.prepayment={model: cpr, parameters: {cpr: [0.06]}}"],
            "collaterals.jumbo.behaviour.prepayment", {"model": "cpr", "parameters": {"cpr": [0.06]}},
        ),
        (["collaterals.jumbo.portfolio.servicing_rate=${rates.sigma}"], "collaterals.jumbo.portfolio.servicing_rate", 0.007),
        (["rates.sigma=${collaterals.jumbo.portfolio.servicing_rate}"], "rates.sigma", 0.00265),
        (["deals.first.pricing.spreads.A1=0.01"], "deals.first.pricing.spreads.A2", 0.0131),
        (["deals.first.pricing.spreads={default: 0.01}"], "deals.first.pricing.spreads", {"default": 0.01}),
        (["deals.first.pricing=spreads"], "deals.first.pricing.spreads", {"default": 0.0131}),
        (["deals.first.deal.classes.A1.coupon=0.03"], "deals.first.deal.classes.A1", {"share": 0.85, "coupon": 0.03}),
        (["deals.first.groups={pool: offices}"], "deals.first.groups", {"pool": "offices"}),
        (["positions.whole.inputs={spread: 0.03}"], "positions.whole.inputs", {"spread": 0.03}),
        (["positions.piece.share=0.5"], "positions.piece.share", 0.5),
        (["market_date=2017-11-10"], "market_date", "2017-11-10"),
    ],
)  # fmt: skip
def test_an_override_reaches_into_a_part(with_book: Path, words: list[str], where: str, value: Any) -> None:
    found: Any = book(with_book, *words).raw
    for part in where.split("."):
        found = found[part]
    assert found == value


def test_parts_are_added_and_taken_away_by_overrides(with_book: Path) -> None:
    more = "positions.more={instrument: whole_loan, of: offices, share: 0.5, method: spread, inputs: {spread: 0.03}}"
    third = "collaterals.third={portfolio: {option: prime_jumbo, cut_off: 2017-11-13}, behaviour: static_bma}"
    found = book(with_book, more, "~positions.piece", third)
    assert list(found.positions) == ["whole", "more"] and found.positions["more"].share == 0.5
    assert found.collaterals["third"].behaviour.prepayment.model == "psa"


def test_an_option_takes_the_place_of_all_that_was_said_of_its_section(with_book: Path) -> None:
    deal, more = "deals.first.deal", "+deals.first.deal.fees.x={rate: 0.01}"
    found = book(with_book, f"{deal}=reserve_account", f"{deal}=pass_through", "~positions.piece").deals["first"].deal
    assert found == load_settings(["deal=pass_through"]).only_deal.deal
    assert book(with_book, more, f"{deal}=pass_through", "~positions.piece").deals["first"].deal["fees"] == {
        "x": {"rate": 0.01}
    }


def test_a_path_in_a_part_is_literal(with_book: Path) -> None:
    name = "a b, [1] ${x}.xml"
    assert book(with_book, f"collaterals.offices.portfolio.file={name}").collaterals["offices"].portfolio.file == name


def test_a_campaign_builds_on_a_book(tmp_path: Path) -> None:
    more = """
    defaults: [mine, _self_]
    paths: 512
    collaterals:
      jumbo: {portfolio: {servicing_rate: 0.003}}
      offices: {behaviour: static_bma}
    positions:
      piece: {share: 0.1}
    """
    own = write(tmp_path, {**FILES, "campaign/more.yaml": more})
    found = load_settings(["campaign=more", "collaterals.offices.behaviour.decrement=sampled"], own)
    assert found.paths == 512 and found.positions["piece"].share == 0.1 and found.positions["piece"].of == "first/B1"
    jumbo, offices = found.collaterals["jumbo"], found.collaterals["offices"]
    assert jumbo.portfolio.source == "generator" and jumbo.portfolio.servicing_rate == 0.003
    assert offices.portfolio.liquidation_lag == 23 and offices.behaviour.prepayment.model == "psa"
    assert (offices.behaviour.severity.parameters, offices.behaviour.decrement) == ({"severity": [0.2]}, "sampled")


def test_options_of_ones_own_stand_in_a_part(tmp_path: Path) -> None:
    lag = "defaults: [sec_cmbs, _self_]\nliquidation_lag: 7\n"
    own = write(tmp_path, {**FILES, "portfolio/2017.yaml": lag})
    assert book(own, "collaterals.offices.portfolio=2017").collaterals["offices"].portfolio.liquidation_lag == 7


def test_a_sweep_goes_through_parts(with_book: Path) -> None:
    words = ["campaign=mine", "collaterals.offices.behaviour.default=cdr,mdr", "positions.piece.share=0.1,0.2"]
    found = [(job.settings.collaterals["offices"].behaviour.default.model, job.settings.positions["piece"].share)
             for job in check_all(words, with_book)]  # fmt: skip
    assert found == [("cdr", 0.1), ("cdr", 0.2), ("mdr", 0.1), ("mdr", 0.2)]
    swept = check_all(["campaign=mine", "collaterals.offices.behaviour.default=glob(*)"], with_book)
    assert {job.settings.collaterals["offices"].behaviour.default.model for job in swept} >= {
        "cdr",
        "mdr",
        "sda",
        "ltv_hazard",
    }


def test_positions_stand_beside_one_of_each_too() -> None:
    word = "positions.mine={instrument: deal_class, of: senior_subordinate/B1, share: 0.3, method: spread, inputs: {spread: 0.02}}"
    found = load_settings(["campaign=prime_jumbo", word])
    assert found.positions["mine"].of == "senior_subordinate/B1" and found.only_deal.deal["name"] == "senior_subordinate"
