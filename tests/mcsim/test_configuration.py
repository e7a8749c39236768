"""Configuration: what ships is right, overrides work, and bad input is told all at once with the nearest known name."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.behaviour import KINDS
from kernels.behaviour.prepayment.richard_roll import MODEL as RICHARD_ROLL
from kernels.behaviour.severity.ltv_severity import MODEL as LTV_SEVERITY
from mcsim.conf_dir import config_dir, group_options
from mcsim.configuration import load_deal_config, load_settings, settings_of
from mcsim.errors import InputError, McsimError
from mcsim.layouts import leaves
from mcsim.ranges import CHOICES, RANGES
from mcsim.settings import Settings
from mcsim.validation import build_settings
from tests.kernels.test_ltv_severity import SHIPPED


def problems_of(*overrides: str, extra: Path | None = None) -> list[str]:
    """Problems with which these overrides are refused."""
    with pytest.raises(InputError) as error:
        load_settings(overrides, extra)
    return error.value.problems


# What ships.


@pytest.mark.parametrize("campaign", group_options()["campaign"])
def test_every_campaign_is_right(campaign: str) -> None:
    found = load_settings([f"campaign={campaign}"])
    assert found.campaign == campaign
    assert found.raw["campaign"] == campaign


_OPTIONS = {g: names for g, names in group_options().items() if g not in ("campaign", "portfolio", "deal", "backend")}


@pytest.mark.parametrize("row", range(max(map(len, _OPTIONS.values()))))
def test_every_option_is_right(row: int) -> None:
    """Campaigns choose the portfolios, backends are names, and deals are checked where deals are read."""
    chosen = {group: names[min(row, len(names) - 1)] for group, names in _OPTIONS.items()}
    found = load_settings([f"{group}={name}" for group, name in chosen.items()])
    assert found.engine.name == chosen["engine"]


def test_the_campaigns_are_what_they_say() -> None:
    jumbo, cmbs = load_settings(["campaign=prime_jumbo"]), load_settings(["campaign=sec_cmbs"])
    homes, offices = jumbo.only_collateral, cmbs.only_collateral
    assert homes.portfolio.source == "generator" and homes.portfolio.generator is not None
    assert homes.portfolio.generator.loans == 2000
    models = [
        homes.behaviour.prepayment.model,
        homes.behaviour.default.model,
        homes.behaviour.severity.model,
    ]
    assert models == ["richard_roll", "ltv_hazard", "ltv_severity"]
    assert (homes.behaviour.decrement, jumbo.only_deal.deal["name"]) == ("expected", "senior_subordinate")
    assert (offices.portfolio.source, offices.behaviour.decrement, cmbs.only_deal.deal["name"]) == (
        "absee",
        "sampled",
        "conduit",
    )
    assert load_settings().campaign == "prime_jumbo"


def test_richard_roll_has_the_published_constants(shared_file) -> None:  # type: ignore[no-untyped-def]
    published = json.loads(shared_file("reference/model_params/richard_roll_ots.json").read_text())
    found = load_settings(["behaviour/prepayment=richard_roll"]).only_collateral.behaviour.prepayment.parameters
    refi = published["refi"]
    assert [found[k] for k in ("level", "height", "steepness", "centre")] == [refi[k] for k in "abcd"]
    assert found["seasonality"] == published["seasonality_jan_dec"]
    assert list(found) == list(RICHARD_ROLL.parameters)


def test_published_constants_of_the_models() -> None:
    """Whether or not the shared files are here: OTS (2000), Richard and Roll (1989), BMA (1999), KBRA, as conf/ cites them."""

    def of(kind: str, option: str) -> dict[str, object]:
        return getattr(load_settings([f"behaviour/{kind}={option}"]).only_collateral.behaviour, kind).parameters

    roll = of("prepayment", "richard_roll")
    assert [roll[k] for k in ("level", "height", "steepness", "centre", "ramp_months")] == [0.2406, 0.1389, 5.952, 1.089, 30]
    assert roll["seasonality"] == [0.94, 0.76, 0.73, 0.96, 0.98, 0.92, 0.99, 1.10, 1.18, 1.21, 1.23, 0.97]
    assert (of("prepayment", "psa"), of("default", "sda")) == ({"multiple": 1.5}, {"multiple": 1.0})  # SF-30
    assert (of("prepayment", "smm"), of("default", "mdr")) == ({"smm": [0.01]}, {"mdr": [0.01]})  # SF-22
    assert (of("severity", "fixed"), of("severity", "conduit")) == ({"severity": [0.20]}, {"severity": [0.499]})
    offices, homes = (load_settings([f"campaign={name}"]).only_collateral.portfolio for name in ("sec_cmbs", "prime_jumbo"))
    assert offices.liquidation_lag == 23  # 23.2, KBRA
    assert homes.liquidation_lag == 12  # BMA's examples
    assert homes.servicing_rate == 0.00265  # 25 bp and 1.5, not the deal's again


def test_severity_costs_are_those_of_its_theory_page() -> None:
    """What they make of FMAP's worked case is tests/kernels/test_ltv_severity.py's, which reads the same figures."""
    found = load_settings(["behaviour/severity=ltv_severity"]).only_collateral.behaviour.severity.parameters
    assert tuple(found.values()) == SHIPPED and list(found) == list(LTV_SEVERITY.parameters)
    owed, returned = 1 + 2.5 * 0.045 + found["fixed_costs"], found["proceeds"] - 2.5 * found["carrying"]
    assert (owed, returned) == pytest.approx((1.18, 0.696), abs=1e-4)  # to the digits of the page
    quarters = 12  # Calhoun's variance, OFHEO's constants
    deviation = math.sqrt(0.002977 * quarters - 0.000024322 * quarters**2)
    assert found["dispersion"] == pytest.approx(deviation, abs=0.005)  # held to two digits


def test_conduit_spreads_rise_as_protection_falls() -> None:
    """Each class has a spread of its own, none the residential deal's; the super-senior class the average of December 2017."""
    conduit, jumbo = load_settings(["campaign=sec_cmbs"]), load_settings(["campaign=prime_jumbo"])
    spreads = conduit.only_deal.pricing.spreads
    sized = [name for name, c in conduit.only_deal.deal["classes"].items() if "share" in c]
    assert set(spreads) == set(conduit.only_deal.deal["classes"]) and spreads["A"] == 0.0084
    assert [spreads[name] for name in sized] == sorted({spreads[name] for name in sized})
    assert not set(spreads.values()) & set(jumbo.only_deal.pricing.spreads.values())
    shares = [conduit.only_deal.deal["classes"][name]["share"] for name in sized]
    enhancement = [round(1 - sum(shares[: i + 1]), 4) for i in range(len(shares))]
    assert enhancement == [0.3, 0.2, 0.155, 0.115, 0.07, 0.055, 0.04, 0.0]


