"""A run with plausible numbers, small enough for a test: what the store holds, without a store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from kernels.flows import FIELDS
from mcsim import store
from mcsim.reports.assumptions import price_assumptions

MONTHS = 120
NOTE = {"subject": "paid off", "text": "left out", "count": 2, "balance": 1.5e6, "loan_ids": ["7", "9"]}
NOTE_SAID = "paid off: 2, 1,500,000 USD: left out (7, 9)"
CLASSES = {"A-1": 0.85, "A-2": 0.08, "B-1": 0.05, "B-2": 0.02, "R": 0.0}
SPREADS = {"A-1": 0.010, "A-2": 0.014, "B-1": 0.025, "B-2": 0.06, "R": 0.12}


class FakeRun(SimpleNamespace):
    """A stand-in for :class:`mcsim.results.Run` of one collateral and one deal."""

    @property
    def collateral(self) -> dict[str, Any]:
        own = SimpleNamespace(config=self.config, attributes=getattr(self, "attributes", {}), pool=self.pool)
        return {str(self.config["portfolio"]["name"]): own}

    @property
    def deals(self) -> dict[str, Any]:
        assumptions = price_assumptions(self.config, getattr(self, "attributes", {}))
        own = SimpleNamespace(
            config={"deal": self.config["deal"], "groups": {"pool": next(iter(self.collateral))}},
            tranches=self.tranches, prices=self.prices.assign_attrs(assumptions=assumptions),
        )  # fmt: skip
        return {str(self.config["deal"]["name"]): own}


def build_run(folder: Path, n_paths: int = 64, n_months: int = MONTHS, balance: float = 2.0e9) -> Any:
    """A stand-in for ``mcsim.results.Run``: a pool with defaults and prepayments in a sequential deal with one reserve."""
    rng = np.random.default_rng(7)
    month0 = np.arange(n_months + 1)
    rate = 0.012 + 0.0025 * np.cumsum(np.vstack([np.zeros(n_paths), rng.normal(0, 0.8, (n_months, n_paths))]), axis=0)
    discount = np.exp(-np.vstack([np.zeros(n_paths), np.cumsum(rate[:-1], axis=0)]) / 12)
    growth = rng.normal(0.0025, 0.007, (2, n_months, n_paths)).cumsum(axis=1)
    homes = np.exp(np.concatenate([np.zeros((2, 1, n_paths)), growth], axis=1))
    scenarios = xr.Dataset(
        {
            "short_rate": (("month", "path"), rate),
            "discount_factor": (("month", "path"), discount),
            "mortgage_rate": (("month", "path"), np.maximum(rate + 0.018, 0.02)),
            "adjustable_index": (("month", "path"), rate),
            "home_price_index": (("region", "month", "path"), homes),
        },
        {"month": month0, "path": np.arange(n_paths), "region": ["NY", "CA"]},
    )
    pool = make_pool(scenarios, balance)
    tranches, prices = make_deal(pool, scenarios, balance)
    write_folder(folder)
    config = {
        "campaign": "prime_jumbo", "seed": 20201231, "paths": n_paths, "precision": "float64", "backend": "auto",
        "portfolio": {"name": "prime_jumbo", "cut_off": "2020-12-31"},
        "rates": {"curve": "2020-12-31", "sigma": 0.0065},
        "behaviour": {"prepayment": {"model": "richard_roll"}, "default": {"model": "ltv_hazard"},
                      "severity": {"model": "ltv_severity"}, "decrement": "expected"},
        "deal": {"name": "senior_subordinate"},
    }  # fmt: skip
    pool = pool.expand_dims(group=["all"])
    summary = {
        "loans": 2000, "balance": 2.0e9, "average_balance": 1.0e6, "note_rate": 0.03412, "ltv": 0.652, "maturity": 351.2,
        "age": 8.4,
        "regions": {"CA": 0.46, "NY": 0.11, "WA": 0.08, "MA": 0.06, "TX": 0.05, "FL": 0.05, "CO": 0.04, "NJ": 0.04, "VA": 0.03,
                   "IL": 0.03, "MD": 0.03, "GA": 0.02},
    }  # fmt: skip
    attributes = {
        "portfolio": json.dumps(summary), "notes": json.dumps([NOTE]),
        "market": json.dumps({"starts": {"home_prices.initial_gap": {"value": -0.05623, "origin": "derived: index of 2020Q4"}}}),
        "backend": "cpu", "backend_reason": "no CUDA device", "precision": "float64",
        "created": "2026-11-21T23:00:00+00:00"
    }  # fmt: skip
    return FakeRun(
        path=folder, config=config, attributes=attributes, scenarios=scenarios, pool=pool, tranches=tranches, prices=prices
    )


def make_pool(scenarios: xr.Dataset, balance: float) -> xr.Dataset:
    """Balances by the month's identities; no advances."""
    rates, homes = scenarios["mortgage_rate"].values, scenarios["home_price_index"].values[1]
    n_months, n_paths = rates.shape[0] - 1, rates.shape[1]
    flow = {name: np.zeros((n_months, n_paths)) for name in FIELDS}
    performing, foreclosed = np.full(n_paths, balance), np.zeros(n_paths)
    for m in range(n_months):
        smm = np.clip(0.01 + 0.6 * (0.035 - rates[m]), 0.003, 0.06)
        defaulted = performing * np.clip(0.0004 * np.exp(3 * (0.7 / homes[m] - 0.7)), 0, 0.02)
        scheduled = (performing - defaulted) / (n_months - m)
        prepaid = (performing - defaulted - scheduled) * smm
        liquidated = flow["defaulted_balance"][m - 12] if m >= 12 else np.zeros(n_paths)
        flow["interest"][m], flow["servicing_fee"][m] = performing * 0.034 / 12, performing * 0.0025 / 12
        flow["loss"][m] = liquidated * np.clip(1.2 - homes[m], 0.05, 0.8)
        flow["recovery"][m] = liquidated - flow["loss"][m]
        performing, foreclosed = performing - defaulted - scheduled - prepaid, foreclosed + defaulted - liquidated
        for name, x in (("defaulted_balance", defaulted), ("scheduled_principal", scheduled), ("prepaid_principal", prepaid),
                        ("balance", performing), ("foreclosure_balance", foreclosed)):  # fmt: skip
            flow[name][m] = x
    return xr.Dataset(
        {name: (("month", "path"), x) for name, x in flow.items()},
        {"month": np.arange(1, n_months + 1), "path": np.arange(n_paths)},
    )


