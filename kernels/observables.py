"""The table of observables: what a behavioural model can read of a loan, a path and a month.

From the rows whose source is the scenario follow the rows of the kernels' scenario block, :class:`mcsim.scenario.Scenario`, the
stored group ``scenarios`` and the memory plan. Any other name that a model reads is a column of the loans.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LOAN, RATE, REGION, PATH, MONTH = "loan", "rate", "region", "path", "month"

_SUBSUMED = frozenset((RATE, REGION))
"""Axes that a loan decides: what differs by loan differs by these too."""

OF_LOAN = frozenset((LOAN,))
OF_MONTH = frozenset((MONTH,))
LOAN_MONTH = frozenset((LOAN, MONTH))
RATE_MONTH = frozenset((RATE, MONTH))
PATH_MONTH = frozenset((PATH, MONTH))
REGION_PATH_MONTH = frozenset((REGION, PATH, MONTH))
LOAN_PATH_MONTH = frozenset((LOAN, PATH, MONTH))

CALENDAR, LOANS, SCENARIO, LOAN_MONTHS = "calendar", "loan", "scenario", "loan month"


@dataclass(frozen=True)
class Observable:
    """One row of the table.

    Attributes
    ----------
    unit : str
        Of its values; ``integer`` where it is one.
    meaning : str
        What it says, and of when.
    varies : frozenset of str
        The axes along which it differs: a subset of loan, rate, region, path, month. ``rate`` is the schedule of note rates of
        loans whose rate is known beforehand, of which a pool of thousands has a few dozen.
    source : str
        Who makes it: the calendar, the loan's own terms, the scenario, or the loan month before it.
    stored : str
        For one of the scenario, what the store says of it.
    follows : tuple of str
        For one that the loan month makes, those of the scenario that it follows.
    """

    unit: str
    meaning: str
    varies: frozenset[str]
    source: str
    stored: str = ""
    follows: tuple[str, ...] = ()


OBSERVABLES: dict[str, Observable] = {
    "month": Observable("integer", "month of the simulation, 1 is the first after the cut-off", OF_MONTH, CALENDAR),
    "calendar_month": Observable("integer", "0 for January to 11 for December", OF_MONTH, CALENDAR),
    "age": Observable("months", "payments due since origination, 1 in the first month", LOAN_MONTH, LOANS),
    "lag": Observable("months", "from default to liquidation", OF_LOAN, LOANS),
    "advances_interest": Observable(
        "1 or 0", "1 where the servicer advances interest on the loan in foreclosure", OF_LOAN, LOANS
    ),
    "note_rate": Observable(
        "annual", "the loan's note rate this month; of an adjustable-rate loan by path too", RATE_MONTH, LOANS
    ),
    "short_rate": Observable(
        "annual, continuous", "short rate at the start of the month", PATH_MONTH, SCENARIO,
        "short rate at the end of the month, annual, continuously compounded",
    ),
    "discount_factor": Observable(
        "1", "value at the cut-off of 1 USD at the start of the month on this path", PATH_MONTH, SCENARIO,
        "value today of 1 USD at the end of the month on this path",
    ),
    "mortgage_rate": Observable(
        "annual", "primary mortgage rate at the start of the month", PATH_MONTH, SCENARIO,
        "primary 30-year mortgage rate at the end of the month, annual",
    ),
    "adjustable_index": Observable(
        "annual", "index of the adjustable-rate loans at the start of the month", PATH_MONTH, SCENARIO,
        "index of the adjustable-rate loans at the end of the month, annual",
    ),
    "home_price_index": Observable(
        "1", "home-price index of the loan's region at the start of the month, over its value at the cut-off",
        REGION_PATH_MONTH, SCENARIO, "home-price index over its value at the cut-off",
    ),
    "balance_factor": Observable(
        "1", "expected performing balance at the start of the month over the balance at the cut-off", LOAN_PATH_MONTH, LOAN_MONTHS
    ),
    "ltv": Observable(
        "1", "balance over the home's value at the start of the month; to a severity, the balance at default over that value",
        LOAN_PATH_MONTH, LOAN_MONTHS, follows=("home_price_index",),
    ),
}  # fmt: skip
"""By the name under which a model reads it; those of the scenario in the order in which the store has them."""

_OF_SCENARIO = {name: row.varies for name, row in OBSERVABLES.items() if row.source == SCENARIO}

_DISCOUNTING = ("short_rate", "discount_factor")
"""What no model has read so far: its rows stand last; with them first the loan kernel of a device is over its register budget."""

MARKET_ROWS: tuple[str, ...] = tuple(
    sorted((name for name, varies in _OF_SCENARIO.items() if REGION not in varies), key=lambda name: name in _DISCOUNTING)
)
"""Of the scenario, what is the same for every region: the first rows of a month of the scenario block."""

REGION_ROWS: tuple[str, ...] = tuple(name for name, varies in _OF_SCENARIO.items() if REGION in varies)
"""Of the scenario, what each region has of its own: so many rows a region follow, region by region."""

SCENARIO_ROWS = tuple(_OF_SCENARIO)
"""In the order of the table."""

ROW: dict[str, int] = {name: row for row, name in enumerate(MARKET_ROWS + REGION_ROWS)}
"""Row of a month of the scenario block; of a regional observable, that of the first region."""


def n_rows(n_regions: int) -> int:
    """Rows of a month of the scenario block."""
    return len(MARKET_ROWS) + n_regions * len(REGION_ROWS)


def varies_by(reads: Iterable[str]) -> frozenset[str]:
    """Axes along which a function of ``reads`` differs: their union. A column of the loans differs by loan.

    Examples
    --------
    >>> sorted(varies_by(["note_rate", "mortgage_rate"]))
    ['month', 'path', 'rate']
    >>> sorted(varies_by(["ltv", "note_rate"]))
    ['loan', 'month', 'path']
    """
    axes = frozenset[str]().union(*(OBSERVABLES[name].varies if name in OBSERVABLES else OF_LOAN for name in reads))
    return axes - _SUBSUMED if LOAN in axes else axes
