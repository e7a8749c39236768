"""Checks of conservation: what every month of every path of a pool and of a deal must meet, with the largest difference found."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mcsim.reports import statistics as stats
from mcsim.reports.digits import HALF_CENT
from mcsim.reports.statistics import Array

ROUNDING = {"float32": 1e-5, "float64": 1e-9}
"""Largest relative difference of pool flows put down to rounding: the bar for float32 against float64, and, for float64,
360 months' rounding of 2e-16 on sums of thousands of loans with room to spare."""

_IDENTITIES = {
    "Pool to deal": "collections = interest + advanced interest + scheduled, advanced and prepaid principal + recovery"
    " - servicing fee, or 0 where that is negative",
    "Cash in = cash out": "collections = paid to classes + fees + change in accounts",
    "Class balances": "balance before = principal + write-down + balance after",
    "Performing balance": "balance before = scheduled + prepaid + defaulted + balance after",
    "Foreclosure balance": "before + defaulted = advanced principal + recovery + loss + after",
    "Pool over its life": "opening balance = principal + recovery + loss + balance left",
    "Signs of the pool's flows": "no flow and no balance of the pool is negative",
    "Signs of the deal's flows": "no collection, payment, write-down, shortfall, account or balance of the deal is negative",
    "Prices": "stored value = mean of the values by path",  # recomputed from the stored flows, where there are
}
"""In the order in which the report prints them."""


@dataclass(frozen=True)
class Check:
    """One identity: the largest absolute difference over months and paths, and the largest that rounding explains."""

    name: str
    difference: float
    scale: float
    allowed: float
    of: str = ""
    """The collateral or the deal, where a run has several."""

    @property
    def identity(self) -> str:
        """What must hold."""
        return _IDENTITIES[self.name]

    @property
    def label(self) -> str:
        """The name, with what it is of."""
        return f"{self.of}: {self.name}" if self.of else self.name

    @property
    def holds(self) -> bool:
        """NaN does not hold."""
        return bool(self.difference <= self.allowed)


def in_order(checks: Iterable[Check]) -> list[Check]:
    """As the report prints them: what is of one part together, in the order of the parts; in each by :data:`_IDENTITIES`."""
    found, order = list(checks), list(_IDENTITIES)
    parts = list(dict.fromkeys(check.of for check in found))
    return sorted(found, key=lambda check: (parts.index(check.of), order.index(check.name)))


@dataclass(frozen=True)
class PoolSeen:
    """A collateral's flows, read once.

    Attributes
    ----------
    opening : float
        Balance at the cut-off, USD.
    collected, balance, losses : (month, path) float64
        What it brings after servicing, not below 0; performing balance at the end of the month; losses up to it. USD.
    months : (month,) float64
        After the cut-off.
    checks : list of Check
        Its own.
    """

    opening: float
    collected: Array
    balance: Array
    losses: Array
    months: Array
    checks: list[Check]


def look_at_pool(pool: xr.Dataset, precision: str, of: str = "") -> PoolSeen:
    """Read a pool a block of paths at a time, and check it.

    Parameters
    ----------
    pool : xarray.Dataset
        The group ``pool`` of a collateral.
    precision : str
        Of the simulation, a key of :data:`ROUNDING`.
    of : str
        Of the checks.
    """
    opening, worst = stats.opening_balance(pool), dict[str, float]()
    shape = (pool.sizes["month"], pool.sizes["path"])
    collected, balance, losses = np.empty(shape), np.empty(shape), np.empty(shape)
    for block in stats.path_blocks(pool.sizes["path"]):
        flow, lowest, _ = _read_all(pool, block)
        for name, difference in {**_pool_differences(opening, flow), "Signs of the pool's flows": -lowest}.items():
            worst[name] = _larger(worst.get(name, 0.0), difference)
        collected[:, block], balance[:, block], losses[:, block] = (
            _collected(flow),
            flow["balance"],
            flow["loss"].cumsum(axis=0),
        )
    allowed = ROUNDING[precision] * opening
    checks = [Check(name, difference, opening, allowed, of) for name, difference in worst.items()]
    return PoolSeen(opening, collected, balance, losses, pool["month"].values.astype(np.float64), checks)


