"""Options of one's own that are wrong: one mistake is one line, and nothing in the directory is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcsim.configuration import load_settings, price_choices
from mcsim.errors import InputError


def problems(root: Path, files: dict[str, str], *overrides: str) -> list[str]:
    """What a directory of these files and these overrides are refused with."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    with pytest.raises(InputError) as error:
        load_settings(overrides, root)
    return error.value.problems


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("rates/x.yaml", "hydra: {a: 1}\nsigma: 0.01", "hydra: refused"),
        ("rates/x.yaml", "sigma: &a 0.01", "an anchor is not taken"),
        ("rates/x.yaml", "\tsigma: 0.01", "cannot be read as YAML"),
        ("rates/x.yaml", "defaults: [hull_whit, _self_]\nsigma: 0.01", "did you mean 'hull_white'?"),
        ("rates/x.yaml", "defaults: [x, _self_]", "leads back to itself"),
        ("rates/x.yaml", "defaults: hull_white", "defaults: expected a list"),
        ("rates/x.yaml", "[1, 2]", "expected a mapping of keys"),
        ("rates/x.yaml", "sigma: 1\nsigma: 2", "a second time"),
        ("rates/x.yaml", "# @package pricing\nsigma: 0.01", "# @package pricing: refused"),
        ("portfolio/x.yaml", "file: *a", "an alias"),
        ("home_prices/x.yaml", "a: !!python/name:os.system", "a tag"),
        ("engine/x.yaml", "{", "cannot be read as YAML"),
        ("backend/x.yaml", "hydra: 1", "hydra: refused"),
        ("output/x.yaml", "hydra: 1", "hydra: refused"),
        ("deal/x.yaml", "hydra: 1", "hydra: refused"),
        ("pricing/x.yaml", "hydra: 1", "hydra: refused"),
        ("behaviour/x.yaml", "defaults: [{severty: fixed}]", "did you mean 'behaviour/severity'?"),
        ("behaviour/default/x.yaml", "hydra: 1", "hydra: refused"),
        ("campaign/x.yaml", "hydra: 1", "hydra: refused"),
        ("campaign/x.yaml", "defaults: [{override /ratez: flat}]", "did you mean 'rates'?"),
    ],
)
def test_an_option_that_cannot_be_read_is_one_line(name: str, text: str, reason: str, tmp_path: Path) -> None:
    """Twelve more said that keys which it would have brought were missing, and that its own choices did not read what was given."""
    group = name.rpartition("/")[0]
    (said,) = problems(
        tmp_path, {name: text}, f"{group}=x", "rates.flat_rate=0.03" if group in ("rates", "campaign") else "seed=1"
    )
    assert reason in said


def test_what_else_is_wrong_is_still_told(tmp_path: Path) -> None:
    said = problems(tmp_path, {"rates/x.yaml": "hydra: 1"}, "rates=x", "rates.sgima=1", "paths=0", "rates.mean_reversion=x")
    assert [line.partition(": ")[0].partition(" = ")[0] for line in said[1:]] == [
        "rates.sgima",
        "paths",
        "rates.mean_reversion",
    ]
    assert "did you mean 'sigma'" in said[1]


def test_keys_of_an_option_that_cannot_be_read_are_not_judged(tmp_path: Path) -> None:
    """What they mean is the option's: parameters of its model, fees of its deal."""
    files = {"behaviour/severity/x.yaml": "model: fixed\nparameters: &a {severity: 0.2}", "deal/x.yaml": "hydra: 1"}
    words = ["behaviour/severity=x", "behaviour.severity.parameters.severity=0.3", "deal=x", "deal.fees.mine.rate=0.1"]
    model, deal = problems(tmp_path, files, *words)
    assert "an anchor" in model and "hydra: refused" in deal


def test_an_unknown_name_leaves_what_it_would_read_alone(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, {}, "rates=flt", "rates.flat_rate=0.03")
    assert "did you mean 'flat'?" in said


def test_an_option_that_builds_on_no_other_is_one_line(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, {"rates/x.yaml": "sigma: 0.01"}, "rates=x")
    assert said.startswith("rates: 11 keys are missing: rates.curve, ") and "defaults: [NAME, _self_]" in said


def test_pricing_again_says_as_little(tmp_path: Path) -> None:
    (tmp_path / "deal").mkdir()
    (tmp_path / "deal/x.yaml").write_text("hydra: 1")
    config = load_settings().raw
    with pytest.raises(InputError) as error:
        price_choices(config, ["deal=x", "deal.fees.mine.rate=0.1"], tmp_path)
    (said,) = error.value.problems
    assert "hydra: refused" in said


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ratez/x.yaml", "did you mean 'rates'?"),
        ("Rates/x.yaml", "did you mean 'rates'?"),
        ("deals/x.yaml", "did you mean 'deal'?"),
        ("behavior/x.yaml", "did you mean 'behaviour'?"),
        ("behaviour/severty/x.yaml", "did you mean 'behaviour/severity'?"),
        ("deal/old/x.yaml", "no group of options has this name"),
        ("campaigns/q4.yml", "did you mean 'campaign'?"),
        ("rates/x.yml", "an option's file ends in .yaml"),
    ],
)
def test_what_would_not_be_read_is_refused_by_its_name(name: str, reason: str, tmp_path: Path) -> None:
    """A folder of a mistyped name was passed over, and so were all options in it."""
    (said,) = problems(tmp_path, {name: "sigma: 0.01"})
    assert reason in said and name.partition("/")[0] in said


def test_other_things_may_lie_beside_options(tmp_path: Path) -> None:
    """Runs, notes, tapes and a mapping: a project's own folder may be the directory."""
    for name in ("runs/r1/config.yaml", ".github/ci.yaml", "tapes/a.csv", "rates/notes.txt", "mapping.yaml", "rates/.x.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x: 1")
    assert load_settings([], tmp_path).seed == load_settings().seed
