"""A run from the tape to the price: the same bits on every target and for any chunking; loans again alone; bad input."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import mcsim
from mcsim import store
from mcsim.cli import main
from mcsim.configuration import load_settings
from mcsim.data_files import DATA
from mcsim.errors import InputError
from mcsim.regeneration import regenerate_loan
from mcsim.results import Run
from mcsim.run import run_campaign
from mcsim.variables import GROUPS
from tests.mcsim.whole_runs import CMBS, JUMBO, TINY, make_run, same_bits, write_filing

ROOT = Path(__file__).parents[2]
FILING = DATA / "exh_102_example.xml"

RunOf = Callable[..., Run]


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> RunOf:
    """``run_of(*overrides)``: the run of these overrides, made once."""
    folder = tmp_path_factory.mktemp("runs")
    return lru_cache(maxsize=None)(lambda *overrides: make_run(folder, *overrides))


# --- one result on every target, for any chunking ---


@pytest.mark.parametrize(
    "overrides",
    [
        (*JUMBO, "output.loans=mean"),
        (*JUMBO, "output.loans=mean", "precision=float64"),
        (*CMBS, "output.loans=mean", "engine.path_block=512"),
    ],
    ids=["expected-float32", "expected-float64", "sampled-float32"],
)
def test_numpy_and_cpu_agree_to_the_last_bit(run_of: RunOf, overrides: tuple[str, ...]) -> None:
    on_numpy, on_cpu = run_of(*overrides, "backend=numpy"), run_of(*overrides, "backend=cpu")
    assert (on_numpy.attributes["backend"], on_cpu.attributes["backend"]) == ("numpy", "cpu")
    stages = [group.rsplit("/", 1)[-1] for group in store.groups(on_cpu.path)]
    assert sorted(stages) == ["loans", "path_values", "pool", "prices", "scenarios", "tranches"]
    assert float(on_cpu.pool.loss.max()) > 0
    same_bits(on_numpy, on_cpu)


@pytest.mark.parametrize(
    "chunking",
    [
        ("backend=cpu", "engine=serial", "engine.path_block=512"),
        ("backend=cpu", "engine.threads=2", "engine.path_block=256"),
        ("backend=cpu", "engine.threads=3", "engine.path_block=256"),
        ("backend=cpu", "engine.threads=1", "engine.path_block=1024"),
        ("backend=numpy", "engine.threads=3", "engine.path_block=256"),
        ("backend=numpy", "engine=serial", "engine.path_block=1024"),
    ],
    ids=[
        "cpu-serial-512",
        "cpu-2-threads-256",
        "cpu-3-threads-256",
        "cpu-1-thread-1024",
        "numpy-3-threads-256",
        "numpy-serial-1024",
    ],
)
def test_chunking_and_threads_do_not_change_a_bit(run_of: RunOf, chunking: tuple[str, ...]) -> None:
    """600 paths in blocks of 256 are three work items, the last one short; in a block of 1024, one."""
    overrides = (*JUMBO, "paths=600", "output.loans=mean")
    same_bits(run_of(*overrides, *chunking), run_of(*overrides, "backend=cpu", "engine=serial", "engine.path_block=256"))


def test_another_seed_gives_other_numbers(run_of: RunOf) -> None:
    base = (*JUMBO, "output.loans=mean", "backend=cpu")
    with pytest.raises(AssertionError):
        same_bits(run_of(*base), run_of(*base, "seed=1"))


def test_cuda_in_the_simulator_agrees_with_numpy(tmp_path: Path) -> None:
    """Scenarios, loans, waterfall and prices of a whole run; the loans draw from the mixed pool's kinds."""
    if importlib.util.find_spec("numba_cuda") is None:
        pytest.skip("the cuda target needs numba-cuda (extra cuda13)")
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.mcsim.whole_runs", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("same bits in") and ", cuda, " in done.stdout and " 0.00 lost" not in done.stdout


# --- the market of the date ---


def test_a_run_keeps_its_market_date_and_start_values(run_of: RunOf) -> None:
    run = run_of(*TINY, "paths=4", "backend=numpy", "portfolio.cut_off=2019-12-31", "home_prices.initial_gap=0.02")
    market = json.loads(run.attributes["market"])
    assert (market["date"], market["curve"]) == ("2019-12-31", "US Treasury par curve of 2019-12-31")
    assert market["starts"]["home_prices.initial_gap"] == {"value": 0.02, "origin": "given"}
    assert market["starts"]["home_prices.initial_growth_quarterly"]["origin"].startswith("derived: mean over 51 states")
    # The survey of 26 December 2019; float32.
    assert float(run.scenarios.mortgage_rate[0, 0]) == pytest.approx(0.0374, abs=1e-8)
    recorded = {Path(one["path"]).name for one in json.loads(run.folder.inputs_file.read_text())}
    assert {
        "treasury_par_curve.csv",
        "fhfa_hpi_at_state.csv",
        "home_price_dynamics.csv",
        "mortgage_rate_survey.csv",
    } <= recorded


