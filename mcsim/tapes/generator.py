"""A pool drawn from a term sheet's figures: stratified, so that its weighted averages are those asked for.

Theory, and what is published and what is assumed: docs/theory/generator.md and conf/portfolio/prime_jumbo.yaml.
"""

from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np

from kernels import philox, special
from kernels.ops import make_ops
from mcsim.errors import InputError, nearest
from mcsim.loans import scheduled_balance
from mcsim.settings import Generator
from mcsim.tapes.checks import MOST_BALANCE, MOST_FEE, MOST_LTV, MOST_RATE, MOST_TERM, NO_INTEREST, STATES, Candidates

STREAM = 3
"""Of the random key (seed, stream): no other draw of a run uses it."""

MOST_LOANS = 10_000_000  # loan ids have 8 digits, and a stratum is at least 400 of the 2**32 quantiles

_EIGHTH = 0.00125  # note rates are quoted in eighths of a percent
_CUT = 0.02275013194817921  # normal distribution function at -2: where the distributions are cut

# Terms of the adjustable-rate loans: a 5/1 hybrid with 2/2/5 caps (first reset, later ones, life) over the one-year Treasury, the
# commonest in Freddie Mac's annual adjustable-rate mortgage surveys until 2020; margin 2.25, index read 45 days before, here one
# whole month; index plus margin rounded to an eighth, as the agencies' uniform notes have it.
_FIXED_MONTHS, _RESET_PERIOD, _LOOKBACK = 60, 12, 1
_MARGIN, _INITIAL_CAP, _PERIODIC_CAP, _LIFE_CAP_OVER_NOTE = 0.0225, 0.02, 0.02, 0.05

# Interest-only months of a 30-year interest-only loan: ten years, the usual jumbo term; then level payments to maturity.
_INTEREST_ONLY_MONTHS = 120

_OPS = make_ops("numpy", "float64")
_RANDOM, _FUNCTIONS = philox.build(_OPS), special.build(_OPS)

_BALANCE, _RATE, _LTV, _AGE, _REGION, _ADJUSTABLE, _INTEREST_ONLY = range(7)  # draws of a loan, in the random counter


def generate(terms: Generator, cut_off: datetime.date, servicing_rate: float) -> Candidates:
    """A pool of ``terms.loans`` loans; a function of its arguments alone.

    Parameters
    ----------
    terms : Generator
        Balances are lognormal with mean ``average_balance`` (USD, met to the cent) and standard deviation of the logarithm
        ``balance_spread``, none more than two of them below the median; note rate and ltv normal with the balance-weighted
        mean given and the standard deviation given, cut at two of them; age uniform on the integers 0 to twice
        ``age_mean``; regions by share of the loans.
    cut_off : date
        Month 0.
    servicing_rate : float
        Annual, of every loan.

    Raises
    ------
    InputError
        All that is wrong with ``terms``, together.
    """
    _check(terms, servicing_rate)
    seed = terms.seed
    n = terms.loans
    age, term, zero = _ages(terms, seed), float(terms.term), np.zeros(n)
    interest_only_loan = _choose(terms.interest_only_share, n, seed, _INTEREST_ONLY)
    interest_only = np.where(interest_only_loan, float(min(_INTEREST_ONLY_MONTHS, terms.term - 1)), zero)
    size = _FUNCTIONS.exp(terms.balance_spread * _normal(_CUT + _strata(n, seed, _BALANCE) * (1 - _CUT)))
    note_rate = _note_rates(terms, size, seed)
    _check_servicing(servicing_rate, note_rate)
    full_term = np.full(n, term)
    # The average is that of the balances at the cut-off: size the original ones so that they amortise to it.
    unit = 1e6  # USD, where a cent is a relative 1e-8
    factor = scheduled_balance(np.full(n, unit), note_rate, full_term, interest_only, age) / unit
    original = np.round(size * (terms.average_balance * n / math.fsum(size * factor)), 2)
    balance = scheduled_balance(original, note_rate, full_term, interest_only, age)
    _spread_rest(balance, original, terms.average_balance * n)
    adjustable = _choose(terms.adjustable_share, n, seed, _ADJUSTABLE)
    ids = np.array([f"G{i + 1:08d}" for i in range(n)], dtype=object)
    loans: dict[str, Any] = {
        "loan_id": ids, "balance": balance, "original_balance": original, "ltv": _ltvs(terms, balance, seed),
        "note_rate": note_rate, "servicing_rate": np.full(n, servicing_rate), "age": age, "maturity": term - age,
        "amortisation": term - age, "interest_only": np.maximum(interest_only - age, 0.0),
        "day_count": np.full(n, "30/360"), "region": _regions(terms, seed), "property_type": np.full(n, "single_family"),
        **_adjustable_terms(adjustable, note_rate, age),
    }  # fmt: skip
    first_due = np.datetime64(cut_off, "M") - age.astype(np.int64) + 1
    besides = {
        "term": full_term,
        "origination": (first_due - 1).astype("datetime64[D]"),
        "first_payment": first_due.astype("datetime64[D]"),
    }
    return Candidates(np.arange(1, n + 1), loans, besides, {}, {}, [], n)


