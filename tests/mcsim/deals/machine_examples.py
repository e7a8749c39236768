"""Random programs of the deal machine, far beyond what a deal would do: every instruction, operand, bank and nesting of flags."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernels.waterfall_machine import SIGNATURES, Op, Register
from mcsim.deals import Deal, Program, load_deal
from mcsim.deals.emitter import Emitter
from mcsim.deals.waterfall import run_program
from tests.mcsim.deals.deal_examples import backend, closing_balances, random_pools, small_deal
from tests.mcsim.deals.plain_machine import Line, PlainMachine, Setting

FEE_RATE = 0.0002
"""Of :func:`small_deal`."""
NUMBERS = (0.0, 0.004, 0.5, 1.0, 1e6)
TABLES = ((0.0, 1.0), (1.0, 0.0, 0.005), (0.25,))
ROWS = ("index", "gate")


@dataclass(frozen=True)
class Example:
    """A program as instructions by name, and what it runs on."""

    deal: Deal
    lines: tuple[Line, ...]
    pools: dict[str, np.ndarray]
    rows: dict[str, np.ndarray]


def random_program(choose: random.Random, groups: Sequence[str], n_instructions: int, n_months: int, n_paths: int) -> Example:
    """Instructions over the registers of :func:`small_deal` on ``groups``; registers that one changes are distinct."""
    raw = {key: value for key, value in small_deal().items() if key != "group"} | {"groups": list(groups)}
    deal = load_deal(raw, "example")
    numbers = np.random.default_rng(choose.randrange(2**31))
    rows = {
        "index": numbers.uniform(0, 0.01, (n_months, n_paths)),
        "gate": numbers.integers(0, 2, (n_months, n_paths)).astype(np.float64),
    }
    pools = random_pools(deal, choose.randrange(2**31), n_months, n_paths, 5.0)
    return Example(deal, _lines(choose, _Names(deal), n_instructions, 0), pools, rows)


class _Names:
    """Names of what instructions may change, and of all they may read."""

    def __init__(self, deal: Deal) -> None:
        self.own = [*(f"{kind} {name}" for kind in ("balance", "due", "paid") for name in ("A", "B")), "reserve"]
        self.own += [f"scratch {i}" for i in range(3)]
        self.funds = [f"{group}.{bucket}" for group in deal.groups for bucket in ("interest", "principal")]
        self.changed = [*self.own, *self.funds, "outstanding"]
        shared = ["collections", "collateral", "pool", "net_wac", *(f"{group}.net_wac" for group in deal.groups)]
        self.tables = [f"table {i}" for i in range(len(TABLES))]
        self.read = [*self.changed, *shared, *(f"number {i}" for i in range(len(NUMBERS))), *self.tables, *ROWS]


def _lines(choose: random.Random, names: _Names, count: int, depth: int) -> tuple[Line, ...]:
    lines: list[Line] = []
    while count > 0:
        if depth < 3 and count > 2 and choose.random() < 0.2:
            size = choose.randrange(1, min(count, 12))
            flag = choose.choice([*names.read, *names.tables, "gate", "gate"])
            lines.append(Line("where", {"flag": flag}, _lines(choose, names, size, depth + 1)))
            count -= size
        else:
            op = choose.choice(list(Op))
            changed = choose.sample(names.changed, len(SIGNATURES[op].changes))
            read = [choose.choice(names.read) for _ in SIGNATURES[op].reads]
            slots = SIGNATURES[op].changes + SIGNATURES[op].reads
            lines.append(Line(op.name, dict(zip(slots, changed + read, strict=True))))
            count -= 1
    return tuple(lines)


def _registers(emitter: Emitter) -> dict[str, int]:
    """Register of each name, laid by the emitter as a verb would have it."""
    registers = {
        **{f"balance {n}": emitter.balance[n] for n in ("A", "B")},
        **{f"due {n}": emitter.due[n] for n in ("A", "B")},
        **{f"paid {n}": emitter.interest_paid[n] for n in ("A", "B")},
        **{f"scratch {i}": emitter.scratch(f"own {i}") for i in range(3)},
        "reserve": emitter.account["reserve"],
        **{name: int(Register[name.upper()]) for name in ("collections", "collateral", "pool", "net_wac", "outstanding")},
        **{f"number {i}": emitter.number(value) for i, value in enumerate(NUMBERS)},
        **{f"table {i}": emitter.month_table(values) for i, values in enumerate(TABLES)},
        **{name: emitter.path_row(name) for name in ROWS},
    }
    for i, group in enumerate(emitter.deal.groups):
        for column in ("interest", "principal", "net_wac"):
            registers[f"{group}.{column}"] = int(getattr(emitter.banks, column)[i])
    return registers


def _emit(emitter: Emitter, lines: Sequence[Line], registers: dict[str, int]) -> None:
    for line in lines:
        if line.op == "where":
            with emitter.where(registers[line.registers["flag"]]):
                _emit(emitter, line.block, registers)
        else:
            emitter.emit(Op[line.op], **{slot: registers[name] for slot, name in line.registers.items()})


def stores(example: Example) -> list[str]:
    """Names that are read out each month: all that there are."""
    return _Names(example.deal).read


def interpret(target: str, example: Example) -> np.ndarray:
    """What the machine makes of it, (name, month, path)."""
    emitter = Emitter(example.deal, closing_balances(example.deal))
    registers = _registers(emitter)
    _emit(emitter, example.lines, registers)
    code = emitter.assembled([registers[name] for name in stores(example)])
    nothing = np.zeros(0)
    program = Program("example", example.deal.groups, (), (), (), 0.0, nothing, nothing, FEE_RATE, code)
    return run_program(program, example.pools, backend(target), example.rows)


def interpret_plainly(example: Example) -> np.ndarray:
    """What the plain machine makes of it, path by path."""
    deal, balances = example.deal, closing_balances(example.deal)
    pool_balance = sum(balances.values())
    names = _Names(deal)
    closing = dict.fromkeys(names.changed, 0.0) | {
        "balance A": 0.8 * pool_balance, "balance B": 0.2 * pool_balance, "reserve": 0.01 * pool_balance,
    }  # fmt: skip
    lines, paths = _plain(example.lines), []
    for path in range(next(iter(example.pools.values())).shape[2]):
        setting = Setting(
            closing=closing,
            numbers={f"number {i}": value for i, value in enumerate(NUMBERS)},
            tables={f"table {i}": values for i, values in enumerate(TABLES)},
            rows={name: row[:, path] for name, row in example.rows.items()},
            cleared=("paid A", "paid B"),
            balances=balances,
            fee_rate=FEE_RATE,
        )
        pools = {group: pool[:, :, path] for group, pool in example.pools.items()}
        paths.append(PlainMachine(setting).run(lines, pools, names.read))
    return np.stack(paths, axis=-1)


def _plain(lines: Sequence[Line]) -> tuple[Line, ...]:
    """With names that Python allows for methods: ``and`` is a word of its own."""
    reserved = {"AND": "and_", "OR": "or_", "NOT": "not_"}
    return tuple(Line(reserved.get(line.op, line.op), line.registers, _plain(line.block)) for line in lines)


def count_instructions(lines: Sequence[Line], masked: bool = False) -> dict[tuple[str, bool], int]:
    """How often each instruction stands in ``lines``, under a flag and without."""
    found: dict[tuple[str, bool], int] = {}
    for line in lines:
        inner = count_instructions(line.block, True) if line.op == "where" else {(line.op, masked): 1}
        for key, count in inner.items():
            found[key] = found.get(key, 0) + count
    return found
