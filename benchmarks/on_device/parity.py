"""The device against ``numpy``, whose bits are those of ``cpu``: every model, the scenarios, and a whole run."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.on_device import cases
from benchmarks.on_device.record import attempt
from benchmarks.on_device.variants import apart, contraction
from kernels import scenario_paths
from kernels.behaviour import KINDS
from kernels.behaviour.model import Model
from kernels.device import device
from kernels.flows import N_FIELDS
from kernels.launch import compile_launcher
from kernels.launchers.block import build_loan_block
from kernels.launchers.rows import scratch_arrays
from kernels.launchers.seeing import build_rate
from kernels.loan_on_device import STATE_IN_MEMORY, LoansOnDevice, Mapping, compiled
from kernels.observables import OBSERVABLES
from kernels.ops import Ops, make_ops
from kernels.scenario_terms import scratch_sizes
from kernels.unrolled import build_expression

TOLERANCE = 1e-5
"""Of the largest flow of a field: float32 rounding over a run, with contraction (docs/adr/0003)."""

_ONE_MODEL = 20.0
"""Seconds kept for what follows before another model is compiled."""

Hand: Any = namedtuple("Hand", ("month", "calendar_month", "rows", "n"))
_BY_MONTH = ("month", "calendar_month")


def apart_by(found: np.ndarray, expected: np.ndarray, axes: tuple[int, ...] | None = None) -> dict[str, Any]:
    """Whether two arrays are the same to the last bit, and how far they are apart, over the largest along ``axes``."""
    found, expected = np.ascontiguousarray(found), np.ascontiguousarray(expected)
    largest = np.maximum(np.abs(expected).max(axis=axes, keepdims=True), np.finfo(expected.dtype).tiny)
    both = np.isnan(found) & np.isnan(expected)
    difference = np.where(both, 0.0, np.abs(found.astype(float) - expected.astype(float)) / largest)
    finite = np.nan_to_num(difference, nan=np.inf).max() if difference.size else 0.0
    same = np.array_equal(found.view(np.uint8), expected.view(np.uint8))
    return {"equal_bits": bool(same), "apart": float(finite) if np.isfinite(finite) else None}


def models(n_paths: int, left: Callable[[], float]) -> dict[str, Any]:
    """Every model on random observables, with and without contraction, while more than :data:`_ONE_MODEL` seconds are left."""
    rng = np.random.default_rng(5)
    rows = rng.uniform(0.01, 1.5, (len(OBSERVABLES) + 8, n_paths)).astype(np.float32)
    rows[:3] *= 0.1  # rates
    found: dict[str, Any] = {}
    for kind, name in [(kind, name) for kind, named in KINDS.items() for name in named]:
        model, result = KINDS[kind][name], found.setdefault(f"{kind}/{name}", {})
        values = np.array(model.values(cases.parameters(name, model)), np.float32)
        for allowed in (False, True):
            compared = partial(_compare_model, model, values, rows, allowed)
            result[label(allowed)] = attempt(compared) if left() > _ONE_MODEL else {"skipped": "no time was left"}
    return {"models": found, "holds": _hold(found)}


def _compare_model(model: Model, values: np.ndarray, rows: np.ndarray, allowed: bool) -> dict[str, Any]:
    with contraction(allowed):
        found = evaluate(make_ops("cuda", "float32"), model, values, rows)
    return apart_by(found, evaluate(make_ops("numpy", "float32"), model, values, rows))


def evaluate(ops: Ops, model: Model, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """``model`` in month 20, a row for each of what it reads beside the calendar."""
    names = [name for name in model.observes if name not in _BY_MONTH]
    loaders: dict[str, Callable[..., Any]] = {
        **{name: build_expression(ops, "hand, p", f"hand.{name}") for name in _BY_MONTH},
        **{
            name: build_expression(ops, "hand, p", "hand.rows[at(row * hand.n, p)]", at=ops.at, row=row)
            for row, name in enumerate(names)
        },
    }
    rate, parameters_of = build_rate(ops, model, loaders), model.build_parameters(ops)
    lanes, at = ops.lanes, ops.at

    def launcher(n, observed, values, out):  # type: ignore[no-untyped-def]
        parameters, hand = parameters_of(values), Hand(20, 7, observed, n)
        for p in lanes(n):
            out[at(0, p)] = rate(hand, parameters, p)

    n, out = rows.shape[1], np.empty(rows.shape[1], ops.real)
    compile_launcher(ops, launcher, "parity", (3,))(n, n, rows.reshape(-1), values, out)
    return out


def scenarios(n_months: int, n_paths: int) -> dict[str, Any]:
    """Rates and home prices of a block."""

    def compared(allowed: bool) -> dict[str, Any]:
        with contraction(allowed):
            found = draw("cuda", n_months, n_paths)
        names = zip(("market", "prices"), found, draw("numpy", n_months, n_paths), strict=True)
        return {name: apart_by(*arrays) for name, *arrays in names}

    found = {label(allowed): attempt(partial(compared, allowed)) for allowed in (True, False)}
    return {**found, "holds": all(_equal(one) for one in found[label(False)].values())}


def draw(target: str, n_months: int, n_paths: int) -> tuple[np.ndarray, np.ndarray]:
    """``market`` and ``prices`` of the scenario launcher, on the host."""
    ops = make_ops(target, "float32")
    run = compile_launcher(ops, scenario_paths.build(ops), "scenario_paths", (18, 19))
    scratch = [np.zeros(size, ops.real) for size in scratch_sizes(ops, n_paths, cases.N_REGIONS)]
    out = [np.empty(size, ops.real) for size in cases.market_size(n_months, n_paths)]
    run(n_paths, n_paths, n_months, 0, *cases.scenario_arguments(n_months, ops), *scratch, *out)
    return out[0], out[1]


def whole_run(n_loans: int, n_months: int, n_paths: int) -> dict[str, Any]:
    """Pool flows of the full behavioural set, both decrements, with and without contraction, by every field's largest flow."""

    def compared(decrement: str, allowed: bool) -> dict[str, Any]:
        mapping = apart(STATE_IN_MEMORY, label(allowed))
        with contraction(allowed):
            result = on_device(n_loans, n_months, n_paths, decrement, mapping)
        return apart_by(result, on_numpy(n_loans, n_months, n_paths, decrement), (0, 2))

    found = {
        decrement: {label(allowed): attempt(partial(compared, decrement, allowed)) for allowed in (True, False)}
        for decrement in ("expected", "sampled")
    }
    # Sampled, a draw next to a rate may fall on its other side by the last bit of the rate: a loan leaves or stays.
    within = found["expected"][label(True)].get("apart")
    holds = within is not None and within <= TOLERANCE and all(_equal(one[label(False)]) for one in found.values())
    return {"tolerance": TOLERANCE, **found, "holds": holds}