def test_a_valuation_on_a_curve_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_file: Callable[[str], Path]
) -> None:
    """A date after all that ships: refused with the dates there are, run with the Treasury's file, whatever lies beside it."""
    tape, curve = (
        shared_file(f"cases/09-own-treasury-curve/{name}") for name in ("tape_2026.xml", "daily-treasury-rates.csv")
    )
    (tmp_path / "treasury_par_curve.csv").write_text(curve.read_text())
    monkeypatch.chdir(tmp_path)
    overrides = (
        "campaign=sec_cmbs", "paths=2", "backend=numpy", "deal=pass_through", "pricing=none", f"portfolio.file={tape}",
        "portfolio.cut_off=2026-11-13",
    )  # fmt: skip
    with pytest.raises(InputError, match="no curve of 2026-11-13 .* it has 2017-11-13, 2019-12-31, 2020-12-31"):
        make_run(tmp_path / "runs", *overrides)
    run = make_run(tmp_path / "runs", *overrides, f"rates.curve_file={curve}")
    market = json.loads(run.attributes["market"])
    assert (market["curve"], market["tenors_left_out"]) == ("par curve of 2026-11-13", [1.5])
    assert all(start["origin"].startswith("assumed") for start in market["starts"].values())
    # The one-year par rate of the day is 3.60%; float32.
    assert float(run.scenarios.adjustable_index[0, 0]) == pytest.approx(0.036, abs=1e-7)


# --- one loan on one path ---


