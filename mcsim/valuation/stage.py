"""The valuation stage: streams of a block of paths to present values, kept until all paths are there; prices to the store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.discounting import SUMS
from mcsim import store
from mcsim.backend import Backend
from mcsim.streams import Claims, Streams
from mcsim.valuation.price import Pricer, Prices
from mcsim.variables import GROUPS

if TYPE_CHECKING:
    import xarray as xr


class ValuationStage:
    """Values what an instrument yields, a block of paths at a time.

    Parameters
    ----------
    claims : Claims
        What the streams are of.
    spreads : mapping
        By name, as :class:`~mcsim.valuation.Pricer` takes them.
    backend : Backend
        Target that discounts.
    where : path, optional
        The store; nothing is written without it.
    """

    def __init__(self, claims: Claims, spreads: Mapping[str, Any], backend: Backend, where: Path | None = None) -> None:
        self._claims, self._where = claims, where
        self._pricer = Pricer(claims, spreads, "numpy" if backend.target == "numpy" else "cpu")

    def add(self, first_path: int, streams: Streams, discount: np.ndarray) -> None:
        """One block: flows, and discount factors (month 0..n, path). From any thread, in any order."""
        self._pricer.add(streams, discount, first_path)

    def finish(self) -> Prices:
        """Prices over all blocks, with what each path contributes; in the store too."""
        prices = self._pricer.result()
        if self._where is not None:
            sums, names = self._pricer.path_sums(), self._claims.names
            n_paths = sums.shape[2]
            store.create_group(self._where, "path_values", {"tranche": names, "path": range(n_paths)}, n_paths)
            store.write_block(self._where, "path_values", 0, {name: sums[:, i] for i, name in enumerate(SUMS)})
            store.create_group(self._where, "prices", {"tranche": names})
            store.write_block(self._where, "prices", 0, {name: getattr(prices, name) for name in GROUPS["prices"]})
        return prices


def prices_dataset(prices: Prices) -> xr.Dataset:
    """Prices as the store would hold them."""
    return labelled("prices", {name: getattr(prices, name) for name in GROUPS["prices"]}, {"tranche": list(prices.names)})


def labelled(group: str, columns: Mapping[str, np.ndarray], coords: Mapping[str, list[str]]) -> xr.Dataset:
    """Variables of a group of the store as it would hold them: labelled, with units."""
    import xarray as xr

    data = {
        name: (variable.dims, columns[name], {"units": variable.units, "long_name": variable.long_name})
        for name, variable in GROUPS[group].items()
    }
    return xr.Dataset(data, coords=coords)
