"""Loans, scenarios and blocks for tests of ``kernels/``: builds the arrays the launchers read, returns what they wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from kernels.amortization import build_level_principal_rate
from kernels.behaviour.model import Model
from kernels.dynamics.hazard import Leaving, Servicing, Shares, build_leave, build_settle
from kernels.flows import FIELDS, N_FIELDS
from kernels.launch import compile_launcher
from kernels.launchers.block import build_loan_block, chosen
from kernels.launchers.groups import ByModel, Inputs, Market, Scratch
from kernels.launchers.rows import scratch_sizes
from kernels.loan_terms import Count, Real, Tables, Terms
from kernels.observables import MARKET_ROWS
from kernels.ops import Ops, make_ops
from kernels.unrolled import build_each
from tests.model_columns import column_values

KEY = np.array([20201231, 0], np.uint32)
"""Seed and stream (0: loan decrements) of the tests' random numbers; any seed would do."""


@lru_cache(maxsize=None)
def _one_loan(ops: Ops, decrement: str) -> Callable[..., None]:
    leave, settle = build_leave(ops, decrement), build_settle(ops, decrement)
    lanes, at, zero, one = ops.lanes, ops.at, ops.real(0), ops.real(1)
    store = build_each(ops, FIELDS, "out, first, n, p, flows", "out[at(first + {i} * n, p)] = flows.{name}", at=at)

    def launcher(  # type: ignore[no-untyped-def]
        n, n_months, lag, maturity, smm, mdr, uniform, severity, balances, principal_rates, interest_rate, servicing_rate,
        principal, interest, state, ring, out,
    ):  # fmt: skip
        servicing = Servicing(servicing_rate, principal, interest)
        for month in range(1, n_months + 1):
            base, row, slot = (month - 1) * N_FIELDS * n, (month - 1) * n, ((month - 1) % lag) * n
            at_default = balances[month - 1 - lag] if month > lag else zero
            matures = one if month == maturity else zero
            for p in lanes(n):
                shares = Shares(state[at(0, p)], state[at(n, p)], state[at(2 * n, p)])
                defaulted, prepaid = leave(shares.performing, smm[at(row, p)], mdr[at(row, p)], uniform[at(row, p)])
                terms = Terms(zero, interest_rate, principal_rates[month - 1], balances[month - 1], at_default)
                leaving = Leaving(defaulted, prepaid, ring[at(slot, p)])
                shares, entering, flows = settle(terms, matures, shares, leaving, severity, servicing)
                state[at(0, p)], state[at(n, p)], state[at(2 * n, p)] = shares
                store(out, base, n, p, flows)
                ring[at(slot, p)] = entering

    return compile_launcher(ops, launcher, f"test-one-loan-{decrement}", (14, 15, 16))


@dataclass(frozen=True)
class Arm:
    """Terms of an adjustable-rate loan."""

    margin: float
    periodic_cap: float
    life_cap: float
    life_floor: float
    first_reset: int
    reset_period: int
    lookback: int
    initial_cap: float
    rounding: float


@dataclass(frozen=True)
class Loan:
    """Terms of one loan, as in :class:`kernels.loan_terms.Real` and :class:`kernels.loan_terms.Count`."""

    balance: float = 1e6
    ltv: float = 0.8
    note_rate: float = 0.05
    servicing_rate: float = 0.0025
    age: int = 0
    maturity: int = 360
    amortisation: int = 360
    interest_only: int = 0
    last_default: int = 348
    lag: int = 12
    region: int = 0
    day_count: int = 0
    advances_principal: bool = True
    advances_interest: bool = True
    number: int = 1
    arm: Arm | None = None


@dataclass(frozen=True)
class Models:
    """Names and parameters of the three behavioural models, and the decrement."""

    prepayment: tuple[str, tuple[float, ...]] = ("smm", (0.01,))
    default: tuple[str, tuple[float, ...]] = ("mdr", (0.01,))
    severity: tuple[str, tuple[float, ...]] = ("fixed", (0.2,))
    decrement: str = "expected"


