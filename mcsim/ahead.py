"""Compiling what a first start needs on two cores: half of it in a process of its own, from before the tapes are read.

numba compiles on one thread at a time, and a first run has nothing in the cache: the second core would idle for half a minute. What
is missing is one list. The other process takes it from its end, this one, once the tapes are read, from its beginning, until they
meet; each claims a kernel before it compiles it. What the other process compiles reaches this one through the disk cache; if it
fails, the simulation compiles as ever.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kernels.behaviour import KINDS
from kernels.flows import FIELDS
from kernels.launch import is_compiled as launcher_is_compiled
from kernels.launchers.block import driver, model_loop, rate_loop
from kernels.observables import MARKET_ROWS, REGION_ROWS
from kernels.ops import LANES
from mcsim import provenance
from mcsim.backend import Backend
from mcsim.configuration import settings_of
from mcsim.deals.checks import load_deal
from mcsim.deals.compiler import compile_deal
from mcsim.deals.waterfall import is_compiled as waterfall_is_compiled
from mcsim.loans import make_loans
from mcsim.market.curve import load_curve
from mcsim.priced_deal import PricedDeal
from mcsim.scenario import Scenario
from mcsim.scenarios.generate import ScenarioGenerator
from mcsim.scenarios.generate import is_compiled as scenarios_are_compiled
from mcsim.settings import Collateral, Settings
from mcsim.simulation.prepare import horizon, prepare_loans
from mcsim.simulation.simulator import LoanSimulator

log = logging.getLogger("mcsim")

_DEAL = {
    "name": "ahead",
    "group": "pool",
    "classes": {"A": {"share": 1.0, "coupon": "net_wac"}, "R": {"coupon": "residual"}},
    "steps": [
        {"pay_interest": "A", "from": "interest"},
        {"pay_principal": "A", "rule": "sequential", "from": "principal"},
        {"write_down": "A"},
        {"release": "R", "from": "all"},
    ],
}
_NATION = "US"
_LOANS = 64
"""Of one note rate: as many as its models' tables by note rate are worth."""


class Job(NamedTuple):
    """Something to compile: its name, and what does it, by running it on next to nothing."""

    name: str
    compile: Callable[[], object]


def jobs(settings: Settings, backend: Backend) -> list[Job]:
    """What a run needs that is not in the cache, the models' loops first: what runs them needs them."""
    ops, sums = backend.ops, settings.output.loans == "mean"
    found: list[Job] = []
    drivers: dict[str, Collateral] = {}
    for collateral in settings.collaterals.values():
        drivers.setdefault(collateral.behaviour.decrement, collateral)
    models = {(kind, getattr(own.behaviour, kind).model): None for own in settings.collaterals.values() for kind in KINDS}
    for kind, name in models:
        function, key = model_loop(ops, LANES, kind, name)
        if not launcher_is_compiled(ops, function, key):
            found.append(Job(f"{kind}-{name}", lambda kind=kind, name=name: rate_loop(ops, LANES, kind, name)))  # type: ignore[misc]
    if not scenarios_are_compiled(backend.precision):
        found.append(Job("scenarios", lambda: _draw(settings, backend)))
    for decrement, collateral in drivers.items():
        function, key = driver(ops, LANES, decrement, sums)
        if not launcher_is_compiled(ops, function, key):
            found.append(Job(f"loans-{decrement}", lambda own=collateral: _simulate(own, backend, sums)))  # type: ignore[misc]
    if not waterfall_is_compiled():
        found.append(Job("deal", _pay))
    return found


@contextmanager
def compiling_ahead(settings: Settings, backend: Backend) -> Iterator[Callable[[], None]]:
    """Starts the other process where something is missing; gives what compiles the rest here, and waits for it."""
    missing = jobs(settings, backend) if backend.target == "cpu" else []
    if not missing:
        yield lambda: None
        return
    log.info("compiling %d kernels that are not in the cache", len(missing))
    with tempfile.TemporaryDirectory() as claims:
        command = [sys.executable, "-m", "mcsim.ahead", claims]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as process:
            assert process.stdin is not None
            try:
                with process.stdin:
                    process.stdin.write(json.dumps([provenance.plain(settings.raw), backend.precision]).encode())

                def rest() -> None:
                    compile_claimed(missing, Path(claims))
                    process.wait()

                yield rest
            finally:
                process.kill()


def compile_claimed(missing: list[Job], claims: Path) -> None:
    """Compile those of the list that no other process has claimed."""
    for job in missing:
        try:
            os.close(os.open(claims / job.name, os.O_CREAT | os.O_EXCL))
        except OSError:  # claimed, or the folder is gone with the run that made it
            continue
        job.compile()


def _draw(settings: Settings, backend: Backend) -> Scenario:
    # A market of its own: the run's would be told of, and warned of, a second time.
    rates = replace(settings.rates, curve="flat", flat_rate=0.0, mortgage_residual=0.0)
    prices = replace(settings.home_prices, initial_growth_quarterly=0.0, initial_gap=0.0)
    generator = ScenarioGenerator(rates, prices, load_curve(rates), (_NATION,), 12, settings.seed, backend)
    return generator.generate(0, 1)


def _simulate(collateral: Collateral, backend: Backend, sums: bool) -> None:
    portfolio, behaviour, real = collateral.portfolio, collateral.behaviour, backend.ops.real
    names = tuple({name: None for kind in KINDS for name in KINDS[kind][getattr(behaviour, kind).model].column_names})
    of_loans = {
        "loan_id": [f"{i}" for i in range(_LOANS)], "balance": 1.0, "original_balance": 1.0, "ltv": 0.5, "note_rate": 0.05,
        "servicing_rate": 0.0, "age": 0, "maturity": 2, "amortisation": 2, "interest_only": 0, "payment": np.nan,
        "day_count": "30/360", "region": _NATION, "property_type": "single_family", "adjustable": False,
    }  # fmt: skip
    loans = make_loans(datetime.date(2020, 1, 1), of_loans)
    n_months = horizon(loans, portfolio)
    rows = {name: np.full((n_months + 1, LANES), 0.05, real) for name in MARKET_ROWS}
    rows |= {name: np.ones((1, n_months + 1, LANES), real) for name in REGION_ROWS}
    prepared = prepare_loans(loans, portfolio, (_NATION,), n_months, backend.precision)
    # Any value serves: what a column may be is asked of the loans of the run.
    prepared = replace(prepared, columns=np.full((_LOANS, len(names)), 0.5, real), column_names=names)
    simulator, scenario = LoanSimulator(prepared, behaviour, 0, backend), Scenario(0, (_NATION,), rows)
    simulator.pool_and_loans(scenario) if sums else simulator.pool(scenario)


def _pay() -> None:
    backend = Backend("cpu", "float64", "ahead")
    priced = PricedDeal(compile_deal(load_deal(_DEAL, "ahead"), 100.0), {"default": 0.0}, backend)
    priced.add(0, {"pool": np.ones((1, len(FIELDS), 1))}, np.ones((2, 1)))


def main() -> None:
    """The other process: a configuration and a precision from standard input, the folder of claims as argument."""
    raw, precision = json.load(sys.stdin)
    missing = jobs(settings_of(raw), Backend("cpu", precision, "ahead"))
    compile_claimed(missing[::-1], Path(sys.argv[1]))


if __name__ == "__main__":
    main()
