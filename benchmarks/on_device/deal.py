"""A deal for ``benchmarks.device``: classes that are paid interest, then principal, one after the other."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from benchmarks.on_device.record import attempt, timed
from kernels.device import device, put_all
from kernels.flows import FIELDS
from kernels.launch import compile_launcher
from kernels.ops import make_ops
from kernels.waterfall_machine import (
    N_SHARED,
    Inputs,
    Instruction,
    Op,
    Span,
    Wiring,
    assemble,
    check_instructions,
    instruction,
    lay_banks,
    totals,
)
from kernels.waterfall_paths import build_waterfall

_OUT = 7
"""Position of the results among the interpreter's arguments."""


class Deal(NamedTuple):
    """Arguments of the interpreter up to ``span``, and every register at closing."""

    instructions: Any
    wiring: Wiring
    banks: Any
    fee_rate: float
    closing: np.ndarray


def sequential(n_classes: int, balance: float) -> Deal:
    """Classes of one size over a pool of ``balance`` USD: interest at 5% a year by rank, principal to the first that has a balance."""
    free = itertools.count(N_SHARED)
    banks, rate = lay_banks(1, free), next(free)
    classes = [[next(free) for _ in range(4)] for _ in range(n_classes)]
    interest, principal = int(banks.interest[0]), int(banks.principal[0])
    steps = list[Instruction]()
    for left, due, paid, _ in classes:
        steps += [
            instruction(Op.ACCRUE, into=due, balance=left, rate=rate),
            instruction(Op.PAY, claim=due, cash=interest, into=paid),
        ]
    steps += [instruction(Op.PAY, claim=left, cash=principal, into=repaid) for left, _, _, repaid in classes]
    closing = np.zeros(next(free))
    closing[rate] = 0.05 / 12
    closing[[left for left, *_ in classes]] = balance / n_classes
    closing[[int(banks.collateral[0]), int(banks.performing[0]), int(banks.pool[0])]] = balance
    clear = [register for _, _, paid, repaid in classes for register in (paid, repaid)] + [interest, principal]
    stores = [register for left, _, paid, repaid in classes for register in (paid, repaid, left)]
    columns = (np.array(registers, np.int64) for registers in (clear, [], []))
    instructions = assemble(steps)
    check_instructions(instructions, closing.size)
    return Deal(instructions, Wiring(*columns, *totals(banks), np.array(stores, np.int64)), banks, 0.0, closing)


def pool(n_months: int, n_paths: int, balance: float) -> np.ndarray:
    """Flat (month, field, path): a pool that pays 6% interest and 1% of its first balance a month, on each path a little more."""
    flows = np.zeros((n_months, len(FIELDS), n_paths))
    left = balance * np.maximum(1 - np.arange(n_months + 1) / 100, 0)[:, None] * np.ones(n_paths)
    flows[:, FIELDS.index("balance")] = left[1:]
    flows[:, FIELDS.index("interest")] = left[:-1] * 0.005 * (1 + np.arange(n_paths) / (100 * n_paths))
    flows[:, FIELDS.index("scheduled_principal")] = left[:-1] - left[1:]
    return flows.reshape(-1)


def measure(n_classes: int, n_months: int, n_paths: int, repeats: int) -> dict[str, Any]:
    """Instruction-month-paths a second of the interpreter, float64; and its bits against numpy on a few paths."""
    balance = 1e9
    deal, ops, here = sequential(n_classes, balance), make_ops("cuda", "float64"), device()
    launch = compile_launcher(ops, build_waterfall(ops), "waterfall", ())
    there, given = put_all(deal), put_all(_inputs(pool(n_months, n_paths, balance)))
    registers = put_all(np.repeat(deal.closing, n_paths))
    out = here.empty(deal.wiring.stores.size * n_months * n_paths, np.float64)
    span = Span(n_months, n_paths, 0, n_paths)
    timing = timed(lambda: launch(n_paths, *there[:-1], span, given, registers, out), repeats)
    compared = attempt(lambda: _parity(deal, min(n_months, 120), min(n_paths, 256), balance))
    n_steps = int(deal.instructions.code.size)
    return {"instructions": n_steps, **timing.rate(n_steps * n_months * n_paths), **compared}


def _parity(deal: Deal, n_months: int, n_paths: int, balance: float) -> dict[str, Any]:
    """The device's flows against those of numpy, contracted as the product compiles them: cents in a billion dollars."""
    found = {}
    for target in ("numpy", "cuda"):
        ops = make_ops(target, "float64")
        out = np.zeros(deal.wiring.stores.size * n_months * n_paths)
        given, registers = _inputs(pool(n_months, n_paths, balance)), np.repeat(deal.closing, n_paths)
        run = compile_launcher(ops, build_waterfall(ops), "waterfall", (_OUT,))
        run(n_paths, *deal[:-1], Span(n_months, n_paths, 0, n_paths), given, registers, out)
        found[target] = out
    apart = float(np.abs(found["cuda"] - found["numpy"]).max())
    return {"equal_bits": bool(np.array_equal(found["cuda"], found["numpy"])), "apart_usd": apart, "holds": apart < 0.01}


def _inputs(flows: np.ndarray) -> Inputs:
    return Inputs(flows, np.zeros((0, 1)), np.zeros(0))
