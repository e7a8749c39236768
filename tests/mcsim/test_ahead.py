"""Compiling on two cores: each kernel once, whoever claims it first, and of the types that the run will ask for."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from kernels import cache
from kernels.behaviour import PREPAYMENT
from kernels.behaviour.model import Model
from kernels.behaviour.parameter import SHARE, Parameter, Range
from mcsim import ahead
from mcsim.ahead import Job, compile_claimed
from mcsim.backend import choose_backend
from mcsim.configuration import load_settings
from mcsim.work import Block
from tests.mcsim.whole_runs import JUMBO, simulation

WORDS = (*JUMBO, "backend=cpu", "portfolio.generator.loans=40")


def test_two_processes_compile_each_kernel_once(tmp_path: Path) -> None:
    """From both ends of the list until they meet; here on two threads, which the claims cannot tell apart."""
    done: list[str] = []
    jobs = [Job(f"job-{i}", lambda i=i: done.append(f"job-{i}")) for i in range(200)]  # type: ignore[misc]
    threads = [threading.Thread(target=compile_claimed, args=(part, tmp_path)) for part in (jobs, jobs[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == sorted(job.name for job in jobs)


def test_nothing_is_compiled_where_the_run_is_over(tmp_path: Path) -> None:
    """The folder of claims goes with the run that made it: the other process then stops by itself."""
    compile_claimed([Job("never", pytest.fail)], tmp_path / "gone")


def test_the_list_is_what_the_cache_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models' loops before what runs them, which needs them; nothing twice, nothing that is there."""
    settings = load_settings(["campaign=book", "backend=cpu"])
    backend = choose_backend("cpu", settings.precision)
    for name in ("launcher_is_compiled", "scenarios_are_compiled", "waterfall_is_compiled"):
        monkeypatch.setattr(ahead, name, lambda *unused: False)
    names = [job.name for job in ahead.jobs(settings, backend)]
    assert len(set(names)) == len(names)
    assert {"prepayment-richard_roll", "default-ltv_hazard", "scenarios", "loans-expected", "loans-sampled", "deal"} < {*names}
    assert max(names.index(name) for name in names if name.startswith(("prepayment", "default", "severity"))) < names.index(
        "scenarios"
    )
    for name in ("launcher_is_compiled", "scenarios_are_compiled", "waterfall_is_compiled"):
        monkeypatch.setattr(ahead, name, lambda *unused: True)
    assert ahead.jobs(settings, backend) == []
    with ahead.compiling_ahead(settings, backend) as rest:
        rest()


def test_the_loans_that_it_compiles_with_have_what_any_model_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers that every loan has, known or not, and the table's own, whatever their range: none of it is of these loans."""

    def build(ops: Any) -> Any:
        return lambda seen, parameters: seen.score * parameters.base + seen.dti * ops.real(0)

    declared = {"score": Parameter("credit score", Range(300, 850)), "dti": Parameter("debt to income, percent", Range(2, 60))}
    model = Model(build, {"base": Parameter("SMM a point", SHARE)}, reads=("score", "dti"), columns=declared)
    monkeypatch.setitem(PREPAYMENT, "by_score", model)
    chosen = load_settings([*JUMBO, "behaviour.prepayment={model: by_score, parameters: {base: 1e-5}}"])
    (collateral,) = chosen.collaterals.values()
    ahead._simulate(collateral, choose_backend("numpy", "float64"), False)


def test_it_compiles_for_the_types_that_the_run_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the run would compile all of it again."""
    made: dict[str, list[Any]] = {}
    cached_njit = cache.cached_njit

    def noted(function: Any, key: str) -> Any:
        dispatcher = cached_njit(function, key)
        made.setdefault(key, []).append(dispatcher)
        return dispatcher

    monkeypatch.setattr(cache, "cached_njit", noted)
    settings = load_settings(WORDS)
    collateral, backend = settings.only_collateral, choose_backend("cpu", settings.precision)
    for sums in (False, True):
        ahead._simulate(collateral, backend, sums)
    staged = simulation(WORDS)
    scenario = staged.scenario(Block(0, 300))
    staged.pool(Block(0, 300))
    staged.pool_and_loans(scenario)
    drivers = {key: found for key, found in made.items() if key.startswith("build_simulate")}
    assert len(drivers) == 2
    for key, (one, other) in drivers.items():
        assert one.signatures == other.signatures and len(one.signatures) == 1, key


def test_compiling_says_nothing_of_the_market(caplog: pytest.LogCaptureFixture) -> None:
    """The run tells of its market, and warns of it, once."""
    with caplog.at_level("INFO", "mcsim"):
        ahead._draw(load_settings(["campaign=prime_jumbo"]), choose_backend("numpy", "float32"))
    assert not caplog.records