def test_ranges_and_choices_name_settings_that_exist() -> None:
    names = {name for name, _ in leaves()}
    assert {key.removesuffix(".*") for key in (*RANGES, *CHOICES)} <= names


def test_nothing_is_read_from_where_mcsim_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.yaml").write_text("paths: 7\n")
    monkeypatch.chdir(tmp_path)
    assert load_settings().paths != 7
    assert [p.name for p in tmp_path.iterdir()] == ["config.yaml"]


# Overrides.


def test_overrides_of_the_brief() -> None:
    found = load_settings(
        ["campaign=sec_cmbs", "backend=cuda", "paths=4096", "precision=float64", "engine=threads",
         "behaviour.decrement=expected", "rates.sigma=0.008", "pricing.spreads.Z9=0.01", "deal=pass_through"]
    )  # fmt: skip
    assert (found.backend, found.paths, found.precision, found.engine.name) == ("cuda", 4096, "float64", "threads")
    behaviour, spreads = found.only_collateral.behaviour, found.only_deal.pricing.spreads
    assert (behaviour.decrement, found.rates.sigma, spreads["Z9"]) == ("expected", 0.008, 0.01)
    assert (found.only_deal.deal["name"], found.only_collateral.portfolio.source) == ("pass_through", "absee")


def test_the_command_line_wins_over_the_campaign() -> None:
    assert load_settings(["behaviour=static_bma", "campaign=sec_cmbs"]).only_collateral.behaviour.prepayment.model == "psa"


