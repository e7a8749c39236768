"""What a user would write instead: the loan months and a waterfall in plain numpy, loans x paths arrays and one loop over months.

Richard-Roll CPR, hazard and severity in the LTV, fixed-rate loans, principal and interest advanced (BMA, *Standard Formulas*, SF-19
to SF-29), float32, numpy's own arctangent, exponential and power. Measured on one core in the same process as ours, per
loan-month-path; its severity is a line, ours the put of ``ltv_severity``, so ours computes more.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import startup
from benchmarks.loans import DEFAULT, FULL, LAG, PREPAYMENT, Pool, make_pool, make_run, seconds
from benchmarks.records import Record
from kernels.launchers.groups import ByModel
from kernels.launchers.tiles import paths_at_once
from kernels.loan_terms import Count, Real
from kernels.observables import ROW
from kernels.ops import LANES

LOANS, PATHS, MONTHS, ROUNDS = 256, 256, 120, 3
CPU_BAR, NUMPY_BAR, RUN_BAR, ROLL_BAR = 8.0, 0.7, 5.0, 12.0
ROLL, STATIC, EIGHTH = ByModel("richard_roll", "mdr", "fixed"), 0.01, 0.00125
"""Default and severity of 1% a month, and note rates as tapes quote them."""
RUN_LOANS, RUN_PATHS = 40, 16384
"""The pool of the whole run: what a user tries first."""
RUN_PARTS = 8
"""Parts in which the script takes the paths: all of them at once would need gigabytes."""
CLASSES = ((0.9, 0.035), (0.05, 0.04), (0.03, 0.045), (0.02, 0.05))
"""Share of the pool and coupon, senior first."""
Array = Any


def _smm(age: Array, month: int, note: Array, mortgage_rate: Array, factor: Array) -> Array:
    f = np.float32
    level, height, steep, centre, ramp, floor, slope, _, *season = map(f, PREPAYMENT)
    refinancing = level - height * np.arctan(steep * (centre - note / mortgage_rate))
    seasoned = np.minimum((age + month) / ramp, 1).astype(f)[:, None] * season[(month - 1) % 12]
    return 1 - (1 - np.clip(seasoned * refinancing * (floor + slope * factor), 0, f(0.999))) ** f(1 / 12)


def _mdr(age: Array, month: int, ltv: Array) -> Array:
    f = np.float32
    base, by_ltv, pivot, default_ramp, lowest, highest = map(f, DEFAULT)
    hazard = base * np.minimum((age + month) / default_ramp, 1).astype(f)[:, None]
    return np.minimum(hazard * np.exp(by_ltv * (np.clip(ltv, lowest, highest) - pivot)), 1)


def _default_and_loss(age: Array, month: int, scheduled: Array, then: Array, ltv_per_usd: Array) -> tuple[Array, Array]:
    f = np.float32
    mdr = _mdr(age, month, scheduled * ltv_per_usd)
    return mdr, np.clip(f(-0.3) + f(0.8) * then * ltv_per_usd, f(0.05), f(0.8))


def simulate(pool: Pool, sampled: bool = False, static: bool = False) -> Array:
    """Flows (month, field, path) of the loans of ``pool``; default and severity are numbers where ``static``."""
    f = np.float32
    _, tables, block = pool
    reals, counts = tables.reals.astype(float), tables.counts
    note, balance, ltv0 = reals[:, Real.NOTE_RATE], reals[:, Real.BALANCE], reals[:, Real.LTV]
    age, term, months = counts[:, Count.AGE], counts[:, Count.MATURITY], tables.principal_rates.shape[1]
    market = block.rows.reshape(months + 1, block.n_rows, -1)
    n, paths, r = len(note), market.shape[2], note / 12
    random, note32 = np.random.default_rng(0), note.astype(f)[:, None]
    performing = expected = np.ones((n, paths), f)
    foreclosed, entered = np.zeros((n, paths), f), np.zeros((LAG, n, paths), f)
    scheduled, history, out = balance.copy(), [], np.zeros((months, 10, paths))
    for m in range(1, months + 1):
        left, slot = term - (m - 1), (m - 1) % LAG
        share = np.where(left > 0, r / np.expm1(np.maximum(left, 1) * np.log1p(r)), 0.0)
        share[left == 1] = 1.0
        s, pr, matures = scheduled.astype(f)[:, None], share.astype(f)[:, None], (left == 1)[:, None]
        history.append(scheduled.copy())
        factor = s * expected / balance.astype(f)[:, None]
        smm = _smm(age, m, note32, market[m - 1, ROW["mortgage_rate"]], factor)
        then = history[m - 1 - LAG].astype(f)[:, None] if m > LAG else f(0)
        mdr, severity = np.full((n, 1), STATIC, f), f(STATIC)
        if not static:
            price = market[m - 1, ROW["home_price_index"] + counts[:, Count.REGION]]
            mdr, severity = _default_and_loss(age, m, s, then, (ltv0 / balance).astype(f)[:, None] / price)
        mdr *= (m <= term - LAG)[:, None]
        if sampled:
            u = random.random((n, paths), f)
            defaulted = np.where(u < mdr, performing, 0)
            prepaid = np.where(u < mdr + smm, performing, 0) - defaulted
            expected = expected * (1 - mdr - np.minimum(smm, 1 - mdr))
        else:
            defaulted, prepaid = performing * mdr, performing * np.minimum(smm, 1 - mdr)
        liquidated = entered[slot].copy()
        entered[slot] = defaulted
        in_foreclosure = foreclosed + defaulted
        foreclosed = np.maximum(in_foreclosure - liquidated, 0)
        shares = performing, defaulted, prepaid, foreclosed, in_foreclosure, liquidated
        for k, x in enumerate(_fields(s, pr, note32, ~matures, severity, then, *shares)):
            out[m - 1, k] = x.sum(0, dtype=float)
        performing = (performing - defaulted - prepaid) * ~matures
        expected = expected if sampled else performing
        scheduled = np.where(left == 1, scheduled, scheduled * (1 - share))
    return out


def _fields(
    s: Array, pr: Array, note: Array, stays_on: Array, severity: Array, then: Array,
    performing: Array, defaulted: Array, prepaid: Array, foreclosed: Array, in_foreclosure: Array, liquidated: Array,
) -> tuple[Array, ...]:  # fmt: skip
    """Balances, interest, principal and losses of each loan, USD."""
    paying, after, sold = s * (performing - defaulted), s * (1 - pr), s * liquidated
    loss, advanced = np.minimum(severity * liquidated * then, sold), s * foreclosed * pr * stays_on
    return (
        after * (performing - defaulted - prepaid), s * foreclosed - advanced, paying * note / 12, s * in_foreclosure * note / 12,
        paying * pr, advanced, after * prepaid, s * defaulted, sold - loss, loss,
    )  # fmt: skip


def waterfall(pool: Array, closing: float, rate: float = 0.03) -> Array:
    """Value of each class over its balance: interest, principal and losses in sequence, discounted at ``rate``."""
    balance = [np.full(pool.shape[2], share * closing) for share, _ in CLASSES]
    value = np.zeros((len(CLASSES), pool.shape[2]))
    for month, flows in enumerate(pool):
        interest, principal, loss = flows[2] + flows[3], flows[4] + flows[5] + flows[6] + flows[8], flows[9]
        for k, (_, coupon) in enumerate(CLASSES):
            due = np.minimum(balance[k] * coupon / 12, interest)
            paid = np.minimum(balance[k], principal)
            interest, principal, balance[k] = interest - due, principal - paid, balance[k] - paid
            value[k] += (due + paid) * (1 + rate / 12) ** -(month + 1)
        for k in reversed(range(len(CLASSES))):
            written = np.minimum(balance[k], loss)
            balance[k], loss = balance[k] - written, loss - written
    return value.mean(axis=1) / [share * closing for share, _ in CLASSES]


def _best(run: Callable[[], Any]) -> float:
    run()
    return min(seconds(run) for _ in range(ROUNDS))


def _throughput(decrement: str) -> list[Record]:
    pool = make_pool("float32", PATHS, LOANS, MONTHS)
    hand = LOANS * MONTHS * PATHS / _best(lambda: simulate(pool, decrement == "sampled"))
    return [_against(target, decrement, hand, FULL, 0, bar) for target, bar in (("cpu", CPU_BAR), ("numpy", NUMPY_BAR))]


def _richard_roll() -> list[Record]:
    """Richard and Roll on note rates in eighths, default and severity plain numbers for both: the same work by hand and by us."""
    hand = (
        LOANS * MONTHS * PATHS / _best(lambda: simulate(make_pool("float32", PATHS, LOANS, MONTHS, step=EIGHTH), static=True))
    )
    bars = (("cpu", ROLL_BAR), ("numpy", None))
    return [_against(target, "expected", hand, ROLL, EIGHTH, bar) for target, bar in bars]


def _against(target: str, decrement: str, hand: float, models: ByModel, step: float, bar: float | None) -> Record:
    """Our rate over the script's, ``hand``, a second."""
    width = LANES if target == "cpu" else paths_at_once(LOANS, 1024)  # 1024: the path block of a run
    pool = make_pool("float32", width, LOANS, MONTHS, models, step)
    rate = LOANS * MONTHS * width / _best(make_run(target, "float32", decrement, width, pool, models))
    ratio, reference = rate / hand, f"numpy by hand, {hand:.3g}/s"
    what = "Richard-Roll in eighths, " if step else ""
    name = f"{target} over numpy by hand, {what}{decrement}, one core"
    told = "none: shown beside the bar of cpu" if bar is None else f"ratio >= {bar:g}"
    return Record(name, rate, "loan-month-paths/s", reference, ratio, told, None if bar is None else ratio >= bar)


