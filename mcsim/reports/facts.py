"""What the report says of a run besides its numbers: where they came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mcsim import provenance, records

_POOL_LABELS = {
    "loans": ("Loans", "count"),
    "balance": ("Balance at the cut-off", "usd"),
    "original_balance": ("Original balance", "usd"),
    "average_balance": ("Average balance", "usd"),
    "wac": ("Weighted average note rate", "percent3"),
    "note_rate": ("Weighted average note rate", "percent3"),
    "net_wac": ("Weighted average rate net of servicing", "percent3"),
    "servicing_rate": ("Servicing and trustee fee", "percent3"),
    "ltv": ("Weighted average loan-to-value ratio", "percent1"),
    "wam": ("Weighted average months to maturity", "number1"),
    "maturity": ("Weighted average months to maturity", "number1"),
    "amortisation": ("Weighted average amortisation, months", "number1"),
    "age": ("Weighted average age, months", "number1"),
    "adjustable_share": ("Adjustable-rate share of balance", "percent1"),
    "interest_only_share": ("Interest-only share of balance", "percent1"),
    "balloon_share": ("Balloon share of balance", "percent1"),
}
"""Keys of the portfolio summary that the report words and formats; others appear as they are."""

_START_LABELS = {
    "home_prices.initial_growth_quarterly": "Home prices: log growth of the quarter before",
    "home_prices.initial_gap": "Home prices: log index above its trend",
    "rates.mortgage_residual": "Mortgage rate above its rule",
}
"""Start values of the scenarios in the report's words, by the setting's name."""

_LISTED_REGIONS = 8


def config_text(config: dict[str, Any]) -> str:
    """The resolved configuration as YAML."""
    import yaml

    return str(yaml.safe_dump(provenance.plain(config), sort_keys=False, allow_unicode=True))


def notes_of(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """What the reader of the tape applied, left out, imputed or did not know: :func:`mcsim.tapes.notes.notes_record`."""
    return list(json.loads(attributes.get("notes") or "[]"))


def environment_of(folder: Path, attributes: dict[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What computed: rows (label, text) from env.json and the store's ``attributes``; and the versions of the packages."""
    stored = records.read_environment(folder)
    git, cpu = stored.get("git") or {}, stored.get("cpu") or {}
    devices = ", ".join(f"{d.get('model')}, driver {d.get('driver')}" for d in stored.get("devices") or [])
    commit = git.get("commit")
    why = f"unknown: {git.get('reason') or 'not recorded'}"
    rows = [
        ("mcsim", stored.get("mcsim")),
        ("Git commit", f"{commit}{' with changes not committed' if git.get('dirty') else ''}" if commit else why),
        ("Created", attributes.get("created")),
        ("Target", attributes.get("backend")),
        ("Why this target", attributes.get("backend_reason")),
        ("Precision", attributes.get("precision")),
        ("CPU", _plain(cpu.get("model")) + (f", {cpu['cores']} cores" if cpu.get("cores") else "")),
        ("Accelerator", devices or "none found"),
        ("Platform", _plain(stored.get("platform"))),
        ("Python", stored.get("python")),
    ]
    packages = stored.get("packages") or {}
    return [(k, _plain(v)) for k, v in rows if v], [(str(k), str(v)) for k, v in sorted(packages.items())]


def portfolio_record(loans: Any) -> dict[str, Any]:
    """Summary of :class:`mcsim.loans.Loans` and each region's share of balance: the store's attribute ``portfolio``."""
    import numpy as np

    regions, rows = np.unique(loans.region, return_inverse=True)
    shares = np.bincount(rows, loans.balance) / loans.balance.sum()
    return {**loans.summary(), "regions": {str(s): float(v) for s, v in zip(regions, shares, strict=True)}}


def pool_summary(attributes: dict[str, Any]) -> tuple[list[tuple[str, Any, str]], list[tuple[str, float]]]:
    """Rows (label, value, format) of the store's attribute ``portfolio``, and the regions' shares of balance, largest first."""
    stored = json.loads(attributes.get("portfolio") or "{}")
    if not stored:  # a store that says no more than how many loans there were
        stored = {
            key: attributes[name] for key, name in (("loans", "loans"), ("balance", "pool_balance")) if name in attributes
        }
    rows = []
    for key, value in stored.items():
        if isinstance(value, (dict, list)):
            continue
        label, kind = _POOL_LABELS.get(key, (_words(key), "plain"))
        rows.append((label, value, kind if isinstance(value, (int, float)) else "plain"))
    regions = stored.get("regions") or {}
    pairs = regions.items() if isinstance(regions, dict) else []
    ordered = sorted(((str(k), float(v)) for k, v in pairs), key=lambda pair: (-pair[1], pair[0]))
    total = sum(v for _, v in ordered) or 1.0
    shares = [(k, v / total) for k, v in ordered]
    if len(shares) > _LISTED_REGIONS + 1:
        rest = shares[_LISTED_REGIONS:]
        shares = [*shares[:_LISTED_REGIONS], (f"{len(rest)} others", sum(v for _, v in rest))]
    return rows, shares


def market_rows(attributes: dict[str, Any]) -> list[tuple[str, float, str]]:
    """Rows (label, value per unit, origin) of the store's attribute ``market``: where the scenarios start."""
    starts = json.loads(attributes.get("market") or "{}").get("starts", {})
    return [(_START_LABELS.get(name, name), float(start["value"]), str(start["origin"])) for name, start in starts.items()]


def _words(key: str) -> str:
    text = str(key).replace("_", " ")
    return text[:1].upper() + text[1:]


def _plain(value: Any) -> str:
    """Values of a mapping or a list side by side."""
    if isinstance(value, dict):
        return " ".join(_plain(v) for v in value.values() if v)
    return " ".join(map(_plain, value)) if isinstance(value, (list, tuple)) else str(value or "")
