"""A path is literal text, whatever its characters: in overrides, option files, sweeps, deals and records."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import mcsim
from mcsim.configuration import load_deal_config, load_settings, price_choices, settings_of
from mcsim.data_files import DATA
from mcsim.errors import InputError
from mcsim.layouts import PATH_SETTINGS
from mcsim.multirun import check_all
from mcsim.paths import expanded, literal, path_problem
from mcsim.run_folder import RunFolder
from mcsim.tapes.portfolio import load_portfolio
from tests.mcsim.whole_runs import write_filing

NAMES = [
    "tape (1).xml", "tape[1].xml", "tape#2.xml", "cutoff=2017-11.xml", "A&B, 2017.xml", "O'Hare.xml", 'say "x".xml',
    "Crédit 2017.xml", "${HOME}.xml", "${rates.sigma}", "$HOME.xml", "a:b|c.xml", "50%_pool.xml", " leading and trailing ",
    "back\\slash", "{a: 1}", "[1,2]", "'quoted'", '"quoted"', "null", "true", "1e3", "007", "~tape.xml", "a;b", "*?.xml", "-dash",
    "tab\tand\nline", "range(1,3)", "a,b", "日本.xml", "#", "=", "++x", "%s", "\x1b[31m.xml",
]  # fmt: skip
"""File names that shells, YAML or Hydra read as something else."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_is_found_and_comes_back_from_the_record(name: str, here: Path) -> None:
    shutil.copyfile(DATA / "exh_102_example.xml", here / name)
    words = ["campaign=sec_cmbs", f"portfolio.file={name}", f"output.runs_dir=runs {name}", "output.report=false"]
    found = load_settings(words)
    assert found.only_collateral.portfolio.file == name and found.raw["portfolio"]["file"] == name
    assert len(load_portfolio(found.only_collateral.portfolio).loans) == 31
    folder = RunFolder.create(found.output.runs_dir, found.campaign, found.raw, words)
    again = settings_of(RunFolder.open(folder.path).read_config()) if folder.complete else settings_of(folder.read_config())
    assert again == found
    lines = folder.overrides_file.read_text(encoding="utf-8").split("\n")
    assert lines[-1] == "" and len(lines) == len(words) + 1
    if "\n" not in name:
        assert lines[:-1] == words


@pytest.mark.parametrize("name", NAMES)
def test_a_sweep_over_files_repeats_the_key(name: str, here: Path) -> None:
    for each in (name, "other.xml"):
        (here / each).touch()
    words = ["campaign=sec_cmbs", f"portfolio.file={name}", "portfolio.file=other.xml", "seed=1,2"]
    jobs = check_all(words)
    assert [(job.settings.only_collateral.portfolio.file, job.settings.seed) for job in jobs] == [
        (name, 1), (name, 2), ("other.xml", 1), ("other.xml", 2),
    ]  # fmt: skip
    assert all(load_settings(job.overrides) == job.settings for job in jobs)


def test_two_files_are_two_runs(here: Path) -> None:
    for name in ("a.xml", "b.xml"):
        (here / name).touch()
    for words in (
        ["portfolio.file=a.xml", "portfolio.file=b.xml"],
        ["portfolio.file=a.xml,b.xml"],
        ["portfolio.file='a.xml','b.xml'"],
    ):
        with pytest.raises(InputError, match="a run of each|a run for each|for a run of each"):
            load_settings(["campaign=sec_cmbs", *words])
    with pytest.raises(InputError, match="give portfolio.file=FILE again"):
        check_all(["campaign=sec_cmbs", "portfolio.file=a.xml,b.xml"])


@pytest.mark.parametrize(
    ("text", "meant"), [("'a b.xml'", "a b.xml"), ('"a b.xml"', "a b.xml"), (r"'O\'Hare.xml'", "O'Hare.xml"), ("null", None)]
)
def test_hydras_quotation_marks_still_work_where_no_file_has_that_name(text: str, meant: str | None, here: Path) -> None:
    assert literal(text) == meant
    (here / text).touch()
    assert literal(text) == text


def test_home_expands_unless_a_file_has_the_very_name(here: Path) -> None:
    assert expanded("~/t.xml") == f"{here}/me/t.xml" and expanded("a~/t.xml") == "a~/t.xml"
    found = load_settings(["campaign=sec_cmbs", "portfolio.file=~/t.xml", "output.runs_dir=~/runs"])
    assert (found.only_collateral.portfolio.file, found.output.runs_dir) == (f"{here}/me/t.xml", f"{here}/me/runs")
    assert found.raw["portfolio"]["file"] == "~/t.xml"  # as it was given: a record names no user
    (here / "~").mkdir()
    (here / "~/t.xml").touch()
    assert expanded("~/t.xml") == "~/t.xml" and expanded("~nobody-of-that-name") == "~nobody-of-that-name"