FULL = Models(
    # OTS arctangent for 30-year loans, Richard-Roll seasonality; hazard and severity of plausible size. Values only have to be
    # such that every term of every model works.
    (
        "richard_roll",
        (0.2406, 0.1389, 5.952, 1.089, 30.0, 0.3, 0.7, 1.0)
        + (0.94, 0.76, 0.74, 0.95, 0.98, 0.92, 0.98, 1.10, 1.18, 1.22, 1.23, 0.98),
    ),
    ("ltv_hazard", (0.004, 4.0, 0.8, 24.0, 0.3, 1.5)),
    ("ltv_severity", (0.7, 0.02, 0.08, 0.2)),
)
"""The full behavioural set."""


@dataclass(frozen=True)
class Paths:
    """Scenario of a block: ``mortgage_rate``, ``adjustable_index`` (month 0..n, path), ``home_price`` (region, month 0..n, path).

    No model reads the short rate or the discount factor: they are NaN.
    """

    mortgage_rate: np.ndarray
    adjustable_index: np.ndarray
    home_price: np.ndarray

    @property
    def width(self) -> int:
        """Paths."""
        return int(self.adjustable_index.shape[1])

    def take(self, paths: slice) -> Paths:
        """The scenario on some of its paths."""
        return Paths(self.mortgage_rate[:, paths], self.adjustable_index[:, paths], self.home_price[:, :, paths])

    def flat(self, real: Any) -> tuple[np.ndarray, int]:
        """Rows as the launcher reads them, and how many a month."""
        known = {"mortgage_rate": self.mortgage_rate, "adjustable_index": self.adjustable_index}
        market = [known.get(name, np.full_like(self.mortgage_rate, np.nan)) for name in MARKET_ROWS]
        rows = np.concatenate([np.stack(market), self.home_price]).transpose(1, 0, 2)
        return np.ascontiguousarray(rows, real).ravel(), rows.shape[1]


def random_paths(n_months: int, width: int, n_regions: int = 2, seed: int = 1) -> Paths:
    """Walks wide enough to reach the models' caps and floors."""
    rng = np.random.default_rng(seed)
    shape = (n_months + 1, width)
    steps = np.cumsum(rng.normal(0, 0.003, shape), 0)
    prices = np.exp(np.cumsum(rng.normal(-0.001, 0.02, (n_regions, *shape)), 1))
    return Paths(np.clip(0.04 + steps, 0.005, 0.2), np.clip(0.03 + steps, -0.01, 0.2), prices)


def same_paths(n_months: int, width: int, n_regions: int = 1, seed: int = 2) -> Paths:
    """One scenario repeated on every path, so that only the draws differ."""
    one = random_paths(n_months, 1, n_regions, seed)
    return Paths(*(np.repeat(a, width, axis=-1) for a in (one.mortgage_rate, one.adjustable_index, one.home_price)))


def schedule(loans: Sequence[Loan], n_months: int) -> tuple[np.ndarray, np.ndarray]:
    """``balances`` and ``principal_rates`` (loan, month), float64, from the kernels' own amortisation.

    The payment stays level, so the principal rate is that of a level payment on what is left. After maturity the balance is
    that of the month of maturity: loans in foreclosure keep it.
    """
    level = build_level_principal_rate(make_ops("numpy", "float64"))
    month = np.arange(1, n_months + 1)
    rates = np.zeros((len(loans), n_months))
    for row, loan in zip(rates, loans, strict=True):
        left = np.maximum(loan.amortisation - (month - 1), 1).astype(float)
        amortises = (month > loan.interest_only) & (month <= loan.maturity)
        row[:] = np.where(amortises, level(np.float64(loan.note_rate / 12), left), 0.0)
    factors = np.cumprod(np.where(month < [[loan.maturity] for loan in loans], 1 - rates, 1.0), axis=1)
    for row, loan in zip(rates, loans, strict=True):
        if loan.maturity <= n_months:
            row[loan.maturity - 1] = 1.0
    start = np.array([[loan.balance] for loan in loans])
    return start * np.concatenate([np.ones((len(loans), 1)), factors[:, :-1]], 1), rates


