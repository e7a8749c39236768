"""Columns of the loans that models and terms read by name: checked before any kernel starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.behaviour import KINDS
from kernels.behaviour.parameter import Parameter
from mcsim.errors import InputError, first_of, nearest, shown
from mcsim.loans import COLUMNS, NUMERIC, Loans
from mcsim.settings import Behaviour

Array = NDArray[Any]


class Reader(NamedTuple):
    """Who reads columns."""

    who: str
    """What a message calls it."""
    reads: tuple[str, ...]
    declared: Mapping[str, Parameter]
    """Meaning, unit and range, of some or all of them."""
    instead: str
    """What a user can do who does not have them."""


def read_by(behaviour: Behaviour) -> list[Reader]:
    """The models of a behaviour."""
    chosen = {kind: getattr(behaviour, kind).model for kind in KINDS}
    models = [(f"{kind} model {name}", KINDS[kind][name]) for kind, name in chosen.items()]
    instead = "choose a model that does not read it"
    return [Reader(who, model.column_names, model.columns, instead) for who, model in models]


def mapped(name: str, what: str) -> str:
    """The line of a table's mapping that brings a column, with ``what`` it should say."""
    return f"{'columns' if name in NUMERIC else 'extra'}: {{{name}: {{column: NAME{what}}}}} in its mapping (docs/tapes.md)"


def loan_columns(loans: Loans, readers: Iterable[Reader]) -> dict[str, Array]:
    """Columns by name as float64, an entry a loan.

    Parameters
    ----------
    loans : Loans
    readers : iterable of Reader

    Raises
    ------
    InputError
        Naming reader, column and how many loans, for every column that the loans lack, that is no number, that is not known of
        some of them, or that is outside of the range that the reader declares.
    """
    problems, columns = list[str](), dict[str, Array]()
    for reader in readers:
        for name in reader.reads:
            if problem := _lacking(loans, name) or _unfit(loans, name, reader.declared.get(name)):
                problems.append(f"{reader.who} reads {name!r}, {problem}, or {reader.instead}")
            else:
                columns[name] = loans.numbers(name)
    if problems:
        raise InputError(problems)
    return columns


def _lacking(loans: Loans, name: str) -> str:
    """What is wrong with a column that is not there, or is not of numbers."""
    known = (*NUMERIC, *loans.extra)
    if name in known:
        return ""
    lacks = f"which the loans have no column of numbers for{nearest(name, known)}"
    return (
        f"{lacks}; give it another name" if name in COLUMNS else f"{lacks}; give the column with the table, {mapped(name, '')}"
    )


def _unfit(loans: Loans, name: str, declared: Parameter | None) -> str:
    """What is wrong with the values of a column that is there."""
    values = loans.numbers(name)
    blank = ~np.isfinite(values)
    if blank.any():
        return f"which is blank for {int(blank.sum())} of {len(loans)} loans ({_ids(loans, blank)}); give each a number"
    if declared is None:
        return ""
    if not declared.range.step and all(map(declared.range.holds, (values.min(), values.max()))):  # of a million loans
        return ""
    outside = np.array([not declared.range.holds(value) for value in values.tolist()])
    if not outside.any():
        return ""
    return (
        f"{declared.meaning}, which is {shown(values[outside][0].item())} for the first of {int(outside.sum())} of {len(loans)} "
        f"loans ({_ids(loans, outside)}); expected {declared.range}: say the unit of the table's column, "
        f"{mapped(name, ', unit: percent')}, mend the values"
    )


def _ids(loans: Loans, which: Array) -> str:
    return first_of(loans.loan_id[which].tolist(), 5)
