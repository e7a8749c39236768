"""Peak memory: of the simulation against the planner's estimate, of a whole run against one of four times the paths."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.records import Record, missing
from benchmarks.startup import run

CAMPAIGN = ("campaign=prime_jumbo", "output.report=false", "backend=cpu", "engine=serial")
PATHS = 1024
PLAN_BAR, GROWTH_BAR = 0.2, 1.1
"""The estimate within a fifth (the issue's own). Four times the paths may add the present values of a path and a class, 40
bytes, and the store's index: a tenth of the whole is far more than either."""

_CHILD = """
import pathlib, re, sys
from mcsim.cli import main
from mcsim.pipeline import Simulation

def kilobytes(name):
    return int(re.search(name + r":\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text()).group(1))

marks, start, work = [], Simulation.__init__, Simulation.write_pools

def noted_start(self, *a):
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak starts again from what is resident now
    marks.append(kilobytes("VmRSS"))
    start(self, *a)

def noted_work(self, *a):
    work(self, *a)
    marks.append(kilobytes("VmHWM"))

Simulation.__init__, Simulation.write_pools = noted_start, noted_work
main([*sys.argv[2:], "paths=1"])  # loads the compiler and the compiled kernels, which are no run's own
marks.clear()
code = main(sys.argv[2:])
pathlib.Path(sys.argv[1]).write_text(" ".join(map(str, [*marks, kilobytes("VmHWM")])))
sys.exit(code)
"""


def peaks(paths: int, cache: Path) -> tuple[float, float]:
    """Bytes that the simulation stage added to the resident memory at its peak; and the peak of the whole run."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "peak"
        overrides = [*CAMPAIGN, f"paths={paths}", f"output.runs_dir={folder}/runs"]
        run([sys.executable, "-c", _CHILD, str(result), "run", *overrides], cache)
        before, simulated, whole = (1024.0 * int(word) for word in result.read_text().split())
        return simulated - before, whole


def _planned() -> float:
    """The planner's estimate of the same simulation, bytes."""
    from mcsim.configuration import load_settings
    from mcsim.deals.stage import compile_for
    from mcsim.simulation.plan import Size, estimate
    from mcsim.simulation.prepare import horizon
    from mcsim.tapes.portfolio import load_portfolio

    settings = load_settings([*CAMPAIGN, f"paths={PATHS}"])
    ((name, chosen),), ((deal, _),) = settings.collaterals.items(), settings.deals.items()
    loans = load_portfolio(chosen.portfolio).loans
    sizes = {name: Size(len(loans), horizon(loans, chosen.portfolio))}
    rows = {deal: len(compile_for(settings.only_deal.deal, float(loans.balance.sum())).stores)}
    return float(estimate(settings, sizes, len(set(loans.region.tolist())), threads=1, deal_rows=rows).total)


def measure() -> list[Record]:
    """Every figure of this file; Linux only, for the kernel's own count is read."""
    names = "peak memory of the simulation", "peak memory, four times the paths"
    if not Path("/proc/self/clear_refs").exists():
        return [missing(name, "MB", "no /proc") for name in names]
    try:
        with tempfile.TemporaryDirectory() as cache:
            peaks(1, Path(cache))  # compiles
            (added, measured), (_, more) = peaks(PATHS, Path(cache)), peaks(4 * PATHS, Path(cache))
    except RuntimeError as error:
        return [missing(name, "MB", str(error)) for name in names]
    planned, growth = _planned(), more / measured
    ratio, reference = added / planned, f"{PATHS} paths, {measured / 1e6:.0f} MB"
    within = f"{1 - PLAN_BAR} <= ratio <= {1 + PLAN_BAR}"
    return [
        Record(names[0], added / 1e6, "MB", f"plan, {planned / 1e6:.0f} MB", ratio, within, abs(ratio - 1) <= PLAN_BAR),
        Record(names[1], more / 1e6, "MB", reference, growth, f"ratio <= {GROWTH_BAR}", growth <= GROWTH_BAR),
    ]
