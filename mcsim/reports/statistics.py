"""What the report shows of a run's paths: fans, convergence of the mean, and the checks of conservation.

Stored variables are read one at a time, a block of paths at a time. Money in USD; month 1 is the first after the cut-off.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from kernels.discounting import build_spread_factor
from kernels.ops import make_ops
from mcsim.reports.digits import HALF_CENT

Array = NDArray[np.float64]

PERCENTILES = (5, 25, 50, 75, 95)
READ_PATHS = 1024
"""Paths read at once: four work items of 256 paths, so that a shard is read once."""

FIRST_COUNT = 16
"""Fewest paths for which an error bar is drawn: below, the standard deviation itself is known to no better than a fifth."""

ROUNDING = {"float32": 1e-5, "float64": 1e-9}
"""Largest relative difference of pool flows put down to rounding: the bar for float32 against float64, and, for float64,
360 months' rounding of 2e-16 on sums of thousands of loans with room to spare."""


@dataclass(frozen=True)
class Fan:
    """Distribution over paths by month.

    Attributes
    ----------
    years : (month,) float64
        Years from the cut-off.
    percentiles : (percentile, month) float64
        In the order of :data:`PERCENTILES`.
    mean : (month,) float64
    """

    years: Array
    percentiles: Array
    mean: Array


@dataclass(frozen=True)
class Convergence:
    """Mean over the first ``counts`` paths and its standard error, both in the unit of the values."""

    counts: NDArray[np.int64]
    mean: Array
    standard_error: Array


@dataclass(frozen=True)
class Check:
    """One identity: the largest absolute difference over months and paths, and the largest that rounding explains."""

    name: str
    identity: str
    difference: float
    scale: float
    allowed: float

    @property
    def holds(self) -> bool:
        """NaN does not hold."""
        return bool(self.difference <= self.allowed)


def path_blocks(n_paths: int) -> Iterator[slice]:
    """Slices of at most :data:`READ_PATHS` paths that cover ``n_paths``."""
    for first in range(0, n_paths, READ_PATHS):
        yield slice(first, min(first + READ_PATHS, n_paths))


def read_entries(data: xr.DataArray, block: slice) -> Array:
    """``(entry, month, path)`` float64 of one block of paths; an entry is a combination of all other dimensions, in order."""
    part = data.isel(path=block)
    others = [d for d in part.dims if d not in ("month", "path")]
    values = np.asarray(part.transpose(*others, "month", "path").values, np.float64)
    return values.reshape(-1, *values.shape[-2:])


def read_block(data: xr.DataArray, block: slice) -> Array:
    """``(month, path)`` float64 of one block of paths, summed over every other dimension in order."""
    total: Array = read_entries(data, block).sum(axis=0)
    return total


def read_paths(data: xr.DataArray) -> Array:
    """``(month, path)`` float64 of all paths, summed over every other dimension."""
    out = np.empty((data.sizes["month"], data.sizes["path"]))
    for block in path_blocks(data.sizes["path"]):
        out[:, block] = read_block(data, block)
    return out


def fan_of(values: Array, months: Array) -> Fan:
    """Percentiles and mean over paths of ``values (month, path)``; ``months`` from the cut-off."""
    return Fan(np.asarray(months, np.float64) / 12, np.percentile(values, PERCENTILES, axis=1), values.mean(axis=1))


def converge(values: Array, points: int = 80) -> Convergence:
    """Mean and standard error of the first n of ``values (path,)``, for n spaced evenly in log from 16 to all.

    Raises
    ------
    ValueError
        If there are fewer than two values: no error bar can be computed.
    """
    n = values.size
    if n < 2:
        raise ValueError(f"{n} path(s): a standard error needs at least two")
    first = min(FIRST_COUNT, n)
    counts = np.unique(np.geomspace(first, n, points).round().astype(np.int64))
    centred = values - values.mean()  # the differences of large sums would lose the variance's digits
    total, squares = np.cumsum(centred)[counts - 1], np.cumsum(centred**2)[counts - 1]
    mean = total / counts
    variance = np.maximum(squares - counts * mean**2, 0) / np.maximum(counts - 1, 1)
    return Convergence(counts, values.mean() + mean, np.sqrt(variance / counts))