@pytest.mark.parametrize(
    "overrides",
    [(*JUMBO, "backend=cpu"), (*JUMBO, "paths=40", "backend=numpy", "precision=float64"), (*CMBS, "paths=20", "backend=cpu")],
    ids=["expected-cpu", "expected-numpy-float64", "sampled-cpu"],
)
def test_one_loan_on_one_path_again_alone(run_of: RunOf, overrides: tuple[str, ...]) -> None:
    run = run_of(*overrides, "output.loans=paths")
    kept = run.loans
    assert kept.loss.dims == ("loan", "month", "path")
    defaulted = np.argwhere(kept.loss.sum("month").values > 0)
    for loan, path in [(0, 0), (len(kept.loan) - 1, kept.sizes["path"] - 1), tuple(defaulted[len(defaulted) // 2])]:
        loan_id = str(kept.loan.values[loan])
        alone = run.regenerate(loan_id, int(path))
        row = kept.isel(loan=loan, path=path)
        assert set(alone) == set(GROUPS["loan_paths"])
        for name, values in alone.items():
            np.testing.assert_array_equal(values.values, row[name].values, err_msg=f"{name} of loan {loan_id} on path {path}")
    assert float(alone.loss.sum()) > 0, "the last pair is one with a loss"


def test_a_loan_or_path_that_is_not_there(run_of: RunOf) -> None:
    run = run_of(*JUMBO, "backend=cpu", "output.loans=paths")
    with pytest.raises(InputError) as caught:
        regenerate_loan(run, "G0000001", 300)
    assert len(caught.value.problems) == 2
    assert "'G0000001'; did you mean 'G0000000" in caught.value.problems[0]
    assert "no path 300; expected 0 to 299" in caught.value.problems[1]


def test_mean_over_paths_of_the_loans(run_of: RunOf) -> None:
    paths = run_of(*JUMBO, "backend=cpu", "output.loans=paths").loans
    means = run_of(*JUMBO, "backend=cpu", "output.loans=mean").loans
    for name in GROUPS["loans"]:
        # The stored mean is summed by lanes of 256 paths, xarray's in one go: 300 additions of float64 apart.
        np.testing.assert_allclose(means[name], paths[name].mean("path"), rtol=300 * 2.2e-16, atol=0, err_msg=name)


def test_means_of_the_loans_sum_to_the_mean_of_the_pool(run_of: RunOf) -> None:
    """300 paths in blocks of 256: the mean is over the paths that there are."""
    run = run_of(*JUMBO, "output.loans=mean", "precision=float64", "backend=numpy")
    for name in GROUPS["pool"]:
        # Sums of 300 x 6 numbers of one sign in float64, in another order.
        mean = run.pool[name].isel(group=0).mean("path")
        np.testing.assert_allclose(run.loans[name].sum("loan"), mean, rtol=1e-12, atol=0, err_msg=name)


def test_loans_sum_to_the_pool(run_of: RunOf) -> None:
    """Not to the bit: a pool sums the loans of a tile in the run's precision, here float32 with six loans."""
    run = run_of(*JUMBO, "backend=cpu", "output.loans=paths")
    for name in GROUPS["pool"]:
        pool = run.pool[name].isel(group=0)
        sums = run.loans[name].sum("loan")
        # Five additions, each to half a unit in the last place of a float32 (6e-8) of a sum that only grows.
        np.testing.assert_allclose(pool, sums, rtol=5 * 6e-8, atol=0, err_msg=name)
    double = run_of(*JUMBO, "paths=40", "backend=numpy", "precision=float64", "output.loans=paths")
    for name in GROUPS["pool"]:
        np.testing.assert_allclose(
            double.pool[name].isel(group=0), double.loans[name].sum("loan"), rtol=5 * 1.2e-16, atol=0, err_msg=name
        )


# --- what a run is ---


def test_another_file_under_the_same_name_is_another_run(tmp_path: Path, run_of: RunOf) -> None:
    """The configuration is the same to the letter; a loan is not simulated again from the other file."""
    tape = tmp_path / "tape.xml"
    words = (
        *CMBS,
        "paths=2",
        "backend=numpy",
        write_filing(tape, 3),
        f"output.runs_dir={tmp_path / 'runs'}",
        "output.report=false",
    )
    first = mcsim.run(*words)
    again, loan = mcsim.run(*words), str(first.regenerate("1", 0).sizes)
    write_filing(tape, 4)
    other = mcsim.run(*words)
    assert first.config == other.config and loan
    assert first.run_id[-8:] == again.run_id[-8:] != other.run_id[-8:]
    with pytest.raises(InputError, match=r"tape\.xml: its content is not what run .* read; restore it"):
        first.regenerate("1", 0)


# --- in a notebook ---


def test_a_run_in_python(run_of: RunOf, tmp_path: Path) -> None:
    # A deal with a fee and an account: every variable of the table is there.
    deal = ("deal=reserve_account", "pricing=spreads")
    run = mcsim.run(*JUMBO, *deal, "paths=64", "backend=numpy", f"output.runs_dir={tmp_path}")
    again = mcsim.open_run("latest", tmp_path)
    assert again.path == mcsim.open_run(run.path).path == run.path and run.folder.complete
    assert "<html" in (run.path / "report.html").read_text().lower()
    for group in ("scenarios", "pool", "tranches", "prices"):
        data = getattr(again, group)
        assert set(data.data_vars) == set(GROUPS[group])
        for name, variable in GROUPS[group].items():
            assert data[name].dims == variable.dims
            assert (data[name].attrs["units"], data[name].attrs["long_name"]) == (variable.units, variable.long_name)
            # Lazy: the values are on the disk until they are asked for.
            assert not isinstance(data[name].variable._data, np.ndarray), name
    with pytest.raises(InputError, match=r"kept no loans.*output\.loans=mean"):
        _ = run.loans
    plain = xr.open_zarr(run.path / "store.zarr", group="collateral/prime_jumbo/pool", chunks=None)
    xr.testing.assert_identical(plain.balance.load(), again.pool.balance.load())
    assert run.verify() > 0


# --- what bad input gets ---


def damaged_filing(folder: Path) -> Path:
    """The filing with the first loan's balance below zero."""
    text = FILING.read_text()
    tag = "<reportPeriodEndScheduledLoanBalanceAmount>"
    assert tag in text
    path = folder / "tape.xml"
    path.write_text(text.replace(tag, f"{tag}-", 1))
    return path


def test_too_many_rejects_stop_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tape, runs = damaged_filing(tmp_path), tmp_path / "runs"
    words = ["run", *CMBS, "backend=numpy", f"portfolio.file={tape}", f"output.runs_dir={runs}"]
    assert main(words) == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message and "max_reject_share" in message
    (folder,) = runs.iterdir()
    header, *rows = (folder / "rejects.csv").read_text().splitlines()
    assert header == "row,loan_id,column,value,reason" and rows
    assert not (folder / "store.zarr").exists() and not (folder / "COMPLETE").exists()
    assert main(["price", str(folder)]) == 3


def test_a_run_goes_on_without_the_rejects_it_may_have(tmp_path: Path, run_of: RunOf) -> None:
    tape = damaged_filing(tmp_path)
    run = run_of(
        *CMBS, "paths=2", "output.loans=none", "backend=numpy", f"portfolio.file={tape}", "portfolio.max_reject_share=0.1"
    )
    assert (run.attributes["loans"], run.attributes["rejected_rows"]) == (30, 1)
    assert run.attributes["pool_balance"] == pytest.approx(
        float(run.tranches.tranche_balance.isel(month=0).sum("tranche")[0]), rel=0.01
    )
    assert len((run.path / "rejects.csv").read_text().splitlines()) > 1


def test_a_refused_input_leaves_no_folder_or_one_with_its_rejects(tmp_path: Path) -> None:
    """A tape that is no tape leaves nothing; one whose rows were turned away leaves which they were."""
    text = tmp_path / "tape.xml"
    text.write_text("no tape")
    words = ["campaign=sec_cmbs", "paths=4", "backend=numpy", f"output.runs_dir={tmp_path / 'runs'}"]
    with pytest.raises(InputError):
        run_campaign(load_settings([*words, f"portfolio.file={text}"]))
    assert list((tmp_path / "runs").iterdir()) == []
    table = tmp_path / "loans.csv"
    table.write_text("loan_id,balance,note_rate,remaining_term,age,ltv,state\n1,-5,0.04,300,60,0.7,CA\n")
    words[0] = "campaign=prime_jumbo"
    with pytest.raises(InputError):
        run_campaign(load_settings([*words, "portfolio=table", "portfolio.cut_off=2020-12-31", f"portfolio.file={table}"]))
    (kept,) = (tmp_path / "runs").iterdir()
    assert len((kept / "rejects.csv").read_text().splitlines()) > 1
