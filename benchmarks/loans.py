"""Throughput of the loan months against a C++ twin by hand, and what float32 costs in accuracy."""

from __future__ import annotations

import ctypes
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.records import Record, at_most, missing
from kernels import behaviour
from kernels.flows import N_FIELDS
from kernels.launchers.block import build_loan_block
from kernels.launchers.groups import ByModel, Inputs, Market
from kernels.launchers.rows import scratch_arrays
from kernels.loan_terms import TILE, Count, Real, Tables
from kernels.observables import ROW, n_rows
from kernels.ops import LANES, make_ops
from kernels.special import atan_coefficients
from kernels.speeds import SHORT_MOST, short_coefficients

LOANS, MONTHS, LAG, REGIONS = 256, 360, 12, 40
"""Eight tiles of loans over thirty years: a fifteenth of a second a call, so that many rounds can be interleaved."""

ROUNDS = 15
DECREMENTS = ("expected", "sampled")
TWIN_BAR, PRECISION_BAR = 1.3, 1e-5

# Richard and Roll with the OTS constants, level to multiplier, then January to December; hazard and severity of a jumbo pool.
PREPAYMENT = (
    (0.2406, 0.1389, 5.952, 1.089, 30.0, 0.3, 0.7, 1.0)
    + (0.94, 0.76, 0.73, 0.96, 0.98, 0.92, 0.99, 1.10, 1.18, 1.21, 1.23, 0.97)
)  # fmt: skip
DEFAULT = (0.0005, 4.0, 0.8, 24.0, 0.3, 1.5)
SEVERITY = (0.7378, 0.0167, 0.0675, 0.18)

PARAMETERS = {"richard_roll": PREPAYMENT, "ltv_hazard": DEFAULT, "ltv_severity": SEVERITY}

FLAGS = ("-O3", "-march=native", "-mprefer-vector-width=512", "-ffp-contract=off", "-fno-trapping-math", "-std=c++17")
"""``-fno-trapping-math`` and the vector width change speed only: strict IEEE arithmetic, as ours."""


class Pool(NamedTuple):
    """What the launcher takes before its scratch."""

    inputs: ByModel
    tables: Tables
    market: Market


FULL = ByModel("richard_roll", "ltv_hazard", "ltv_severity")


def make_pool(
    precision: str, width: int, n_loans: int = LOANS, n_months: int = MONTHS, models: ByModel = FULL, step: float = 0
) -> Pool:
    """A jumbo-like fixed-rate pool with advances on random rates and prices; the same numbers in either precision.

    Its note rates stand in multiples of ``step``, as tapes quote them in eighths of a percent; 0: no two are the same.
    """
    rng, real = np.random.default_rng(0), np.dtype(precision).type
    reals, counts = np.zeros((n_loans, len(Real))), np.zeros((n_loans, len(Count)), np.int64)
    reals[:, Real.BALANCE], reals[:, Real.LTV] = rng.uniform(5e5, 2e6, n_loans), rng.uniform(0.5, 0.8, n_loans)
    note_rates = rng.uniform(0.03, 0.05, n_loans)
    note_rates = np.round(note_rates / step) * step if step else note_rates
    reals[:, Real.NOTE_RATE], reals[:, Real.SERVICING_RATE] = note_rates, 0.0025
    counts[:, Count.AGE] = rng.integers(0, 20, n_loans)
    counts[:, Count.MATURITY] = counts[:, Count.AMORTISATION] = 360 - counts[:, Count.AGE]
    counts[:, Count.LAST_DEFAULT] = counts[:, Count.MATURITY] - LAG
    counts[:, Count.LAG], counts[:, Count.RESET_PERIOD] = LAG, 12
    counts[:, Count.REGION] = np.sort(rng.integers(0, REGIONS, n_loans))
    counts[:, Count.ADVANCES_PRINCIPAL] = counts[:, Count.ADVANCES_INTEREST] = 1
    counts[:, Count.ID_LOW] = rng.integers(0, 2**32, n_loans)
    each, counts[:, Count.NOTE_RATE_ROW] = np.unique(note_rates, return_inverse=True)
    rate, left = reals[:, [Real.NOTE_RATE]] / 12, counts[:, [Count.MATURITY]] - np.arange(n_months)
    due = np.where(left >= 1, rate / np.expm1(np.maximum(left, 1) * np.log1p(rate)), 0.0)
    due[left == 1] = 1.0
    paid_down = np.cumprod(1 - due, axis=1)
    balances = reals[:, [Real.BALANCE]] * np.hstack([np.ones((n_loans, 1)), paid_down[:, :-1]])
    by_loan = reals, counts, balances, due, np.repeat(each[:, None], n_months, axis=1), np.full((1, n_months), 1 / 12)
    tables = Tables(*(np.ascontiguousarray(x if x.dtype == np.int64 else x.astype(real)) for x in by_loan), LAG)
    rows = _market(rng, n_months, width).astype(real)
    market = Market(rows.reshape(-1), rows.shape[1], 0, 0, np.array([1, 0], np.uint32))
    return Pool(_inputs(models, real, n_loans), tables, market)