def value_paths(run: Any) -> dict[str, Array]:
    """Present value of each class on each path, USD, from the stored flows, discount factors and spreads."""
    flows, prices = run.tranches, run.prices
    months = flows["month"].values.astype(np.float64)
    discount = run.scenarios["discount_factor"].sel(month=flows["month"])
    names = [str(name) for name in flows["tranche"].values]
    spreads = prices["spread"].sel(tranche=flows["tranche"]).values.astype(np.float64)
    spread_factor = build_spread_factor(make_ops("numpy", "float64"))
    weights = [spread_factor(spread, months)[:, None] for spread in spreads]
    values = np.empty((len(names), flows.sizes["path"]))
    for block in path_blocks(flows.sizes["path"]):
        factor = read_block(discount, block)
        paid = read_entries(flows["interest_paid"], block) + read_entries(flows["principal_paid"], block)
        for i, cash in enumerate(paid):
            values[i, block] = (cash * factor * weights[i]).sum(axis=0)
    return dict(zip(names, values, strict=True))


def stored_value_paths(run: Any) -> dict[str, Array]:
    """As :func:`value_paths`, from what the run kept by path: for a run without flows."""
    values = run.path_values["value"].transpose("tranche", "path").values
    return dict(zip(map(str, run.path_values["tranche"].values), values, strict=True))


def check_values(run: Any, values: dict[str, Array]) -> Check:
    """Prices against the mean of the values by path."""
    stored = run.prices["value"]
    worst = float(np.max([abs(float(stored.sel(tranche=name)) - float(v.mean())) for name, v in values.items()]))
    identity = "stored value = mean of the values by path"  # recomputed from the stored flows, where there are
    return Check("Prices", identity, worst, float(abs(stored).sum()), HALF_CENT)


def opening_balance(pool: xr.Dataset) -> float:
    """Balance of the pool at the cut-off, USD: what month 1 pays, loses and leaves."""
    first = pool.isel(month=0, path=0)
    names = ("balance", "scheduled_principal", "prepaid_principal", "defaulted_balance")
    return float(sum(float(first[name].sum()) for name in names))


def check_conservation(run: Any, precision: str, values: dict[str, Array]) -> list[Check]:
    """What every month of every path must meet, with the largest difference found.

    Parameters
    ----------
    run : mcsim.results.Run
        With the datasets ``pool``, ``tranches`` and ``prices``.
    precision : str
        Of the simulation, a key of :data:`ROUNDING`.
    values : dict
        Of :func:`value_paths`.

    Returns
    -------
    list of Check
        In the order in which the report prints them.
    """
    worst: dict[str, float] = {}
    balance = opening_balance(run.pool)
    originals = run.prices["original_balance"].sel(tranche=run.tranches["tranche"]).values.astype(np.float64)
    for block in path_blocks(run.pool.sizes["path"]):
        pool, pool_lowest, _ = _read_all(run.pool, block)
        deal, deal_lowest, classes = _read_all(run.tranches, block, _CLASS_BALANCES)
        found = {**_pool_differences(balance, pool), **_deal_differences(originals, classes, deal)}
        found |= {"pool_to_deal": _pool_to_deal(pool, deal), "pool_sign": -pool_lowest, "deal_sign": -deal_lowest}
        for name, difference in found.items():
            worst[name] = _larger(worst.get(name, 0.0), difference)
    pool_allowed = ROUNDING[precision] * balance
    rows = (
        ("pool_to_deal", "Pool to deal",
         "collections = interest + advanced interest + scheduled, advanced and prepaid principal + recovery - servicing fee,"
         " or 0 where that is negative", balance, HALF_CENT),
        ("cash", "Cash in = cash out", "collections = paid to classes + fees + change in accounts", balance, HALF_CENT),
        ("class", "Class balances", "balance before = principal + write-down + balance after", balance, HALF_CENT),
        ("performing", "Performing balance", "balance before = scheduled + prepaid + defaulted + balance after",
         balance, pool_allowed),
        ("foreclosed", "Foreclosure balance", "before + defaulted = advanced principal + recovery + loss + after",
         balance, pool_allowed),
        ("life", "Pool over its life", "opening balance = principal + recovery + loss + balance left", balance, pool_allowed),
        ("pool_sign", "Signs of the pool's flows", "no flow and no balance of the pool is negative", balance, pool_allowed),
        ("deal_sign", "Signs of the deal's flows",
         "no collection, payment, write-down, shortfall, account or balance of the deal is negative", balance, HALF_CENT),
    )  # fmt: skip
    checks = [Check(name, identity, worst[key], scale, allowed) for key, name, identity, scale, allowed in rows]
    return [*checks, check_values(run, values)]


