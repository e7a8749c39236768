"""The deal stage: pool flows through a deal's waterfall, and the prices of its classes; in a run from memory, later from the store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.discounting import SUMS
from kernels.loan_month import FIELDS
from mcsim import store
from mcsim.backend import Backend
from mcsim.deals import Program, compile_deal, load_deal, run_deal
from mcsim.deals.waterfall import DealFlows
from mcsim.pricing.price import Pricer, Prices
from mcsim.simulation.work import path_blocks
from mcsim.variables import GROUPS

if TYPE_CHECKING:
    import xarray as xr


class DealStage:
    """A deal over the pool, a block of paths at a time: class flows to the store, present values kept until all paths are there.

    Parameters
    ----------
    program : Program
        The compiled deal.
    spreads : mapping
        By class, as :class:`~mcsim.pricing.Pricer` takes them.
    backend : Backend
        Target that runs the waterfall.
    where : path, optional
        The store; nothing is written without it.
    flows : bool
        Write class flows on every path too, not values alone.
    """

    def __init__(
        self, program: Program, spreads: Mapping[str, float], backend: Backend, where: Path | None = None, flows: bool = True
    ) -> None:
        self._program, self._backend, self._where = program, backend, where
        self._keeps_flows = where is not None and flows
        self._pricer = Pricer(program, spreads, "numpy" if backend.target == "numpy" else "cpu")

    def lay_out(self, n_months: int, n_paths: int, path_block: int) -> None:
        """Make room for the flows in the store: before the first block, from one thread."""
        if self._keeps_flows:
            assert self._where is not None
            coords = {
                "tranche": self._program.tranches,
                "fee": self._program.fees,
                "account": self._program.accounts,
                "month": range(1, n_months + 1),
                "path": range(n_paths),
            }
            store.create_group(self._where, "tranches", coords, path_block)

    def add(self, first_path: int, pool: np.ndarray, discount: np.ndarray) -> None:
        """One block: pool flows (month, field, path) and discount factors (month 0..n, path). From any thread, in any order."""
        flows = run_deal(self._program, pool, self._backend)
        self._pricer.add(flows, discount, first_path)
        if self._keeps_flows:
            assert self._where is not None
            store.write_block(self._where, "tranches", first_path, _stored("tranches", flows))

    def finish(self) -> Prices:
        """Prices over all blocks, with what each path contributes; in the store too."""
        prices = self._pricer.result()
        if self._where is not None:
            sums = self._pricer.path_sums()
            tranches, n_paths = self._program.tranches, sums.shape[2]
            store.create_group(self._where, "path_values", {"tranche": tranches, "path": range(n_paths)}, n_paths)
            store.write_block(self._where, "path_values", 0, {name: sums[:, i] for i, name in enumerate(SUMS)})
            store.create_group(self._where, "prices", {"tranche": tranches})
            store.write_block(self._where, "prices", 0, _stored("prices", prices))
        return prices


def compile_for(deal: dict[str, Any], pool_balance: float) -> Program:
    """The program of a deal as the configuration has it, over a pool of this balance, USD.

    Raises
    ------
    InputError
        The deal's mistakes, all together.
    """
    return compile_deal(load_deal(deal, "deal"), pool_balance)


def price_stored(
    run_dir: Path, deal: dict[str, Any], spreads: Mapping[str, float], path_block: int, backend: Backend
) -> Prices:
    """Run a deal over the stored pool and price its classes; nothing is written.

    Raises
    ------
    InputError
        The deal's mistakes, all together.
    StoreError
        A pool or scenario that is missing or damaged.
    """
    n_paths = store.read_block(run_dir, "pool", ["path"])["path"].size
    stage = DealStage(compile_for(deal, float(store.attributes(run_dir)["pool_balance"])), spreads, backend)
    for block in path_blocks(n_paths, path_block):
        discount = store.read_block(run_dir, "scenarios", ["discount_factor"], block.first, block.count)["discount_factor"]
        stage.add(block.first, read_pool(run_dir, block.first, block.count), discount)
    return stage.finish()


def read_pool(run_dir: Path, first: int, count: int) -> np.ndarray:
    """Pool flows of a path block, (month, field, path)."""
    block = store.read_block(run_dir, "pool", list(FIELDS), first, count)
    return np.stack([block[name][0] for name in FIELDS], axis=1)


def prices_dataset(prices: Prices) -> xr.Dataset:
    """Prices as the store would hold them: labelled, with units."""
    import xarray as xr

    data = {
        name: (variable.dims, getattr(prices, name), {"units": variable.units, "long_name": variable.long_name})
        for name, variable in GROUPS["prices"].items()
    }
    return xr.Dataset(data, coords={"tranche": list(prices.tranches)})


def _stored(group: str, result: DealFlows | Prices) -> dict[str, np.ndarray]:
    """The group's variables; one over nothing (a deal without accounts) is left out, as it is in the store."""
    arrays = {name: np.asarray(getattr(result, name)) for name in GROUPS[group]}
    return {name: values for name, values in arrays.items() if values.size}
