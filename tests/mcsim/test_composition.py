"""Who wins over whom, what replaces and what merges, and that option files are data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcsim.cli import main
from mcsim.configuration import load_settings, price_choices
from mcsim.errors import InputError
from mcsim.merging import RENAMED, merge


def write(root: Path, files: dict[str, str]) -> Path:
    """A directory of options."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def told(*overrides: str, extra: Path | None = None) -> str:
    """What these overrides are refused with."""
    with pytest.raises(InputError) as error:
        load_settings(overrides, extra)
    return str(error.value)


# A user's choice of a group wins over the campaign.


def test_a_users_curve_wins_over_the_campaigns_date() -> None:
    """It kept 2017-11-13 without a word."""
    found = load_settings(["campaign=sec_cmbs", "rates=flat"]).rates
    alone = load_settings(["rates=flat"]).rates
    assert (found.curve, found.flat_rate) == ("flat", 0.01) and found == alone


CAMPAIGN = """
# @package _global_
defaults:
  - override /portfolio: sec_cmbs
  - override /behaviour: commercial_static
  - override /behaviour/severity: fixed
  - override /deal: conduit
  - override /pricing: conduit
  - override /output: loan_means
  - override /engine: serial
  - override /backend: numpy
paths: 512
market_date: "2020-12-31"
portfolio: {servicing_rate: 0.001}
behaviour:
  decrement: expected
  default: {parameters: {cdr: [0.07]}}
pricing: {spreads: {A: 0.5, default: 0.4}}
output: {report: false}
engine: {path_block: 512}
home_prices: {constant: 0.01}
deal: {description: mine}
backend: {name: cpu}
rates: {curve: flat, flat_rate: 0.05}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A campaign of a user's that sets keys of every group."""
    return write(tmp_path / "own", {"campaign/mine.yaml": CAMPAIGN})


def test_a_campaigns_keys_win_over_its_options(own: Path) -> None:
    found = load_settings(["campaign=mine"], own)
    portfolio, behaviour = found.only_collateral.portfolio, found.only_collateral.behaviour
    deal, spreads = found.only_deal.deal, found.only_deal.pricing.spreads
    assert (found.paths, portfolio.servicing_rate, behaviour.decrement) == (512, 0.001, "expected")
    assert behaviour.default.parameters == {"cdr": [0.07]} and behaviour.severity.parameters == {"severity": [0.2]}
    assert spreads == {"A": 0.5, "default": 0.4} and not found.output.report and found.output.loans == "mean"
    assert (found.engine.name, found.engine.path_block, found.backend) == ("serial", 512, "cpu")
    assert deal["description"] == "mine" and deal["name"] == "conduit" and found.rates.flat_rate == 0.05


@pytest.mark.parametrize(
    "choice",
    [
        "portfolio=prime_jumbo", "portfolio=sec_cmbs", "rates=hull_white", "rates=flat", "home_prices=national_state",
        "behaviour=static_bma", "behaviour=commercial_static", "deal=pass_through", "deal=conduit", "pricing=none",
        "pricing=conduit", "output=pool", "output=loan_means", "backend=auto", "engine=threads", "engine=serial",
    ],
)  # fmt: skip
def test_a_users_choice_of_any_group_is_that_option_alone(choice: str, own: Path) -> None:
    """As though the campaign had said nothing of the group, whatever it says of others."""
    group = choice.partition("=")[0]
    with_campaign = load_settings(["campaign=mine", choice], own).raw
    assert with_campaign[group] == load_settings([choice]).raw[group]
    others = load_settings(["campaign=mine"], own).raw
    assert {key: value for key, value in with_campaign.items() if key != group} == {
        key: value for key, value in others.items() if key != group
    }


def test_a_users_choice_of_a_nested_group_is_that_option_alone(own: Path) -> None:
    found = load_settings(["campaign=mine", "behaviour/default=cdr"], own).only_collateral.behaviour
    assert found.default == load_settings(["behaviour/default=cdr"]).only_collateral.behaviour.default
    assert found.decrement == "expected" and found.severity.parameters == {"severity": [0.2]}
    both = load_settings(
        ["campaign=mine", "behaviour=richard_roll_ltv", "behaviour/default=sda"], own
    ).only_collateral.behaviour
    assert (both.decrement, both.default.model, both.severity.model) == ("expected", "sda", "ltv_severity")