def _check(terms: Generator, servicing_rate: float) -> None:
    """Raise with every problem of ``terms``."""
    ranges: dict[str, tuple[float, float]] = {
        "loans": (1, MOST_LOANS), "average_balance": (1, MOST_BALANCE / 100), "balance_spread": (0, 2),
        "note_rate_mean": (0, MOST_RATE), "note_rate_spread": (0, MOST_RATE / 4), "ltv_mean": (0.01, MOST_LTV / 2),
        "ltv_spread": (0, terms.ltv_mean / 2.5), "term": (2, MOST_TERM), "age_mean": (0, (terms.term - 1) / 2),
        "adjustable_share": (0, 1), "interest_only_share": (0, 1),
    }  # fmt: skip
    problems = [
        f"portfolio.generator.{name} = {getattr(terms, name)!r}: expected {low:g} to {high:g}"
        for name, (low, high) in ranges.items()
        if not low <= getattr(terms, name) <= high
    ]
    if not 0 <= servicing_rate <= MOST_FEE:
        problems.append(f"portfolio.servicing_rate = {servicing_rate!r}: expected 0 to {MOST_FEE:g}, annual")
    problems += [
        f"portfolio.generator.regions: unknown region {s!r}{nearest(s, STATES)}" for s in terms.regions if s not in STATES
    ]
    problems += [
        f"portfolio.generator.regions.{s} = {v!r}: expected a share, 0 to 1"
        for s, v in terms.regions.items()
        if not 0 <= v <= 1
    ]
    total = math.fsum(terms.regions.values())
    if not abs(total - 1) < 1e-9:  # the rounding of a sum of decimal shares
        problems.append(f"portfolio.generator.regions: the shares add to {total:.10g}; expected 1")
    if not 0 <= terms.seed < 2**32:
        problems.append(f"portfolio.generator.seed = {terms.seed!r}: expected 0 to {2**32 - 1}")
    if problems:
        raise InputError(problems)


def _check_servicing(servicing_rate: float, note_rate: np.ndarray) -> None:
    """A setting that makes principal pay the servicing of some of the loans is refused as such."""
    over = int((note_rate <= servicing_rate).sum())
    if over and servicing_rate >= NO_INTEREST:
        raise InputError(
            f"portfolio.servicing_rate = {servicing_rate:g}: not below the note rate of {over:,} of {len(note_rate):,} loans, the "
            f"lowest of which is {note_rate.min():g}; expected less, or a higher portfolio.generator.note_rate_mean"
        )


def _words(n: int, seed: int, draw: int) -> tuple[np.ndarray, ...]:
    """Four random words a loan, uint32."""
    loan, other = np.arange(n, dtype=np.uint32), np.zeros(n, dtype=np.uint32)
    return _RANDOM(loan, other + np.uint32(draw), other, other, np.uint32(seed), np.uint32(STREAM))


def _strata(n: int, seed: int, draw: int) -> np.ndarray:
    """One number of (0, 1) a loan, one in each of ``n`` equal strata, in random order (McKay et al. 1979)."""
    key, tie, within, _ = _words(n, seed, draw)
    stratum = np.empty(n, dtype=np.float64)
    stratum[np.lexsort((tie, key))] = np.arange(n)
    return (stratum + (within.astype(np.float64) + 0.5) * 2.0**-32) / n


