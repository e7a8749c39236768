"""Mistakes in a book: each told by its place with what to do, all together, and nothing that is passed over."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mcsim.book_checks import common_draws
from mcsim.checked_ahead import problems_ahead
from mcsim.configuration import load_settings
from mcsim.errors import InputError
from mcsim.multirun import check_all
from mcsim.unread import without_effect
from tests.mcsim.books import BOOK, FILES, book, write


def told(own: Path, *words: str) -> list[str]:
    with pytest.raises(InputError) as error:
        book(own, *words)
    return error.value.problems


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
def test_a_mistake_in_a_part_is_told_by_its_place(with_book: Path, word: str, problem: str) -> None:
    word, problem = (text.replace("J.", "collaterals.jumbo.") for text in (word, problem))
    problems = told(with_book, word)
    assert len(problems) == 1 and problem in problems[0]


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("whole.of=jmbo", "of = 'jmbo': whole_loan is of a collateral; no such collateral; did you mean 'jumbo'?"),
        ("whole.of=first/B1", "of = 'first/B1': whole_loan is of a collateral; no such collateral; known: jumbo, offices"),
        ("piece.of=jumbo", "of = 'jumbo': deal_class is of a class; expected DEAL/CLASS; deals: both, first"),
        ("piece.of=frist/B1", "of = 'frist/B1': deal_class is of a class; no such deal; did you mean 'first'?"),
        ("piece.of=first/B9", "of = 'first/B9': deal_class is of a class; deal first has no such class; did you mean 'B"),
        ("whole.instrument=whole_laon", "instrument = 'whole_laon': no such instrument; did you mean 'whole_loan'?"),
        ("whole.method=spraed", "method = 'spraed': no such method; did you mean 'spread'?"),
        ("whole.inputs={}", "inputs.spread: missing (spread over the path's short rate"),
        ("whole.inputs.spraed=0.02", "inputs.spraed: unknown key; did you mean 'spread'?"),
        ("whole.inputs.spread=2", "inputs.spread = 2: expected at least -0.05 and at most 0.5"),
        ("whole.inputs.spread=wide", "inputs.spread = 'wide': expected a finite number"),
        ("whole.inputs=0.02", "inputs = 0.02: expected a section of keys"),
        ("whole.of=[jumbo]", "of = ['jumbo']: expected text"),
    ],
)
def test_a_position_is_of_something_by_an_instrument_with_what_it_takes(with_book: Path, word: str, problem: str) -> None:
    problems = told(with_book, f"positions.{word}")
    assert len(problems) == 1 and problems[0].startswith(f"positions.{word.partition('.')[0]}.{problem}")


def test_a_group_of_another_name_is_told_with_the_one_that_is_missing(with_book: Path) -> None:
    assert told(with_book, "deals.both.groups={homs: jumbo, offices: offices}") == [
        "deals.both.groups.homs: the deal has no such group; did you mean 'homes'?",
        "deals.both.groups.homes: missing; give the group's collateral with deals.both.groups.homes=NAME",
    ]


def test_all_mistakes_are_told_together(with_book: Path) -> None:
    words = ["collaterals.jumbo.portfolio.generator.loans=0", "deals.first.pricing.spreads.B1=2", "positions.whole.share=2",
             "rates.sgima=1", "collaterals.offices.behaviour.default=cddr", "portfolio.file=x", "paths=0"]  # fmt: skip
    assert len(told(with_book, *words)) == len(words)


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
def test_a_setting_of_one_of_each_beside_a_book_says_where_it_goes(with_book: Path, word: str, instead: str) -> None:
    problems = told(with_book, word)
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


def test_a_deal_of_several_groups_needs_a_book(with_book: Path) -> None:
    with pytest.raises(InputError, match=r"deal\.groups = \['homes', 'offices'\]: a run of one portfolio has one group"):
        load_settings(["campaign=prime_jumbo", "deal=joint"], with_book)


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


def test_what_builds_objects_is_refused_in_a_part(with_book: Path) -> None:
    assert (
        "collaterals.jumbo.portfolio._target_: the key is refused"
        in told(with_book, "+collaterals.jumbo.portfolio._target_=os.system")[0]
    )


def test_a_file_that_gives_what_its_part_does_not_read_is_named(tmp_path: Path) -> None:
    own = write(
        tmp_path, {**FILES, "campaign/mine.yaml": BOOK.replace("option: prime_jumbo,", "option: prime_jumbo, file: x.xml,")}
    )
    (problem,) = told(own)
    assert problem.startswith(f"{own}/campaign/mine.yaml: collaterals.jumbo.portfolio.file = 'x.xml': ")
    assert "choose another collaterals.jumbo.portfolio.source than generator" in problem


def test_a_default_spread_that_no_class_of_its_deal_takes(with_book: Path) -> None:
    words = ["deals.both.pricing.spreads={PT: 0.01, R: 0.02}", "deals.both.pricing.spreads.default=0.03"]
    assert told(with_book, *words) == [
        "deals.both.pricing.spreads.default = 0.03: every class has a spread of its own; leave it out"
    ]


def test_what_the_loans_of_a_part_leave_unread_is_told_by_its_place(with_book: Path) -> None:
    words = [f"collaterals.{name}.portfolio.servicing_rate=0.001" for name in ("jumbo", "offices")]
    words += ["rates.index_tenor_years=2", "home_prices.initial_gap=0.1"]
    fees = {"jumbo": np.array([0.001, 0.002]), "offices": np.array([0.002])}
    fixed = {name: SimpleNamespace(servicing_rate=fee, adjustable=np.zeros(len(fee), bool)) for name, fee in fees.items()}
    said = without_effect(book(with_book, *words), fixed, words)
    assert [text.partition(":")[0] for text in said] == [
        "collaterals.offices.portfolio.servicing_rate",
        "rates.index_tenor_years",
    ]
    one = {**fixed, "offices": SimpleNamespace(servicing_rate=fees["offices"], adjustable=np.ones(1, bool))}
    assert len(without_effect(book(with_book, *words), one, words)) == 1


def test_loans_of_two_collaterals_that_would_be_drawn_alike_are_told(with_book: Path) -> None:
    loans = {
        "jumbo": SimpleNamespace(number=np.array([1, 2, 3], np.uint64)),
        "offices": SimpleNamespace(number=np.array([3, 2, 9], np.uint64)),
    }
    assert common_draws(book(with_book), loans) == [], "shares of jumbo's loans leave, nothing is drawn"
    (said,) = common_draws(book(with_book, "collaterals.jumbo.behaviour.decrement=sampled"), loans)
    assert said.startswith("collaterals jumbo and offices: 2 identifiers of loans stand in both, and are drawn alike")
    loans["offices"].number += np.uint64(10)
    assert common_draws(book(with_book, "collaterals.jumbo.behaviour.decrement=sampled"), loans) == []


def test_what_stages_find_in_a_part_is_told_by_its_place() -> None:
    """All parts are looked at before the first kernel starts; a sweep tells the same."""
    words = ["campaign=book", "backend=numpy", "seed=1,2", "market_date=2017-11-13"]
    tapes = ["collaterals.homes.portfolio.generator.ltv_spread=0.9", "collaterals.offices.portfolio.cut_off=2017-11-12"]
    deals = ["deals.both.pricing.spreads.Z=0.1", "deals.jumbo.deal.classes.A1.share=2"]
    homes, offices = problems_ahead([job.settings for job in check_all([*words, *tapes])], here=True)
    assert homes.startswith("collaterals.homes.portfolio.generator.ltv_spread = 0.9: ")
    assert offices.startswith("collateral offices: ") and "the reporting period ends on 2017-11-13" in offices
    both, jumbo = problems_ahead([job.settings for job in check_all([*words, *deals])], here=True)
    assert both.startswith("deals.both.pricing.spreads.Z: ") and jumbo.startswith("deals.jumbo.deal: classes.A1.share: ")
