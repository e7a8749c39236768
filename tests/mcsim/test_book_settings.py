"""A book in the configuration: parts by name, options within them, overrides into them; every mistake told, none passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcsim.configuration import load_settings, settings_of
from mcsim.errors import InputError
from mcsim.layouts import home
from mcsim.multirun import check_all
from mcsim.settings import Settings
from mcsim.yaml_files import dump_yaml, parse_yaml

TWO_GROUPS = """
name: two_groups
groups: [homes, offices]
classes: {PT: {share: 1.0, coupon: net_wac}, R: {coupon: residual}}
steps:
  - {pay_interest: PT, from: interest}
  - {pay_principal: PT, rule: sequential, from: principal}
  - {write_down: PT}
  - {release: R, from: all}
"""

BOOK = """
collaterals:
  jumbo: {portfolio: {option: prime_jumbo, cut_off: "2017-11-13"}, behaviour: richard_roll_ltv}
  offices: {portfolio: {option: sec_cmbs, liquidation_lag: 23}, behaviour: {option: commercial_static, prepayment: psa}}
deals:
  both: {deal: two_groups, groups: {homes: jumbo, offices: offices}, pricing: {spreads: {default: 0.02}}}
  first: {deal: senior_subordinate, groups: {pool: jumbo}, pricing: senior_subordinate}
positions:
  whole: {instrument: whole_loan, of: jumbo, share: 1.0, method: spread, inputs: {spread: 0.02}}
  piece: {instrument: deal_class, of: first/B1, share: 0.35, method: spread, inputs: {spread: 0.05}}
