"""Command line: verbs, exit codes, messages; a stand-in takes the place of the run itself."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import mcsim
from mcsim.cli import EXAMPLES, main
from mcsim.commands import VERBS
from mcsim.configuration import load_settings
from mcsim.errors import BackendError, StoreError
from mcsim.results import Run
from mcsim.run_folder import RunFolder
from mcsim.settings import Settings
from mcsim.variables import GROUPS

ROOT = Path(mcsim.__file__).resolve().parent.parent

_RAW = load_settings(["paths=512"]).raw

PRICES = xr.Dataset(
    {name: ("tranche", np.array([1.25, np.nan])) for name in GROUPS["prices"]}
    | {"spread": ("tranche", np.array([0.0131, 0.085])), "principal_loss": ("tranche", np.array([0.0125, np.nan]))},
    coords={"tranche": ["A1", "R"]},
    attrs={"assumptions": ["Taken for granted."]},
)


class FakeRun:
    """What the command line uses of a run that has just finished."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder, self.path = folder, folder.path
        self.attributes: dict[str, Any] = {}


class Calls:
    """Stands in for the modules ``mcsim.run`` and ``mcsim.repricing``; keeps what it was asked for."""

    def __init__(self) -> None:
        self.settings: list[Settings] = []
        self.overrides: list[list[str]] = []
        self.repriced: list[tuple[Any, Any]] = []
        self.error: BaseException | None = None

    def run_campaign(self, settings: Settings, overrides: list[str], progress: Any) -> FakeRun:
        """A run folder without a store."""
        if self.error:
            raise self.error
        self.settings.append(settings)
        self.overrides.append(overrides)
        logging.getLogger("mcsim").info("backend %s", settings.backend)
        for _ in progress.track(range(3)):
            pass
        return FakeRun(RunFolder.create(settings.output.runs_dir, settings.campaign, settings.raw, overrides))

    def read_block(self, run_dir: Path, group: str, names: list[str]) -> dict[str, np.ndarray]:
        """The table above, where a run would have stored it."""
        assert group.startswith("deals/") and group.endswith("/prices")
        return {name: PRICES[name].values for name in names}

    def reprice(self, run: Run, deal: Any, spread: Any) -> xr.Dataset:
        """The table above."""
        self.repriced.append((deal, spread))
        return PRICES


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Calls:
    """The stand-in, in an empty folder to run in."""
    stand_in, run, repricing = Calls(), types.ModuleType("mcsim.run"), types.ModuleType("mcsim.repricing")
    run.run_campaign, repricing.reprice = stand_in.run_campaign, stand_in.reprice  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mcsim.run", run)
    monkeypatch.setitem(sys.modules, "mcsim.repricing", repricing)
    monkeypatch.setattr("mcsim.store.read_block", stand_in.read_block)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MCSIM_DEBUG", raising=False)
    return stand_in


@pytest.fixture
def finished(calls: Calls, tmp_path: Path) -> RunFolder:
    """A finished run without a store."""
    folder = RunFolder.create(tmp_path / "runs", "prime_jumbo", _RAW, ["paths=512"])
    folder.mark_complete()
    return folder


def test_help_lists_the_verbs_and_is_quick() -> None:
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mcsim", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - started
    assert all(f"  {verb}" in done.stdout for verb in VERBS)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"numpy", "numba", "hydra", "xarray", "rich", "yaml"}
    assert seconds < 5  # under 0.1 s where nothing else runs; the bar of 1 s is the benchmark's


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mcsim {mcsim.__version__}\n"


def test_no_words_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "verbs:" in capsys.readouterr().out


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"mcsim {verb}" in capsys.readouterr().out


def test_help_of_run_lists_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "--help"])
    assert "sec_cmbs" in capsys.readouterr().out


def test_a_mistyped_verb_and_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rnu"]) == 2
    assert capsys.readouterr().err == "mcsim: rnu: unknown verb; did you mean 'run'?\n"
    assert main(["info"]) == 2