def on_numpy(n_loans: int, n_months: int, n_paths: int, decrement: str) -> np.ndarray:
    """Pool flows (month, field, path)."""
    ops = make_ops("numpy", "float32")
    pool = np.zeros(n_months * N_FIELDS * n_paths)
    simulate = build_loan_block(ops, n_paths, cases.FULL, decrement)
    given = cases.inputs(cases.FULL, n_loans, ops.real), cases.loans(n_loans, n_months, ops.real)
    simulate(*given, cases.market(n_months, n_paths, ops.real), scratch_arrays(ops, n_paths, cases.LAG), pool)
    return pool.reshape(n_months, N_FIELDS, n_paths)


def on_device(n_loans: int, n_months: int, n_paths: int, decrement: str, mapping: Mapping) -> np.ndarray:
    """The same on the device."""
    ops = make_ops("cuda", "float32")
    loans = cases.collateral(cases.FULL, n_loans, n_months, ops.real)
    there = LoansOnDevice(ops, compiled(ops, cases.FULL, decrement, mapping), loans, superblock=128)
    pool = there.start(cases.put_block(cases.market(n_months, n_paths, ops.real), n_paths)).wait()
    device().synchronize()
    return pool


def label(allowed: bool) -> str:
    """Of a result."""
    return "contracted" if allowed else "not contracted"


def _equal(result: Any) -> bool:
    return isinstance(result, dict) and result.get("equal_bits") is True


def _hold(found: dict[str, Any]) -> bool:
    """Every model that was tried, not contracted, to the last bit."""
    return all(_equal(one[label(False)]) or "skipped" in one[label(False)] for one in found.values())