"""

FILES = {"campaign/mine.yaml": BOOK, "deal/two_groups.yaml": TWO_GROUPS}


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("own"), FILES)


def book(own: Path, *words: str) -> Settings:
    return load_settings(["campaign=mine", *words], own)


def told(own: Path, *words: str) -> list[str]:
    with pytest.raises(InputError) as error:
        book(own, *words)
    return error.value.problems


def test_the_parts_of_a_book_are_what_their_options_say(own: Path) -> None:
    found, jumbo, offices = book(own), load_settings(["campaign=prime_jumbo"]), load_settings(["campaign=sec_cmbs"])
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


def test_a_book_is_read_again_from_its_record(own: Path) -> None:
    found = book(own)
    assert settings_of(parse_yaml(dump_yaml(found.raw), "config.yaml")) == found
    assert not {"portfolio", "behaviour", "deal", "pricing"} & set(found.raw)


def test_one_of_each_is_a_book_of_one_entry_each() -> None:
    found = load_settings(["campaign=sec_cmbs"])
    assert (list(found.collaterals), list(found.deals), found.positions) == (["sec_cmbs"], ["conduit"], {})
    assert found.deals["conduit"].groups == {"pool": "sec_cmbs"} and not {"collaterals", "deals"} & set(found.raw)
    assert found.only_collateral is found.collaterals["sec_cmbs"] and found.only_deal is found.deals["conduit"]


def test_a_single_part_is_not_taken_where_there_are_more(own: Path) -> None:
    with pytest.raises(InputError, match="the book has 2 collaterals, jumbo, offices: choose one by its name"):
        _ = book(own).only_collateral
    with pytest.raises(InputError, match="2 deals, both, first"):
        _ = book(own).only_deal


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
def test_an_override_reaches_into_a_part(own: Path, words: list[str], where: str, value: Any) -> None:
    found: Any = book(own, *words).raw
    for part in where.split("."):
        found = found[part]
    assert found == value


def test_parts_are_added_and_taken_away_by_overrides(own: Path) -> None:
    more = "positions.more={instrument: whole_loan, of: offices, share: 0.5, method: spread, inputs: {spread: 0.03}}"
    third = "collaterals.third={portfolio: {option: prime_jumbo, cut_off: 2017-11-13}, behaviour: static_bma}"
    found = book(own, more, "~positions.piece", third)
    assert list(found.positions) == ["whole", "more"] and found.positions["more"].share == 0.5
    assert found.collaterals["third"].behaviour.prepayment.model == "psa"


def test_a_path_in_a_part_is_literal(own: Path) -> None:
    name = "a b, [1] ${x}.xml"
    assert book(own, f"collaterals.offices.portfolio.file={name}").collaterals["offices"].portfolio.file == name


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


def test_a_sweep_goes_through_parts(own: Path) -> None:
    words = ["campaign=mine", "collaterals.offices.behaviour.default=cdr,mdr", "positions.piece.share=0.1,0.2"]
    found = [(job.settings.collaterals["offices"].behaviour.default.model, job.settings.positions["piece"].share)
             for job in check_all(words, own)]  # fmt: skip
    assert found == [("cdr", 0.1), ("cdr", 0.2), ("mdr", 0.1), ("mdr", 0.2)]
    swept = check_all(["campaign=mine", "collaterals.offices.behaviour.default=glob(*)"], own)
    assert {job.settings.collaterals["offices"].behaviour.default.model for job in swept} >= {
        "cdr",
        "mdr",
        "sda",
        "ltv_hazard",
    }


# Mistakes.


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("collaterals.jumbi.portfolio.generator.loans=3", "jumbi.portfolio.generator.loans: unknown key; did you mean 'jumbo'?"),
        ("J.portfolio.generator.laons=3", "J.portfolio.generator.laons: unknown key; did you mean 'loans'?"),
        ("J.portfolio.generator.states={CA: 1}", "unknown key; it is now portfolio.generator.regions"),
        ("J.portfolio=prime_jumob", "J.portfolio=prime_jumob: no such option; did you mean 'prime_jumbo'?"),
        ("J.portfolio={option: prime_jumob}", "J.portfolio=prime_jumob: no such option; did you mean"),
        ("J.portfolio={option: [a]}", "J.portfolio=['a']: no such option; known: "),
        ("J.portfolio.generator.loans=0", "J.portfolio.generator.loans = 0: expected at least 1"),
        ("J.portfolio.advances=all", "J.portfolio.advances = 'all': expected one of none, interest"),
        ("J.behaviour.decrement=smpled", "expected one of expected, sampled; did you mean 'sampled'?"),
        ("J.behaviour.prepayment.parameters.level=x", "parameters.level = 'x': expected a finite number"),
        ("J.behaviour/prepayment=psa", "in a part of a book groups are keys; write collaterals.jumbo.behaviour.prepayment"),
        ("J.portfolio.cut_off=2019-12-31", "portfolio.cut_off = '2017-11-13': expected 2019-12-31, that of jumbo"),
        ("J.portfolio.generator.regions={CA: 0.5}", "J.portfolio.generator.regions: the shares add up to 0.5"),
        ("J.portfolio.file=x.xml", "J.portfolio.source=generator does not read it; choose another"),
        ("collaterals.jumbo=prime_jumbo", "collaterals.jumbo = 'prime_jumbo': expected a section of keys: portfolio, behaviour"),
        ("collaterals.new={portfolio: sec_cmbs}", "collaterals.new.behaviour: missing; give it a value"),
        ("collaterals.Jumbo={portfolio: sec_cmbs, behaviour: static_bma}", "names the same folder of the store as jumbo"),
        (f"+collaterals.{'n' * 65}={{portfolio: sec_cmbs, behaviour: static_bma}}", "no name of a part of a book; expected a letter"),
        ("deals.both.groups.homes=jmbo", "deals.both.groups.homes = 'jmbo': no such collateral; did you mean 'jumbo'?"),
        ("deals.both.groups.homes=offices", "group homes stands on it"),
        ("deals.both.groups={offices: offices}", "deals.both.groups.homes: missing; give the group's collateral"),
        ("deals.first.pricing.spreads.B1=2", "deals.first.pricing.spreads.B1 = 2: expected at least -0.05"),
        ("deals.first.groups=jumbo", "deals.first.groups = 'jumbo': expected a section of keys"),
        ("deals.frist.groups.pool=jumbo", "deals.frist.groups.pool: unknown key; did you mean 'first'?"),
        ("positions.whol.share=0.5", "positions.whol.share: unknown key; did you mean 'whole'?"),
        ("positions.whole.share=0", "positions.whole.share = 0: expected above 0 and at most 1"),
        ("positions.whole.sahre=1", "positions.whole.sahre: unknown key; did you mean 'share'?"),
        ("positions.new={instrument: whole_loan}", "positions.new: 3 keys are missing"),
        ("~positions.whol", "positions.whol: unknown key; did you mean 'whole'?"),
        ("positions.whole={}", "an empty mapping changes nothing"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_part_is_told_by_its_place(own: Path, word: str, problem: str) -> None:
    word, problem = (text.replace("J.", "collaterals.jumbo.") for text in (word, problem))
    problems = told(own, word)
    assert len(problems) == 1 and problem in problems[0]


def test_a_group_of_another_name_is_told_with_the_one_that_is_missing(own: Path) -> None:
    assert told(own, "deals.both.groups={homs: jumbo, offices: offices}") == [
        "deals.both.groups.homs: the deal has no such group; did you mean 'homes'?",
        "deals.both.groups.homes: missing; give the group's collateral with deals.both.groups.homes=NAME",
    ]


def test_all_mistakes_are_told_together(own: Path) -> None:
    words = ["collaterals.jumbo.portfolio.generator.loans=0", "deals.first.pricing.spreads.B1=2", "positions.whole.share=2",
             "rates.sgima=1", "collaterals.offices.behaviour.default=cddr", "portfolio.file=x", "paths=0"]  # fmt: skip
    assert len(told(own, *words)) == len(words)


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("portfolio=table", "collaterals.jumbo.portfolio, collaterals.offices.portfolio"),
        ("portfolio.servicing_rate=0.001", "collaterals.jumbo.portfolio.servicing_rate"),
        ("behaviour/prepayment=psa", "collaterals.jumbo.behaviour.prepayment"),
        ("behaviour.decrement=sampled", "collaterals.offices.behaviour.decrement"),
        ("deal=conduit", "deals.both.deal, deals.first.deal"),
        ("+deal.fees.x.rate=0.01", "deals.first.deal.fees.x.rate"),
        ("~deal.description", "deals.first.deal.description"),
        ("pricing.spreads.A=0.1", "deals.first.pricing.spreads.A"),
        ("pricing={spreads: {default: 0.1}}", "deals.both.pricing"),
    ],
)
def test_a_setting_of_one_of_each_beside_a_book_says_where_it_goes(own: Path, word: str, instead: str) -> None:
    problems = told(own, word)
    assert len(problems) == 1 and problems[0].startswith(f"{word}: in a book") and instead in problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "portfolio: {liquidation_lag: 3}", "defaults: [{override /deal: conduit}]",
        "defaults: [{override /behaviour/default: cdr}]",
    ],
)  # fmt: skip
def test_a_campaign_that_is_both_is_refused(tmp_path: Path, text: str) -> None:
    own = write(tmp_path, {**FILES, "campaign/both.yaml": f"{text}\n{BOOK}"})
    with pytest.raises(
        InputError, match=r"campaign/both\.yaml: \S+: in a book each of the \w+ has its own; give \w+\.\w+\."
    ) as error:
        load_settings(["campaign=both"], own)
    assert len(error.value.problems) == 1


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("collaterals.jumbo.portfolio.file=x", "give portfolio.file, or choose a book"),
        ("deals.first.pricing.spreads.A=0.1", "give pricing.spreads.A, or choose a book"),
        ("+collaterals.x={portfolio: sec_cmbs}", "one deal; choose a book"),
        ("deals={}", "one deal; choose a book"),
        ("collaterals.x.behaviour/default=cdr", "groups are keys"),
    ],
)
def test_a_part_of_a_book_beside_one_of_each_says_what_to_do(word: str, instead: str) -> None:
    with pytest.raises(InputError) as error:
        load_settings(["campaign=prime_jumbo", word])
    assert len(error.value.problems) == 1 and instead in str(error.value)


def test_a_deal_of_several_groups_needs_a_book(own: Path) -> None:
    with pytest.raises(InputError, match=r"deal\.groups = \['homes', 'offices'\]: a run of one portfolio has one group"):
        load_settings(["campaign=prime_jumbo", "deal=two_groups"], own)


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "__x", "a\\\\b", "zarr.json", "x" * 101])
@pytest.mark.parametrize("setting", ["portfolio.name", "deal.name"])
def test_a_name_that_is_no_folder(setting: str, name: str) -> None:
    with pytest.raises(InputError, match=f"^{setting} = .*names a folder of the store"):
        load_settings([f"{setting}='{name}'"])


def test_a_book_without_collaterals(tmp_path: Path) -> None:
    own = write(tmp_path, {"campaign/mine.yaml": "collaterals: {}\n"})
    assert told(own) == [
        "collaterals: none is named; a book has one at least, such as {homes: {portfolio: NAME, behaviour: NAME}}"
    ]


def test_what_builds_objects_is_refused_in_a_part(own: Path) -> None:
    assert (
        "collaterals.jumbo.portfolio._target_: the key is refused"
        in told(own, "+collaterals.jumbo.portfolio._target_=os.system")[0]
    )


def test_positions_stand_beside_one_of_each_too() -> None:
    word = "positions.mine={instrument: deal_class, of: senior_subordinate/B1, share: 0.3, method: spread, inputs: {spread: 0.02}}"
    found = load_settings(["campaign=prime_jumbo", word])
    assert found.positions["mine"].of == "senior_subordinate/B1" and found.only_deal.deal["name"] == "senior_subordinate"
