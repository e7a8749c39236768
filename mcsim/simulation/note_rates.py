"""Note rates that are known beforehand: what the terms of the loans make of their columns, month by month, checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.loan_terms import KnownBeforehand
from kernels.terms import TERMS
from kernels.unrolled import named_tuple
from mcsim.errors import InputError, nearest
from mcsim.loans import NUMERIC, Loans
from mcsim.ranges import RATE
from mcsim.simulation.columns import Reader, loan_columns, mapped

Array = NDArray[Any]


class _Known(NamedTuple):
    """The loans of one kind of terms; those whose columns agree have one schedule."""

    name: str
    terms: KnownBeforehand
    who: Array
    """Place of each loan among all."""
    which: Array
    """Its schedule."""
    n_schedules: int
    columns: Any
    """What the terms read, by name, an entry a schedule."""


def n_note_rates(loans: Loans) -> int:
    """Schedules of note rates that are known beforehand."""
    return max(sum(known.n_schedules for known in _known(loans)), 1)


def note_rates(loans: Loans, liquidation_lag: int, n_months: int) -> tuple[Array, Array]:
    """Schedules of note rates that are known beforehand, each once.

    Parameters
    ----------
    loans : Loans
    liquidation_lag : int
        Months after maturity in which a loan in foreclosure may still bear interest.
    n_months : int

    Returns
    -------
    array of float64 (row, month)
        Annual; one row of zeros where there is no such loan.
    array of int (loan,)
        Each loan's row, else -1.

    Raises
    ------
    InputError
        For terms that are not known, columns that they read and the loans lack, and rates that are no note rates.
    """
    rows = np.full(len(loans), -1)
    schedules: list[Array] = []
    for known in _known(loans):
        rows[known.who] = sum(map(len, schedules)) + known.which
        schedules.append(np.array([*_by_month(loans, known, liquidation_lag, n_months)]).T)
    if not schedules:  # a table has a row
        schedules.append(np.zeros((1, n_months)))
    return np.concatenate(schedules), rows


def check_note_rates(loans: Loans, liquidation_lag: int, n_months: int) -> None:
    """Raise what :func:`note_rates` would, all problems together, a month in memory at a time."""
    problems = []
    for known in _known(loans):
        try:
            for _ in _by_month(loans, known, liquidation_lag, n_months):
                pass
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)


def _known(loans: Loans) -> list[_Known]:
    """Loans by terms, a file of ``kernels/terms/``, of those whose note rate is known beforehand."""
    names = loans.terms
    unknown = sorted({str(name) for name in np.unique(names)} - set(TERMS))
    problems = [f"terms {name!r} of {int((names == name).sum())} loans{nearest(name, TERMS)}" for name in unknown]
    found = []
    for name, terms in TERMS.items():
        who = np.flatnonzero(names == name)
        if not isinstance(terms, KnownBeforehand) or not len(who):
            continue
        reader = Reader(f"terms {name}", terms.reads, terms.columns, "give these loans other terms")
        try:
            columns = loan_columns(loans.take(who), [reader])
        except InputError as error:
            problems += error.problems
            continue
        first, which = _distinct([*columns.values()])
        read = named_tuple("Columns", [*columns])(**{column: values[first] for column, values in columns.items()})
        found.append(_Known(name, terms, who, which, len(first), read))
    if problems:
        raise InputError(problems)
    return found


def _distinct(columns: list[Array]) -> tuple[Array, Array]:
    """Of the rows of ``columns`` that differ: the first loan of each, and which of them each loan has."""
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        values, which = np.unique(column, return_inverse=True)
        code = np.unique(code * len(values) + which, return_inverse=True)[1]
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    return first, which


def _by_month(loans: Loans, known: _Known, liquidation_lag: int, n_months: int) -> Iterator[Array]:
    """Note rates of each schedule, a month at a time; after the last, :class:`InputError` if any was none.

    A number is due in all months, for what a loan that is gone pays is 0 times it; a rate that can be, while the loan lives.
    """
    n = known.n_schedules
    last, wrong_in, value = np.zeros(n, int), np.zeros(n, int), np.zeros(n)
    np.maximum.at(last, known.which, loans.maturity[known.who] + liquidation_lag)
    for month in range(1, n_months + 1):
        rates = np.array(np.broadcast_to(known.terms.note_rate(known.columns, month), n), float)
        if not (RATE.holds(rates.min()) and RATE.holds(rates.max())):
            in_range = (rates >= RATE.lowest) & (rates <= RATE.highest)
            new = ~np.where(month <= last, in_range, np.isfinite(rates)) & (wrong_in == 0)
            wrong_in[new], value[new] = month, rates[new]
        yield rates
    if wrong_in.any():
        raise InputError(_no_note_rate(loans, known, wrong_in[known.which], value[known.which]))


def _no_note_rate(loans: Loans, known: _Known, wrong_in: Array, value: Array) -> str:
    """``wrong_in`` the first month of each loan in which its rate is none (0: it is one in all), ``value`` the rate then."""
    wrong = np.flatnonzero(wrong_in)
    own = [name for name in known.terms.reads if name not in NUMERIC] or known.terms.reads
    unit = f"say the unit of the table's columns, such as {mapped(own[-1], ', unit: percent')}"
    return (
        f"terms {known.name} make a note rate of {value[wrong[0]]:.6g} for loan {loans.loan_id[known.who][wrong[0]]} in month "
        f"{wrong_in[wrong[0]]}, and of {len(wrong)} of {len(wrong_in)} loans one that cannot be; expected {RATE}; they "
        f"read {', '.join(known.terms.reads)}: {unit}, mend their values, or the terms"
    )