def make_deal(pool: xr.Dataset, scenarios: xr.Dataset, balance: float) -> tuple[xr.Dataset, xr.Dataset]:
    """Sequential classes with a fee and a reserve; the residual takes what is left."""
    names, (n_months, n_paths) = list(CLASSES), pool["balance"].shape
    out = {
        v: np.zeros((len(names), n_months, n_paths))
        for v in ("interest_paid", "principal_paid", "write_down", "tranche_balance")
    }
    collections = sum(pool[v].values for v in ("interest", "scheduled_principal", "prepaid_principal", "recovery"))
    collections = collections - pool["servicing_fee"].values
    fee, account = np.zeros((1, n_months, n_paths)), np.zeros((1, n_months, n_paths))
    left = np.array([[share * balance] * n_paths for share in CLASSES.values()])
    held = np.full(n_paths, 0.01 * balance)
    for m in range(n_months):
        fee[0, m] = np.minimum(collections[m], 0.0002 / 12 * left.sum(axis=0))
        cash, loss = collections[m] - fee[0, m], pool["loss"].values[m].copy()
        due = pool["scheduled_principal"].values[m] + pool["prepaid_principal"].values[m] + pool["recovery"].values[m]
        for i in range(len(names) - 1):
            out["interest_paid"][i, m] = np.minimum(cash, left[i] * (0.02 + 0.004 * i) / 12)
            cash = cash - out["interest_paid"][i, m]
        for i in range(len(names) - 1):
            out["principal_paid"][i, m] = np.minimum(np.minimum(cash, due), left[i])
            cash, due = cash - out["principal_paid"][i, m], due - out["principal_paid"][i, m]
            left[i] -= out["principal_paid"][i, m]
        for i in reversed(range(len(names) - 1)):
            out["write_down"][i, m] = np.minimum(loss, left[i])
            loss = loss - out["write_down"][i, m]
            left[i] -= out["write_down"][i, m]
        target = 0.01 * balance if m < n_months - 1 else 0.0
        out["interest_paid"][-1, m] = cash + held - target
        held = np.full(n_paths, target)
        account[0, m] = held
        out["tranche_balance"][:, m] = left
    dims = ("tranche", "month", "path")
    coordinates = {"tranche": names, "month": pool["month"].values, "path": pool["path"].values}
    flows = xr.Dataset({name: (dims, x) for name, x in out.items()}, coordinates)
    flows["fee_paid"] = (("fee", "month", "path"), fee)
    flows["account_balance"] = (("account", "month", "path"), account)
    flows["collections"] = (("month", "path"), collections)
    return flows, make_prices(flows, scenarios, balance)