def test_a_model_is_chosen_with_its_parameters() -> None:
    found = load_settings(
        ["behaviour/prepayment=psa", "behaviour.prepayment.parameters.multiple=3"]
    ).only_collateral.behaviour.prepayment
    assert (found.model, found.parameters) == ("psa", {"multiple": 3.0})


def test_a_key_may_take_another_keys_value() -> None:
    found = load_settings(["rates.sigma=${rates.mean_reversion}"])
    assert found.rates.sigma == found.rates.mean_reversion
    assert found.raw["rates"]["sigma"] == found.rates.sigma


def test_settings_come_back_from_what_a_run_keeps() -> None:
    found = load_settings(["campaign=sec_cmbs", "seed=7"])
    assert settings_of(json.loads(json.dumps(found.raw))) == found


def test_a_users_own_directory(tmp_path: Path) -> None:
    (tmp_path / "deal").mkdir()
    (tmp_path / "deal" / "mine.yaml").write_text("name: mine\n")
    assert load_settings(["deal=mine"], tmp_path).only_deal.deal == {"name": "mine"}
    assert load_deal_config("mine", tmp_path) == {"name": "mine"}
    assert "'mine'" in problems_of("deal=mien", extra=tmp_path)[0]
    assert "no such directory" in problems_of(extra=tmp_path / "none")[0]


def test_a_directory_with_spaces_and_commas(tmp_path: Path) -> None:
    place = tmp_path / "my own, options"
    (place / "engine").mkdir(parents=True)
    (place / "engine" / "mine.yaml").write_text("name: serial\npath_block: 512\nthreads: 1\n")
    assert load_settings(["engine=mine"], place).engine.path_block == 512


def test_a_hydra_that_runs_already_is_left_alone() -> None:
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        load_settings()
        assert compose("config", overrides=["paths=3"]).paths == 3


# Bad input.


def test_all_problems_are_told_together() -> None:
    found = "\n".join(
        problems_of("rates.sgima=0.1", "pahts=3", "campaign=sec_cmb", "paths=0", "engine.path_block=100", "precision=float16")
    )
    for text in ("'sigma'", "'paths'", "'sec_cmbs'", "paths = 0", "multiple of 256", "float16"):
        assert text in found


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("rates.sgima=0.1", "rates.sgima: unknown key; did you mean 'sigma'?"),
        ("campain=sec_cmbs", "campain: unknown key; did you mean 'campaign'?"),
        ("backend=cudda", "backend=cudda: no such option; did you mean 'cuda'?"),
        ("behaviour/prepaymnt=psa", "behaviour/prepaymnt: unknown group; did you mean 'behaviour/prepayment'?"),
        ("behaviour.prepayment.model=richard_rol", "did you mean 'richard_roll'?"),
        ("behaviour.prepayment.model=psa", "choose a model with its parameters by behaviour/prepayment=NAME"),
        ("behaviour.prepayment=psa", "choose one with behaviour/prepayment=NAME"),
        ("rates.sigma=0.006,0.008", "add --multirun"),
        ("rates.sigma=${oc.env:HOME}", "reads outside the configuration"),
        ("rates.sigma=${rates.none}", "rates.none"),
        ("rates.sigma.x=1", "rates.sigma has no keys under it"),
        ("~rates", "rates: missing"),
        ("rates.curve=flat", "rates.flat_rate: missing"),
        ("rates.curve=2020-02-30", "expected a date"),
        ("portfolio.cut_off=2020-13-01", "expected a date"),
        ("portfolio.generator.regions.CA=0.01", "the shares add up to"),
        ("behaviour.default.parameters.lowest_ltv=1.3", "expected at most highest_ltv, 1.2"),
        ("campaign=null", "no such option"),
        ("paths", "expected key=value"),
        ("=3", "expected key=value"),
        ("paths=[1", "expected key=value"),
        ("", "expected key=value"),
    ],
)
def test_one_problem(override: str, expected: str) -> None:
    assert expected in "\n".join(problems_of(override))


