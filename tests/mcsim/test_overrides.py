"""Overrides as Hydra gets them, and what is said of those that name something by another word."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcsim.backend import BACKENDS
from mcsim.configuration import load_deal_config, load_settings
from mcsim.errors import InputError, nearest
from mcsim.multirun import check_all
from mcsim.yaml_files import LARGEST_FILE

CPR = "behaviour.prepayment={model: cpr, parameters: {cpr: [0.06]}}"


def told(*overrides: str, extra: Path | None = None) -> str:
    """What these overrides are refused with."""
    with pytest.raises(InputError) as error:
        load_settings(overrides, extra)
    return str(error.value)


# A model with its parameters in one word.


@pytest.mark.parametrize(
    ("override", "kind", "model", "parameters"),
    [
        (CPR, "prepayment", "cpr", {"cpr": [0.06]}),
        ("behaviour.prepayment={model: psa, parameters: {multiple: 2}}", "prepayment", "psa", {"multiple": 2.0}),
        ("behaviour.default={model: cdr, parameters: {cdr: [0.01]}}", "default", "cdr", {"cdr": [0.01]}),
        ("behaviour.severity={model: fixed, parameters: {severity: [0.4]}}", "severity", "fixed", {"severity": [0.4]}),
    ],
)
def test_a_mapping_with_a_model_replaces_the_section(override: str, kind: str, model: str, parameters: object) -> None:
    found = getattr(load_settings([override]).only_collateral.behaviour, kind)
    assert (found.model, found.parameters) == (model, parameters)


def test_a_mapping_without_a_model_is_merged() -> None:
    shipped = load_settings().only_collateral.behaviour.prepayment
    found = load_settings(["behaviour.prepayment={parameters: {ramp_months: 20}}"]).only_collateral.behaviour.prepayment
    assert found.model == shipped.model
    assert found.parameters == {**shipped.parameters, "ramp_months": 20.0}


def test_a_replaced_section_takes_further_overrides_and_wins_over_the_option() -> None:
    words = ["behaviour/prepayment=psa", CPR, "behaviour.prepayment={parameters: {cpr: [0.07]}}"]
    found = load_settings(words).only_collateral.behaviour.prepayment
    assert (found.model, found.parameters) == ("cpr", {"cpr": [0.07]})
    psa = "behaviour.prepayment={model: psa, parameters: {multiple: 2}}"
    assert load_settings([CPR, psa]).only_collateral.behaviour.prepayment.model == "psa"


def test_the_replacing_model_is_checked_like_any_other() -> None:
    assert "unknown prepayment model" in told("behaviour.prepayment={model: toy, parameters: {base: 0.06}}")
    message = told("behaviour.prepayment={model: psa, parameters: {multiple: 2, slope: 1}}", "rates.sgima=1")
    assert "parameters.slope: unknown key" in message and "'sigma'" in message
    assert "level" not in message  # the section's own parameters, of richard_roll, are gone


def test_a_sweep_over_models() -> None:
    sweep = f"{CPR},{{model: psa, parameters: {{multiple: 2}}}}"
    assert [job.settings.only_collateral.behaviour.prepayment.model for job in check_all([sweep, "paths=512"])] == [
        "cpr",
        "psa",
    ]
    mixed = f"{CPR},{{parameters: {{ramp_months: 20}}}}"  # each run is read for itself
    assert [job.settings.only_collateral.behaviour.prepayment.model for job in check_all([mixed])] == ["cpr", "richard_roll"]


# Other words for known names.


@pytest.mark.parametrize(
    ("override", "meant"), [("backend=gpu", "cuda"), ("precision=single", "float32"), ("precision=double", "float64")]
)
def test_a_synonym_is_understood(override: str, meant: str) -> None:
    assert f"did you mean {meant!r}?" in told(override)


def test_float16_is_no_typing_error() -> None:
    assert told("precision=float16") == "precision = 'float16': expected one of float32, float64"
    assert nearest("float16", ("float32", "float64")) == "; known: float32, float64"


def test_a_synonym_of_something_else_is_not_offered() -> None:
    assert nearest("GPU", BACKENDS) == "; did you mean 'cuda'?"
    assert nearest("gpu", ("cpu", "numpy")) == "; did you mean 'cpu'?"


# Deal files.


def test_a_file_given_to_a_run_is_pointed_to_config_dir() -> None:
    message = told("deal=some/mine.yaml")
    assert "DIR/deal/mine.yaml" in message and "--config-dir DIR deal=mine" in message


def _refused(file: Path) -> str:
    with pytest.raises(InputError) as error:
        load_deal_config(str(file))
    assert len(error.value.problems) == 1 and "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\na: 2\n", "line 2: the key 'a' a second time"),
        ("a: [1, 2\nb: 3\n", "line 2, column 2: cannot be read as YAML"),
        ("a: b: c\n", "line 1, column 5: cannot be read as YAML: mapping values are not allowed"),
    ],
)
def test_a_yaml_error_says_its_reason(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    assert reason in _refused(file)


def test_nested_aliases_do_not_run_away(tmp_path: Path) -> None:
    """Thirty levels of ten: read, they would be 1e30 numbers."""
    levels = ["a0: &a0 [1]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30))]
    (tmp_path / "deal").mkdir()
    file = tmp_path / "deal" / "bomb.yaml"
    file.write_text("\n".join(levels))
    assert "line 1: &a0: an anchor is not taken here" in _refused(file)
    assert "an anchor is not taken here" in told("deal=bomb", extra=tmp_path)
    file.write_text("name: '&a *b'  # &a *a\n")
    assert load_deal_config(str(file)) == {"name": "&a *b"}


def test_a_large_deal_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_text(f"# {'x' * LARGEST_FILE}\n")
    assert "expected at most 1,000,000 bytes" in _refused(file)


def test_a_deal_file_that_is_not_text_or_not_a_file(tmp_path: Path) -> None:
    file = tmp_path / "bytes.yaml"
    file.write_bytes(b"a: \xff\n")
    assert "line 1: expected text in UTF-8; byte 0xff is none" in _refused(file)
    (tmp_path / "folder.yaml").mkdir()
    assert "a folder; expected a file" in _refused(tmp_path / "folder.yaml")


# Limits before the parser.


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        (f"rates.sigma={'[' * 17}{']' * 17}", "more than 16 brackets within brackets"),
        (f"rates.sigma={{a: {'[' * 17}", "more than 16 brackets within brackets"),
        (f"rates.sigma={'x' * 20_000}", "20,012 characters; expected at most 20,000"),
        (f"seed={'9' * 50}", "expected a number of at most 40 digits"),
        (f"seed={'9' * 5000}", "cannot be read as an override"),
        ("rates.sigma={true: 1}", "the key True is no name"),
        (3, "an override is text"),
        (f"+a={'(' * 10_000}", "more than 16 brackets within brackets"),
    ],
)
def test_what_is_too_long_or_too_deep_never_reaches_the_parser(override: str, reason: str) -> None:
    assert reason in told(override) and len(told(override)) < 700


def test_brackets_within_quotation_marks_are_text() -> None:
    assert load_settings([f"+deal.description='{'[' * 50}'"]).only_deal.deal["description"] == "[" * 50