def check_deal(deal: Any, pools: Sequence[PoolSeen], values: dict[str, Array], of: str = "") -> list[Check]:
    """Checks of a deal.

    Parameters
    ----------
    deal : object
        With the datasets ``tranches`` and ``prices``.
    pools : sequence of PoolSeen
        Its collaterals.
    values : dict
        Of :func:`mcsim.reports.statistics.value_paths`.
    of : str
        Of the checks.
    """
    flows, worst = deal.tranches, dict[str, float]()
    originals = deal.prices["original_balance"].sel(tranche=flows["tranche"]).values.astype(np.float64)
    collected = np.zeros((flows.sizes["month"], flows.sizes["path"]))
    for pool in pools:  # one may end before the longest
        collected[: len(pool.collected)] += pool.collected
    for block in stats.path_blocks(flows.sizes["path"]):
        flow, lowest, classes = _read_all(flows, block, _CLASS_BALANCES)
        found = {**_deal_differences(originals, classes, flow), "Signs of the deal's flows": -lowest}
        found["Pool to deal"] = _largest(flow["collections"] - collected[:, block])
        for name, difference in found.items():
            worst[name] = _larger(worst.get(name, 0.0), difference)
    balance = sum(pool.opening for pool in pools)
    return [
        *(Check(name, difference, balance, HALF_CENT, of) for name, difference in worst.items()),
        check_values(deal.prices, values, of),
    ]


def check_values(prices: xr.Dataset, values: dict[str, Array], of: str = "") -> Check:
    """Prices of classes or positions against the mean of the values by path."""
    stored = prices["value"]
    (dim,) = stored.dims
    worst = float(np.max([abs(float(stored.sel({dim: name})) - float(v.mean())) for name, v in values.items()]))
    return Check("Prices", worst, float(abs(stored).sum()), HALF_CENT, of)


_CLASS_BALANCES = ("tranche_balance", "principal_paid", "write_down")


def _largest(x: Array) -> float:
    return float(np.max(np.abs(x))) if x.size else 0.0


def _larger(a: float, b: float) -> float:
    """The larger; NaN, a hole in the store, is larger than any number."""
    return float(np.maximum(a, b))


def _read_all(data: xr.Dataset, block: slice, apart: tuple[str, ...] = ()) -> tuple[dict[str, Array], float, dict[str, Array]]:
    """Every variable summed over its entries, the lowest value of any entry (NaN where there is one), and those named in ``apart``
    entry by entry: a block is read once."""
    sums, lowest, kept = {}, math.inf, {}
    for name in data.data_vars:
        entries = stats.read_entries(data[name], block)
        # an account or a fee that the deal does not have has no entries
        lowest = float(np.minimum(lowest, entries.min(initial=math.inf)))
        sums[str(name)] = entries.sum(axis=0)
        if name in apart:
            kept[str(name)] = entries
    return sums, lowest, kept


def _collected(pool: dict[str, Array]) -> Array:
    names = ("interest", "advanced_interest", "scheduled_principal", "advanced_principal", "prepaid_principal", "recovery")
    collected = sum(pool[name] for name in names) - pool["servicing_fee"]
    return np.asarray(np.maximum(collected, 0))


def _pool_differences(opening: float, flow: dict[str, Array]) -> dict[str, float]:
    paid = flow["scheduled_principal"] + flow["prepaid_principal"]
    balance, foreclosed = flow["balance"], flow["foreclosure_balance"]
    leaves = flow["advanced_principal"] + flow["recovery"] + flow["loss"]
    before = np.vstack([np.zeros_like(foreclosed[:1]), foreclosed[:-1]])
    life = (paid + leaves).sum(axis=0) + balance[-1] + foreclosed[-1]
    return {
        "Performing balance": _largest((paid + flow["defaulted_balance"] + balance)[1:] - balance[:-1]),
        "Foreclosure balance": _largest(before + flow["defaulted_balance"] - leaves - foreclosed),
        "Pool over its life": _largest(life - opening),
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
    return {"Cash in = cash out": _largest(kept), "Class balances": worst}