def test_a_users_keys_win_over_all(own: Path) -> None:
    found = load_settings(["rates.sigma=0.01", "campaign=mine", "rates.flat_rate=0.03", "rates=flat", "paths=7"], own)
    assert (found.rates.sigma, found.rates.flat_rate, found.paths) == (0.01, 0.03, 7)
    assert load_settings(["paths=1", "paths=2"]).paths == 2  # of two values for one key the last


def test_a_campaign_on_top_of_another(own: Path) -> None:
    write(own, {"campaign/more.yaml": "defaults: [mine, _self_, override /engine: threads]\npaths: 9\nrates: {sigma: 0.01}\n"})
    found = load_settings(["campaign=more"], own)
    assert (found.campaign, found.paths, found.rates.sigma, found.rates.flat_rate, found.engine.name) == (
        "more", 9, 0.01, 0.05, "threads",
    )  # fmt: skip


# A mapping of one's own replaces.


@pytest.mark.parametrize(
    ("override", "where", "value"),
    [
        ("portfolio.generator.regions={CA: 1.0}", "portfolio.generator.regions", {"CA": 1.0}),
        ("pricing.spreads={default: 0.02}", "pricing.spreads", {"default": 0.02}),
        ("pricing={spreads: {default: 0.02}}", "pricing.spreads", {"default": 0.02}),
        ("deal.fees={}", "deal.fees", {}),
        ("deal.fees={a: {rate: 0.01}}", "deal.fees", {"a": {"rate": 0.01}}),
        ("deal.fees.surveillance={rate: 0.01}", "deal.fees.surveillance", {"rate": 0.01}),
        ("deal={fees: {a: {rate: 0.01}}}", "deal.fees", {"a": {"rate": 0.01}}),
    ],
)
def test_a_mapping_of_ones_own_replaces(override: str, where: str, value: Any) -> None:
    found: Any = load_settings(["deal=reserve_account", override]).raw
    for part in where.split("."):
        found = found[part]
    assert found == value


def test_one_entry_changes_one_entry() -> None:
    shipped = load_settings()
    found = load_settings(["deal=reserve_account", "pricing.spreads.A1=0.02", "deal.fees.surveillance.rate=0.001"])
    assert found.only_deal.pricing.spreads == {**shipped.only_deal.pricing.spreads, "A1": 0.02}
    assert found.only_deal.deal["fees"] == {"surveillance": {"rate": 0.001}}
    regions = "portfolio.generator.regions"
    generator = load_settings(
        [f"{regions}={{CA: 1.0}}", f"{regions}.CA=0.4", f"{regions}.NY=0.6"]
    ).only_collateral.portfolio.generator
    assert generator is not None and generator.regions == {"CA": 0.4, "NY": 0.6}
    assert "changes nothing" in told("rates={}")


def test_what_is_merged_is_not_changed_by_what_is_merged_later() -> None:
    tree: dict[str, Any] = {}
    option = {"rates": {"sigma": 0.007}}
    merge(tree, option)
    merge(tree, {"rates": {"sigma": 0.008}})
    assert tree["rates"]["sigma"] == 0.008 and option == {"rates": {"sigma": 0.007}}


def test_a_mapping_in_an_option_file_replaces_too(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "portfolio/mine.yaml": "defaults: [prime_jumbo, _self_]\ngenerator: {regions: {CA: 1.0}, loans: 7}\n",
            "behaviour/prepayment/mine.yaml": "defaults: [psa]\nmodel: cpr\nparameters: {cpr: [0.1]}\n",
            "deal/mine.yaml": "defaults: [senior_subordinate]\nfees: {}\n",
        },
    )
    found = load_settings(["portfolio=mine", "behaviour/prepayment=mine", "deal=mine"], tmp_path)
    generator, models = found.only_collateral.portfolio.generator, found.only_collateral.behaviour
    assert generator is not None and (generator.regions, generator.loans, generator.term) == ({"CA": 1.0}, 7, 360)
    assert models.prepayment.parameters == {"cpr": [0.1]}
    assert found.only_deal.deal["fees"] == {} and "A1" in found.only_deal.deal["classes"]


