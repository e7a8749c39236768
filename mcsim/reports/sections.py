"""Sections of the report as the template shows them: what a deal, a collateral, the positions and the whole run are told by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mcsim.instruments import INSTRUMENTS
from mcsim.path_means import standard_error, sum_of
from mcsim.records import setting
from mcsim.reports import facts
from mcsim.reports import statistics as stats
from mcsim.reports.checks import Check, PoolSeen, check_deal, check_values, look_at_pool
from mcsim.reports.formats import FIGURE_SPACE, NO_VALUE, percent, total
from mcsim.reports.pictures import pool_charts, value_charts
from mcsim.reports.price_table import OF_POSITIONS, aligned, inputs_shown, price_cells, total_cells

COLUMNS = (
    "original_balance", "price", "price_standard_error", "value", "value_standard_error", "wal", "wal_standard_error", "spread",
    "principal_loss", "interest_share",
)  # fmt: skip
"""Of the report's price tables."""


@dataclass(frozen=True)
class Deal:
    """What :mod:`mcsim.reports.statistics` reads of a deal."""

    tranches: Any
    prices: Any
    scenarios: Any
    path_values: Any


def collateral_section(run: Any, name: str, number: str, precision: str) -> tuple[dict[str, Any], PoolSeen | None]:
    """A collateral: what is known of its loans, and its flows where the run kept them.

    Parameters
    ----------
    run : mcsim.results.Run
    name : str
        The collateral's.
    number : str
        What sets its charts apart from those of others; blank where there is one.
    precision : str
        Of the simulation.
    """
    own = run.collateral[name]
    attributes = dict(own.attributes)
    with_flows = setting(dict(run.config), "output", "flows") is not False
    seen = look_at_pool(own.pool, precision, name if number else "") if with_flows else None
    rows, regions = facts.pool_summary(attributes)
    balance = float(attributes.get("pool_balance") or (seen.opening if seen else 0.0))
    return {
        "name": name,
        "portfolio": _said(own.config, "portfolio", "name"),
        "file": Path(str(setting(own.config, "portfolio", "file") or "")).name,
        "balance": balance,
        "loss": loss_of_all([] if seen is None else [seen]),
        "months": None if seen is None else len(seen.losses),
        "decrement": _said(own.config, "behaviour", "decrement"),
        "models": [_said(own.config, "behaviour", kind, "model") for kind in ("prepayment", "default", "severity")],
        "charts": {} if seen is None else pool_charts(_prefix("collateral", number), seen),
        "pool_rows": rows,
        "regions": regions,
        "notes": facts.notes_of(attributes),
    }, seen  # fmt: skip


def deal_section(run: Any, name: str, number: str, pools: Mapping[str, PoolSeen | None]) -> tuple[dict[str, Any], list[Check]]:
    """A deal: its price table with totals and assumptions, its charts, and its checks."""
    own = run.deals[name]
    deal = Deal(_or_none(own, "tranches", run), own.prices, _or_none(run, "scenarios", run), _or_none(own, "path_values", run))
    behind = {group: pools[collateral] for group, collateral in own.config["groups"].items()}
    seen = [pool for pool in behind.values() if pool is not None]
    values = stats.value_paths(deal) if seen else stats.stored_value_paths(deal)
    of = name if number else ""
    checks = check_deal(deal, seen, values, of) if seen else [check_values(deal.prices, values, of)]
    balances = dict(
        zip(map(str, own.prices["tranche"].values), map(float, own.prices["original_balance"].values), strict=True)
    )
    last = total_cells("All classes", own.prices, float(np.nansum(own.prices["value"].values)), _error(values), COLUMNS)
    return {
        "name": name,
        "groups": own.config["groups"],
        "classes": _table([*price_cells(own.prices, COLUMNS), last]),
        "assumptions": list(own.prices.attrs.get("assumptions", ())),
        "value": total(float(own.prices["value"].sum()), _error(values)),
        "paths": next(iter(values.values())).size,
        "charts": value_charts(_prefix("deal", number), values, balances, "class", _loss_share(seen)),
        "loss_shown": bool(seen),
    }, checks  # fmt: skip


