"""Loans of one's own in a whole run: from the command line's settings, from Python, opened and regenerated."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

import mcsim
from benchmarks import book
from mcsim.configuration import load_settings, settings_of
from mcsim.errors import InputError
from mcsim.own_loans import settings_with_loans
from mcsim.results import Run
from mcsim.tapes.table_mapping import read_mapping

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
LOANS, MAPPING = EXAMPLES / "loans.csv", EXAMPLES / "loans.yaml"
CHOICE = ("campaign=prime_jumbo", "paths=256", "backend=numpy", "output.report=false", "portfolio.cut_off=2020-12-31")
IN_FILE = ("portfolio=table", f"portfolio.file={LOANS}", f"portfolio.mapping={MAPPING}")


@pytest.fixture(scope="module")
def from_file(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return mcsim.run(*CHOICE, *IN_FILE, f"output.runs_dir={tmp_path_factory.mktemp('runs')}")


@pytest.fixture(scope="module")
def from_frame(tmp_path_factory: pytest.TempPathFactory) -> Run:
    frame = pl.read_csv(LOANS, infer_schema_length=None)
    runs = tmp_path_factory.mktemp("runs")
    return mcsim.run(*CHOICE, f"output.runs_dir={runs}", "output.loans=paths", loans=frame, mapping=MAPPING)


def test_the_example_of_the_manual(from_file: Run) -> None:
    assert from_file.attributes["loans"] == 8
    assert from_file.attributes["pool_balance"] == 7_347_500
    subjects = [note["subject"] for note in json.loads(from_file.attributes["notes"])]
    assert "imputed ltv" in subjects
    assert "columns not read" not in subjects  # the mapping says which it ignores
    assert np.isfinite(from_file.prices.price.sel(tranche="A1"))
    inputs = json.loads(from_file.folder.inputs_file.read_text())
    assert [Path(one["path"]).name for one in inputs[:2]] == ["loans.csv", "loans.yaml"]
    assert inputs[1]["sha256"] == hashlib.sha256(MAPPING.read_bytes()).hexdigest()


def test_a_frame_is_priced_as_its_file(from_file: Run, from_frame: Run) -> None:
    np.testing.assert_array_equal(from_frame.prices.price, from_file.prices.price)


def test_a_run_over_a_frame_says_what_it_read(from_frame: Run) -> None:
    portfolio = from_frame.config["portfolio"]
    assert (portfolio["source"], portfolio["file"]) == ("table", "<DataFrame>")
    assert portfolio["mapping"]["columns"]["note_rate"] == {"column": "Coupon", "unit": "percent"}
    first = json.loads(from_frame.folder.inputs_file.read_text())[0]
    assert first["path"] == "<DataFrame>"
    assert first["sha256"] == hashlib.sha256(from_frame.folder.frame.read_bytes()).hexdigest()
    assert first["rows"] == 8


def test_a_run_over_a_frame_can_be_regenerated(from_frame: Run, tmp_path: Path) -> None:
    moved = shutil.copytree(from_frame.path, tmp_path / "moved")
    run = mcsim.open_run(moved)
    flows = run.regenerate("1007", 3)
    stored = run.loans.sel(loan="1007", path=3)
    for name in flows:
        np.testing.assert_array_equal(flows[name], stored[name], err_msg=str(name))
    run.folder.frame.unlink()
    with pytest.raises(InputError, match="loans that were given from Python are kept in the run's own folder"):
        run.regenerate("1007", 3)


def test_paths_and_mappings_from_python(tmp_path: Path) -> None:
    mapping = yaml.safe_load(MAPPING.read_text())
    by_name, frame = settings_with_loans(CHOICE, LOANS, MAPPING)
    assert frame is None
    assert (by_name.only_collateral.portfolio.file, by_name.only_collateral.portfolio.mapping) == (str(LOANS), str(MAPPING))
    written_out, _ = settings_with_loans(CHOICE, str(LOANS), mapping)
    assert isinstance(written_out.only_collateral.portfolio.mapping, dict)
    odd = tmp_path / "A&B, [1] = $x #2.csv"
    odd.write_bytes(LOANS.read_bytes())
    assert settings_with_loans(CHOICE, odd, mapping)[0].only_collateral.portfolio.file == str(odd)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("portfolio=table", f"portfolio.file={LOANS}"), r"portfolio\.cut_off = 'to be given': expected a date, YYYY-MM-DD$"),
        (("portfolio=table", "portfolio.cut_off=2020-12-31"), r"portfolio\.file: missing"),
        (
            ("portfolio=table", f"portfolio.file={LOANS}", "portfolio.cut_off=June"),
            r"portfolio\.cut_off = 'June': expected a date",
        ),
        (
            ("portfolio=sec_cmbs", f"portfolio.mapping={MAPPING}"),
            r"portfolio\.source=absee does not read it; choose portfolio\.source=table",
        ),
    ],
)
def test_settings_of_a_table(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_settings(overrides)


def test_a_portfolio_of_ones_own_choice(tmp_path: Path) -> None:
    settings, _ = settings_with_loans([*CHOICE, "portfolio=table", "portfolio.name=mine"], LOANS)
    assert settings.only_collateral.portfolio.name == "mine"
    for given in ({"mapping": {}}, {"loans": {"a": [1]}}):
        with pytest.raises(InputError, match=r"does not read it; choose"):
            settings_with_loans([*CHOICE[1:-1], "portfolio=sec_cmbs"], **given)  # type: ignore[arg-type]


def test_a_mapping_in_the_configuration() -> None:
    mapping = {"impute": {"age": 12}}
    settings, frame = settings_with_loans([*CHOICE, *IN_FILE[:2]], mapping=mapping)
    assert (frame, settings.only_collateral.portfolio.mapping) == (None, {"impute": {"age": "12"}})
    assert read_mapping(settings.only_collateral.portfolio.mapping) == read_mapping(mapping)
    assert settings_of(settings.raw) == settings


@pytest.mark.parametrize("given", [{"loans": {"loan_id": ["a"]}}, {"loans": "a.csv"}, {"mapping": {"columns": {}}}])
def test_a_book_has_no_one_place_for_loans(given: dict[str, Any], tmp_path: Path) -> None:
    """Said of what was given, not of the settings that it stands for."""
    book.write_options(tmp_path / "options")
    with pytest.raises(InputError) as error:
        settings_with_loans([f"campaign={book.CAMPAIGN}"], **given, config_dir=tmp_path / "options")
    (said,) = error.value.problems
    assert said.startswith(f"{next(iter(given))}=: ") and "collaterals.NAME.portfolio.file" in said


def test_loans_that_are_none() -> None:
    with pytest.raises(InputError, match="loans: int; expected a table"):
        mcsim.run(*CHOICE, loans=7)


def test_a_frame_with_a_mapping_of_a_text_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="file is of a text file, these loans were given from Python"):
        mcsim.run(*CHOICE, f"output.runs_dir={tmp_path}", loans={"a": [1]}, mapping={"file": {"delimiter": ";"}})


@pytest.mark.parametrize(
    ("word", "arguments", "reason"),
    [
        ("portfolio.file=a.csv", {"loans": {"loan_id": ["a"]}}, "loans= is given too"),
        ("+portfolio.file=a.csv", {"loans": "b.csv"}, "loans= is given too"),
        ("portfolio.mapping=a.yaml", {"loans": {"loan_id": ["a"]}, "mapping": {"columns": {}}}, "mapping= is given too"),
    ],
)
def test_what_an_argument_takes_the_place_of_is_refused(word: str, arguments: dict[str, object], reason: str) -> None:
    """A file beside `loans=` was told to add --multirun; a mapping beside `mapping=` was passed over."""
    with pytest.raises(InputError) as error:
        settings_with_loans([word], **arguments)  # type: ignore[arg-type]
    (said,) = error.value.problems
    assert reason in said and "multirun" not in said
