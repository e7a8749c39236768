"""Interpreter of compiled deals: months outside, instructions inside, paths innermost.

The machine is described in :mod:`kernels.waterfall_machine`. A new instruction is one member of ``Op`` with its signature there,
one scalar function in :mod:`kernels.waterfall`, and one entry of :func:`_loops`.
"""

from __future__ import annotations

from collections.abc import Callable

from kernels import waterfall
from kernels.ops import Ops
from kernels.unrolled import build_choice, build_each
from kernels.waterfall_machine import SIGNATURES, Instruction, Op, Register
from kernels.waterfall_months import build_begin, build_close


def build_waterfall(ops: Ops) -> Callable[..., None]:
    """``waterfall(...)``: the flows of a deal, for ``span.width`` paths from ``span.first`` on.

    ================  =======================================================  ================================================
    ``instructions``  :class:`~kernels.waterfall_machine.Instructions`         checked: an unknown code turns every register
                                                                               of its paths to NaN
    ``wiring``        :class:`~kernels.waterfall_machine.Wiring`
    ``banks``         :class:`~kernels.waterfall_machine.Banks`
    ``fee_rate``      float64                                                  sum of the deal's fees, annual
    ``span``          :class:`~kernels.waterfall_machine.Span`
    ``inputs``        :class:`~kernels.waterfall_machine.Inputs`
    ``registers``     flat (register, width) float64                           state at closing; changed
    ``out``           flat (row, month 1..n, path) float64                     written
    ================  =======================================================  ================================================
    """
    begin, close, step_of = build_begin(ops), build_close(ops), _build_step(ops)
    keep, restore, execute = _build_keep(ops), _build_restore(ops), _build_execute(ops)
    zero, one = ops.real(0), ops.real(1)
    nowhere = int(Register.NOWHERE)

    def waterfall(instructions, wiring, banks, fee_rate, span, inputs, registers, out):  # type: ignore[no-untyped-def]
        for month in range(span.n_months):
            runs = zero if month == span.n_months - 1 else one
            begin(wiring, banks, fee_rate, month, span, inputs, registers)
            for s in range(instructions.code.shape[0]):
                step = step_of(instructions, s, span.width)
                if step.flag != nowhere:
                    keep(step, span.width, registers)
                execute(step, runs, span.width, registers)
                if step.flag != nowhere:
                    restore(step, span.width, registers)
            close(wiring, banks, month, span, inputs, registers, out)

    return waterfall


def _build_step(ops: Ops) -> Callable[..., Instruction]:
    """An instruction with the places of its rows: numbers, so that no loop takes the columns."""

    @ops.function
    def step_of(columns, s, width):  # type: ignore[no-untyped-def]
        return Instruction(
            columns.code[s], columns.flag[s] * width, columns.a[s] * width, columns.b[s] * width, columns.c[s] * width,
            columns.x[s] * width, columns.y[s] * width, columns.z[s] * width,
        )  # fmt: skip

    return step_of  # type: ignore[no-any-return]


def _build_copy(ops: Ops) -> Callable[..., None]:
    lanes, at = ops.lanes, ops.at

    @ops.function
    def copy(source, goal, width, registers):  # type: ignore[no-untyped-def]
        for p in lanes(width):
            registers[at(goal, p)] = registers[at(source, p)]

    return copy


_SAVED = int(Register.SAVED_A), int(Register.SAVED_B), int(Register.SAVED_C), int(Register.SAVED_FLAG)


def _build_keep(ops: Ops) -> Callable[..., None]:
    """What an instruction with a flag is about to change, and the flag, which may be among it."""
    copy = _build_copy(ops)
    a, b, c, flag = _SAVED
    nowhere = int(Register.NOWHERE)

    @ops.function
    def keep(step, width, registers):  # type: ignore[no-untyped-def]
        copy(step.flag, flag * width, width, registers)
        copy(step.a, a * width, width, registers)
        if step.b != nowhere:
            copy(step.b, b * width, width, registers)
        if step.c != nowhere:
            copy(step.c, c * width, width, registers)

    return keep


def _build_restore(ops: Ops) -> Callable[..., None]:
    """Where the flag was 0, what was kept comes back."""
    lanes, at, where, zero = ops.lanes, ops.at, ops.where, ops.real(0)
    a, b, c, flag = _SAVED
    nowhere = int(Register.NOWHERE)

    @ops.function
    def undo(saved, goal, held, width, registers):  # type: ignore[no-untyped-def]
        for p in lanes(width):
            registers[at(goal, p)] = where(registers[at(held, p)] != zero, registers[at(goal, p)], registers[at(saved, p)])

    @ops.function
    def restore(step, width, registers):  # type: ignore[no-untyped-def]
        undo(a * width, step.a, flag * width, width, registers)
        if step.b != nowhere:
            undo(b * width, step.b, flag * width, width, registers)
        if step.c != nowhere:
            undo(c * width, step.c, flag * width, width, registers)

    return restore


