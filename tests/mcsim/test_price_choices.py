"""What pricing again may change, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcsim.conf_dir import config_dir
from mcsim.configuration import load_deal_config, load_settings, price_choices, repriced
from mcsim.errors import InputError
from tests.mcsim.books import book

_RAW = load_settings().raw


def test_price_choices_change_deal_and_spreads_only() -> None:
    config = load_settings().raw
    assert price_choices(config, []) == (None, None)
    deal, spreads = price_choices(config, ["pricing.spreads.A1=0.03"])
    assert deal is None and spreads == {**config["pricing"]["spreads"], "A1": 0.03}
    deal, spreads = price_choices(config, ["deal=pass_through", "pricing=none"])
    assert deal is not None and deal["name"] == "pass_through" and spreads == {"default": 0.0}


def test_a_deal_of_other_classes_takes_the_spreads_that_fit() -> None:
    config = {"deal": {}, "pricing": {"spreads": {"default": 0.01, "A": 0.02, "R": 0.08}}}
    _, spreads = price_choices(config, ["deal=pass_through"])
    assert spreads == {"default": 0.01, "R": 0.08}
    _, spreads = price_choices(config, ["deal=pass_through", "pricing.spreads.Z=0.03"])
    assert spreads == {"default": 0.01, "R": 0.08, "Z": 0.03}  # a class that was named now is a mistake to be told


def test_price_choices_change_a_key_of_the_runs_own_deal() -> None:
    config = {"deal": {"name": "d", "classes": {"A": {"share": 1.0}}}, "pricing": {"spreads": {"default": 0.01}}}
    deal, spreads = price_choices(config, ["deal.classes.A.share=0.5"])
    assert deal == {"name": "d", "classes": {"A": {"share": 0.5}}} and spreads == {"default": 0.01}
    assert config["deal"] == {"name": "d", "classes": {"A": {"share": 1.0}}}


def test_price_choices_take_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\n")
    assert price_choices(_RAW, [f"deal={file}"])[0] == {"name": "mine"}


def test_price_choices_take_an_option_of_a_users_directory(tmp_path: Path) -> None:
    for group, text in (("deal", "name: mine\n"), ("pricing", "spreads: {default: 0.07}\n")):
        (tmp_path / group).mkdir()
        (tmp_path / group / "own.yaml").write_text(text)
    assert price_choices(_RAW, ["deal=own", "pricing=own"], tmp_path) == ({"name": "mine"}, {"default": 0.07})
    with pytest.raises(InputError, match="no such option"):
        price_choices(_RAW, ["deal=own"])


def test_price_choices_replace_a_mapping_of_ones_own() -> None:
    config = {"deal": {"name": "d", "fees": {"a": {"rate": 0.1}}}, "pricing": {"spreads": {"default": 0.01, "A": 0.02}}}
    assert price_choices(config, ["pricing.spreads={default: 0.03}"])[1] == {"default": 0.03}
    assert price_choices(config, ["deal.fees={}"])[0] == {"name": "d", "fees": {}}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("rates.sigma=0.01", "simulate with `mcsim run rates.sigma=0.01`"),
        ("deal=pass_thruogh", "did you mean 'pass_through'?"),
        ("deal.clases.A=1", "did you mean 'classes'?"),
        ("deal=none.yaml", "no such file"),
        ("pricing.spreads.A=x", "expected a finite number"),
        ("deal=a,b", "add --multirun"),
    ],
)
def test_price_choices_refuse(override: str, expected: str) -> None:
    with pytest.raises(InputError) as error:
        price_choices(_RAW, [override])
    assert expected in str(error.value)


@pytest.mark.parametrize("text", ["- 1\n", "a: [\n", "a: ${oc.env:HOME}\n", "\x00", "a: !!python/object:os.system {}\n"])
def test_a_bad_deal_file_is_one_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        load_deal_config(str(file))
    assert len(error.value.problems) == 1


def _told(config: dict[str, Any], *words: str) -> list[str]:
    with pytest.raises(InputError) as error:
        repriced(config, words)
    return error.value.problems


def test_one_of_each_is_priced_again_as_it_is_chosen() -> None:
    assert repriced(_RAW, []) == load_settings()
    found = repriced(_RAW, ["deal=pass_through", "pricing.spreads.PT=0.03"])
    assert found.only_deal.deal["name"] == "pass_through" and found.only_deal.pricing.spreads == {
        "PT": 0.03, "R": 0.085, "default": 0.0389
    }  # fmt: skip
    assert found.only_deal.groups == {"pool": "prime_jumbo"} and found.raw["deal"] == found.only_deal.deal


def test_a_position_is_added_to_a_finished_run() -> None:
    word = "positions.mine={instrument: whole_loan, of: prime_jumbo, share: 0.5, method: spread, inputs: {spread: 0.02}}"
    assert repriced(_RAW, [word]).positions["mine"].share == 0.5
    assert load_settings().raw == _RAW


def test_a_book_is_priced_again_part_by_part(with_book: Path, tmp_path: Path) -> None:
    settings = book(with_book)
    assert repriced(settings.raw, []) == settings
    file = tmp_path / "my deal.yaml"
    file.write_text((config_dir() / "deal" / "pass_through.yaml").read_text())
    more = "deals.more={deal: pass_through, groups: {pool: offices}, pricing: {spreads: {default: 0.01}}}"
    words = [
        "~positions.piece",
        f"deals.first.deal={file}",
        more,
        "deals.both.pricing.spreads.default=0.03",
        "positions.whole.share=0.5",
    ]
    found = repriced(settings.raw, words)
    assert found.deals["first"].deal["name"] == "pass_through"
    assert found.deals["first"].pricing.spreads == {"R": 0.085, "default": 0.0389}
    assert found.deals["more"].groups == {"pool": "offices"} and found.deals["both"].pricing.spreads == {"default": 0.03}
    assert (list(found.positions), found.positions["whole"].share) == (["whole"], 0.5)
    assert found.collaterals == settings.collaterals and "more" not in settings.raw["deals"]


def test_what_a_book_would_have_to_simulate_is_refused(with_book: Path) -> None:
    config = book(with_book).raw
    for word in ("collaterals.jumbo.portfolio.generator.loans=3", "paths=3", "deal=pass_through", "rates=flat"):
        assert _told(config, word)[0].startswith(f"{word}: pricing again changes deals and positions only")
    problems = _told(
        config, "paths=3", "deals.frist.pricing.spreads.A=1", "deals.first.deal=pass_thruogh", "positions.whole.share=7"
    )
    assert len(problems) == 4 and "did you mean 'first'?" in "".join(problems)
    assert "changes deal and pricing only" in _told(_RAW, "paths=3", "positions.x={}")[0]
