"""Ranges and choices of the settings: what a value may be, by its place in the configuration.

The ranges are wide. They catch what cannot be meant: a negative volatility, a percentage where a rate per unit belongs, a
number that a random counter cannot hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kernels.behaviour.parameter import ANNUAL, NOT_NEGATIVE, POSITIVE, SHARE, Range
from kernels.dynamics.hazard import DECREMENTS
from kernels.ops import LANES, PRECISIONS
from mcsim.backend import BACKENDS

_WORD = 2**32 - 1  # a seed and a path index are each one 32-bit word of the random number generator

RATE = Range(0, 0.25, unit=ANNUAL)
"""A rate of interest, that of a loan in any month and any tape among them: one given in percent (4.0 for 4%) is above."""
_months = Range(1, 600)  # fifty years: the longest term lent

RANGES: dict[str, Range] = {
    "seed": Range(0, _WORD),
    "paths": Range(1, _WORD),
    "portfolio.max_reject_share": SHARE,
    "portfolio.servicing_rate": Range(0, 0.05, unit=ANNUAL),
    "portfolio.liquidation_lag": Range(1, 600, unit="months"),
    "portfolio.generator.loans": Range(1, 10_000_000),
    "portfolio.generator.seed": Range(0, _WORD),
    "portfolio.generator.average_balance": POSITIVE,
    "portfolio.generator.balance_spread": NOT_NEGATIVE,
    "portfolio.generator.note_rate_mean": RATE,
    "portfolio.generator.note_rate_spread": RATE,
    "portfolio.generator.ltv_mean": Range(0, 2, above=True, unit="per unit: 0.7 is 70%"),
    "portfolio.generator.ltv_spread": SHARE,
    "portfolio.generator.term": _months,
    "portfolio.generator.age_mean": Range(0, 600, unit="months"),
    "portfolio.generator.regions.*": SHARE,
    "portfolio.generator.adjustable_share": SHARE,
    "portfolio.generator.interest_only_share": SHARE,
    "rates.flat_rate": Range(-0.05, 0.25, unit=ANNUAL),
    "rates.mean_reversion": Range(0, 5, above=True, unit="a year; above 0, the closed forms divide by it"),
    "rates.sigma": Range(0, 0.1, unit="annual, per unit: 0.007 is 70 basis points"),
    "rates.index_tenor_years": Range(0, 30, above=True, unit="years"),
    "rates.mortgage_constant": Range(-0.25, 0.25, unit=ANNUAL),
    "rates.mortgage_on_10y": Range(-2, 2),
    "rates.mortgage_on_10y_lagged": Range(-2, 2),
    "rates.mortgage_on_2y": Range(-2, 2),
    "rates.mortgage_rate": Range(0.005, 0.25, unit=ANNUAL),  # the survey's lowest is 2.65%, its highest 18.63%
    "rates.mortgage_residual": Range(-0.05, 0.05, unit=ANNUAL),
    "rates.mortgage_residual_half_life_months": POSITIVE,
    "rates.mortgage_floor": Range(0, 0.25, above=True, unit=f"{ANNUAL}; above 0, prepayment divides by the mortgage rate"),
    "home_prices.constant": Range(-0.1, 0.1, unit="a quarter, per unit"),
    "home_prices.momentum": Range(-0.999, 0.999, unit="a process that does not explode"),
    "home_prices.reversion": Range(0, 1),
    "home_prices.sigma_quarterly": Range(0, 0.1, unit="a quarter, per unit: 0.008 is 0.8%"),
    "home_prices.trend_annual": Range(-0.25, 0.25, unit=ANNUAL),
    "home_prices.initial_growth_quarterly": Range(-0.25, 0.25, unit="a quarter, per unit"),
    "home_prices.initial_gap": Range(-1, 1, unit="log of the index less its trend: 0.05 is 5% above"),
    "home_prices.trend_from": Range(1900, 2100, unit="a year"),
    "home_prices.trend_to": Range(1900, 2100, unit="a year"),
    "home_prices.correlation_with_rates": Range(-1, 1),
    # Yields of the riskiest pieces of filings reach 20 to 35%; half as much again, and room for what trades through the curve.
    "pricing.spreads.*": Range(-0.05, 0.5, unit="annual, per unit: 0.03 is 300 basis points"),
    "positions.*.share": Range(0, 1, above=True, unit="per unit: 0.35 is 35%"),
    "engine.path_block": Range(LANES, 2**20, step=LANES, unit="paths"),
    "engine.threads": Range(0, 1024, unit="0 is as many as the process may use"),
}
"""By dotted name; ``.*`` is every entry of a mapping."""

CHOICES: dict[str, tuple[str, ...]] = {
    "precision": PRECISIONS,
    "backend": BACKENDS,
    "portfolio.source": ("absee", "fannie_acquisition", "generator", "table"),
    "portfolio.advances": ("none", "interest", "principal_and_interest"),
    "behaviour.decrement": DECREMENTS,
    "output.loans": ("none", "mean", "paths"),
    "engine.name": ("serial", "threads"),
}


@dataclass(frozen=True)
class ReadBy:
    """The choice that reads a setting: one of ``values`` of ``choice``, or any but those ``unless``.

    ``same`` is the value that says no more than leaving the setting out.
    """

    choice: str
    values: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    same: Any = None

    def holds(self, value: Any) -> bool:
        """True where ``value`` of the choice reads the setting."""
        return value in self.values if self.values else value not in self.unless

    def told(self, part: str = "") -> str:
        """The choice in words, ``part`` of a book before its name."""
        others = f"another {part}{self.choice} than {' or '.join(self.unless)}"
        return f"{part}{self.choice}={' or '.join(self.values)}" if self.values else others


READ_BY: dict[str, ReadBy] = {
    "portfolio.file": ReadBy("portfolio.source", unless=("generator",)),
    "portfolio.generator": ReadBy("portfolio.source", ("generator",)),
    "portfolio.mapping": ReadBy("portfolio.source", ("table",)),
    "rates.flat_rate": ReadBy("rates.curve", ("flat",)),
    "rates.curve_file": ReadBy("rates.curve", unless=("flat",)),
    "engine.threads": ReadBy("engine.name", ("threads",), same=1),
}
"""Settings, or sections of them, that only some choices read. Given with another they would do nothing, and are refused. What does
not stand here is read by every run; tests/mcsim/test_read_by.py watches runs read."""