_CLASS_BALANCES = ("tranche_balance", "principal_paid", "write_down")


def _largest(x: Array) -> float:
    return float(np.max(np.abs(x))) if x.size else 0.0


def _larger(a: float, b: float) -> float:
    """The larger; NaN, a hole in the store, is larger than any number."""
    return float(np.maximum(a, b))


def _read_all(data: xr.Dataset, block: slice, apart: tuple[str, ...] = ()) -> tuple[dict[str, Array], float, dict[str, Array]]:
    """Every variable summed as by :func:`read_block`, the lowest value of any entry (NaN where there is one), and those
    named in ``apart`` entry by entry: a block is read once."""
    sums, lowest, kept = {}, math.inf, {}
    for name in data.data_vars:
        entries = read_entries(data[name], block)
        # an account or a fee that the deal does not have has no entries
        lowest = float(np.minimum(lowest, entries.min(initial=math.inf)))
        sums[str(name)] = entries.sum(axis=0)
        if name in apart:
            kept[str(name)] = entries
    return sums, lowest, kept


def _pool_to_deal(pool: dict[str, Array], deal: dict[str, Array]) -> float:
    names = ("interest", "advanced_interest", "scheduled_principal", "advanced_principal", "prepaid_principal", "recovery")
    collected = sum(pool[name] for name in names) - pool["servicing_fee"]
    return _largest(deal["collections"] - np.maximum(collected, 0))


def _pool_differences(opening: float, flow: dict[str, Array]) -> dict[str, float]:
    paid = flow["scheduled_principal"] + flow["prepaid_principal"]
    balance, foreclosed = flow["balance"], flow["foreclosure_balance"]
    leaves = flow["advanced_principal"] + flow["recovery"] + flow["loss"]
    before = np.vstack([np.zeros_like(foreclosed[:1]), foreclosed[:-1]])
    life = (paid + leaves).sum(axis=0) + balance[-1] + foreclosed[-1]
    return {
        "performing": _largest((paid + flow["defaulted_balance"] + balance)[1:] - balance[:-1]),
        "foreclosed": _largest(before + flow["defaulted_balance"] - leaves - foreclosed),
        "life": _largest(life - opening),
    }


def _deal_differences(originals: Array, classes: dict[str, Array], flow: dict[str, Array]) -> dict[str, float]:
    kept = flow["collections"] - (flow["interest_paid"] + flow["principal_paid"] + flow.get("fee_paid", 0.0))
    if "account_balance" in flow:
        account = flow["account_balance"]
        kept[1:] -= account[1:] - account[:-1]
        # What the accounts held at closing is not stored: month 1 must imply the same amount on every path.
        opening = account[0] - kept[0]
        kept[0] = opening - float(np.median(opening))
    worst = 0.0
    by_class = zip(originals, *(classes[name] for name in _CLASS_BALANCES), strict=True)
    for original, balance, principal, written_down in by_class:
        if not original > 0:
            continue  # a residual has no balance to write down
        before = np.vstack([np.full_like(balance[:1], original), balance[:-1]])
        worst = _larger(worst, _largest(before - principal - written_down - balance))
    return {"cash": _largest(kept), "class": worst}
