"""What the report shows of a run's paths: fans, convergence of the mean, values of classes.

Stored variables are read one at a time, a block of paths at a time. Money in USD; month 1 is the first after the cut-off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from kernels.discounting import build_spread_factor
from kernels.ops import make_ops
from mcsim.errors import InputError, shown
from mcsim.instruments import INSTRUMENTS
from mcsim.instruments.instrument import performing_before, streams_of
from mcsim.streams import ClassFlows, PoolFlows
from mcsim.valuation.methods import METHODS

Array = NDArray[np.float64]

PERCENTILES = (5, 25, 50, 75, 95)
READ_PATHS = 1024
"""Paths read at once: four work items of 256 paths, so that a shard is read once."""

FIRST_COUNT = 16
"""Fewest paths for which an error bar is drawn: below, the standard deviation itself is known to no better than a fifth."""


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


def position_value_paths(run: Any) -> dict[str, Array]:
    """Present value of each position on each path, USD: its instrument's streams of the stored flows, as :func:`value_paths`.

    Raises
    ------
    InputError
        If an instrument or a method with which the run was made is not there any more.
    """
    values = {}
    for name, share in zip(map(str, run.positions["position"].values), run.positions["share"].values, strict=True):
        held = run.config["positions"][name]
        for what, there in (("instrument", INSTRUMENTS), ("method", METHODS)):
            if held[what] not in there:
                raise InputError(
                    f"positions.{name}.{what} = {shown(held[what])}: the run has it, and mcsim no more; put it back"
                )
        instrument, method, inputs = held["instrument"], METHODS[held["method"]], held["inputs"]
        what, _, tranche = held["of"].partition("/")
        data = run.deals[what].tranches.sel(tranche=tranche) if tranche else run.collateral[what].pool
        fields = ClassFlows if tranche else PoolFlows
        factor = run.scenarios["discount_factor"].sel(month=data["month"])
        months = data["month"].values.astype(np.float64)
        values[name] = np.empty(data.sizes["path"])
        for block in path_blocks(data.sizes["path"]):
            flows = fields(*(read_block(data[field], block)[None] for field in fields._fields))
            streams = streams_of(instrument, INSTRUMENTS[instrument], flows, inputs)
            cash = (streams.interest + streams.principal)[0]
            values[name][block] = float(share) * method.by_path(cash, read_block(factor, block), months, inputs)
    return values


def stored_value_paths(run: Any) -> dict[str, Array]:
    """As :func:`value_paths`, from what the run kept by path: for a run without flows."""
    values = run.path_values["value"].transpose("tranche", "path").values
    return dict(zip(map(str, run.path_values["tranche"].values), values, strict=True))


def opening_balance(pool: xr.Dataset) -> float:
    """Balance of the pool at the cut-off, USD: what month 1 pays, loses and leaves."""
    return float(performing_before(pool.isel(month=0, path=0)).sum())
