"""The deal stage: pool flows of a block of paths through a deal's waterfall; class flows to the store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mcsim import store
from mcsim.backend import Backend
from mcsim.deals import Program, compile_deal, load_deal, run_deal
from mcsim.deals.waterfall import DealFlows
from mcsim.variables import GROUPS


class DealStage:
    """A deal over the pool, a block of paths at a time.

    Parameters
    ----------
    program : Program
        The compiled deal.
    backend : Backend
        Target that runs the waterfall.
    where : path, optional
        The store that class flows go to; none are kept without it.
    """

    def __init__(self, program: Program, backend: Backend, where: Path | None = None) -> None:
        self._program, self._backend, self._where = program, backend, where

    def lay_out(self, n_months: int, n_paths: int, path_block: int) -> None:
        """Make room for the flows in the store: before the first block, from one thread."""
        if self._where is not None:
            coords = {
                "tranche": self._program.tranches,
                "fee": self._program.fees,
                "account": self._program.accounts,
                "month": range(1, n_months + 1),
                "path": range(n_paths),
            }
            store.create_group(self._where, "tranches", coords, path_block)

    def run(self, first_path: int, pools: Mapping[str, np.ndarray], rows: Mapping[str, np.ndarray] | None = None) -> DealFlows:
        """Flows of one block, written if they are kept. From any thread, in any order.

        ``pools`` are the groups' flows (month, field, path), ``rows`` what the deal reads of the scenarios (month, path); as
        :func:`~mcsim.deals.run_deal` takes them.
        """
        flows = run_deal(self._program, pools, self._backend, rows)
        if self._where is not None:
            store.write_block(self._where, "tranches", first_path, stored_flows(flows))
        return flows


def compile_for(deal: dict[str, Any], balances: Mapping[str, float] | float) -> Program:
    """The program of a deal as the configuration has it; ``balances`` as :func:`~mcsim.deals.compile_deal` takes them.

    Raises
    ------
    InputError
        The deal's mistakes, all together.
    """
    return compile_deal(load_deal(deal, "deal"), balances)


def stored_flows(flows: DealFlows) -> dict[str, np.ndarray]:
    """The variables of the store; one over nothing (a deal without accounts) is left out, as it is there."""
    arrays = {name: np.asarray(getattr(flows, name)) for name in GROUPS["tranches"]}
    return {name: values for name, values in arrays.items() if values.size}
