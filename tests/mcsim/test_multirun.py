"""Sweeps: which runs they are, that all are checked first, and what reaches Hydra on the way to a cluster."""

from __future__ import annotations

import pickle
import time
import tracemalloc
from pathlib import Path

import pytest

from mcsim import multirun
from mcsim.checked_ahead import problems_ahead
from mcsim.configuration import load_settings
from mcsim.data_files import DATA
from mcsim.errors import InputError
from mcsim.multirun import LAUNCHER_KEYS, check_all, run_many
from mcsim.overrides import MOST_RUNS

SECONDS = 5.0
"""Each takes under .5 s where nothing else runs."""


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[int, list[str]]]:
    """Seeds and overrides of the runs that would have been made, in an empty folder."""
    found: list[tuple[int, list[str]]] = []
    monkeypatch.setattr("mcsim.console.run_and_show", lambda settings, words: found.append((settings.seed, words)))
    monkeypatch.chdir(tmp_path)
    return found


@pytest.mark.parametrize(
    ("words", "seeds"),
    [
        (["seed=1,2"], [1, 2]),
        (["seed=range(1,4)"], [1, 2, 3]),
        (["seed=range(1,10,4)"], [1, 5, 9]),
        (["seed=choice(3,1)"], [3, 1]),
        (["seed=sort(3,1,2)"], [1, 2, 3]),
        (["seed=1,2", "paths=3,4"], [1, 1, 2, 2]),
        (["seed=7"], [7]),
        (["campaign=glob(*)", "seed=1"], [1, 1, 1]),
    ],
)
def test_what_sweeps(words: list[str], seeds: list[int], shown: list[tuple[int, list[str]]]) -> None:
    run_many(words)
    assert [seed for seed, _ in shown] == seeds
    (note,) = Path("runs/sweeps").glob("*/overrides.txt")
    assert note.read_text() == "".join(f"{word}\n" for word in words)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["seed=interval(0,1)"], "an interval has no values of its own"),
        (["seed=range(0,1000000000000)"], f"more than {MOST_RUNS:,} runs"),
        (["seed=shuffle(range(0,1000000000000))"], f"more than {MOST_RUNS:,} runs"),
        (["seed=range(0,40)", "paths=range(1,40)"], f"more than {MOST_RUNS:,} runs"),
        (["seed=range(0,10,0)"], "cannot be swept over"),
        (["deal=glob(x*)"], "no value to sweep over"),
        (["seed=glob(x*)"], "no value to sweep over"),
        (["seed=1,"], "cannot be read as an override"),
        (["seed=" + ",".join(["1"] * 20_000)], "expected at most 20,000"),
    ],
)
def test_what_cannot_be_swept_over_is_told_at_once(words: list[str], reason: str) -> None:
    started = time.perf_counter()
    with pytest.raises(InputError) as error:
        check_all(words)
    assert reason in str(error.value)
    assert time.perf_counter() - started < SECONDS


