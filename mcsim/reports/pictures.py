"""Which charts the report draws, of classes and positions, of a collateral and of the scenarios: safe markup by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcsim.reports import charts
from mcsim.reports import statistics as stats
from mcsim.reports.checks import PoolSeen
from mcsim.reports.digits import is_nothing
from mcsim.reports.formats import MILLION, money


def value_charts(
    prefix: str, values: dict[str, stats.Array], balances: Mapping[str, float], each: str, loss_share: stats.Array | None
) -> dict[str, str]:
    """Convergence and distribution: per 100 of balance where there is one, else in USD; none of what is worth nothing.

    Parameters
    ----------
    prefix : str
        Of the charts' names, which are unique on a page.
    values : dict
        (path,) present value by name, USD.
    balances : mapping
        What a price is per 100 of, USD, by name; 0 without.
    each : str
        What one of them is called: ``class``.
    loss_share : (path,) array, optional
        Loss of the pool behind them over its life, as a share of its balance.
    """
    scales, units = {}, {}
    values = {name: v for name, v in values.items() if not is_nothing(float(v.mean()), float(v.std() / math.sqrt(v.size)))}
    for name, v in values.items():
        balance = balances.get(name, 0.0)
        scales[name], units[name] = (100 / balance, "price per 100") if balance > 0 else money(float(v.mean()))
    spread = {name: v * scales[name] for name, v in values.items()}
    loss_name, what = "Loss of the pool", f"Histograms over paths: present value of each {each}"
    shown_units = dict(units)
    if loss_share is not None:
        spread[loss_name], shown_units[loss_name] = 100 * loss_share, "% of balance at the cut-off"
        what += ", and the loss of the pool over its life"
    name = f"{prefix}distribution"
    drawn = {"distribution": charts.distribution_chart(name, spread, shown_units, what)} if spread else {}
    if values and min(v.size for v in values.values()) > stats.FIRST_COUNT:
        panels = {key: stats.converge(v) for key, v in values.items()}
        drawn["convergence"] = charts.convergence_chart(
            f"{prefix}convergence", panels, scales, units,
            f"For each {each}, the mean over the first n paths with its 95 percent band, against n",
        )  # fmt: skip
    return drawn


def pool_charts(prefix: str, pool: PoolSeen) -> dict[str, str]:
    """Fans of what a collateral brings, of its balance and of its losses."""
    months = pool.months
    at = {m: int(np.searchsorted(months, m)) for m in (12, 60, 120) if m <= months[-1]}

    def draw(
        name: str, values: stats.Array, scale: float, unit: str, what: str, size: tuple[float, float, float] = charts.HALF
    ) -> str:
        fan = stats.fan_of(values, months)
        means = ", ".join(f"{fan.mean[i] * scale:,.2f} in year {m // 12}" for m, i in at.items())
        alt = f"{what}: bands over paths by year. Mean, {unit}: {means}"
        return charts.fan_chart(f"{prefix}{name}", fan, scale, unit, alt, size=size)

    return {
        "cash": draw("cash", pool.collected, MILLION, "USD m a month", "Pool cash flow", charts.WIDE),
        "balance": draw("balance", pool.balance, MILLION, "USD m", "Performing balance"),
        "loss": draw("loss", pool.losses, 100 / pool.opening, "% of balance", "Cumulative loss"),
    }


def scenario_charts(scenarios: Any, regions: Sequence[tuple[str, float]]) -> dict[str, str]:
    """Fans of the mortgage rate and of the home prices of the first of ``regions`` that the scenarios have; its name."""
    months = scenarios["month"].values.astype(np.float64)
    known = [str(s) for s in scenarios["region"].values] if "region" in scenarios["home_price_index"].dims else []
    region = next((name for name, _ in regions if name in known), known[0] if known else "")
    prices = scenarios["home_price_index"]
    prices = prices.isel(region=known.index(region)) if known else prices
    mortgage = stats.fan_of(stats.read_paths(scenarios["mortgage_rate"]), months)
    homes = stats.fan_of(stats.read_paths(prices), months)
    return {
        "mortgage": charts.fan_chart(
            "mortgage", mortgage, 100, "% a year", _range("Primary mortgage rate, %", mortgage, 100), False
        ),
        "homes": charts.fan_chart("homes", homes, 100, "cut-off = 100", _range(f"Home prices, {region}", homes, 100), False),
        "homes_region": region,
    }


def _range(what: str, fan: stats.Fan, scale: float) -> str:
    low, high = fan.percentiles[0, -1] * scale, fan.percentiles[-1, -1] * scale
    return (
        f"{what}: bands over paths by year; in the last month 5 to 95 percent of paths lie between {low:,.1f} and {high:,.1f}"
    )
