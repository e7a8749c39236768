"""Columns of the loans that models and terms read by name: checked before any kernel starts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.behaviour import KINDS
from mcsim.errors import InputError, first_of, nearest
from mcsim.loans import NUMERIC, Loans
from mcsim.settings import Behaviour

Array = NDArray[Any]


def read_by(behaviour: Behaviour) -> dict[str, tuple[str, ...]]:
    """What each model of a behaviour reads of the loans by column, by what a message calls the model."""
    chosen = {kind: getattr(behaviour, kind).model for kind in KINDS}
    return {f"{kind} model {name}": KINDS[kind][name].columns for kind, name in chosen.items()}


def loan_columns(loans: Loans, readers: Mapping[str, Collection[str]]) -> dict[str, Array]:
    """Columns by name as float64, an entry a loan.

    Parameters
    ----------
    loans : Loans
    readers : mapping
        Who reads which columns: a name for messages to names of columns.

    Raises
    ------
    InputError
        Naming reader, column and how many loans, for every column that the loans lack, that is no number, or that is not known
        of some of them.
    """
    problems, columns = list[str](), dict[str, Array]()
    known = (*NUMERIC, *loans.extra)
    for reader, names in readers.items():
        for name in names:
            if name not in known:
                problems.append(
                    f"{reader} reads {name!r}, which the loans have no column of numbers for{nearest(name, known)}; give the "
                    "column with the tape, or choose a model that does not read it"
                )
                continue
            values = loans.numbers(name)
            blank = ~np.isfinite(values)
            if blank.any():
                problems.append(
                    f"{reader} reads {name!r}, which is blank for {int(blank.sum())} of {len(loans)} loans "
                    f"({first_of(loans.loan_id[blank].tolist())}); give each a number, or choose a model that does not read it"
                )
            columns[name] = values
    if problems:
        raise InputError(problems)
    return columns
