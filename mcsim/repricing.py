"""A finished run priced again, with another deal or other spreads: from its store, nothing is simulated or stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.flows import FIELDS
from mcsim import store
from mcsim.backend import choose_backend
from mcsim.configuration import repriced, settings_of
from mcsim.errors import InputError, first_of, shown
from mcsim.layouts import deal_groups, is_book
from mcsim.records import recorded_config
from mcsim.settings import DealChoice, Position, Pricing, Settings
from mcsim.store.layout import COLLATERAL
from mcsim.store.marker import require_manifest
from mcsim.work import path_blocks

if TYPE_CHECKING:
    import xarray as xr

    from mcsim.priced_book import BookPrices
    from mcsim.results import Run


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
    recorded_config(run.path)
    own = run.deals.only("price(...)") if name is None else run.deals[name]
    config = own.config
    chosen = config["deal"] if deal is None else _deal(deal, config_dir)
    spreads = _spreads(config["pricing"]["spreads"] if spread is None else spread)
    from mcsim.valuation.stage import prices_dataset

    choice = DealChoice(chosen, _groups(chosen, config["groups"]), Pricing(spreads))
    priced = price_stored(run, {own.name: choice}).deals[own.name]
    return prices_dataset(priced).assign_attrs(assumptions=own.assumptions(chosen))


def price_stored(run: Run, deals: Mapping[str, DealChoice], positions: Mapping[str, Position] | None = None) -> BookPrices:
    """Run deals over the stored pools, price their classes, value positions in them or in collaterals.

    Raises
    ------
    InputError
        The deals' mistakes, all together; a run that kept no pools.
    StoreError
        A pool or scenario that is missing or damaged.
    """
    from mcsim.priced_book import PricedBook

    held = {position.of for position in (positions or {}).values()} & {*run.collateral}
    names = held | {collateral for choice in deals.values() for collateral in choice.groups.values()}
    if any(f"{COLLATERAL}/{name}/pool" not in run.groups for name in names):
        raise InputError(f"run {run.run_id} kept no pool to price again (output.flows=false); run again with output=pool")
    balances = {name: float(run.collateral[name].attributes["pool_balance"]) for name in names}
    horizons = {name: store.sizes(run.path, f"{COLLATERAL}/{name}/pool")["month"] for name in names}
    book = PricedBook(deals, positions or {}, balances, horizons, choose_backend("auto", "float64"))
    n_paths = store.read_block(run.path, "scenarios", ["path"])["path"].size
    for block in path_blocks(n_paths, int(run.config["engine"]["path_block"])):
        discount = store.read_block(run.path, "scenarios", ["discount_factor"], block.first, block.count)["discount_factor"]
        pools = {name: read_pool(run.path, name, block.first, block.count) for name in names}
        book.add(block.first, pools, discount)
    return book.finish()


def price_again(
    run: Run, overrides: Sequence[str], config_dir: str | Path | None = None
) -> tuple[dict[str, xr.Dataset], xr.Dataset | None]:
    """Prices by deal, as ``run.deals[...].prices``, and positions, as ``run.positions``, of what overrides name.

    Parameters
    ----------
    run : Run
        A finished run.
    overrides : sequence of str
        As :func:`mcsim.configuration.repriced` takes them; without any all of the book is priced again.
    config_dir : path, optional
        A directory of the user's own options.

    Raises
    ------
    InputError
        What is wrong with them, all together.
    """
    require_manifest(run.path)
    config = recorded_config(run.path)
    from mcsim.valuation.stage import prices_dataset

    if overrides:  # another deal may lack the class of which a position is that is not asked for
        kept = _named(overrides, "positions")
        config["positions"] = {name: own for name, own in (config.get("positions") or {}).items() if name in kept}
    settings = repriced(config, overrides, config_dir)
    named = _named(overrides, "deals") if is_book(config) else {*(settings.deals if _of_the_one_deal(overrides) else ())}
    deals = {name: own for name, own in settings.deals.items() if name in named or not overrides}
    prices = {}
    for name, found in price_stored(run, deals).deals.items() if deals else ():
        own = run.deals[name] if name in run.deals else run.deals.only("price(...)")
        prices[name] = prices_dataset(found).assign_attrs(assumptions=own.assumptions(deals[name].deal))
    return prices, priced_positions(run, settings) if settings.positions else None


def _named(overrides: Sequence[str], part: str) -> set[str]:
    """Names of the entries of a part that overrides are of."""
    keys = [str(text).lstrip("+~").partition("=")[0].split(".") for text in overrides]
    return {key[1] for key in keys if key[0] == part and len(key) > 1}


def _of_the_one_deal(overrides: Sequence[str]) -> bool:
    return any(not str(text).lstrip("+~").startswith("positions") for text in overrides)


def value_positions(run: Run, positions: Any) -> xr.Dataset:
    """Positions over the stored pools, by their settings; as ``run.positions``.

    Raises
    ------
    InputError
        What is wrong with the positions, all together.
    """
    require_manifest(run.path)
    if not isinstance(positions, Mapping) or not positions:
        raise InputError(f"positions = {shown(positions)}: expected one or more by name, each as in a campaign")
    settings = settings_of({**recorded_config(run.path), "positions": dict(positions)})
    return priced_positions(run, settings)


def priced_positions(run: Run, settings: Settings) -> xr.Dataset:
    """Positions of settings that were checked, over the run's stored pools, and whatever of the deals they need."""
    from mcsim.reports.assumptions import position_attributes

    needed = {position.of.partition("/")[0] for position in settings.positions.values()}
    found = price_stored(run, {name: own for name, own in settings.deals.items() if name in needed}, settings.positions)
    assert found.positions is not None  # there is one at least
    return found.positions.dataset().assign_attrs(position_attributes(settings.raw, run.attributes))


def read_pool(run_dir: Path, collateral: str, first: int, count: int) -> np.ndarray:
    """Pool flows of a collateral on a path block, (month, field, path)."""
    block = store.read_block(run_dir, f"{COLLATERAL}/{collateral}/pool", list(FIELDS), first, count)
    return np.stack([block[name][0] for name in FIELDS], axis=1)


def _groups(deal: Mapping[str, Any], groups: Mapping[str, str]) -> dict[str, str]:
    """Collateral by group of a deal: the run's deal's own where the names are, else, in its place, one collateral for one group."""
    own = deal_groups(dict(deal))
    if len(own) == len(groups) == 1:
        return {own[0]: next(iter(groups.values()))}
    unknown = [group for group in own if group not in groups]
    if unknown or not own:
        raise InputError(
            f"deal.groups: {first_of(unknown) or 'none'}: the run's deal stands on {first_of([*groups])}; name groups of these"
        )
    return {group: groups[group] for group in own}


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