@pytest.mark.parametrize(
    ("path", "reason"),
    [("", "expected a path"), ("a\0b", "NUL"), ("x" * 5000, "at most 4,096 bytes; it has 5,000"), ("caf\udce9.xml", "UTF-8")],
)
def test_what_can_be_no_path(path: str, reason: str, here: Path) -> None:
    assert reason in path_problem(path)
    for words in ([f"portfolio.file={path}", "campaign=sec_cmbs"], [f"output.runs_dir={path}"]):
        with pytest.raises(InputError) as error:
            load_settings(words)
        assert len(error.value.problems) == 1
    with pytest.raises(InputError):
        RunFolder.open(path)
    if path:
        with pytest.raises(InputError):
            load_settings([], path)
        with pytest.raises(InputError):
            price_choices({"deal": {}, "pricing": {}}, [f"deal={path}.yaml"])


@pytest.mark.parametrize("name", [name for name in NAMES if "\x1b" not in name])
def test_a_deals_file_a_runs_folder_and_a_directory_of_options_of_any_name(name: str, here: Path) -> None:
    (here / f"{name}.yaml").write_text("name: mine\n")
    assert price_choices({"deal": {}, "pricing": {"spreads": {"default": 0.01}}}, [f"deal={name}.yaml"])[0] == {"name": "mine"}
    assert load_deal_config(f"{name}.yaml") == {"name": "mine"}
    (here / name / "deal").mkdir(parents=True)
    (here / name / "deal" / "own.yaml").write_text("name: own\n")
    assert load_settings(["deal=own"], name).only_deal.deal == {"name": "own"}
    (here / name / "config.yaml").write_text("a: 1\n")
    assert RunFolder.open(name, complete=False).read_config() == {"a": 1}
    with pytest.raises(InputError, match="not read, the primary configuration is mcsim's"):
        load_settings([], name)


def test_paths_in_option_files_are_literal_too(here: Path) -> None:
    (here / "own" / "campaign").mkdir(parents=True)
    (here / "own" / "campaign" / "mine.yaml").write_text(
        "defaults:\n  - sec_cmbs\n  - _self_\nportfolio:\n  file: ${HOME}, [1].xml\noutput:\n  runs_dir: ~/r\n"
    )
    found = load_settings(["campaign=mine"], "own")
    assert (found.only_collateral.portfolio.file, found.output.runs_dir, found.only_deal.deal["name"]) == (
        "${HOME}, [1].xml",
        f"{here}/me/r",
        "conduit",
    )


def test_every_setting_that_is_a_path_is_typed_as_one() -> None:
    assert {"portfolio.file", "output.runs_dir", "home_prices.region_file"} <= PATH_SETTINGS
    named = [
        name
        for name in PATH_SETTINGS
        if name.rpartition(".")[2] not in ("file", "mapping") and not name.endswith(("_file", "_dir"))
    ]
    assert not named


def test_the_shared_names(shared_file: Callable[[str], Path]) -> None:
    """Case 06: ten files of three loans each."""
    files = sorted(shared_file("cases/06-file-names").iterdir())
    assert len(files) == 10
    for file in files:
        loans = load_portfolio(load_settings(["campaign=sec_cmbs", f"portfolio.file={file}"]).only_collateral.portfolio).loans
        assert len(loans) == 3 and loans.balance.sum() == 21_757_000


def test_a_run_of_a_file_with_an_awkward_name_is_priced_and_regenerated(here: Path) -> None:
    name = "O'Hare, ${HOME} [1]=#.xml"
    write_filing(here / name, 2)
    words = [
        "campaign=sec_cmbs",
        f"portfolio.file={name}",
        "paths=64",
        "backend=numpy",
        "output.report=false",
        "deal=pass_through",
    ]
    run = mcsim.run(*words, "pricing=none", "output=pool", "output.runs_dir=a, b")
    assert str(run.path).startswith("a, b" + os.sep) and run.config["portfolio"]["file"] == name
    assert run.price().price.values[0] == run.prices.price.values[0]
    whole = sum(
        run.regenerate(loan, 3).interest.values
        for loan in load_portfolio(settings_of(run.config).only_collateral.portfolio).loans.loan_id
    )
    # float32: each of the two loans to 6e-8 of its flow.
    assert whole == pytest.approx(run.pool.interest.sel(path=3).values[0], rel=1e-6)
