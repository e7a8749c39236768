"""A book of six collaterals, each under another combination of models: what the first start, a later one and an edit cost."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]

COMBINATIONS = {
    "rate_driven": ("richard_roll", "ltv_hazard", "ltv_severity", "expected"),
    "curves": ("psa", "sda", "fixed", "expected"),
    "annual_vectors": ("cpr", "cdr", "ltv_severity", "expected"),
    "monthly_vectors": ("smm", "mdr", "fixed", "sampled"),
    "rate_driven_drawn": ("richard_roll", "cdr", "conduit", "sampled"),
    "home_price_driven": ("psa", "ltv_hazard", "ltv_severity", "sampled"),
}
"""Options of conf/behaviour/ for prepayment, default and severity, and the decrement, by collateral."""

CAMPAIGN = "six_collaterals"
LOANS, PATHS = 100, 256
"""Of each collateral, and of the book (the issue's own)."""

EDITED = "kernels/behaviour/default/ltv_hazard.py"
"""A model of two of the six, beside others."""


def write_options(folder: Path) -> None:
    """The campaign and its behaviours, as a directory of a user's own options."""
    behaviours, campaigns = folder / "behaviour", folder / "campaign"
    for made in (behaviours, campaigns):
        made.mkdir(parents=True)
    for name, (prepayment, default, severity, decrement) in COMBINATIONS.items():
        defaults = [{"prepayment": prepayment}, {"default": default}, {"severity": severity}, "_self_"]
        (behaviours / f"{name}.yaml").write_text(yaml.safe_dump({"defaults": defaults, "decrement": decrement}))
    portfolios = {
        name: {"option": "prime_jumbo", "generator": {"loans": LOANS, "seed": seed}} for seed, name in enumerate(COMBINATIONS)
    }
    book = {
        "paths": PATHS,
        "collaterals": {name: {"portfolio": portfolios[name], "behaviour": name} for name in COMBINATIONS},
        "deals": {
            "first": {
                "deal": "senior_subordinate",
                "groups": {"pool": next(iter(COMBINATIONS))},
                "pricing": "senior_subordinate",
            }
        },
    }
    (campaigns / f"{CAMPAIGN}.yaml").write_text("# @package _global_\n" + yaml.safe_dump(book, sort_keys=False))


def copy_program(folder: Path) -> None:
    """The program in a folder of its own, to be edited there."""
    for part in ("kernels", "mcsim", "conf"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))


def edit(folder: Path) -> None:
    """One model's formula gets a line: what it computes stays, what is compiled is no longer of this text."""
    path = folder / EDITED
    path.write_text(path.read_text() + "\n# edited\n")


def kernels_kept(cache: Path) -> int:
    """Compiled kernels on disk."""
    return sum(1 for _ in cache.rglob("*.nbc"))