def _whole_run() -> Record:
    """Processor seconds of a script that has its scenarios, over those of a run from tape to report that makes its own."""
    pool = make_pool("float32", RUN_PATHS // RUN_PARTS, RUN_LOANS, 360)
    start = time.process_time()
    for _ in range(RUN_PARTS):
        waterfall(simulate(pool), float(pool.tables.reals[:, Real.BALANCE].sum()))
    hand = time.process_time() - start
    with tempfile.TemporaryDirectory() as folder:
        overrides = (
            "run", "campaign=prime_jumbo", f"portfolio.generator.loans={RUN_LOANS}", f"paths={RUN_PATHS}", "output=prices",
            "output.report=false", "backend=cpu", f"output.runs_dir={folder}/runs",
        )  # fmt: skip
        cache = Path(folder) / "cache"
        startup.run(startup.command(*overrides[:3], "paths=16", *overrides[4:]), cache)  # compiles
        took = startup.run(startup.command(*overrides), cache)
    ratio, name = hand / took.cpu, f"a run of {RUN_LOANS} loans x {RUN_PATHS} paths, processor time"
    return Record(name, took.cpu, "s", f"numpy by hand, {hand:.3g} s", ratio, f"ratio >= {RUN_BAR:g}", ratio >= RUN_BAR)


def measure() -> list[Record]:
    """Every figure of this file."""
    return [*_throughput("expected"), *_throughput("sampled"), *_richard_roll(), _whole_run()]