def positions_section(run: Any) -> tuple[dict[str, Any], list[Check]]:
    """The positions of a book and their total, with their check."""
    prices, chosen = run.positions, dict(run.config["positions"])
    names = [str(name) for name in prices["position"].values]
    by_path = run.position_values["value"].transpose("position", "path").values
    values = dict(zip(names, by_path, strict=True))
    with_flows = setting(dict(run.config), "output", "flows") is not False
    worth, error = sum_of(by_path)
    rows = price_cells(prices, COLUMNS)
    table = _table([*rows, total_cells("All positions", prices, worth, error, COLUMNS)])
    held = [_held(chosen[name], float(share)) for name, share in zip(names, prices["share"].values, strict=True)]
    kinds = dict.fromkeys(one["instrument"] for one in held)
    balances = dict(zip(names, map(float, prices["original_balance"].values), strict=True))
    shown = {"All positions": by_path.sum(axis=0), **values} if len(values) > 1 else values
    return {
        **table,
        "held": held,
        "meanings": [(kind, INSTRUMENTS[kind].meaning) for kind in kinds if kind in INSTRUMENTS],
        "value": total(worth, error),
        "alone": _alone(by_path),
        "assumptions": list(prices.attrs.get("assumptions", ())),
        "charts": value_charts("positions-", shown, balances, "position", None),
        "paths": by_path.shape[1],
        "loss_shown": False,
    }, [check_values(prices, stats.position_value_paths(run) if with_flows else values, "positions")]  # fmt: skip


def _held(position: Mapping[str, Any], share: float) -> dict[str, Any]:
    shown = {"share": OF_POSITIONS["share"][1]({"share": share}), "inputs": inputs_shown(position["inputs"])}
    return {**position, **shown}


def headline(run: Any, collaterals: Sequence[Mapping[str, Any]], paths: int) -> dict[str, Any]:
    """What holds of the whole run."""
    config, attributes = dict(run.config), dict(getattr(run, "attributes", None) or {})
    months = [part["months"] for part in collaterals if part["months"] is not None]
    return {
        "run": Path(run.path).name,
        "campaign": str(config.get("campaign", NO_VALUE)),
        "parts": _parts(collaterals, len(run.deals), len(config.get("positions") or {})),
        "balance": sum(part["balance"] for part in collaterals),
        "paths": paths,
        "months": max(months, default=None),
        "cut_off": str(
            attributes.get("cut_off") or _said(run.collateral[collaterals[0]["name"]].config, "portfolio", "cut_off")
        ),
        "market_date": _said(config, "market_date"),
        "curve": _said(config, "rates", "curve"),
        "seed": str(config.get("seed", NO_VALUE)),
        "precision": str(config.get("precision", NO_VALUE)),
        # what was asked for may be "auto": the store says what computed
        "target": str(attributes.get("backend") or config.get("backend", NO_VALUE)),
        "decrement": collaterals[0]["decrement"] if len(collaterals) == 1 else "",
        "models": " · ".join(collaterals[0]["models"]) if len(collaterals) == 1 else "",
    }


def _parts(collaterals: Sequence[Any], deals: int, positions: int) -> str:
    counts = (("collateral", len(collaterals)), ("deal", deals), ("position", positions))
    return ", ".join(f"{n} {noun}{'' if n == 1 else 's'}" for noun, n in counts if n)


def loss_of_all(pools: Sequence[PoolSeen]) -> tuple[str, str] | None:
    """Expected loss of all collaterals over their lives, as a share of their balance, with its standard error."""
    share = _loss_share(pools)
    return None if share is None else percent(float(share.mean()), float(standard_error(share)))


def _loss_share(pools: Sequence[PoolSeen]) -> stats.Array | None:
    if not pools:
        return None
    return np.asarray(sum(pool.losses[-1] for pool in pools) / sum(pool.opening for pool in pools))


def _table(rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Cells, and below them, aligned with them, the totals."""
    *cells, last = aligned(rows, FIGURE_SPACE)
    return {"rows": cells, "total": last}


def _error(values: Mapping[str, stats.Array]) -> float:
    return sum_of(np.stack(list(values.values())))[1]


def _alone(values: stats.Array) -> str:
    """The error that the total would have if the positions were independent, in USD; blank where there is none."""
    error = float(np.sqrt((standard_error(values) ** 2).sum()))
    return "" if np.isnan(error) or len(values) < 2 else f"{error:,.0f}"


def _prefix(part: str, number: str) -> str:
    return f"{part}{number}-" if number else ""


def _or_none(part: Any, name: str, run: Any) -> Any:
    """A group that a run without flows does not have."""
    kept = name == "path_values" or setting(dict(run.config), "output", "flows") is not False
    return getattr(part, name, None) if kept else None


def _said(config: Mapping[str, Any], *keys: str) -> str:
    value = setting(config, *keys)
    return NO_VALUE if value is None else str(value)
