"""The deal stage: pool flows of the store through a deal's waterfall, and the prices of its classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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


def price_deal(
    run_dir: Path, deal: dict[str, Any], spreads: dict[str, float], path_block: int, backend: Backend, *, keep: bool
) -> Prices:
    """Run a deal over the stored pool and price its classes; with ``keep`` write ``tranches`` and ``prices`` to the store.

    Raises
    ------
    InputError
        The deal's mistakes, all together.
    StoreError
        A pool or scenario that is missing or damaged.
    """
    labels = store.read_block(run_dir, "pool", ["month", "path"])
    n_months, n_paths = labels["month"].size, labels["path"].size
    program = compile_deal(load_deal(deal, "deal"), float(store.attributes(run_dir)["pool_balance"]))
    where = run_dir / store.STORE_NAME
    if keep:
        _lay_out(where, program, n_months, n_paths, path_block)
    pricer = Pricer(program, spreads, "numpy" if backend.target == "numpy" else "cpu")
    for block in path_blocks(n_paths, path_block):
        flows = run_deal(program, read_pool(run_dir, block.first, block.count), backend)
        discount = store.read_block(run_dir, "scenarios", ["discount_factor"], block.first, block.count)["discount_factor"]
        pricer.add(flows, discount)
        if keep:
            store.write_block(where, "tranches", block.first, _stored("tranches", flows))
    prices = pricer.result()
    if keep:
        store.create_group(where, "prices", {"tranche": program.tranches})
        store.write_block(where, "prices", 0, _stored("prices", prices))
    return prices


def read_pool(run_dir: Path, first: int, count: int) -> np.ndarray:
    """Pool flows of a path block, (month, field, path)."""
    block = store.read_block(run_dir, "pool", list(FIELDS), first, count)
    return np.stack([block[name][0] for name in FIELDS], axis=1)


def _lay_out(where: Path, program: Program, n_months: int, n_paths: int, path_block: int) -> None:
    coords = {
        "tranche": program.tranches,
        "fee": program.fees,
        "account": program.accounts,
        "month": range(1, n_months + 1),
        "path": range(n_paths),
    }
    store.create_group(where, "tranches", coords, path_block)


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
