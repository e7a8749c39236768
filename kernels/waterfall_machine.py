"""The machine that deals run on: its registers, its instructions, and how a program of them is put together.

A *register* holds one amount a path. Whatever an instruction takes is read from a register; what it takes may be of four kinds,
which differ in who fills the register, and when:

============  ==========================================================================================================
register      by instructions: a balance, what is due, what was paid this month
number        once, at closing: a rate, a share, an amount
month table   at the start of each month, the same on every path: a schedule, a day count, 0 and 1 for "in force"
path row      at the start of each month, from a row of the scenarios: an index rate
============  ==========================================================================================================

A *flag* is a register of 0 and 1. An instruction that carries one leaves the registers of the paths where it is 0 as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


class Register(IntEnum):
    """Registers every deal has; a deal's own follow. With one group of collateral, the whole's are the group's."""

    NOWHERE = 0
    """Stands where an instruction has no register or no flag; never read for its value."""
    COLLECTIONS = 1
    """Interest and principal funds of the month, all groups."""
    COLLATERAL = 2
    """Balance of the collateral less principal and losses so far, all groups."""
    POOL = 3
    """Performing balance and foreclosures at the start of the month, all groups: the base of fees."""
    NET_WAC = 4
    """Net weighted average coupon of the month, of all groups; a rate of the month."""
    OUTSTANDING = 5
    """Sum of the classes' balances, as the program last added it up."""
    EARNED = 6
    """Interest of the groups whose loans bear any."""
    BEARING = 7
    """Balance that bears it."""
    SAVED_A = 8
    """What the registers of an instruction with a flag held before it."""
    SAVED_B = 9
    SAVED_C = 10
    SAVED_FLAG = 11


N_SHARED = len(Register)


class Op(IntEnum):
    """Instructions; :data:`SIGNATURES` names the registers of each. What is true is 1, what is not 0."""

    PAY = 0
    """Pay ``claim`` out of ``cash`` as far as it goes; both fall, ``into`` rises."""
    SHARE = 1
    """Pay ``ratio`` of ``claim`` out of ``cash``; both fall, ``into`` rises."""
    RATIO = 2
    """``into`` = share of ``total`` that ``cash`` covers, at most 1."""
    COPY = 3
    """``into`` = ``amount``."""
    ADD = 4
    """``into`` += ``amount``."""
    MOVE = 5
    """All of ``cash`` goes to ``into``."""
    ACCRUE = 6
    """``into`` += ``balance`` x ``rate``, a rate of the month."""
    ACCRUE_CAPPED = 7
    """``into`` += ``balance`` x the smaller of ``rate`` and ``cap``, rates of the month."""
    DEFICIT = 8
    """``into`` = ``outstanding`` beyond ``collateral``."""
    TARGET = 9
    """``room`` below and ``excess`` above the target of an account that holds ``held``: ``share`` of COLLATERAL, at least ``floor``
    USD; 0 once OUTSTANDING is and in the last month."""
    ABOVE = 10
    """``into`` = whether ``left`` > ``right``."""
    AT_LEAST = 11
    """``into`` = whether ``left`` >= ``right``."""
    AND = 12
    """``into`` = whether neither flag is 0."""
    OR = 13
    """``into`` = whether one of the flags is not 0."""
    NOT = 14
    """``into`` = whether ``left`` is 0."""


class Signature(NamedTuple):
    """Names of an instruction's registers: those it ``changes`` (and may read), and those it only ``reads``; at most three each."""

    changes: tuple[str, ...]
    reads: tuple[str, ...] = ()


SIGNATURES: dict[Op, Signature] = {
    Op.PAY: Signature(("claim", "cash", "into")),
    Op.SHARE: Signature(("claim", "cash", "into"), ("ratio",)),
    Op.RATIO: Signature(("into",), ("total", "cash")),
    Op.COPY: Signature(("into",), ("amount",)),
    Op.ADD: Signature(("into",), ("amount",)),
    Op.MOVE: Signature(("cash", "into")),
    Op.ACCRUE: Signature(("into",), ("balance", "rate")),
    Op.ACCRUE_CAPPED: Signature(("into",), ("balance", "rate", "cap")),
    Op.DEFICIT: Signature(("into",), ("outstanding", "collateral")),
    Op.TARGET: Signature(("room", "excess"), ("held", "share", "floor")),
    Op.ABOVE: Signature(("into",), ("left", "right")),
    Op.AT_LEAST: Signature(("into",), ("left", "right")),
    Op.AND: Signature(("into",), ("left", "right")),
    Op.OR: Signature(("into",), ("left", "right")),
    Op.NOT: Signature(("into",), ("left",)),
}


class Instruction(NamedTuple):
    """One instruction: its code, its flag, the registers it changes (``a``, ``b``, ``c``) and those it reads (``x``, ``y``, ``z``).

    In the interpreter the registers are positions of their rows in the register file.
    """

    code: Any
    flag: Any
    a: Any
    b: Any
    c: Any
    x: Any
    y: Any
    z: Any