def test_a_range_beyond_the_most_runs_is_not_written_out() -> None:
    """A shuffle writes its range out first: a hundred thousand values are 6 MB, what reading a word takes is below one."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=f"more than {MOST_RUNS:,} runs"):
            check_all(["seed=shuffle(range(0,100000))"])
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "word",
    [
        "hydra/sweeper=basic", "hydra.sweep.dir=/x", "hydra.launcher.setup=[echo]", "hydra.launcher.python=sh",
        "hydra.launcher.srun_args=[--x]", "hydra.launcher.additional_parameters={a: b}", "hydra.launcher._target_=os.system",
        "hydra.callbacks.x._target_=shutil.copyfile", "+hydra/callbacks=x", "hydra/job_logging=colorlog", "hydra.searchpath=[x]",
        "~hydra", "hydra/launcher=[a,b]", "hydra/launcher=a/b", "hydra/launcher=${oc.env:HOME}", "hydra.launcher.name='a b'",
        "hydra.launcher.partition=a,b", "hydra.launcher.mem_gb=", "hydra.launcher.partition=$(x)", "hydra.launcher",
    ],
)  # fmt: skip
def test_what_could_run_code_is_refused(word: str, shown: list[tuple[int, list[str]]]) -> None:
    with pytest.raises(InputError, match="refused|expected a number, or a name"):
        run_many(["seed=1,2", "hydra/launcher=basic", word])
    assert not shown and not Path("runs").exists()


def test_a_launchers_setting_without_a_launcher_is_not_passed_over(shown: list[tuple[int, list[str]]]) -> None:
    with pytest.raises(InputError, match="no launcher is chosen that would read it"):
        run_many(["seed=1,2", "hydra.launcher.mem_gb=4"])
    with pytest.raises(InputError, match="no such launcher is installed"):
        run_many(["seed=1,2", "hydra/launcher=submitit_nowhere"])
    with pytest.raises(InputError, match="no such launcher is installed, or it has no such setting"):
        run_many(["seed=1,2", "hydra/launcher=basic", "hydra.launcher.mem_gb=4"])
    assert not shown


def test_a_launcher_of_hydras_makes_the_same_runs(shown: list[tuple[int, list[str]]]) -> None:
    """Whatever the words hold: Hydra sees how many there are, and no word."""
    for name in ("${HOME}, [1].xml", "b'.xml"):
        Path(name).write_bytes((DATA / "exh_102_example.xml").read_bytes())
    words = [
        "campaign=sec_cmbs",
        "portfolio.file=${HOME}, [1].xml",
        "portfolio.file=b'.xml",
        "seed=1,2",
        "output.runs_dir=it's, \\here",
    ]
    run_many(words)
    here = list(shown)
    shown.clear()
    run_many([*words, "hydra/launcher=basic"])
    assert shown == here and len(here) == 4
    assert sorted(path.name for path in Path().iterdir()) == sorted(["${HOME}, [1].xml", "b'.xml", "it's, \\here"])


def test_a_job_can_be_sent_away() -> None:
    sweep = multirun._Sweep(check_all(["seed=1,2"]))
    assert pickle.loads(pickle.dumps(sweep))._jobs == sweep._jobs


def test_the_list_of_a_launchers_settings_runs_nothing() -> None:
    assert not {"setup", "python", "srun_args", "additional_parameters", "submitit_folder", "_target_"} & set(LAUNCHER_KEYS)


def test_a_file_that_is_not_there_stops_a_sweep_before_its_first_run(tmp_path: Path) -> None:
    there = tmp_path / "two.xml"
    there.write_text("")
    words = ["campaign=sec_cmbs", f"portfolio.file={there}", f"portfolio.file={tmp_path / 'nix.xml'}"]
    with pytest.raises(InputError, match="nix.xml.*no such file"):
        multirun.plan(words)


TABLE = "loan_id,balance,note_rate,remaining_term,age,ltv,state\na,100000,{rate},300,12,.7,CA\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["backend=numpy,cuda"], "backend=cuda was asked for"),
        (["rates.curve=2020-12-31,2020-12-30"], "no curve of 2020-12-30"),
        (["rates.curve_file=good.csv", "rates.curve_file=bad.csv", "rates.mortgage_residual=0"], "bad.csv row 2"),
        (["portfolio.file=good.tape", "portfolio.file=bad.tape"], "note_rate"),
        (["portfolio.cut_off=2020-12-31,2021-01-31"], "no curve of 2021-01-31"),
        (["portfolio.mapping={columns: {balance: Balance}}"], "'Balance'"),
        (["deal=pass_through,conduit", "pricing=none"], ""),
        (["deal=pass_through,senior_subordinate", "pricing=senior_subordinate"], "no such class in deal 'pass_through'"),
        (
            ["deal=pass_through", "pricing.spreads.PT=0.01", "pricing.spreads.ZZ=0.01,0.02"],
            "pricing.spreads.ZZ: no such class",
        ),
        (["deal=pass_through", "+deal.fees.x={rate: 1},{rate: 0.001, basis: nothing}"], "unknown key 'basis'"),
        (["paths=256,4294967295", "output.loans=paths"], "disk: the store takes"),
        (["home_prices.history_file=nowhere.csv", "seed=1,2"], "nowhere.csv"),
    ],
)
def test_what_any_run_would_be_refused_with_stops_all(
    words: list[str], reason: str, shown: list[tuple[int, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runs before it were made and shown, each after the other, and then the sweep ended."""
    monkeypatch.setattr("mcsim.backend._no_cuda", lambda: "there is no device")
    Path("good.csv").write_text("Date,2 Yr,30 Yr\n12/31/2020,1,2\n")
    Path("bad.csv").write_text("Date,2 Yr,30 Yr\n12/31/2020,1,x\n")
    Path("good.tape").write_text(TABLE.format(rate=".03"))
    Path("bad.tape").write_text(TABLE.format(rate="high"))
    tape = [] if any("good.tape" in word for word in words) else ["portfolio.file=good.tape"]
    chosen = [] if any(word.startswith("portfolio.cut_off") for word in words) else ["portfolio.cut_off=2020-12-31"]
    rest = ["portfolio=table", "backend=numpy", "engine=serial", "deal=pass_through", "pricing=none"]
    keys = {word.partition("=")[0] for word in words}
    run = [*(word for word in rest if word.partition("=")[0] not in keys), *tape, *chosen, *words]
    if not reason:
        run_many(run)
        assert len(shown) == 2
        return
    with pytest.raises(InputError, match=reason):
        run_many(run)
    assert not shown and not Path("runs").exists()


def test_a_tape_that_runs_share_is_read_once_to_check_them(
    shown: list[tuple[int, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mcsim import run_tape

    read: list[str] = []
    load = run_tape.load_tape
    monkeypatch.setattr(
        run_tape, "load_tape", lambda run, *rest: (read.append(str(run.only_collateral.portfolio.file)), load(run, *rest))[1]
    )
    for name in ("a.csv", "b.csv"):
        Path(name).write_text(TABLE.format(rate=".03"))
    words = ["portfolio=table", "portfolio.cut_off=2020-12-31", "deal=pass_through", "pricing=none", "backend=numpy"]
    run_many([*words, "seed=1,2,3", "portfolio.file=a.csv", "portfolio.file=b.csv"])
    assert sorted(read) == ["a.csv", "b.csv"] and len(shown) == 6


def test_the_devices_of_a_cluster_are_not_those_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcsim.backend._no_cuda", lambda: "there is no device")
    runs = [load_settings(["backend=cuda", "campaign=sec_cmbs"])]
    assert problems_ahead(runs, here=False) == []
    (said,) = problems_ahead(runs, here=True)
    assert "there is no device" in said


def test_a_mapping_written_out_can_be_swept_with(shown: list[tuple[int, list[str]]]) -> None:
    """It was looked for as a file."""
    Path("a.csv").write_text(TABLE.format(rate=".03"))
    words = ["portfolio=table", "portfolio.cut_off=2020-12-31", "deal=pass_through", "pricing=none", "backend=numpy"]
    run_many([*words, "portfolio.file=a.csv", "portfolio.mapping={columns: {balance: balance}}", "seed=1,2"])
    assert [seed for seed, _ in shown] == [1, 2]