def _normal(probability: np.ndarray) -> np.ndarray:
    """Normal quantiles: the index of a probability among 2**32 equal ones, coded as the sign and tail of the word."""
    index = np.minimum(probability * 2.0**32, 2.0**32 - 1).astype(np.uint64)
    half = np.uint64(2**31)
    lower = index < half
    word = np.where(
        lower, index * np.uint64(2) + np.uint64(1), (np.uint64(2**32 - 1) - np.maximum(index, half)) * np.uint64(2)
    )
    return np.asarray(_FUNCTIONS.normal_from_bits(word.astype(np.uint32)))


def _cut_normal(n: int, seed: int, draw: int) -> np.ndarray:
    """Normal deviates within two standard deviations, where neither a rate nor an ltv can be absurd; the mean stays 0."""
    return _normal(_CUT + _strata(n, seed, draw) * (1 - 2 * _CUT))


def _centre(values: np.ndarray, weight: np.ndarray, mean: float) -> np.ndarray:
    """Shifted so that the weighted mean is ``mean``."""
    shift = mean - math.fsum(weight * values) / math.fsum(weight)
    return values + shift


def _note_rates(terms: Generator, size: np.ndarray, seed: int) -> np.ndarray:
    """In eighths, not below one eighth."""
    spread = terms.note_rate_spread * _cut_normal(terms.loans, seed, _RATE)
    eighths = np.round(_centre(spread, size, terms.note_rate_mean) / _EIGHTH)
    return np.asarray(np.maximum(eighths, 1.0) * _EIGHTH)


def _ltvs(terms: Generator, balance: np.ndarray, seed: int) -> np.ndarray:
    spread = terms.ltv_spread * _cut_normal(terms.loans, seed, _LTV)
    return _centre(spread, balance, terms.ltv_mean)


def _ages(terms: Generator, seed: int) -> np.ndarray:
    """Uniform on 0, 1, ..., twice the mean, rounded."""
    ages: np.ndarray = np.floor(_strata(terms.loans, seed, _AGE) * (round(2 * terms.age_mean) + 1))
    return ages


def _choose(share: float, n: int, seed: int, draw: int) -> np.ndarray:
    """``share`` of the loans, to the nearest whole number, at random."""
    return _strata(n, seed, draw) * n < round(share * n)


def _regions(terms: Generator, seed: int) -> np.ndarray:
    """Each region its share of the loans, to within one loan."""
    names = sorted(terms.regions)
    edges = np.cumsum([terms.regions[name] for name in names])
    at = np.searchsorted(edges, _strata(terms.loans, seed, _REGION), side="right")
    return np.array(names, dtype=object)[np.minimum(at, len(names) - 1)]


def _spread_rest(balance: np.ndarray, original: np.ndarray, total: float) -> None:
    """The rounding of the balances, a few dollars in all, cent by cent over the first loans: the total is exact."""
    rest = round((total - math.fsum(balance)) * 100)
    n = len(balance)
    cents = np.full(n, rest // n) + (np.arange(n) < rest % n)
    balance[:] = np.round(balance + cents / 100, 2)
    original[:] = np.round(original + cents / 100, 2)


def _adjustable_terms(adjustable: np.ndarray, note_rate: np.ndarray, age: np.ndarray) -> dict[str, np.ndarray]:
    """A loan past its fixed months has its next reset on the anniversary of the first."""
    first = _FIXED_MONTHS + 1 - age
    next_reset = np.where(first >= 1, first, np.mod(first - 1, _RESET_PERIOD) + 1)
    absent = np.full(len(age), np.nan)
    return {
        "adjustable": adjustable,
        "margin": np.where(adjustable, _MARGIN, absent),
        # A loan whose first reset is behind it has only periodic ones before it.
        "initial_cap": np.where(adjustable, np.where(first >= 1, _INITIAL_CAP, _PERIODIC_CAP), absent),
        "periodic_cap": np.where(adjustable, _PERIODIC_CAP, absent),
        "life_cap": np.where(adjustable, note_rate + _LIFE_CAP_OVER_NOTE, absent),
        "life_floor": np.where(adjustable, _MARGIN, absent),
        "rate_rounding": np.where(adjustable, _EIGHTH, 0.0),
        "first_reset": np.where(adjustable, next_reset, 0.0),
        "reset_period": np.where(adjustable, float(_RESET_PERIOD), 0.0),
        "lookback": np.where(adjustable, float(_LOOKBACK), 0.0),
    }
