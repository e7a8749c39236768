"""A tiny book: two collaterals under different models and horizons, deals over each, in a second on numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from mcsim.backend import choose_backend
from mcsim.configuration import load_settings, settings_of
from mcsim.market.start import load_market
from mcsim.pipeline import Simulation
from mcsim.results import Run
from mcsim.run import run_campaign
from mcsim.tapes.portfolio import load_portfolio

HOMES = (
    "campaign=prime_jumbo", "portfolio.generator.loans=5", "portfolio.generator.term=48", "portfolio.generator.age_mean=6",
    "portfolio.generator.ltv_mean=0.95", "portfolio.liquidation_lag=5",
)  # fmt: skip
"""Five loans of four years under water, in a few states."""

SHOPS = (
    "campaign=prime_jumbo", "portfolio.name=shops", "portfolio.generator.loans=4", "portfolio.generator.term=30",
    "portfolio.generator.age_mean=0", "portfolio.generator.seed=3", "portfolio.generator.regions={NY: 0.5, NV: 0.5}",
    "behaviour=commercial_static", "behaviour.decrement=sampled",
)  # fmt: skip
"""Four of less, in other states, drawn, under other models."""

PASS_THROUGH = ("deal=pass_through", "pricing=none")

BOTH = {
    "name": "both",
    "groups": ["homes", "shops"],
    "classes": {
        "S": {"share": 0.8, "coupon": {"rate": 0.03}},
        "M": {"share": 0.2, "coupon": "net_wac"},
        "R": {"coupon": "residual"},
    },
    "steps": [
        {"pay_interest": ["S", "M"], "from": "interest"},
        {"pay_principal": ["S", "M"], "rule": "sequential", "from": "principal"},
        {"write_down": ["M", "S"]},
        {"release": "R", "from": "all"},
    ],
}
"""A deal over both collaterals."""

WHOLE = {"instrument": "whole_loan", "of": "shops", "share": 1.0, "method": "spread", "inputs": {"spread": 0.02}}
PIECE = {"instrument": "deal_class", "of": "first/A1", "share": 0.35, "method": "spread", "inputs": {"spread": 0.0131}}


def one(overrides: tuple[str, ...]) -> dict[str, Any]:
    """The resolved configuration of a campaign of one each."""
    return dict(load_settings(overrides).raw)


def book(**shared: Any) -> dict[str, Any]:
    """The resolved configuration of the tiny book; ``shared`` are keys of its top level."""
    homes, shops, through = one(HOMES), one(SHOPS), one((*HOMES, *PASS_THROUGH))
    parts = ("portfolio", "behaviour", "deal", "pricing")
    return {
        **{key: value for key, value in homes.items() if key not in parts},
        "campaign": "tiny_book",
        "paths": 300,
        "backend": {"name": "numpy"},
        "market_date": homes["portfolio"]["cut_off"],
        "output": {**homes["output"], "report": False},
        "engine": {**homes["engine"], "path_block": 256, "threads": 2},
        "collaterals": {name: {key: own[key] for key in parts[:2]} for name, own in (("homes", homes), ("shops", shops))},
        "deals": {
            "first": {"deal": homes["deal"], "groups": {"pool": "homes"}, "pricing": homes["pricing"]},
            "both": {"deal": BOTH, "groups": {"homes": "homes", "shops": "shops"}, "pricing": {"spreads": {"default": 0.02}}},
            "second": {"deal": through["deal"], "groups": {"pool": "shops"}, "pricing": through["pricing"]},
        },
        "positions": {"whole": WHOLE, "piece": PIECE},
        **{key: dict(value) if isinstance(value, tuple) else value for key, value in shared.items()},
    }


def alone(config: dict[str, Any], collateral: str) -> dict[str, Any]:
    """A book with one of its collaterals, and the deals that stand on it."""
    deals = {name: own for name, own in config["deals"].items() if set(own["groups"].values()) == {collateral}}
    return {**config, "collaterals": {collateral: config["collaterals"][collateral]}, "deals": deals, "positions": {}}


def run_book(folder: Path, config: dict[str, Any]) -> Run:
    """A finished run of it under ``folder``."""
    return run_campaign(settings_of({**config, "output": {**config["output"], "runs_dir": str(folder)}}))


def staged_book(config: dict[str, Any]) -> Simulation:
    """The simulation stage of a book, without its store."""
    settings = settings_of(config)
    market = load_market(settings)
    loans = {name: load_portfolio(own.portfolio).loans for name, own in settings.collaterals.items()}
    return Simulation(market.settings, loans, market.curve, choose_backend(settings.backend, settings.precision))


def cash_of(pool: xr.Dataset) -> xr.DataArray:
    """What a collateral pays after servicing, (month, path)."""
    return (
        pool.interest + pool.advanced_interest + pool.scheduled_principal + pool.advanced_principal + pool.prepaid_principal
        + pool.recovery - pool.servicing_fee
    )  # fmt: skip