class Instructions(NamedTuple):
    """A program's instructions, a column each: (step,) int64; what each holds: :class:`Instruction`."""

    code: Integers
    flag: Integers
    a: Integers
    b: Integers
    c: Integers
    x: Integers
    y: Integers
    z: Integers


class Wiring(NamedTuple):
    """Registers that are filled or read out each month; (entry,) int64 each.

    ``clear`` start the month at 0; ``tables`` and ``rows`` hold the month tables and path rows, in their order; ``totals`` are those
    of the whole and ``parts`` (entry, group) the groups' that add up to them, nothing where there is one group; ``stores`` go to
    the rows of the result.
    """

    clear: Integers
    tables: Integers
    rows: Integers
    totals: Integers
    parts: Integers
    stores: Integers


class Banks(NamedTuple):
    """Registers of each group's bank of funds and of its collateral; (group,) int64 each. What they hold: :class:`Register`.

    ``interest`` and ``principal`` are the funds that steps pay from; ``performing`` is the performing balance at the start of the
    month.
    """

    interest: Integers
    principal: Integers
    collections: Integers
    collateral: Integers
    pool: Integers
    earned: Integers
    bearing: Integers
    net_wac: Integers
    performing: Integers


class Inputs(NamedTuple):
    """What months bring, float64.

    ``pool`` is flat (group, month 1..n, field, path), fields of :data:`kernels.flows.FIELDS`; ``tables`` (table, month 1..m),
    where a month beyond the last has the last's; ``rows`` flat (row, month 1..n, path).
    """

    pool: npt.NDArray[np.float64]
    tables: npt.NDArray[np.float64]
    rows: npt.NDArray[np.float64]


class Span(NamedTuple):
    """Months and paths of the inputs, and the paths that are run: ``width`` of them from ``first`` on."""

    n_months: int
    n_paths: int
    first: int
    width: int


_ADDED_UP = {
    "collections": Register.COLLECTIONS,
    "collateral": Register.COLLATERAL,
    "pool": Register.POOL,
    "earned": Register.EARNED,
    "bearing": Register.BEARING,
}
"""Of a bank: what the groups' add up to, and its register."""


def lay_banks(n_groups: int, free: Iterator[int]) -> Banks:
    """Registers of the groups' banks; the only group of a deal has those of the whole."""
    whole = _ADDED_UP | {"net_wac": Register.NET_WAC} if n_groups == 1 else {}
    registers = {
        name: [int(whole[name])] if name in whole else [next(free) for _ in range(n_groups)] for name in Banks._fields
    }
    return Banks(**{name: np.array(column, dtype=np.int64) for name, column in registers.items()})


def totals(banks: Banks) -> tuple[Integers, Integers]:
    """``Wiring.totals`` and ``Wiring.parts``."""
    n_groups = len(banks.interest)
    names = _ADDED_UP if n_groups > 1 else {}
    parts = [getattr(banks, name) for name in names]
    return np.array([int(_ADDED_UP[name]) for name in names], dtype=np.int64), np.array(parts, dtype=np.int64).reshape(
        -1, n_groups
    )


def instruction(op: Op, flag: int = Register.NOWHERE, /, **registers: int) -> Instruction:
    """An instruction, its registers by the names of :data:`SIGNATURES`.

    Raises
    ------
    ValueError
        If the code is unknown, or a name is missing or unknown.
    """
    if op not in SIGNATURES:
        raise ValueError(f"unknown instruction {op!r}; expected one of {', '.join(known.name for known in SIGNATURES)}")
    names = SIGNATURES[op]
    expected = names.changes + names.reads
    if set(registers) != set(expected):
        raise ValueError(f"{op.name} takes the registers {', '.join(expected)}; given are {', '.join(registers) or 'none'}")
    changed, read = ([int(registers[n]) for n in part] + [int(Register.NOWHERE)] * (3 - len(part)) for part in names)
    return Instruction(int(op), int(flag), *changed, *read)


def assemble(instructions: Sequence[Instruction]) -> Instructions:
    """The columns of a program."""
    columns = zip(*instructions, strict=True) if instructions else ((),) * len(Instructions._fields)
    return Instructions(*(np.array(column, dtype=np.int64) for column in columns))


def check_instructions(instructions: Instructions, n_registers: int) -> None:
    """Look through a program before it is launched: a compiled kernel cannot say what it does not know.

    Raises
    ------
    ValueError
        If a code is unknown, or a register beyond the last.
    """
    codes = set(instructions.code.tolist())
    _refuse("code", codes - {int(op) for op in SIGNATURES}, f"expected 0 to {len(SIGNATURES) - 1}")
    for name in Instructions._fields[1:]:
        outside = {int(r) for r in getattr(instructions, name) if not 0 <= r < n_registers}
        _refuse(f"register {name!r}", outside, f"the program has {n_registers}")


def _refuse(what: str, found: Iterable[int], expected: str) -> None:
    if found := sorted(found):
        raise ValueError(f"an instruction has the unknown {what} {found[0]}; {expected}")