def mixed_loans(n: int, seed: int = 0, longest: int = 60) -> tuple[Loan, ...]:
    """Loans of every kind: fixed, interest-only, balloon, adjustable; advances none, interest, both; lags 1 to 24."""
    rng = np.random.default_rng(seed)
    loans = []
    for i in range(n):
        maturity = int(rng.integers(6, longest + 1))
        arm = Arm(0.02, 0.01, 0.09, 0.02, int(rng.integers(1, 20)), int(rng.choice([6, 12])), int(rng.integers(0, 3)),
                  float(rng.choice([0.005, 0.03])), float(rng.choice([0, 0.00125])))  # fmt: skip
        loans.append(
            Loan(
                balance=float(rng.uniform(1e5, 2e6)),
                ltv=float(rng.uniform(0.4, 1.1)),
                note_rate=float(rng.uniform(0.02, 0.08)),
                age=int(rng.integers(0, 60)),
                maturity=maturity,
                amortisation=maturity + int(rng.choice([0, 120, 300])),
                interest_only=int(rng.choice([0, 5, maturity])),
                last_default=int(rng.choice([maturity, max(maturity - 12, 0)])),
                lag=int(rng.integers(1, 25)),
                region=int(rng.integers(0, 2)),
                day_count=int(rng.integers(0, 2)),
                advances_principal=i % 3 == 2,
                advances_interest=i % 3 >= 1,
                number=int(rng.integers(0, 2**64, dtype=np.uint64)),
                arm=arm if i % 4 == 3 else None,
            )
        )
    return tuple(loans)


def tables(loans: Sequence[Loan], real: Any) -> tuple[np.ndarray, np.ndarray]:
    """The two tables of terms."""
    reals, counts = np.zeros((len(loans), len(Real)), real), np.zeros((len(loans), len(Count)), np.int64)
    for i, x in enumerate(loans):
        arm = x.arm or Arm(0.0, 0.0, 0.0, 0.0, 0, 1, 0, 0.0, 0.0)
        reals[i] = (
            x.balance, x.ltv, x.note_rate, x.servicing_rate, arm.margin, arm.initial_cap, arm.periodic_cap, arm.life_cap,
            arm.life_floor, arm.rounding,
        )  # fmt: skip
        counts[i] = (
            x.age, x.maturity, x.amortisation, x.interest_only, x.last_default, x.lag, x.region, x.day_count,
            x.arm is not None, arm.first_reset, arm.reset_period, arm.lookback, x.advances_principal, x.advances_interest,
            x.number & 0xFFFFFFFF, x.number >> 32, -1,
        )  # fmt: skip
    rows = np.unique(reals[:, Real.NOTE_RATE], return_inverse=True)[1]
    counts[:, Count.NOTE_RATE_ROW] = np.where(counts[:, Count.ADJUSTABLE], -1, rows)
    return reals, counts


def named(model: Model, given: Sequence[float]) -> dict[str, Any]:
    """Parameters in the model's own order, by name; a table takes the rest."""
    names = list(model.parameters)
    alone = len(names) - len(model.tables)
    return {**dict(zip(names[:alone], given, strict=False)), **{name: list(given[alone:]) for name in model.tables}}


@lru_cache(maxsize=None)
def block_launcher(ops: Ops, width: int, models: ByModel, decrement: str) -> Callable[..., None]:
    """The product's launcher, compiled and cached for a combination of models."""
    return build_loan_block(ops, width, models, decrement)