@pytest.mark.parametrize(
    ("old", "value"), [("portfolio.generator.states", "{CA: 1.0}"), ("home_prices.state_file", "mine.csv")]
)
def test_a_renamed_key_says_its_new_name(tmp_path: Path, old: str, value: str) -> None:
    """A US state is a region: said of an override, of one that adds or deletes, of an entry below it, and of an option file."""
    new = RENAMED[old]
    group, _, rest = old.partition(".")
    option = {"portfolio": "prime_jumbo", "home_prices": "national_state"}[group]
    section, _, name = rest.rpartition(".")
    lines = f"{section}: {{{name}: {value}}}" if section else f"{name}: {value}"
    write(tmp_path, {f"{group}/mine.yaml": f"defaults: [{option}, _self_]\n{lines}\n"})
    for words in ([f"{old}={value}"], [f"+{old}={value}"], [f"~{old}"], [f"{group}=mine"]):
        with pytest.raises(InputError) as error:
            load_settings(words, tmp_path)
        assert f"{old}: unknown key; it is now {new}" in error.value.problems
    assert f"{old}.CA: unknown key; it is now {new}" in told(f"{old}.CA=1")


# Option files are data.

_EVIL = "callbacks:\n    x:\n      _target_: shutil.copyfile\n      src: SOURCE\n      dst: TARGET\n"


