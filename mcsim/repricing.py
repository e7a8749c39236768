"""A finished run priced again, with another deal or other spreads: from its store, nothing is simulated or stored."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.loan_month import FIELDS
from mcsim import store
from mcsim.backend import Backend, choose_backend
from mcsim.errors import InputError, shown
from mcsim.records import recorded_config
from mcsim.store.layout import COLLATERAL
from mcsim.store.marker import require_manifest
from mcsim.work import path_blocks

if TYPE_CHECKING:
    import xarray as xr

    from mcsim.results import Run
    from mcsim.valuation import Prices


def reprice(
    run: Run,
    deal: dict[str, Any] | str | None = None,
    spread: float | dict[str, float] | None = None,
    config_dir: str | Path | None = None,
    name: str | None = None,
) -> xr.Dataset:
    """Prices of another deal or other spreads.

    Parameters
    ----------
    run : Run
        A finished run.
    deal : mapping or str, optional
        A deal, the name of an option, or the path of a YAML file; the run's own if not given.
    spread : float or mapping, optional
        One spread for all classes, or spreads by class with ``default``; annual, continuously compounded.
    config_dir : path, optional
        A directory of the user's own options, where ``deal`` is one of them.
    name : str, optional
        Which of the run's deals is priced again, or whose collateral another deal takes; needed where it has several.

    Returns
    -------
    xarray.Dataset
        As ``run.prices``.
    """
    require_manifest(run.path)  # prices of part of the paths would be no prices
    config = recorded_config(run.path)
    own = run.deals.only("price(...)") if name is None else run.deals[name]
    chosen = own.config["deal"] if deal is None else _deal(deal, config_dir)
    spreads = _spreads(own.config["pricing"]["spreads"] if spread is None else spread)
    backend = choose_backend("auto", "float64")
    path_block = int(config["engine"]["path_block"])
    from mcsim.valuation.stage import prices_dataset

    (collateral,) = own.config["groups"].values()
    if f"{COLLATERAL}/{collateral}/pool" not in run.groups:
        raise InputError(f"run {run.run_id} kept no pool to price again (output.flows=false); run again with output=pool")
    priced = prices_dataset(price_stored(run.path, collateral, chosen, spreads, path_block, backend))
    return priced.assign_attrs(assumptions=own.assumptions(chosen))


def price_stored(
    run_dir: Path, collateral: str, deal: dict[str, Any], spreads: Mapping[str, float], path_block: int, backend: Backend
) -> Prices:
    """Run a deal over the stored pool of a collateral and price its classes.

    Raises
    ------
    InputError
        The deal's mistakes, all together.
    StoreError
        A pool or scenario that is missing or damaged.
    """
    from mcsim.deals.stage import compile_for
    from mcsim.priced_deal import PricedDeal

    n_paths = store.read_block(run_dir, "scenarios", ["path"])["path"].size
    priced = PricedDeal(compile_for(deal, float(store.attributes(run_dir)["pool_balance"])), spreads, backend)
    for block in path_blocks(n_paths, path_block):
        discount = store.read_block(run_dir, "scenarios", ["discount_factor"], block.first, block.count)["discount_factor"]
        priced.add(block.first, read_pool(run_dir, collateral, block.first, block.count), discount)
    return priced.finish()


def read_pool(run_dir: Path, collateral: str, first: int, count: int) -> np.ndarray:
    """Pool flows of a collateral on a path block, (month, field, path)."""
    block = store.read_block(run_dir, f"{COLLATERAL}/{collateral}/pool", list(FIELDS), first, count)
    return np.stack([block[name][0] for name in FIELDS], axis=1)


def _deal(deal: Any, config_dir: str | Path | None) -> dict[str, Any]:
    """A deal that was given from Python: written out, or by the name of an option or file."""
    from mcsim.configuration import load_deal_config

    if isinstance(deal, str | Path):
        return load_deal_config(str(deal), config_dir)
    if not isinstance(deal, Mapping):
        raise InputError(f"deal = {shown(deal)}: expected the name of an option, the path of a YAML file, or a mapping")
    return dict(deal)


def _spreads(spread: Any) -> Any:
    """Spreads by class, one number for all as ``default``; what a mapping holds is checked with the deal."""
    if isinstance(spread, Mapping):
        return spread
    if isinstance(spread, bool) or not isinstance(spread, Real):
        raise InputError(f"spread = {shown(spread)}: expected a number, 0.02 for 200 bp, or numbers by class")
    return {"default": spread}