@dataclass(frozen=True)
class Block:
    """A block of loans on a block of paths, ready to simulate."""

    loans: tuple[Loan, ...]
    paths: Paths
    models: Models = field(default_factory=Models)
    calendar_month: int = 0
    first_path: int = 0
    accruals: tuple[float, ...] = (1 / 12,)
    """Year fraction of a month, by day count."""

    @property
    def n_months(self) -> int:
        """Months simulated: those of the scenario."""
        return int(self.paths.adjustable_index.shape[0]) - 1

    @property
    def names(self) -> ByModel:
        """Of the three models."""
        return ByModel(self.models.prepayment[0], self.models.default[0], self.models.severity[0])

    def inputs(self, real: Any) -> ByModel:
        """What the three models read."""
        given = (self.models.prepayment[1], self.models.default[1], self.models.severity[1])
        n = len(self.loans)
        inputs = []
        for model, parameters in zip(chosen(self.names), given, strict=True):
            columns = [column_values(model, name, n) for name in model.column_names]
            table = np.array(columns, real).reshape(len(columns), n).T.copy()
            inputs.append(Inputs(np.array(model.values(named(model, parameters)), real), table, np.empty(0, real)))
        return ByModel(*inputs)

    def arguments(self, ops: Ops) -> tuple[Any, ...]:
        """Arguments of the launcher, all but the pool."""
        real, width, n_months = ops.real, self.paths.width, self.n_months
        reals, counts = tables(self.loans, real)
        balances, rates = (a.astype(real) for a in schedule(self.loans, n_months))
        accruals = np.repeat(np.array(self.accruals, real)[:, None], n_months, 1)
        note_rates = np.repeat(np.unique(reals[:, [Real.NOTE_RATE]], axis=0), n_months, 1)
        scenario, n_rows = self.paths.flat(real)
        lag_size = max(loan.lag for loan in self.loans)
        scratch = Scratch(*(np.full(size, np.nan, real) for size in scratch_sizes(width, lag_size)))
        return (
            self.inputs(real),
            Tables(reals, counts, balances, rates, note_rates, accruals, lag_size),
            Market(scenario, n_rows, self.calendar_month, self.first_path, KEY),
            scratch,
        )

    def run(self, target: str, precision: str, pool: np.ndarray | None = None) -> np.ndarray:
        """Pool flows (month, field, path), float64; added to ``pool`` where one is given."""
        ops = make_ops(target, precision)
        shape = (self.n_months, N_FIELDS, self.paths.width)
        total = np.zeros(shape) if pool is None else pool
        launch = block_launcher(ops, self.paths.width, self.names, self.models.decrement)
        launch(*self.arguments(ops), total.reshape(-1))
        return total


def run_one_loan(
    target: str,
    precision: str,
    loan: Loan,
    smm: np.ndarray,
    mdr: np.ndarray,
    severity: float,
    uniform: np.ndarray | None = None,
) -> np.ndarray:
    """One fixed-rate loan at given speeds (month, path): flows (month, field, path). ``sampled`` where uniforms are given."""
    ops = make_ops(target, precision)
    real = ops.real
    n_months, n = smm.shape
    balances, rates = (a[0].astype(real) for a in schedule([loan], n_months))
    state, ring = np.zeros(3 * n, real), np.zeros(loan.lag * n, real)
    state[:n] = 1
    out = np.zeros(n_months * N_FIELDS * n, real)
    draws = np.ones_like(smm) if uniform is None else uniform
    run = _one_loan(ops, "expected" if uniform is None else "sampled")
    run(
        n, n, n_months, loan.lag, loan.maturity, *(np.ascontiguousarray(a, real).ravel() for a in (smm, mdr, draws)),
        real(severity), balances, rates, real(loan.note_rate / 12), real(loan.servicing_rate / 12),
        real(loan.advances_principal), real(loan.advances_interest), state, ring, out,
    )  # fmt: skip
    return out.reshape(n_months, N_FIELDS, n)
