"""No setting is ignored in silence: runs are watched reading their settings, and the table of who reads what must agree."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcsim.conf_dir import group_options
from mcsim.configuration import load_settings, price_choices
from mcsim.errors import InputError
from mcsim.layouts import home, leaves
from mcsim.ranges import CHOICES, READ_BY
from mcsim.references import select
from mcsim.run import run_campaign
from mcsim.settings import ModelChoice, Settings
from tests.mcsim.whole_runs import write_filing

TINY = ["paths=4", "backend=numpy", "output.report=false"]
POOL = [
    "campaign=prime_jumbo", *TINY, "portfolio.generator.loans=3", "portfolio.generator.term=12", "portfolio.generator.age_mean=0",
    "portfolio.generator.adjustable_share=0.34",
]  # fmt: skip
FILING = ["campaign=sec_cmbs", *TINY]

RUNS = {
    "a pool, a date, threads": [*POOL, "engine=threads"],
    "a pool, flat, one thread": [*POOL, "rates=flat", "engine=serial"],
    "a tape, a date, one thread": [*FILING, "engine=serial"],
}
"""Each choice of every setting that decides who reads another, once at least."""

RECORDED = {"campaign", "deal"}
"""Read before the run is: the folder's name, and what the deal's own checks go through key by key."""


def watched(settings: Any, seen: set[str], where: str = "") -> Any:
    """The same settings, whose fields note in ``seen`` that they were read."""
    cls = type(settings)

    class Watched(cls):  # type: ignore[misc, valid-type]
        def __getattribute__(self, name: str) -> Any:
            if name in fields and sys._getframe(1).f_globals["__name__"] != "dataclasses":  # a copy reads nothing for itself
                seen.add(home(f"{where}{name}"))
            return object.__getattribute__(self, name)

    fields = {field.name for field in dataclasses.fields(cls)}
    copy = object.__new__(Watched)
    for name in fields:
        value = getattr(settings, name)
        if dataclasses.is_dataclass(value) and not isinstance(value, ModelChoice):
            value = watched(value, seen, f"{where}{name}.")
        elif isinstance(value, dict) and any(map(dataclasses.is_dataclass, value.values())):
            value = {entry: watched(part, seen, f"{where}{name}.{entry}.") for entry, part in value.items()}
        object.__setattr__(copy, name, value)
    return copy


def names() -> set[str]:
    """Every setting that a configuration of one each has: of a book those that stand in the groups of its parts."""
    return {name for name, _ in leaves() if "*" not in name}


def unread_by(settings: Settings) -> set[str]:
    """Settings that the table says this run does not read."""
    return {
        name
        for name in names()
        for key, by in READ_BY.items()
        if f"{name}.".startswith(f"{key}.") and not by.holds(select(settings.raw, by.choice))
    }


@pytest.mark.parametrize("which", RUNS)
def test_a_run_reads_what_the_table_says(which: str, tmp_path: Path) -> None:
    words = [*RUNS[which], f"output.runs_dir={tmp_path}"]
    if "sec_cmbs" in words[0]:
        words.append(write_filing(tmp_path / "tape.xml", 2))
    settings = load_settings(words)
    seen: set[str] = set()
    run_campaign(watched(settings, seen), words)
    assert names() - seen - RECORDED == unread_by(settings)


def test_the_table_names_settings_and_choices_that_exist() -> None:
    for key, by in READ_BY.items():
        assert any(f"{name}.".startswith(f"{key}.") for name in names()) and by.choice in names()
        assert set(by.values + by.unless) <= {*CHOICES.get(by.choice, ()), "flat"}
        assert by.holds("no such choice") != bool(by.values)


def _pairs() -> Iterator[tuple[str, str, str]]:
    """A setting, a value of it, and a run that does not read it."""
    values = {"portfolio.file": "x.xml", "rates.flat_rate": "0.03", "engine.threads": "3", "portfolio.generator.regions": "{CA: 1.0}",
              "portfolio.generator": "{loans: 3}"}  # fmt: skip
    for which, words in RUNS.items():
        for name in [*unread_by(load_settings(words)), "portfolio.generator"]:
            if "a pool" not in which or not name.startswith("portfolio.generator"):
                yield which, name, values.get(name, "1")


@pytest.mark.parametrize(("which", "name", "value"), sorted(set(_pairs())))
def test_what_is_not_read_is_refused_by_its_name(which: str, name: str, value: str, tmp_path: Path) -> None:
    """Given as an override or in an option file of one's own."""
    words = [word for word in RUNS[which] if not word.startswith(name)]
    with pytest.raises(InputError) as error:
        load_settings([*words, f"{name}={value}"])
    assert len(error.value.problems) == 1 and f"{name}" in str(error.value)
    assert "does not read it; choose " in str(error.value) and "leave" in str(error.value)
    section, _, key = name.partition(".")
    for part in reversed(key.split(".")):
        value = f"{{{part}: {value}}}"
    campaign, *chosen = [word for word in words if word.partition("=")[0] in group_options()]
    defaults = [campaign.partition("=")[2], *(f"{{override /{word.replace('=', ': ')}}}" for word in chosen)]
    (tmp_path / "campaign").mkdir()
    file = tmp_path / "campaign" / "mine.yaml"
    file.write_text(f"defaults: [{', '.join(defaults)}]\n{section}: {value}\n")
    with pytest.raises(InputError) as error:
        load_settings(["campaign=mine", *(word for word in words if word not in (campaign, *chosen))], tmp_path)
    assert len(error.value.problems) == 1 and str(error.value).startswith(f"{file}: {name}")


