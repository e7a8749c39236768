"""Loans as arrays for the kernels: terms, and the schedule of every loan whose rate is known beforehand."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.amortization import build_level_payment_rate, build_scheduled_principal
from kernels.loan_terms import Count, Real, Tables
from kernels.ops import make_ops
from mcsim.conventions import DAY_COUNTS
from mcsim.errors import InputError
from mcsim.loans import SECURITIES, Loans
from mcsim.settings import Behaviour, Portfolio
from mcsim.simulation.columns import loan_columns, read_by
from mcsim.simulation.note_rates import check_note_rates, note_rates

Array = NDArray[Any]
_BY_LOAN = ("reals", "counts", "balances", "principal_rates", "columns")


@dataclass(frozen=True)
class PreparedLoans:
    """Loans as the launchers read them, in the run's precision.

    ``reals`` (loan, Real), ``counts`` (loan, Count) int64, ``balances`` and ``principal_rates`` (loan, month), ``note_rates``
    (row, month) of every schedule that is known beforehand, ``accruals`` (day count, month); ``calendar_month`` of month 1
    (January is 0); ``lag_size`` the longest liquidation lag; ``columns`` (loan, column) those that the run's models read, whose
    names are ``column_names``.
    """

    reals: Array
    counts: Array
    balances: Array
    principal_rates: Array
    note_rates: Array
    accruals: Array
    calendar_month: int
    lag_size: int
    columns: Array
    column_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.reals)

    @property
    def n_months(self) -> int:
        return int(self.principal_rates.shape[1])

    @property
    def tables(self) -> Tables:
        """As the launchers take them."""
        return Tables(
            self.reals, self.counts, self.balances, self.principal_rates, self.note_rates, self.accruals, self.lag_size
        )

    def take(self, loans: slice) -> PreparedLoans:
        """The loans of a slice, contiguous."""
        part: dict[str, Any] = {name: np.ascontiguousarray(getattr(self, name)[loans]) for name in _BY_LOAN}
        return replace(self, **part)


def horizon(loans: Loans, portfolio: Portfolio) -> int:
    """Months until the last loan has matured and the last foreclosure is settled."""
    settled = _last_default(loans, portfolio) + portfolio.liquidation_lag
    return int(max(loans.maturity.max(), settled.max()))


def check_loans(loans: Loans, portfolio: Portfolio, behaviour: Behaviour) -> None:
    """Raise what models and terms cannot take of the loans, all of it together, before anything is made of them.

    Raises
    ------
    InputError
        For terms that are not known, a column that terms or a model read and the loans lack or that is outside of its range, and
        note rates that the terms compute and that cannot be.
    """
    problems = list[str]()
    for check in (
        lambda: loan_columns(loans, read_by(behaviour)),
        lambda: check_note_rates(loans, portfolio.liquidation_lag, horizon(loans, portfolio)),
    ):
        try:
            check()
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)


def prepare_loans(
    loans: Loans,
    portfolio: Portfolio,
    regions: tuple[str, ...],
    n_months: int,
    precision: str,
    behaviour: Behaviour | None = None,
) -> PreparedLoans:
    """Arrays for the kernels.

    Parameters
    ----------
    loans : Loans
        Checked loans.
    portfolio : Portfolio
        Liquidation lag (months, >= 1) and servicer advances.
    regions : tuple of str
        Rows of the scenario's home-price indices.
    n_months : int
        Horizon, at least :func:`horizon`.
    precision : str
        ``float32`` or ``float64``; the schedule is computed in float64 and rounded once.
    behaviour : Behaviour, optional
        Whose models' columns are wanted.

    Raises
    ------
    InputError
        As :func:`check_loans`.
    """
    if portfolio.liquidation_lag < 1:
        raise InputError(f"portfolio.liquidation_lag is {portfolio.liquidation_lag}; expected at least 1 month")
    real = make_ops("numpy", precision).real
    accruals = _accruals(loans.cut_off, n_months)
    columns = loan_columns(loans, read_by(behaviour)) if behaviour else {}
    known, rows = note_rates(loans, portfolio.liquidation_lag, n_months)
    balances, principal_rates = _schedule(loans, accruals, known, rows)
    return PreparedLoans(
        reals=_real_terms(loans).astype(real),
        counts=_counts(loans, portfolio, regions, rows),
        balances=balances.astype(real),
        principal_rates=principal_rates.astype(real),
        note_rates=np.ascontiguousarray(known, real),  # always: of another layout it would be another compilation
        accruals=accruals.astype(real),
        calendar_month=loans.cut_off.month % 12,
        lag_size=portfolio.liquidation_lag,
        columns=np.array([*columns.values()], real).reshape(len(columns), len(loans)).T.copy(),
        column_names=tuple(columns),
    )


def _last_default(loans: Loans, portfolio: Portfolio) -> Array:
    """Last month of default: with principal advanced to a loan that amortises to zero, one lag before maturity (BMA SF-22).

    0 for a defeased loan, which has none: government securities pay it, whatever becomes of the property.
    """
    to_zero = (loans.amortisation <= loans.maturity) & (loans.interest_only < loans.maturity)
    advanced_to_zero = to_zero & (portfolio.advances == "principal_and_interest")
    last = np.where(advanced_to_zero, loans.maturity - portfolio.liquidation_lag, loans.maturity)
    return np.where(loans.property_type == SECURITIES, 0, np.maximum(last, 0))


def _real_terms(loans: Loans) -> Array:
    terms = np.zeros((len(loans), len(Real)))
    columns = {
        Real.BALANCE: loans.balance,
        Real.LTV: loans.ltv,
        Real.NOTE_RATE: loans.note_rate,
        Real.SERVICING_RATE: loans.servicing_rate,
        Real.MARGIN: loans.margin,
        Real.INITIAL_CAP: loans.initial_cap,
        Real.PERIODIC_CAP: loans.periodic_cap,
        Real.LIFE_CAP: loans.life_cap,
        Real.LIFE_FLOOR: loans.life_floor,
        Real.RATE_ROUNDING: loans.rate_rounding,
    }
    for column, values in columns.items():
        terms[:, column] = np.nan_to_num(values, nan=0.0)
    return terms


def _counts(loans: Loans, portfolio: Portfolio, regions: tuple[str, ...], note_rate_rows: Array) -> Array:
    row_of = {region: row for row, region in enumerate(regions)}
    day_count_of = {name: row for row, name in enumerate(DAY_COUNTS)}
    columns = {
        Count.AGE: loans.age,
        Count.MATURITY: loans.maturity,
        Count.AMORTISATION: loans.amortisation,
        Count.INTEREST_ONLY: loans.interest_only,
        Count.LAST_DEFAULT: _last_default(loans, portfolio),
        Count.LAG: portfolio.liquidation_lag,
        Count.REGION: [row_of[region] for region in loans.region],
        Count.DAY_COUNT: [day_count_of[name] for name in loans.day_count],
        Count.ADJUSTABLE: note_rate_rows < 0,
        Count.FIRST_RESET: loans.first_reset,
        Count.RESET_PERIOD: np.maximum(loans.reset_period, 1),
        Count.LOOKBACK: loans.lookback,
        Count.ADVANCES_PRINCIPAL: portfolio.advances == "principal_and_interest",
        Count.ADVANCES_INTEREST: portfolio.advances != "none",
        Count.ID_LOW: loans.number & np.uint64(0xFFFFFFFF),
        Count.ID_HIGH: loans.number >> np.uint64(32),
        Count.NOTE_RATE_ROW: note_rate_rows,
    }
    counts = np.zeros((len(loans), len(Count)), np.int64)
    for column, values in columns.items():
        counts[:, column] = values
    return counts


def _accruals(cut_off: dt.date, n_months: int) -> Array:
    """Year fraction of every month, one row a day count; actual days are those of the calendar month that begins it."""
    months = [(cut_off.month - 1 + m) % 12 + 1 for m in range(n_months)]
    years = [cut_off.year + (cut_off.month - 1 + m) // 12 for m in range(n_months)]
    days = np.array([calendar.monthrange(year, month)[1] for year, month in zip(years, months, strict=True)])
    return np.array([np.full(n_months, 1 / 12), days / 360, days / 365])


def _schedule(loans: Loans, accruals: Array, note_rates: Array, note_rate_rows: Array) -> tuple[Array, Array]:
    """Balance at the start of each month (USD) and scheduled principal over it, both (loan, month), in float64.

    A payment holds until the note rate changes; then it is computed anew for what is left. After maturity the balance stays at
    its last value: the measure of what is still in foreclosure.
    """
    ops = make_ops("numpy", "float64")
    principal_of, payment_rate = build_scheduled_principal(ops), build_level_payment_rate(ops)
    n_months = accruals.shape[1]
    rows = np.array([DAY_COUNTS.index(name) for name in loans.day_count])
    balances, rates = np.zeros((len(loans), n_months)), np.zeros((len(loans), n_months))
    balance, payment = loans.balance.astype(float), loans.payment.astype(float)
    known, before = note_rate_rows >= 0, loans.note_rate
    for m in range(1, n_months + 1):
        note_rate = np.where(known, note_rates[note_rate_rows, m - 1], loans.note_rate)
        left = np.maximum(loans.amortisation - (m - 1), 1).astype(float)
        starts = (np.isnan(payment) | (note_rate != before)) & (m > loans.interest_only)
        payment = np.where(starts, balance * payment_rate(note_rate / 12, left), payment)
        interest = balance * note_rate * accruals[rows, m - 1]
        alive, matures = m <= loans.maturity, m == loans.maturity
        amortises = np.asarray(alive & (m > loans.interest_only), float)
        due = principal_of(balance, interest, np.nan_to_num(payment), amortises, np.asarray(matures, float))
        balances[:, m - 1] = balance
        rates[:, m - 1] = np.divide(due, balance, out=np.zeros_like(balance), where=balance > 0)
        balance, before = np.where(matures, balance, balance - due), note_rate
    return balances, rates