def _market(rng: np.random.Generator, n_months: int, width: int) -> Any:
    """(month 0..n, row, path): mortgage rates and home prices; nothing else is read."""
    rows = np.full((n_months + 1, n_rows(REGIONS), width), np.nan)
    steps = rng.normal(0, 0.0003, (n_months + 1, width)).cumsum(axis=0)
    rows[:, ROW["mortgage_rate"]] = np.clip(0.03 + steps, 0.02, 0.2)
    prices = np.exp(rng.normal(0.002, 0.008, (n_months + 1, REGIONS, width)).cumsum(axis=0))
    rows[:, ROW["home_price_index"] :] = prices
    return rows


def _inputs(models: ByModel, real: Any, n_loans: int) -> ByModel:
    """What the models read: of those that are not listed a table of 1%."""
    inputs = []
    for kind, name in models._asdict().items():
        model = behaviour.KINDS[kind][name]
        given = dict(zip(model.numbers, PARAMETERS.get(name, ()), strict=False))
        table = PARAMETERS[name][len(model.numbers) :] if name in PARAMETERS else (0.01,)
        values = np.array(model.values(given | dict.fromkeys(model.tables, table)), real)
        inputs.append(Inputs(values, np.empty((n_loans, 0), real), np.empty(0, real)))
    return ByModel(*inputs)


def make_run(target: str, precision: str, decrement: str, width: int, pool: Pool, models: ByModel = FULL) -> Callable[[], Any]:
    """A call that simulates ``pool`` and returns its flows (month, field, path) float64."""
    ops = make_ops(target, precision)
    simulate, scratch = build_loan_block(ops, width, models, decrement), scratch_arrays(ops, width, LAG)
    n_months = pool.tables.principal_rates.shape[1]
    sums = np.zeros(n_months * N_FIELDS * width)

    def run() -> Any:
        sums[:] = 0
        simulate(*pool, scratch, sums)
        return sums.reshape(n_months, N_FIELDS, width)

    return run


def build_twin(folder: Path) -> Any:
    """The C++ twin, compiled into ``folder``; None without a compiler."""
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        return None
    library = folder / "twin.so"
    source = Path(__file__).with_name("twin.cpp")
    command = [
        compiler,
        *FLAGS,
        f"-DWIDTH={LANES}",
        f"-DTILE_LOANS={TILE}",
        f"-DMORTGAGE_ROW={ROW['mortgage_rate']}",
        f"-DPRICE_ROW={ROW['home_price_index']}",
        f"-DN_COUNTS={len(Count)}",
        "-DATAN=" + _digits(atan_coefficients(10)),
        "-DSHORT=" + _digits(short_coefficients("float32")),
        f"-DSHORT_MOST={SHORT_MOST['float32']}f",
        "-shared",
        "-fPIC",
        str(source),
        "-o",
        str(library),
    ]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library)).twin


def _digits(coefficients: tuple[float, ...]) -> str:
    return ",".join(str(float(c)) for c in np.float32(coefficients))