def make_prices(flows: xr.Dataset, scenarios: xr.Dataset, balance: float) -> xr.Dataset:
    """Prices by the definition, one class at a time: independent of the report's own arithmetic."""
    columns: dict[str, list[float]] = {}
    years = flows["month"].values / 12
    for name, share in CLASSES.items():
        one, original = flows.sel(tranche=name), share * balance
        interest, principal = (one[v].values for v in ("interest_paid", "principal_paid"))
        factor = scenarios["discount_factor"].values[1:] * np.exp(-SPREADS[name] * years)[:, None]
        value = ((interest + principal) * factor).sum(axis=0)
        error = value.std(ddof=1) / np.sqrt(value.size)
        life = (principal * years[:, None]).sum(axis=0) / np.maximum(principal.sum(axis=0), 1e-9)
        per_100 = 100 / original if original else np.nan
        row = {
            "price": value.mean() * per_100, "price_standard_error": error * per_100, "value": value.mean(),
            "value_standard_error": error, "wal": life.mean() if original else np.nan,
            "wal_standard_error": life.std(ddof=1) / np.sqrt(value.size) if original else np.nan, "spread": SPREADS[name],
            "original_balance": original, "principal_loss": one["write_down"].values.sum(axis=0).mean() * per_100 / 100,
            "interest_share": (interest * factor).sum() / value.sum(),
        }  # fmt: skip
        for key, x in row.items():
            columns.setdefault(key, []).append(float(x))
    return xr.Dataset({k: (("tranche",), np.array(v)) for k, v in columns.items()}, {"tranche": list(CLASSES)})


def write_folder(folder: Path) -> None:
    """The files beside the store, and a store of no arrays: a report asks for every shard it should have."""
    store.create_store(folder / store.STORE_NAME, {})
    inputs = [
        {"path": "mcsim/data/treasury_par_curve.csv", "sha256": "5f" * 32, "rows": 11, "rejects": 0},
        {"path": "mcsim/data/fhfa_state_hpi.csv", "sha256": "a3" * 32, "rows": 9231, "rejects": 0},
    ]
    environment = {
        "mcsim": "0.1.0", "python": "CPython 3.11.2", "platform": {"system": "Linux", "release": "6.1", "machine": "x86_64"},
        "cpu": {"model": "AMD EPYC", "cores": 2}, "devices": [], "git": {"commit": "0123abcd" * 5, "dirty": True},
        "packages": dict.fromkeys(("numpy", "numba", "xarray", "zarr", "hydra-core", "polars", "lxml", "QuantLib"), "1.2.3"),
    }  # fmt: skip
    (folder / "inputs.json").write_text(json.dumps(inputs))
    (folder / "env.json").write_text(json.dumps(environment))
    (folder / "rejects.csv").write_text("row,loan_id,column,value,reason\n17,L<b>17</b>,note_rate,4.0,expected 0 to 0.25\n")
    (folder / "warnings.json").write_text(json.dumps(["the curve is of 1999: <i>old</i>", NOTE_SAID]))
    store.mark_complete(folder)


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Any]:
    """:func:`build_run`, for a fixture of a wider scope."""
    return build_run


@pytest.fixture
def synthetic_run(tmp_path: Path) -> Any:
    """64 paths of ten years."""
    return build_run(tmp_path)
