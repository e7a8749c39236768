"""A deal and what its classes are worth: pool flows → waterfall → streams → values, a block of paths at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mcsim.backend import Backend
from mcsim.deals import DealFlows, Program
from mcsim.deals.stage import DealStage
from mcsim.instruments import deal_class
from mcsim.valuation import Prices
from mcsim.valuation.stage import ValuationStage


class PricedDeal:
    """The deal stage and, over what it pays its classes, the valuation stage.

    Parameters
    ----------
    program : Program
        The compiled deal.
    spreads : mapping
        By class, as :class:`~mcsim.valuation.Pricer` takes them.
    backend : Backend
        Target of the waterfall and of discounting.
    where : path, optional
        The place of the deal's groups in the store; nothing is written without it.
    flows : bool
        Write class flows on every path too, not values alone.
    """

    def __init__(
        self, program: Program, spreads: Mapping[str, Any], backend: Backend, where: Path | None = None, flows: bool = True
    ) -> None:
        self.program = program
        self._deal = DealStage(program, backend, where if flows else None)
        self._values = ValuationStage(deal_class.claims(program), spreads, backend, where)

    def lay_out(self, n_months: int, n_paths: int, path_block: int) -> None:
        """Make room in the store: before the first block, from one thread."""
        self._deal.lay_out(n_months, n_paths, path_block)

    def add(self, first_path: int, pools: Mapping[str, np.ndarray], discount: np.ndarray) -> DealFlows:
        """One block: flows of each group (month, field, path), zero after its horizon, and discount factors (month 0.., path).

        From any thread, in any order. Returns the classes' flows.
        """
        flows = self._deal.run(first_path, _of_one_length(pools))
        streams = deal_class.streams(flows)
        self._values.add(first_path, streams, discount[: streams.interest.shape[1] + 1])
        return flows

    def finish(self) -> Prices:
        """Prices over all blocks; in the store too."""
        return self._values.finish()


def _of_one_length(pools: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Flows of the groups over the longest of their horizons: nothing flows after a group's own."""
    n_months = max(map(len, pools.values()))
    padded = {}
    for group, pool in pools.items():
        padded[group] = pool
        if len(pool) < n_months:
            padded[group] = np.zeros((n_months, *pool.shape[1:]))
            padded[group][: len(pool)] = pool
    return padded