def _loops(ops: Ops) -> dict[Op, Callable[..., None]]:
    """Each instruction on all paths: ``loop(step, runs, width, registers)``. Those that deals use most come first."""
    added, changed = _build_added, _build_set
    return {
        Op.PAY: _build_pay(ops),
        Op.SHARE: _build_share(ops),
        Op.ADD: added(ops, Op.ADD, waterfall.build_amount),
        Op.ACCRUE_CAPPED: added(ops, Op.ACCRUE_CAPPED, waterfall.build_accrue_capped),
        Op.ACCRUE: added(ops, Op.ACCRUE, waterfall.build_accrue),
        Op.COPY: changed(ops, Op.COPY, waterfall.build_amount),
        Op.RATIO: changed(ops, Op.RATIO, waterfall.build_ratio),
        Op.MOVE: _build_move(ops),
        Op.DEFICIT: changed(ops, Op.DEFICIT, waterfall.build_deficit),
        Op.TARGET: _build_target(ops),
        Op.ABOVE: changed(ops, Op.ABOVE, waterfall.build_above),
        Op.AT_LEAST: changed(ops, Op.AT_LEAST, waterfall.build_at_least),
        Op.AND: changed(ops, Op.AND, waterfall.build_both),
        Op.OR: changed(ops, Op.OR, waterfall.build_either),
        Op.NOT: changed(ops, Op.NOT, waterfall.build_not),
    }


def _build_execute(ops: Ops) -> Callable[..., None]:
    """The loop of an instruction's code, read once an instruction and month."""
    return build_choice(ops, _loops(ops), "step.code", "step, runs, width, registers", _build_poison(ops))


def _build_poison(ops: Ops) -> Callable[..., None]:
    """A code that is not known: NaN everywhere, as a kernel on a device can raise nothing, and a wrong amount would be priced."""
    lanes, at, nan = ops.lanes, ops.at, ops.real(float("nan"))

    @ops.function
    def poison(step, runs, width, registers):  # type: ignore[no-untyped-def]
        for register in range(registers.shape[0] // width):
            for p in lanes(width):
                registers[at(register * width, p)] = nan

    return poison


Formula = Callable[[Ops], Callable[..., object]]


def _build_set(ops: Ops, op: Op, build: Formula) -> Callable[..., None]:
    """``a`` = the formula of what the instruction reads."""
    return _of_formula(ops, op, build, "=")


def _build_added(ops: Ops, op: Op, build: Formula) -> Callable[..., None]:
    """``a`` += the formula of what the instruction reads."""
    return _of_formula(ops, op, build, "+=")


def _of_formula(ops: Ops, op: Op, build: Formula, sets: str) -> Callable[..., None]:
    read = ", ".join(f"registers[at(step.{name}, p)]" for name in ("x", "y", "z")[: len(SIGNATURES[op].reads)])
    statement = f"for p in lanes(width): registers[at(step.{{name}}, p)] {sets} formula({read})"
    known = {"formula": build(ops), "lanes": ops.lanes, "at": ops.at}
    return build_each(ops, ("a",), "step, runs, width, registers", statement, **known)


def _build_pay(ops: Ops) -> Callable[..., None]:
    settle, lanes, at = waterfall.build_pay(ops), ops.lanes, ops.at

    @ops.function
    def loop(step, runs, width, registers):  # type: ignore[no-untyped-def]
        a, b, c = step.a, step.b, step.c
        for p in lanes(width):
            left, rest, paid = settle(registers[at(a, p)], registers[at(b, p)])
            registers[at(a, p)] = left
            registers[at(b, p)] = rest
            registers[at(c, p)] += paid

    return loop


def _build_share(ops: Ops) -> Callable[..., None]:
    settle, lanes, at = waterfall.build_pay(ops), ops.lanes, ops.at

    @ops.function
    def loop(step, runs, width, registers):  # type: ignore[no-untyped-def]
        a, b, c, x = step.a, step.b, step.c, step.x
        for p in lanes(width):
            owed = registers[at(a, p)]
            _, rest, paid = settle(owed * registers[at(x, p)], registers[at(b, p)])
            registers[at(a, p)] = owed - paid
            registers[at(b, p)] = rest
            registers[at(c, p)] += paid

    return loop


def _build_move(ops: Ops) -> Callable[..., None]:
    lanes, at, zero = ops.lanes, ops.at, ops.real(0)

    @ops.function
    def loop(step, runs, width, registers):  # type: ignore[no-untyped-def]
        a, b = step.a, step.b
        for p in lanes(width):
            registers[at(b, p)] += registers[at(a, p)]
            registers[at(a, p)] = zero

    return loop


def _build_target(ops: Ops) -> Callable[..., None]:
    target, lanes, at = waterfall.build_target(ops), ops.lanes, ops.at
    outstanding, collateral = int(Register.OUTSTANDING), int(Register.COLLATERAL)

    @ops.function
    def loop(step, runs, width, registers):  # type: ignore[no-untyped-def]
        a, b, x, y, z = (
            step.a,
            step.b,
            step.x,
            step.y,
            step.z,
        )
        for p in lanes(width):
            room, excess = target(
                registers[at(x, p)], registers[at(outstanding * width, p)], registers[at(collateral * width, p)],
                registers[at(y, p)], registers[at(z, p)], runs,
            )  # fmt: skip
            registers[at(a, p)] = room
            registers[at(b, p)] = excess

    return loop
