"""Memory as arithmetic: the estimate does not grow with the paths, and is what the stage takes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kernels.flows import FIELDS
from mcsim.configuration import load_settings
from mcsim.settings import Engine, Settings
from mcsim.simulation.plan import MemoryPlan, Size, estimate, store_size
from mcsim.simulation.simulator import SUPERBLOCK

ROOT = Path(__file__).parents[3]

_CHILD = """
import json, pathlib, re, sys
from mcsim import store
from mcsim.backend import choose_backend
from mcsim.priced_book import PricedBook
from mcsim.progress import Progress
from mcsim.simulation.plan import Size, estimate
from mcsim.simulation.note_rates import n_note_rates
from tests.mcsim.whole_runs import simulation

def resident(name):
    return 1024 * int(re.search(name + r":\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text()).group(1))

def simulate(folder, overrides, loans):
    staged = simulation(overrides, loans)
    folder.mkdir()
    where = folder / store.STORE_NAME
    store.create_store(where, {})
    (name,) = staged.collaterals
    balances, horizons = {name: float(loans.balance.sum())}, {name: staged.n_months}
    book = PricedBook(staged.settings.deals, {}, balances, horizons, choose_backend("cpu", "float32"), where)
    book.lay_out(staged.settings.paths, 256)
    staged.write_pools(folder, Progress(terminal=False), book.add)
    return staged, {name: Size(len(loans), staged.n_months, n_note_rates(loans))}, book.rows

folder, overrides = pathlib.Path(sys.argv[1]), sys.argv[2:]
loans = simulation(overrides).loans
simulate(folder / "warm", [*overrides, "paths=1"], loans.take(slice(0, 1)))  # loads what no run owns: the compiled kernels
before = resident("VmRSS")
pathlib.Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak starts again from what is resident now
staged, sizes, rows = simulate(folder / "run", overrides, loans)
plan = estimate(staged.settings, sizes, len(staged.regions), 1, rows)
print(json.dumps([resident("VmHWM") - before, plan.total]))
"""


def plan(settings: Settings, n_loans: int = 2000, n_months: int = 360, n_regions: int = 17, threads: int = 2) -> MemoryPlan:
    return estimate(settings, {"prime_jumbo": Size(n_loans, n_months)}, n_regions, threads)


def changed(settings: Settings, section: str = "", **changes: Any) -> Settings:
    """Settings with fields of one section, or of their own, changed."""
    if section:
        return replace(settings, **{section: replace(getattr(settings, section), **changes)})
    return replace(settings, **changes)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(["campaign=prime_jumbo", "backend=cpu", "paths=1024"])


def test_paths_do_not_enter(settings: Settings) -> None:
    few, many = plan(settings), plan(changed(settings, paths=1_000_000))
    assert (many.total, many.item, many.shared) == (few.total, few.item, few.shared)
    assert (few.items, many.items) == (4, 3907)


def test_the_work_item_and_the_threads_do(settings: Settings) -> None:
    base = plan(settings)
    assert base.total == base.shared + 2 * base.item
    assert plan(settings, threads=4).total == base.shared + 4 * base.item
    assert plan(settings, threads=64).threads == base.items, "no more threads work than there are items"
    wide = plan(changed(settings, engine=Engine("threads", 512, 2)))
    assert 1.5 < wide.item / base.item < 2.5 and wide.shared == base.shared
    assert plan(settings, n_loans=4000).item == base.item and plan(settings, n_loans=4000).shared == 2 * base.shared


def test_a_deal_beside_the_simulation_takes_its_rows(settings: Settings) -> None:
    """Class flows of a block are there at the same time as its scenarios and pool."""
    sizes = {"prime_jumbo": Size(2000, 360)}
    few, many = (estimate(settings, sizes, 17, 2, deal_rows={"senior_subordinate": rows}) for rows in (100, 200))
    assert many.item - few.item == 100 * 360 * 256 * 8 and many.shared == few.shared


def test_a_few_paths_take_less(settings: Settings) -> None:
    assert plan(changed(settings, paths=16)).item < plan(settings).item


def test_precision_and_what_is_kept(settings: Settings) -> None:
    base = plan(settings)
    assert plan(changed(settings, precision="float64")).shared == base.shared / 12 * 16
    flows = 2000 * 360 * 11 * 8  # loans, months, fields, bytes
    means = plan(changed(settings, "output", loans="mean"))
    assert means.shared == base.shared + flows and means.item == base.item + 2 * flows, (
        "one sum of 256 paths, and a superblock's"
    )
    paths = plan(changed(settings, "output", loans="paths"))
    assert paths.shared == base.shared and paths.item == base.item + flows * 256


def test_the_estimate_is_within_a_fifth_of_what_is_measured(tmp_path: Path) -> None:
    """Three blocks of the first campaign in full, one after the other: resident bytes that the stage adds at its peak."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("no /proc: the peak cannot be measured")
    overrides = ["campaign=prime_jumbo", "backend=cpu", "engine=serial", "paths=768"]
    command = [sys.executable, "-c", _CHILD, str(tmp_path), *overrides]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    measured, planned = json.loads(done.stdout)
    assert planned == pytest.approx(measured, rel=0.2)


def test_a_book_holds_the_pools_of_a_block_beside_one_another() -> None:
    """One scenario over the longest horizon, the pools of all, the schedules of all; and a part of the store for each."""
    settings = load_settings(["campaign=book", "backend=cpu", "paths=1024"])
    one, both = {"homes": Size(2000, 360)}, {"homes": Size(2000, 360), "offices": Size(100, 120)}
    alone, book = (estimate(settings, sizes, 17, 2) for sizes in (one, both))
    pool = 120 * len(FIELDS) * 256 * 8
    assert book.item - alone.item == pool and book.shared - alone.shared == alone.shared / (2000 * 360) * 100 * 120
    size, more = (store_size(settings, sizes, 17) for sizes in (one, both))
    assert more - size == 1024 * 120 * len(FIELDS) * 8 + 100 * 120 * len(FIELDS) * 8 * (settings.output.loans == "mean")


def test_a_big_pool_on_one_block_of_paths_is_as_many_items_as_superblocks() -> None:
    settings = load_settings(["campaign=prime_jumbo", "backend=cpu", "paths=256"])
    big = {"prime_jumbo": Size(3 * SUPERBLOCK, 360)}
    assert [estimate(settings, big, 17, threads).threads for threads in (1, 2, 8)] == [1, 2, 3]