def test_run_prints_the_prices_and_where_things_are(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "paths=512", "backend=numpy"]) == 0
    captured = capsys.readouterr()
    assert calls.overrides == [["paths=512", "backend=numpy"]]
    assert (calls.settings[0].paths, calls.settings[0].backend) == (512, "numpy")
    for text in ("A1", "1.2", "131", "850", "store   runs/", "Full value at the cut-off", "continuously compounded"):
        assert text in captured.out
    assert "backend numpy" in captured.err and "3 loan-month-paths" in captured.err
    assert not Path("outputs").exists()


def test_overrides_and_flags_in_any_order(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "paths=512", "--show", "seed=3"]) == 0
    assert "paths: 512\n" in capsys.readouterr().out and not calls.settings


def test_bad_input_is_lines_and_2(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "rates.sgima=1", "paths=0"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "mcsim: rates.sgima: unknown key; did you mean 'sigma'?"
    assert len(lines) == 2 and all(line.startswith("mcsim: ") for line in lines)
    assert not calls.settings and not Path("runs").exists()


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (BackendError("no device"), 2, "mcsim: no device\n"),
        (StoreError("damaged"), 4, "mcsim: damaged\n"),
        (KeyboardInterrupt(), 130, "mcsim: interrupted\n"),
        (PermissionError(13, "Permission denied", "runs"), 2, "mcsim: runs: Permission denied\n"),
    ],
)
def test_exit_codes(calls: Calls, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, text: str) -> None:
    calls.error = error
    assert main(["run"]) == code
    assert capsys.readouterr().err == text


