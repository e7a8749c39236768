"""Positions valued: each its share of a stream, all on the same paths, so that the book's total has its error too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kernels.discounting import SUMS
from mcsim import store
from mcsim.backend import Backend
from mcsim.path_means import sum_of
from mcsim.streams import Array, Claims, Streams
from mcsim.valuation.methods import METHODS
from mcsim.valuation.price import Prices, prices_of
from mcsim.variables import GROUPS

if TYPE_CHECKING:
    import xarray as xr

GROUP = "positions"


@dataclass(frozen=True)
class Holding:
    """A position as the valuation sees it.

    Attributes
    ----------
    claims : Claims
        The whole of what it is a share of: one stream.
    share : float
        Of it that is held.
    method : str
        Of :data:`mcsim.valuation.methods.METHODS`.
    inputs : mapping
        By name, those of the method among them.
    """

    claims: Claims
    share: float
    method: str
    inputs: Mapping[str, float]


@dataclass(frozen=True)
class PositionPrices:
    """Prices of positions, their shares, and what each path contributes (position, row of SUMS, path)."""

    prices: Prices
    share: Array
    sums: Array

    def dataset(self) -> xr.Dataset:
        """As the store's ``positions/prices``, with the attributes of :func:`total_attributes`."""
        from mcsim.valuation.stage import labelled

        columns = {"share": self.share, **{name: getattr(self.prices, name) for name in GROUPS["prices"]}}
        data = labelled(f"{GROUP}/prices", columns, {"position": list(self.prices.names)})
        return data.assign_attrs(total_attributes(self.sums[:, SUMS.index("value")]))


def total_attributes(values: Array) -> dict[str, float]:
    """Attributes of a book's positions, from their ``values`` (position, path): value of all and its standard error, USD."""
    return dict(zip(("total_value", "total_value_standard_error"), sum_of(values), strict=True))


class PositionStage:
    """Values positions, a block of paths at a time.

    Parameters
    ----------
    holdings : mapping
        By the position's name.
    backend : Backend
        Target that discounts.
    where : path, optional
        The store; nothing is written without it.
    """

    def __init__(self, holdings: Mapping[str, Holding], backend: Backend, where: Path | None = None) -> None:
        target = "numpy" if backend.target == "numpy" else "cpu"
        self._holdings, self._where = dict(holdings), where
        self._pricers = {name: METHODS[h.method].valuer(h.claims, h.inputs, target) for name, h in self._holdings.items()}

    def add(self, name: str, first_path: int, streams: Streams, discount: np.ndarray) -> None:
        """One block of one position: the whole stream, and discount factors (month 0..n, path). From any thread, in any order."""
        self._pricers[name].add(streams, discount, first_path)

    def finish(self) -> PositionPrices:
        """Prices over all blocks, with what each path contributes; in the store too.

        Raises
        ------
        ValueError
            If there are no positions, or their paths are not the same.
        """
        held = list(self._holdings.values())
        share = np.array([h.share for h in held])
        sums = np.stack([h.share * self._pricers[name].path_sums()[0] for name, h in self._holdings.items()])
        balance = np.array([h.share * float(h.claims.original_balance[0]) for h in held])
        spreads = np.array([h.inputs.get("spread", np.nan) for h in held], np.float64)
        valued = PositionPrices(prices_of(tuple(self._holdings), balance, spreads, sums), share, sums)
        if self._where is not None:
            _write(self._where, valued)
        return valued


def _write(where: Path, valued: PositionPrices) -> None:
    names, n_paths = valued.prices.names, valued.sums.shape[2]
    paths, prices = f"{GROUP}/path_values", f"{GROUP}/prices"
    store.create_group(where, paths, {"position": names, "path": range(n_paths)}, n_paths)
    store.write_block(where, paths, 0, {name: valued.sums[:, i] for i, name in enumerate(SUMS)})
    columns = {name: getattr(valued.prices, name) for name in GROUPS["prices"]}
    store.create_group(where, prices, {"position": names})
    store.write_block(where, prices, 0, {"share": valued.share, **columns})