def test_what_says_no_more_than_leaving_it_out_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "mine.yaml").write_text("name: serial\npath_block: 256\nthreads: 1\n")
    assert load_settings(["engine=mine"], tmp_path).engine.threads == 1
    assert load_settings(["portfolio.file=null", "rates.flat_rate=null"]).only_collateral.portfolio.file is None


def test_the_issues_own_cases() -> None:
    """The first priced the generated pool of 2.0bn and recorded X as its file."""
    for words, reader in ((["portfolio.file=X"], "portfolio.source"), (["rates.flat_rate=0.03"], "rates.curve=flat")):
        with pytest.raises(InputError, match=f"does not read it; choose (another )?{reader}"):
            load_settings(words)


def test_a_default_spread_that_no_class_takes() -> None:
    words = ["deal=pass_through", "pricing.spreads={PT: 0.01, R: 0.05}", "pricing.spreads.default=0.03"]
    with pytest.raises(InputError, match=r"pricing\.spreads\.default = 0\.03: every class has a spread of its own"):
        load_settings(words)
    assert load_settings(words[:2]).only_deal.pricing.spreads == {"PT": 0.01, "R": 0.05}
    raw = load_settings(words[:2]).raw
    with pytest.raises(InputError, match="every class has a spread of its own"):
        price_choices(raw, ["pricing.spreads.default=0.03"])
    some = load_settings([words[0], "pricing.spreads={PT: 0.01, default: 0.05}"]).only_deal.pricing.spreads
    assert some == {"PT": 0.01, "default": 0.05}, "R takes it"


def test_a_default_spread_in_a_file_is_for_classes_of_other_deals(tmp_path: Path) -> None:
    """One file of spreads serves every deal of its user; only what is given for this run alone must be of use in it."""
    (tmp_path / "pricing").mkdir()
    (tmp_path / "pricing" / "mine.yaml").write_text("spreads: {PT: 0.01, R: 0.05, default: 0.03}\n")
    assert load_settings(["deal=pass_through", "pricing=mine"], tmp_path).only_deal.pricing.spreads["default"] == 0.03


@pytest.mark.parametrize(
    ("which", "word", "why"),
    [
        ("a tape, a date, one thread", "portfolio.servicing_rate=0.01", "a servicing fee of its own"),
        ("a tape, a date, one thread", "rates.index_tenor_years=2", "adjustable"),
        ("a tape, a date, one thread", "rates.mortgage_rate=0.04", "reads the mortgage rate"),
        ("a tape, a date, one thread", "rates.mortgage_residual_half_life_months=3", "reads the mortgage rate"),
        ("a tape, a date, one thread", "home_prices.initial_gap=0.1", "reads home prices"),
        ("a pool, flat, one thread", "home_prices.history_file=absent.csv", "initial_gap are given"),
        ("a tape, a date, one thread", "portfolio={servicing_rate: 0.01}", "a servicing fee of its own"),
        ("a tape, a date, one thread", "rates={mortgage_floor: 0.02}", "reads the mortgage rate"),
        ("a pool, flat, one thread", "market_date=2019-12-31", "home prices do not start from it"),
        ("a pool, flat, one thread", "home_prices.trend_from=1990", "initial_gap is given"),
        ("a pool, flat, one thread", "home_prices={trend_to: 2010}", "initial_gap is given"),
        ("a pool, flat, one thread", "rates.mortgage_residual_half_life_months=3", "mortgage_residual is 0"),
        ("a pool, flat, one thread", "rates.index_tenor_years=2", ""),
        ("a pool, flat, one thread", "portfolio.servicing_rate=0.003", ""),
        ("a pool, flat, one thread", "rates.mortgage_floor=0.01", ""),
    ],
)
def test_what_loans_or_models_leave_unread_is_warned_of(which: str, word: str, why: str, tmp_path: Path) -> None:
    """Nothing but the run's tape or its models' own lists can tell: it goes on, and says so."""
    words = [*RUNS[which], f"output.runs_dir={tmp_path}", word]
    if "tape" in which:
        words.append(write_filing(tmp_path / "tape.xml", 2))
    if "half_life" in word and "flat" in which:
        words.append("rates.mortgage_residual=0")
    if any(name in word for name in ("history_file", "trend_", "market_date")):
        words += ["home_prices.initial_growth_quarterly=0", "home_prices.initial_gap=0"]
    said = [text for text in run_campaign(load_settings(words), words).warnings if "changes no price" in text]
    assert len(said) == bool(why) and all(text.startswith(word.partition("=")[0]) and why in text for text in said)


def test_a_date_written_as_a_number_is_told_its_form() -> None:
    with pytest.raises(InputError, match="market_date = 20201231: expected text; a date is YYYY-MM-DD"):
        load_settings(["market_date=20201231"])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["market_date=20201231"], ["market_date"]),
        (["portfolio.cut_off=20201231"], ["portfolio.cut_off"]),
        (["portfolio.cut_off=20201231", "market_date=20201231"], ["market_date", "portfolio.cut_off"]),
        (["rates.sigma=x", "rates.mean_reversion=${rates.sigma}"], ["rates.mean_reversion", "rates.sigma"]),
        (["market_date=31.12.2020"], ["market_date"]),
    ],
)
def test_what_follows_a_wrong_setting_is_not_wrong_too(words: list[str], named: list[str]) -> None:
    """A line more was said of rates.curve, which nobody had written."""
    with pytest.raises(InputError) as error:
        load_settings(words)
    assert sorted(line.partition(" = ")[0] for line in error.value.problems) == named