@pytest.mark.parametrize(
    ("files", "words", "reason"),
    [
        ({"deal/evil.yaml": f"name: d\nhydra:\n  {_EVIL}"}, ["deal=evil"], "hydra: refused"),
        ({"campaign/evil.yaml": f"# @package _global_\nhydra:\n  {_EVIL}"}, ["campaign=evil"], "hydra: refused"),
        ({"deal/evil.yaml": f"# @package hydra\n{_EVIL}"}, ["deal=evil"], "@package hydra: refused"),
        ({"deal/evil.yaml": f"# @package hydra.callbacks\n{_EVIL}"}, ["deal=evil"], "@package hydra.callbacks: refused"),
        ({"deal/evil.yaml": f"#@package _global_\nhydra: {{}}\n{_EVIL}"}, ["deal=evil"], "@package _global_: refused"),
        ({"engine/evil.yaml": "# a\n# @package  _global_\npaths: 3\n"}, ["engine=evil"], "@package _global_: refused"),
        ({"hydra/callbacks/evil.yaml": _EVIL}, [], "refused; option files hold settings of mcsim"),
        ({"hydra/callbacks/evil.yaml": _EVIL}, ["+hydra/callbacks=evil"], "refused"),
        ({"campaign/evil.yaml": "defaults: [{override /hydra/callbacks: x}]\n"}, ["campaign=evil"], "unknown group"),
        ({"campaign/evil.yaml": "defaults: [{override hydra/launcher: x}]\n"}, ["campaign=evil"], "unknown group"),
        ({"campaign/evil.yaml": "defaults: [{/hydra/job_logging: x}]\n"}, ["campaign=evil"], "unknown group"),
        ({"deal/evil.yaml": "defaults: [/hydra/callbacks/x]\n"}, ["deal=evil"], "no such option"),
        ({"deal/evil.yaml": "defaults: [{/hydra/callbacks: x}]\n"}, ["deal=evil"], "no such group below"),
        ({"deal/evil.yaml": "defaults: [../campaign/sec_cmbs]\n"}, ["deal=evil"], "no such option"),
        ({"deal/evil.yaml": "defaults: [{'../portfolio': sec_cmbs}]\n"}, ["deal=evil"], "no such group below"),
        ({"deal/evil.yaml": "defaults: [{optional x: y, z: w}]\n"}, ["deal=evil"], "expected an option's name"),
        ({"deal/evil.yaml": "defaults: 3\n"}, ["deal=evil"], "defaults: expected a list"),
        ({"deal/evil.yaml": "defaults: [evil]\n"}, ["deal=evil"], "leads back to itself"),
        ({"campaign/evil.yaml": "defaults: [evil]\n"}, ["campaign=evil"], "leads back to itself"),
        ({"rates/evil.yaml": "_target_: os.system\n"}, ["rates=evil"], "_target_: the key is refused"),
        ({"rates/evil.yaml": "sigma: ${oc.env:HOME}\n"}, ["rates=evil"], "reads outside the configuration"),
        ({"rates/evil.yaml": "sigma: !!python/object/apply:os.system ['x']\n"}, ["rates=evil"], "a tag is not taken here"),
        ({"rates/evil.yaml": "- 1\n"}, ["rates=evil"], "expected a mapping of keys"),
        ({"rates/evil.yaml": "[" * 100_000}, ["rates=evil"], "more than 32 levels"),
        ({"rates/evil.yaml": "a: &x 1\n"}, ["rates=evil"], "an anchor is not taken here"),
        ({"rates/evil.yaml": f"sigma: {'9' * 5000}\n"}, ["rates=evil"], "a number of 5,000 characters"),
        ({"config.yaml": "paths: 3\n"}, [], "the primary configuration is mcsim's"),
        ({"deal/conduit.yaml": "name: other\n"}, ["deal=conduit"], "is an option that ships, which counts"),
    ],
)
def test_a_shared_directory_runs_no_code(
    files: dict[str, str], words: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``shutil.copyfile`` ran through a callback."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("secret")
    own = write(
        tmp_path / "own",
        {name: text.replace("SOURCE", str(source)).replace("TARGET", str(target)) for name, text in files.items()},
    )
    for verb in (["run", "--show"], ["run", "--multirun"]):
        assert main([*verb, "--config-dir", str(own), f"output.runs_dir={tmp_path / 'runs'}", *words]) == 2
        message = capsys.readouterr().err
        assert reason in message and "Traceback" not in message and len(message) < 5000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own", "source"]


@pytest.mark.parametrize(
    "word",
    [
        "hydra.callbacks.x._target_=shutil.copyfile", "+hydra.callbacks.x={_target_: shutil.copyfile, src: a, dst: b}",
        "++hydra.callbacks.x._target_=os.system", "hydra/job_logging=colorlog", "hydra.job_logging.version=1",
        "hydra.searchpath=[file:///x]", "hydra.run.dir=/x", "hydra.sweep.dir=/x", "hydra.job.chdir=true", "hydra/launcher=basic",
        "+hydra/callbacks=x", "hydra/sweeper=basic", "~hydra", "hydra={a: 1}", "hydra/help=x", "hydra.mode=MULTIRUN",
    ],
)  # fmt: skip
def test_settings_of_hydras_own_are_refused(word: str) -> None:
    assert "refused" in told(word)
    with pytest.raises(InputError, match="refused"):
        price_choices({"deal": {}, "pricing": {}}, [word])


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "..", ".", "a/b", ".hidden", "", "conduit.yaml", "a\0b", "x" * 300]
)
def test_an_options_name_holds_no_path(name: str, tmp_path: Path) -> None:
    write(tmp_path, {"deal/.hidden.yaml": "name: d\n", "x.yaml": "name: d\n", "deal/a/b.yaml": "name: d\n"})
    assert told(f"deal={name}", extra=tmp_path / "deal" if name == "../../x" else tmp_path)


def test_an_option_that_hangs_or_loops_is_one_line(tmp_path: Path) -> None:
    import os

    (tmp_path / "deal").mkdir()
    os.mkfifo(tmp_path / "deal" / "pipe.yaml")
    (tmp_path / "deal" / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "deal" / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "deal" / "folder.yaml").mkdir()
    for name, reason in (
        ("pipe", "pipe or device"),
        ("loop", "cannot be read"),
        ("zero", "pipe or device"),
        ("folder", "a folder"),
    ):
        message = told(f"deal={name}", extra=tmp_path)
        assert reason in message and "\n" not in message


# A pool has a seed of its own.


def test_the_runs_seed_draws_other_paths_for_the_same_loans() -> None:
    from mcsim.tapes.portfolio import load_portfolio

    pools = {}
    for word in ("seed=1", "seed=2", "portfolio.generator.seed=1"):
        loans = load_portfolio(load_settings([word, "portfolio.generator.loans=50"]).only_collateral.portfolio).loans
        pools[word] = loans.note_rate.tobytes() + loans.ltv.tobytes()
    assert pools["seed=1"] == pools["seed=2"] != pools["portfolio.generator.seed=1"]
    assert "portfolio.generator.seed = -1" in told("portfolio.generator.seed=-1")