def make_twin_run(twin: Any, decrement: str, pool: Pool) -> Callable[[], Any]:
    """As :func:`make_run`, by the twin."""
    (inputs, tables, market), (n_loans, n_months) = pool, pool.tables.principal_rates.shape
    sums = np.zeros(n_months * N_FIELDS * LANES)
    given = (
        tables.reals, tables.counts, tables.balances, tables.principal_rates, tables.accruals, *market,
        *(of_model.parameters for of_model in inputs), tables.lag_size,
    )  # fmt: skip

    def pass_on(x: Any) -> Any:
        return ctypes.c_void_p(x.ctypes.data) if isinstance(x, np.ndarray) else ctypes.c_int64(x)

    tail = (ctypes.c_int64(n_loans), ctypes.c_int64(n_months), ctypes.c_void_p(sums.ctypes.data))
    arguments = (ctypes.c_int(decrement == "sampled"), *map(pass_on, given), *tail)

    def run() -> Any:
        sums[:] = 0
        twin(*arguments)
        return sums.reshape(n_months, N_FIELDS, LANES)

    return run


def seconds(run: Callable[[], Any]) -> float:
    """Seconds that one call kept its core busy: what other processes take from the core does not count."""
    start = time.thread_time()
    run()
    return time.thread_time() - start


def _throughput(decrement: str, twin: Any) -> list[Record]:
    inputs = make_pool("float32", LANES)
    ours = make_run("cpu", "float32", decrement, LANES, inputs)
    runs = [ours] if twin is None else [ours, make_twin_run(twin, decrement, inputs)]
    results = [run().copy() for run in runs]
    times = [[seconds(run) for run in runs] for _ in range(ROUNDS)]
    fastest = min(t[0] for t in times)
    rate = LOANS * MONTHS * LANES / fastest
    name = f"cpu {decrement} float32, one core"
    records = [Record(name, rate, "loan-month-paths/s", "none", None, "none: an absolute rate is its machine's", None)]
    records += (
        _against_twin(decrement, times, results)
        if twin
        else [missing(f"cpu over C++ twin, {decrement}", "s/s", "no compiler")]
    )
    return records


def _against_twin(decrement: str, times: list[list[float]], results: list[Any]) -> list[Record]:
    """Our time over the twin's, the median over interleaved rounds; and how far the numbers are apart."""
    ratio = statistics.median(ours / twin for ours, twin in times)
    apart = relative_difference(*results)
    rate = LOANS * MONTHS * LANES / min(t[1] for t in times)
    name, reference = f"cpu over C++ twin, {decrement}", f"twin, {rate:.3g}/s"
    return [
        Record(name, ratio, "s/s", reference, ratio, f"ratio <= {TWIN_BAR:g}", ratio <= TWIN_BAR),
        # the same operations in the same order, strict IEEE: any difference would be another program
        Record(f"twin's flows against ours, {decrement}", apart, "relative", "ours", None, "value == 0", apart == 0),
    ]  # fmt: skip


def relative_difference(flows: Any, exact: Any) -> float:
    """Largest difference of a field's flow in a month on a path, over the field's largest month on that path.

    Over the largest month, not the month itself: a pool that is down to its last dollar has no digits left to agree in.
    """
    scale = np.abs(exact).max(axis=0)
    return float(np.max(np.abs(flows - exact).max(axis=0) / np.where(scale > 0, scale, 1)))


def _total_difference(flows: Any, exact: Any) -> float:
    total = exact.sum(axis=0)
    return float(np.max(np.abs(flows.sum(axis=0) - total) / np.where(total > 0, total, 1)))


def _precision() -> list[Record]:
    pools = []
    for precision in ("float32", "float64"):
        pools.append(make_run("cpu", precision, "expected", LANES, make_pool(precision, LANES))().copy())
    return [
        at_most("float32 against float64, monthly flows", relative_difference(*pools), "relative", PRECISION_BAR),
        at_most("float32 against float64, lifetime flows", _total_difference(*pools), "relative", PRECISION_BAR),
    ]


def measure() -> list[Record]:
    """Every figure of this file, on one core."""
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {max(allowed)})  # a thread that moves between cores loses its caches
        with tempfile.TemporaryDirectory() as folder:
            twin = build_twin(Path(folder))
            records = [one for decrement in DECREMENTS for one in _throughput(decrement, twin)]
        return records + _precision()
    finally:
        os.sched_setaffinity(0, allowed)