WRONG_VALUES = {
    "behaviour.prepayment.parameters.seasonality=[1,2]": "expected a list of 12 numbers",
    "behaviour.prepayment.parameters.ramp_months=0": "expected above 0",
    "~behaviour.default.parameters.slope": "slope: missing (change of log hazard per unit of ltv)",
    "+behaviour.default.parameters.pivto=1": "did you mean 'pivot'?",
    "behaviour.severity.parameters.fixed_costs=7": "expected at least 0 and at most 1",
    "behaviour.severity.parameters.dispersion=18": "expected at least 0.01 and at most 0.3",
    "behaviour.decrement=sampeld": "expected one of expected, sampled; did you mean 'sampled'?",
    "rates.sigma=-0.1": "rates.sigma = -0.1: expected at least 0 and at most 0.1",
    "rates.mean_reversion=nan": "rates.mean_reversion = nan: expected a finite number",
    "rates.mortgage_floor=null": "rates.mortgage_floor = None: expected a finite number",
    "~rates.index_tenor_years": "rates.index_tenor_years: missing",
    "+rates._target_=os.system": "rates._target_: the key is refused",
    "+nonsense=1": "nonsense: unknown key",
    "paths=1.5": "paths = 1.5: expected a whole number",
    "seed=4294967296": "at most 4,294,967,295",
    "precision=float23": "did you mean 'float32'?",
    "engine.path_block=384": "expected a multiple of 256",
    "engine.threads=true": "engine.threads = True: expected a whole number",
    "output.loans=all": "expected one of none, mean, paths",
    "output.report=perhaps": "expected true or false",
    "pricing.spreads.A=wide": "pricing.spreads.A = 'wide': expected a finite number",
    "pricing.spreads.B=3": "0.03 is 300 basis points",
    "portfolio.advances=all": "expected one of none, interest, principal_and_interest",
    "portfolio.liquidation_lag=0": "expected at least 1",
}


@pytest.fixture(scope="module")
def told_together() -> list[str]:
    """All of the above in one configuration."""
    return problems_of(*WRONG_VALUES)


def test_no_problem_hides_another(told_together: list[str]) -> None:
    assert len(told_together) == len(WRONG_VALUES)


@pytest.mark.parametrize("override", WRONG_VALUES)
def test_a_wrong_value_is_told(override: str, told_together: list[str]) -> None:
    assert WRONG_VALUES[override] in "\n".join(told_together)


@settings(max_examples=25)
@given(st.lists(st.text(alphabet="abcrates.sigma=paths[]{}()'\"$~+@/:,-01? \n\\é", max_size=24), max_size=3))
def test_no_text_makes_a_traceback(overrides: list[str]) -> None:
    try:
        load_settings(overrides)
    except McsimError as error:
        assert str(error)


@settings(max_examples=120)
@given(st.data())
def test_no_value_in_any_place_makes_a_traceback(data: st.DataObject) -> None:
    """Any key of a right configuration replaced by anything that YAML can hold, or taken away."""
    raw = json.loads(json.dumps(_RAW))
    node, key = raw, data.draw(st.sampled_from(sorted(raw)))
    while isinstance(node[key], dict) and node[key] and data.draw(st.booleans()):
        node, key = node[key], data.draw(st.sampled_from(sorted(node[key])))
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner))
    if data.draw(st.booleans()):
        node[key] = data.draw(anything)
    else:
        del node[key]
    try:
        found = build_settings(raw)
    except InputError as error:
        assert error.problems
    else:
        assert isinstance(found, Settings)


_RAW = load_settings().raw


def test_every_model_has_a_configuration() -> None:
    """A model that ships can be chosen by name."""
    for kind, models in KINDS.items():
        files = (config_dir() / "behaviour" / kind).glob("*.yaml")
        assert {yaml.safe_load(file.read_text())["model"] for file in files} == set(models)
