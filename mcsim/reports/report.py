"""``report.html`` of a run: one file that asks for nothing else, made from the store alone."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mcsim import records
from mcsim.errors import StoreError, one_line
from mcsim.files import write_whole
from mcsim.provenance import config_hash
from mcsim.reports import facts
from mcsim.reports.checks import in_order
from mcsim.reports.formats import FORMATS, difference
from mcsim.reports.pictures import scenario_charts
from mcsim.reports.seal import sealed
from mcsim.reports.sections import collateral_section, deal_section, headline, loss_of_all, positions_section
from mcsim.store.marker import REPORT_NAME, require_manifest

log = logging.getLogger("mcsim")

_TEMPLATE = "report.html.j2"


def write_report(run: Any) -> Path:
    """Write ``report.html`` into the run's folder.

    Reads a block of paths at a time; the same run gives the same file, byte for byte. A check that fails stands at the top of
    the page and is logged as a warning: the report is written all the same, as it is what shows how far off the run is.

    Parameters
    ----------
    run : mcsim.results.Run
        With ``path``, ``config`` and the lazy datasets ``scenarios``, ``pool``, ``tranches`` and ``prices``.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    IncompleteRunError
        If the run did not finish.
    StoreError
        If a file of the run is missing, changed or not the run's.
    """
    import jinja2

    folder = Path(run.path)
    require_manifest(folder).check_listing()
    content = _collect_or_name_damage(run)
    for check in content["failed"]:
        log.warning(
            "run %s fails the check %r (%s): off by USD %s, allowed %.3g",
            folder.name, check.label, check.identity, difference(check.difference), check.allowed,
        )  # fmt: skip

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FORMATS)
    text = environment.get_template(_TEMPLATE).render(**content)
    write_whole(folder / REPORT_NAME, sealed(text, folder), again="then `mcsim report` again")
    return folder / REPORT_NAME


def _collect_or_name_damage(run: Any) -> dict[str, Any]:
    """:func:`collect`; where it fails on a damaged store, the error says which files."""
    try:
        return collect(run)
    except StoreError:
        raise
    except Exception:
        # Reading all against the digests tells damage from a fault of ours.
        require_manifest(run.path).check_all()
        raise


def collect(run: Any) -> dict[str, Any]:
    """Everything that the template shows: numbers, and charts as safe markup."""
    folder, config = Path(run.path), dict(run.config)
    attributes = dict(getattr(run, "attributes", None) or {})
    precision = str(config.get("precision", "float64"))
    alone = len(run.collateral) == 1 and len(run.deals) == 1
    numbered = [(name, "" if alone else str(i)) for i, name in enumerate(run.collateral, start=1)]
    looked = {name: collateral_section(run, name, number, precision) for name, number in numbered}
    collaterals = [section for section, _ in looked.values()]
    pools = {name: seen for name, (_, seen) in looked.items()}
    deals, checks = [], [check for seen in pools.values() if seen is not None for check in seen.checks]
    for i, name in enumerate(run.deals, start=1):
        section, found = deal_section(run, name, "" if alone else str(i), pools)
        deals.append(section)
        checks += found
    positions = None
    if config.get("positions"):
        positions, found = positions_section(run)
        checks += found
    checks, seen = in_order(checks), [pool for pool in pools.values() if pool is not None]
    # Deals of a book may stand on the same loans: their values do not add up.
    worth = positions["value"] if positions else deals[0]["value"] if len(deals) == 1 else None
    valued = [part["paths"] for part in (positions, *deals) if part]
    return {
        "alone": alone,
        "headline": headline(run, collaterals, valued[0] if valued else int(config["paths"])),
        "worth": worth,
        "loss": loss_of_all(seen),
        "positions": positions,
        "deals": deals,
        "collaterals": collaterals,
        "scenarios": scenario_charts(run.scenarios, _regions(collaterals)) if seen else {},
        "checks": checks,
        "failed": [check for check in checks if not check.holds],
        **_went_in(folder, config, attributes),
    }


def _went_in(folder: Path, config: dict[str, Any], attributes: dict[str, Any]) -> dict[str, Any]:
    """Where the numbers came from."""
    rejects = records.read_rejects(folder)
    environment, packages = facts.environment_of(folder, attributes)
    return {
        "market_rows": facts.market_rows(attributes),
        "rejects": len(rejects),
        "first_rejects": rejects[:10],
        "warnings": [one_line(text) for text in records.read_warnings(folder)],
        "inputs": records.read_inputs(folder),
        "environment": environment,
        "packages": packages,
        "config_digest": config_hash(config),
        "config_text": facts.config_text(config),
    }


def _regions(collaterals: Sequence[Mapping[str, Any]]) -> list[tuple[str, float]]:
    """Regions by their balance in all collaterals, largest first."""
    balances: dict[str, float] = {}
    for part in collaterals:
        for name, share in part["regions"]:
            balances[name] = balances.get(name, 0.0) + share * part["balance"]
    return sorted(balances.items(), key=lambda pair: -pair[1])