def test_a_fault_is_one_line_and_a_file(
    calls: Calls, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    calls.error = ZeroDivisionError("by zero\nand more")
    assert main(["run"]) == 1
    message = capsys.readouterr().err
    log = tmp_path / f"mcsim-{os.getpid()}.log"
    assert message.count("\n") == 1 and "ZeroDivisionError: by zero" in message and str(log) in message
    assert "Traceback" in log.read_text()
    assert main(["run", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_fault_goes_to_the_runs_log(calls: Calls, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    calls.error = ZeroDivisionError("by zero")
    calls.error.log_file = tmp_path / "log.txt"  # as mcsim.run leaves it on an error that passes through a run
    assert main(["run"]) == 1
    assert "log.txt" in capsys.readouterr().err and "Traceback" in (tmp_path / "log.txt").read_text()


def test_multirun_makes_one_run_for_each_value(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--multirun", "rates.sigma=0.006,0.008", "paths=512", "pricing.spreads.B6=0.01"]
    assert main(words) == 0
    assert [found.rates.sigma for found in calls.settings] == [0.006, 0.008]
    assert all(found.paths == 512 and found.only_deal.pricing.spreads["B6"] == 0.01 for found in calls.settings)
    assert all(found.campaign == "prime_jumbo" for found in calls.settings)
    assert "rates.sigma=0.008" in calls.overrides[1]
    assert capsys.readouterr().out.count("class") >= 2
    assert sorted(p.name for p in Path().iterdir()) == ["runs"]
    assert not Path("multirun").exists() and "HYDRA_FULL_ERROR" not in os.environ


def test_multirun_over_models_given_in_one_word(calls: Calls) -> None:
    cpr, psa = "{model: cpr, parameters: {cpr: [0.06]}}", "{model: psa, parameters: {multiple: 2}}"
    assert main(["run", "-m", f"behaviour.prepayment={cpr},{psa}", "seed=3"]) == 0
    found = [run.only_collateral.behaviour.prepayment for run in calls.settings]
    assert [(choice.model, choice.parameters) for choice in found] == [("cpr", {"cpr": [0.06]}), ("psa", {"multiple": 2.0})]


def test_multirun_over_campaigns(calls: Calls) -> None:
    assert main(["run", "-m", "campaign=prime_jumbo,sec_cmbs"]) == 0
    assert [found.campaign for found in calls.settings] == ["prime_jumbo", "sec_cmbs"]
    assert [found.only_deal.deal["name"] for found in calls.settings] == ["senior_subordinate", "conduit"]


def test_multirun_checks_every_run_before_the_first(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-m", "rates.sigma=0.006,-1", "seed=1,abc"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert not calls.settings
    assert len(lines) == 2 and "rates.sigma = -1" in "".join(lines) and "seed = 'abc'" in "".join(lines)
    assert main(["run", "-m", "rates.sgima=1,2"]) == 2
    assert "did you mean 'sigma'?" in capsys.readouterr().err


def test_multirun_passes_on_the_error_of_a_run(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    calls.error = BackendError("no device")
    assert main(["run", "-m", "seed=1,2"]) == 2
    assert "mcsim: no device" in capsys.readouterr().err


def test_multirun_with_a_users_directory(calls: Calls, tmp_path: Path) -> None:
    (tmp_path / "own" / "deal").mkdir(parents=True)
    (tmp_path / "own" / "deal" / "mine.yaml").write_text("defaults: [pass_through, _self_]\nname: mine\n")
    assert main(["run", "-m", "--config-dir", "own", "deal=mine,pass_through", "pricing=spreads"]) == 0
    assert [found.only_deal.deal["name"] for found in calls.settings] == ["mine", "pass_through"]


def test_show_of_a_sweep_lists_its_runs(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-m", "--show", "seed=1,2", "hydra/launcher=basic"]) == 0
    assert capsys.readouterr().out == "seed=1\nseed=2\n" and not calls.settings and not Path("runs").exists()


def test_what_argparse_does_not_know_is_answered_shortly(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", f"--{'x' * 100_000}"]) == 2
    assert len(capsys.readouterr().err) < 2000


def test_price(calls: Calls, finished: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["price", "latest", "deal=pass_through", "pricing.spreads.PT=0.02"]) == 0
    deal, spreads = calls.repriced[0]
    assert deal["name"] == "pass_through" and spreads["PT"] == 0.02
    captured = capsys.readouterr()
    assert "Taken for granted." in captured.out
    assert "pass_through" in captured.out and "A1, A2, X are not of this deal's classes" in captured.err
    assert main(["price", finished.run_id]) == 0
    assert calls.repriced[1] == (None, None)
    assert main(["price", "latest", "paths=3"]) == 2
    assert "mcsim run paths=3" in capsys.readouterr().err


def test_price_without_a_run_asks_for_the_run_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["price"]) == 2
    assert capsys.readouterr().err.endswith("the following arguments are required: RUN\n")


_EXAMPLES = [line.split("   ")[0].split() for line in EXAMPLES.splitlines() if line.startswith("  mcsim ")]


@pytest.mark.parametrize("words", _EXAMPLES, ids=" ".join)
def test_the_examples_of_the_help_are_right(
    words: list[str], calls: Calls, finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spreads must be of the deal's own classes, which pricing itself would check."""
    module = types.ModuleType("mcsim.reports.report")
    module.write_report = lambda run: run.path / "report.html"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mcsim.reports.report", module)
    assert main(words[1:]) == 0
    for deal, spreads in calls.repriced:
        assert deal and set(spreads) <= {*deal["classes"], "default"}


def test_info(finished: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    finished.inputs_file.write_text('[{"path": "tape.xml", "sha256": "ab12", "rows": 31, "rejects": 1}]')
    finished.mark_complete()
    assert main(["info", str(finished.path)]) == 0
    out = capsys.readouterr().out
    for text in (finished.run_id, "complete", "512", "richard_roll", "paths=512", "31 rows, 1 rejected", "sha256 ab12"):
        assert text in out


def test_info_of_an_unfinished_run_says_so(finished: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    (finished.path / "COMPLETE").unlink()
    assert main(["info", "latest"]) == 3
    assert "INCOMPLETE" in capsys.readouterr().out
    assert main(["price", "latest"]) == 3
    assert "did not finish" in capsys.readouterr().err


def test_a_run_that_is_not_there(calls: Calls, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for verb in ("price", "report", "info"):
        assert main([verb, "nope"]) == 2
    (tmp_path / "foreign").mkdir()
    assert main(["info", "foreign"]) == 4
    assert "not a run folder" in capsys.readouterr().err


def test_report(finished: RunFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("mcsim.reports.report")
    module.write_report = lambda run: run.path / "report.html"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mcsim.reports.report", module)
    assert main(["report", "latest"]) == 0
    assert capsys.readouterr().out == f"runs/{finished.run_id}/report.html\n"
