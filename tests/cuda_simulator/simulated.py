"""What runs inside the CUDA simulator, in a process of its own: ``python -m tests.cuda_simulator.simulated NAME...``.

Prints one line of JSON: name of each check that is asked for to an empty string, or to what went wrong. The simulator runs the
device functions as Python on numpy scalars, one thread at a time: the same arithmetic as ``numpy``, so results must agree to the
last bit.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from tests.cuda_simulator import deals
from tests.elementwise import model_rate, month_functions, philox_words, specials, speed_functions
from tests.golden.test_bma import LOAN, check_cash_flow_a, speeds_a
from tests.kernel_driver import FULL, Block, Models, mixed_loans, random_paths, run_one_loan

N = 130
"""Paths: more than a block of threads."""
STATIC = Models(("psa", (3.0,)), ("sda", (10.0,)), ("fixed", (0.3, 0.4)), "sampled")


def same(left: np.ndarray, right: np.ndarray) -> None:
    """Raises unless the two are equal to the last bit."""
    np.testing.assert_array_equal(np.ascontiguousarray(left).view(np.uint8), np.ascontiguousarray(right).view(np.uint8))


def check_specials(precision: str) -> None:
    rng = np.random.default_rng(0)
    edge = 1e-30, 0.0, 1.0, -1.0, 88.0, 800.0, -800.0, 0.35, -0.35
    x = np.concatenate([edge, rng.uniform(-50, 50, N - len(edge))])
    inputs = x, np.abs(x) + 1e-20, 10 * x, rng.integers(0, 2**32, N, dtype=np.uint32)
    on_cuda, on_numpy = (specials(t, precision, *inputs) for t in ("cuda", "numpy"))
    for name, value in on_numpy.items():
        same(on_cuda[name], value)


def check_speeds(precision: str) -> None:
    rng = np.random.default_rng(1)
    inputs = np.append(rng.uniform(0, 1, N - 2), [0, 1]), np.arange(N), rng.uniform(0, 5, N), rng.integers(1, 400, N)
    on_cuda, on_numpy = (speed_functions(t, precision, *inputs) for t in ("cuda", "numpy"))
    for name, value in on_numpy.items():
        same(on_cuda[name], value)


def check_philox(precision: str) -> None:
    counters = np.random.default_rng(2).integers(0, 2**32, (6, N), dtype=np.uint32)
    same(philox_words("cuda", counters[:4], counters[4:]), philox_words("numpy", counters[:4], counters[4:]))
    zeros = np.zeros((4, 1), np.uint32)
    assert philox_words("cuda", zeros, zeros[:2])[:, 0].tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def check_models(precision: str) -> None:
    rng = np.random.default_rng(3)
    observables = rng.uniform(0.01, 0.1, N), rng.uniform(0.01, 0.1, N), rng.uniform(0, 1, N), rng.uniform(0, 2, N)
    for models in (FULL, STATIC):
        for kind in ("prepayment", "default", "severity"):
            name, parameters = getattr(models, kind)
            results = [
                model_rate(t, precision, kind, name, parameters, *observables, month=2, age=20, calendar_month=3)
                for t in ("cuda", "numpy")
            ]
            same(*results)


def check_month(precision: str) -> None:
    inputs = np.random.default_rng(4).uniform(0, 1, (8, N))
    inputs[0] *= 1e6
    for matures, principal, interest in ((0, 0, 0), (0, 1, 1), (1, 1, 1), (1, 0, 1)):
        same(*(month_functions(t, precision, inputs, matures, principal, interest) for t in ("cuda", "numpy")))


def check_cash_flow(precision: str) -> None:
    """BMA cash flow A, every printed cell; in float32 (not a table's precision) the same bits as numpy."""
    flows = run_one_loan("cuda", precision, LOAN, *speeds_a(), severity=0.2)
    if precision == "float64":
        check_cash_flow_a(flows[:, :, 0])
    same(flows, run_one_loan("numpy", precision, LOAN, *speeds_a(), severity=0.2))


def on_device(block: Block, precision: str, superblock: int = 128, mapping: Any = None) -> tuple[Any, Any]:
    """Loans and paths of ``block`` on the device, for the loan kernel of the ``cuda`` target."""
    from kernels.device import put_all
    from kernels.loan_on_device import STATE_IN_MEMORY, Collateral, LoansOnDevice, compiled
    from kernels.loan_on_device import Block as OnDevice
    from kernels.ops import make_ops

    ops = make_ops("cuda", precision)
    inputs, tables, market, _ = block.arguments(ops)
    kernels = compiled(ops, block.names, block.models.decrement, mapping or STATE_IN_MEMORY)
    loans = LoansOnDevice(ops, kernels, Collateral(inputs, tables, market.calendar_month, market.key), superblock)
    return loans, OnDevice(put_all(market.rows), market.n_rows, block.paths.width, market.first_path)


def simulated_pool(block: Block, precision: str, superblock: int = 128, mapping: Any = None) -> np.ndarray:
    """Flows of ``block`` by the loan kernel of the ``cuda`` target, ``superblock`` tiles added up before the next are."""
    loans, paths = on_device(block, precision, superblock, mapping)
    return loans.start(paths).wait()


def check_blocks(precision: str) -> None:
    """The loan kernel of the ``cuda`` target on two tiles of mixed loans, against the block launcher on numpy."""
    # Python at a thousand operations a loan month: every combination would take half a minute.
    for models in (FULL, STATIC) if precision == "float32" else (replace(FULL, decrement="sampled"),):
        block = Block(mixed_loans(33, longest=7), random_paths(8, 2), models, 5, 7, (1 / 12, 31 / 360))
        block = replace(block, loans=tuple(replace(loan, lag=1 + loan.lag % 3) for loan in block.loans))
        same(simulated_pool(block, precision), block.run("numpy", precision))


def check_waves(precision: str) -> None:
    """More tiles than are in flight at once, as where a pool's do not fit the device; and more superblocks than one.

    Three tiles, the last of one loan, one and two at a time: the second wave starts where the first ended, and adds to its sums.
    Superblocks are added up as the other targets do.
    """
    from kernels import loan_on_device

    loans, paths = mixed_loans(65, longest=6), random_paths(3, 1)
    block = Block(loans, paths, replace(STATIC, decrement="expected"), 5, 7, (1 / 12, 31 / 360))
    expected, known = block.run("numpy", precision), loan_on_device.tiles_in_flight
    parts = [replace(block, loans=part).run("numpy", precision) for part in (loans[:64], loans[64:])]
    try:
        for flight in (1, 2):
            loan_on_device.tiles_in_flight = lambda *_, flight=flight: flight
            same(simulated_pool(block, precision), expected)
            same(simulated_pool(block, precision, superblock=2), parts[0] + parts[1])
    finally:
        loan_on_device.tiles_in_flight = known


def check_mappings(precision: str) -> None:
    """The loan kernels that are measured beside the one in use: the same bits, adjustable rates and all."""
    from benchmarks.on_device.variants import MAPPINGS

    for models in (FULL, replace(STATIC, decrement="sampled")):
        block = Block(mixed_loans(34, longest=6), random_paths(5, 2), models, 5, 7, (1 / 12, 31 / 360))
        block = replace(block, loans=tuple(replace(loan, lag=1 + loan.lag % 3) for loan in block.loans))
        expected = block.run("numpy", precision)
        for mapping in MAPPINGS.values():
            same(simulated_pool(block, precision, mapping=mapping), expected)


def check_threads(precision: str) -> None:
    """Blocks of paths from two threads at once, as a run on a device works; and a loan alone, from the loans that are there."""
    block = Block(
        mixed_loans(33, longest=6), random_paths(4, 2), replace(STATIC, decrement="expected"), 5, 7, (1 / 12, 31 / 360)
    )
    loans, paths = on_device(block, precision)
    with ThreadPoolExecutor(2) as threads:
        pools = list(threads.map(lambda _: loans.start(paths).wait(), range(4)))
    for pool in pools:
        same(pool, block.run("numpy", precision))
    same(loans.start(paths, slice(32, 33)).wait(), replace(block, loans=block.loans[32:]).run("numpy", precision))


def check_memory(precision: str) -> None:
    """What the loan months take on the device is what the plan counts: loans at most, work space and sums to the byte."""
    from kernels.device import device
    from kernels.device_memory import Sizes

    block = Block(
        mixed_loans(33, longest=6), random_paths(3, 2), replace(STATIC, decrement="expected"), 5, 7, (1 / 12, 31 / 360)
    )
    here, taken = device(), list[int]()
    kept = {name: getattr(here, name) for name in ("put", "empty", "zeros")}

    def counting(take: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            taken.append((array := take(*arguments)).nbytes)
            return array

        return counted

    for name, take in kept.items():
        setattr(here, name, counting(take))
    try:
        loans, paths = on_device(block, precision)
        sizes = Sizes(33, block.n_months, 2, max(loan.lag for loan in block.loans), 4 if precision == "float32" else 8)
        of_loans = taken[:-1]  # the last are the rows of the paths
        assert sum(of_loans) <= sizes.loans + 4096, "the models' parameters and the key are a few numbers"
        assert sum(of_loans) >= 0.5 * sizes.loans
        taken.clear()
        loans.start(paths).wait()
        assert sum(taken) == sizes.n_tiles * sizes.tile + sizes.pool
    finally:
        for name in kept:
            delattr(here, name)


CHECKS: dict[str, Callable[[str], None]] = {
    "specials": check_specials,
    "speeds": check_speeds,
    "philox": check_philox,
    "models": check_models,
    "month": check_month,
    "cash flow A": check_cash_flow,
    "blocks": check_blocks,
    "waves": check_waves,
    "mappings": check_mappings,
    "threads": check_threads,
    "memory": check_memory,
}
PRECISIONS = ("float32", "float64")
FLOAT64: dict[str, Callable[[str], None]] = {"machine": deals.check_machine, "deals": deals.check_deals}
"""What is float64 whatever the run's precision."""
NAMES = [f"{name} {precision}" for name in CHECKS for precision in PRECISIONS] + [f"{name} float64" for name in FLOAT64]


def run_checks(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Name and outcome of each check."""
    for full_name in names:
        name, precision = full_name.rsplit(" ", 1)
        try:
            with np.errstate(all="ignore"):  # numpy scalars warn where numpy arrays and devices are silent
                (CHECKS | FLOAT64)[name](precision)
        except Exception:  # whatever it is, the parent's test shows it
            yield full_name, traceback.format_exc()
        else:
            yield full_name, ""


if __name__ == "__main__":
    sys.stdout.write(json.dumps(dict(run_checks(sys.argv[1:]))))
