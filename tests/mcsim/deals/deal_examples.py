"""Pools and deals for the tests of the waterfall."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import yaml

from kernels.flows import FIELDS
from mcsim.deals import Deal

CONF = Path(__file__).parents[3] / "conf" / "deal"
DOCS = Path(__file__).parents[3] / "docs" / "deals.md"
SHIPPED = ("pass_through", "senior_subordinate", "conduit", "reserve_account")
"""Of one group."""


def shipped(name: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / f"{name}.yaml").read_text())


def backend(target: str) -> SimpleNamespace:
    """What a stage reads of a backend."""
    return SimpleNamespace(target=target, precision="float64")


def python_of_docs() -> list[list[str]]:
    """Each example of docs/deals.md: its lines, without empty ones."""
    examples = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    return [[line for line in example.splitlines() if line] for example in examples]


def without_types(*functions: Callable[..., Any], verb: str) -> list[str]:
    """Source of functions as an example shows it, without types; last the ``VERB`` of the file ``verb``."""
    lines = [line for function in functions for line in inspect.getsource(function).splitlines()]
    plain = [re.sub(r"\((.*)\) -> \w+:", lambda m: "(" + re.sub(r": [\w\[\], ]+?(?=, \w+:|$)", "", m[1]) + "):", line)
             for line in lines]  # fmt: skip
    return plain + re.findall(r"^VERB = .*", Path(verb).read_text(), re.MULTILINE)


def random_pool(seed: int, n_months: int, n_paths: int, balance: float = 1e8, stress: float = 1.0) -> np.ndarray:
    """Pool flows that keep the collateral's identity; some months without interest, some paths that lose everything."""
    random, at = np.random.default_rng(seed), FIELDS.index
    pool = np.zeros((n_months, len(FIELDS), n_paths))
    performing, foreclosed = np.full(n_paths, balance), np.zeros(n_paths)
    for month in range(n_months):
        rate = np.where(random.uniform(size=n_paths) < 0.1, 1.0, random.uniform(0, 0.02 * stress, n_paths))
        defaulted = performing * np.where(random.uniform(size=n_paths) < 0.2, rate, 0.002 * stress)
        paying = performing - defaulted
        scheduled = paying / (n_months - month)
        prepaid = (paying - scheduled) * random.uniform(0, 0.3, n_paths)
        foreclosed = foreclosed + defaulted
        liquidated = foreclosed * (1.0 if month == n_months - 1 else 0.2)
        loss = liquidated * random.uniform(0, 1, n_paths)
        pool[month, at("interest")] = paying * random.uniform(0.01, 0.08, n_paths) / 12
        pool[month, at("servicing_fee")] = performing * 0.0025 / 12
        pool[month, at("advanced_interest")] = foreclosed * random.choice([0.0, 0.04 / 12], n_paths)
        pool[month, at("advanced_principal")] = advanced = (foreclosed - liquidated) * 0.01
        foreclosed = foreclosed - liquidated - advanced
        performing = paying - scheduled - prepaid
        for name, value in {
            "balance": performing, "foreclosure_balance": foreclosed, "scheduled_principal": scheduled,
            "prepaid_principal": prepaid, "defaulted_balance": defaulted, "recovery": liquidated - loss, "loss": loss,
        }.items():  # fmt: skip
            pool[month, at(name)] = value
    return pool


def random_pools(deal: Deal, seed: int, n_months: int, n_paths: int, stress: float = 1.0) -> dict[str, np.ndarray]:
    """A pool for each group; they differ, and each has :func:`closing_balances`."""
    balances = closing_balances(deal)
    return {g: random_pool(seed + i, n_months, n_paths, balances[g], stress) for i, g in enumerate(deal.groups)}


def closing_balances(deal: Deal) -> dict[str, float]:
    """USD: 100 million for the first group, three quarters of the one before for each further."""
    return {group: 1e8 * 0.75**i for i, group in enumerate(deal.groups)}


def small_deal() -> dict[str, Any]:
    """Two classes, a residual, a fee and a reserve: a fresh one for each test to damage."""
    return {
        "name": "small",
        "group": "pool",
        "classes": {
            "A": {"share": 0.8, "coupon": 0.03},
            "B": {"share": 0.2, "coupon": "net_wac"},
            "R": {"coupon": "residual"},
        },
        "fees": {"trustee": {"rate": 0.0002}},
        "accounts": {"reserve": {"initial": 0.01, "target": 0.01, "floor": 0.002}},
        "steps": [
            {"pay_fee": "trustee", "from": "all"},
            {"pay_interest": ["A", "B"], "from": "interest"},
            {"pay_principal": ["A", "B"], "rule": "sequential", "from": "principal"},
            {"draw": "reserve", "cover": "interest", "classes": ["A"]},
            {"write_down": ["B", "A"]},
            {"fund": "reserve", "from": "interest"},
            {"release": "R", "from": ["interest", "principal", "reserve"]},
        ],
    }
