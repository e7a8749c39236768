"""``report.html`` of a run: one file that asks for nothing else, made from the store alone."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np

from mcsim import records
from mcsim.errors import StoreError, one_line
from mcsim.files import write_whole
from mcsim.provenance import config_hash
from mcsim.records import setting
from mcsim.reports import charts, facts
from mcsim.reports import statistics as stats
from mcsim.reports.assumptions import price_assumptions
from mcsim.reports.digits import amount, is_nothing, quantity
from mcsim.reports.price_table import aligned, price_cells
from mcsim.reports.seal import sealed
from mcsim.store.marker import REPORT_NAME, require_manifest

log = logging.getLogger("mcsim")

_COLUMNS = (
    "original_balance", "price", "price_standard_error", "value", "value_standard_error", "wal", "wal_standard_error", "spread",
    "principal_loss", "interest_share",
)  # fmt: skip
_TEMPLATE = "report.html.j2"
_MILLION = 1e-6
NO_VALUE = "–"
FIGURE_SPACE = "\N{FIGURE SPACE}"  # as wide as a digit
CENTS = 0.01
_INITIALS = {"sec", "cmbs", "rmbs", "mbs", "crt", "msr", "sfr", "slst", "cafl", "arm", "heo"}


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
            folder.name, check.name, check.identity, _difference(check.difference), check.allowed,
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
    with_flows = setting(config, "output", "flows") is not False
    values = stats.value_paths(run) if with_flows else stats.stored_value_paths(run)
    opening = stats.opening_balance(run.pool) if with_flows else float(attributes["pool_balance"])
    losses = stats.read_paths(run.pool["loss"]).cumsum(axis=0) if with_flows else None
    rows, regions = facts.pool_summary(attributes)
    environment, packages = facts.environment_of(folder, attributes)
    rejects, notes = records.read_rejects(folder), facts.notes_of(attributes)
    precision = str(config.get("precision", "float64"))
    checks = stats.check_conservation(run, precision, values) if with_flows else [stats.check_values(run, values)]
    drawn = _class_charts(run, values, None if losses is None else losses[-1] / opening)
    if losses is not None:
        drawn |= {**_pool_charts(run, opening, losses), **_scenario_charts(run, regions)}
    return {
        "headline": _headline(run, config, attributes, values, opening, losses),
        "classes": _classes(run, values),
        "assumptions": price_assumptions(config, attributes),
        "charts": drawn,
        "checks": checks,
        "failed": [check for check in checks if not check.holds],
        "market_rows": facts.market_rows(attributes),
        "pool_rows": rows,
        "regions": regions,
        "rejects": len(rejects),
        "first_rejects": rejects[:10],
        "warnings": [one_line(text) for text in records.read_warnings(folder)],
        "notes": notes,
        "inputs": records.read_inputs(folder),
        "environment": environment,
        "packages": packages,
        "config_digest": config_hash(config),
        "config_text": facts.config_text(config),
    }  # fmt: skip


def _headline(
    run: Any,
    config: dict[str, Any],
    attributes: dict[str, Any],
    values: dict[str, stats.Array],
    opening: float,
    losses: stats.Array | None,
) -> dict[str, Any]:
    """``losses`` (month, path), cumulative; without them the figures of the pool are not shown."""
    total = np.sum(list(values.values()), axis=0)
    error = _standard_error(total)
    name = Path(run.path).name
    return {
        "run": name,
        "file": Path(str(setting(config, "portfolio", "file") or "")).name,
        "value": _total(float(run.prices["value"].sum()), error),
        "loss": None if losses is None else _percent(float(losses[-1].mean()) / opening, _standard_error(losses[-1]) / opening),
        "balance": float(attributes.get("pool_balance", opening)),
        "paths": total.size,
        "months": None if losses is None else len(losses),
        "cut_off": _said(config, "portfolio", "cut_off"),
        "market_date": _said(config, "market_date"),
        "curve": _said(config, "rates", "curve"),
        "seed": str(config.get("seed", NO_VALUE)),
        "precision": str(config.get("precision", NO_VALUE)),
        "decrement": _said(config, "behaviour", "decrement"),
        # what was asked for may be "auto": the store says what computed
        "target": str(attributes.get("backend") or config.get("backend", NO_VALUE)),
        "portfolio": _said(config, "portfolio", "name"),
        "deal": _said(config, "deal", "name"),
        "models": [
            _said(config, "behaviour", kind, "model") for kind in ("prepayment", "default", "severity")
        ],
    }  # fmt: skip


def _said(config: dict[str, Any], *keys: str) -> str:
    value = setting(config, *keys)
    return NO_VALUE if value is None else str(value)


def _standard_error(values: stats.Array) -> float:
    return float(values.std(ddof=1) / math.sqrt(values.size)) if values.size > 1 else math.nan


def _total(value: float, error: float) -> tuple[str, str]:
    """USD in millions, a number and its error as they are shown; without an error bar as the other headlines."""
    if is_nothing(error) or math.isnan(error):
        return _compact(value), "" if math.isnan(error) else "0"
    number, its_error = quantity(value * _MILLION, error * _MILLION)
    return f"{number} m", f"{its_error} m"


def _percent(value: float, error: float) -> tuple[str, str]:
    number, its_error = quantity(100 * value, 100 * error)
    return f"{number} %", f"{its_error} %" if its_error else ""


def _classes(run: Any, values: dict[str, stats.Array]) -> dict[str, Any]:
    """Rows of the price table as cells, and below them, aligned with them, the totals of balance and value."""
    error = _standard_error(np.sum(list(values.values()), axis=0))
    totals = {"original_balance": f"{float(np.nansum(run.prices['original_balance'].values)):,.0f}"}
    totals["value"], totals["value_standard_error"] = amount(float(np.nansum(run.prices["value"].values)), error)
    last = ("All classes", *(totals.get(name, "") for name in _COLUMNS))
    *rows, total = aligned([*price_cells(run.prices, _COLUMNS), last], FIGURE_SPACE)
    return {"rows": rows, "total": total}


def _class_charts(run: Any, values: dict[str, stats.Array], loss_share: stats.Array | None) -> dict[str, str]:
    """Convergence and distribution: per 100 of original balance where there is one, else in USD; none of a class that is nothing."""
    scales, units = {}, {}
    values = {name: v for name, v in values.items() if not is_nothing(float(v.mean()), float(v.std() / math.sqrt(v.size)))}
    for name, v in values.items():
        balance = float(run.prices["original_balance"].sel(tranche=name))
        scales[name], units[name] = (100 / balance, "price per 100") if balance > 0 else _money(float(v.mean()))
    spread = {name: v * scales[name] for name, v in values.items()}
    loss_name, what = "Loss of the pool", "Histograms over paths: present value of each class"
    shown_units = dict(units)
    if loss_share is not None:
        spread[loss_name], shown_units[loss_name] = 100 * loss_share, "% of balance at the cut-off"
        what += ", and the loss of the pool over its life"
    drawn = {"distribution": charts.distribution_chart("distribution", spread, shown_units, what)} if spread else {}
    if values and min(v.size for v in values.values()) > stats.FIRST_COUNT:
        panels = {name: stats.converge(v) for name, v in values.items()}
        drawn["convergence"] = charts.convergence_chart(
            "convergence", panels, scales, units,
            "For each class, the mean over the first n paths with its 95 percent band, against n",
        )  # fmt: skip
    return drawn


def _money(value: float) -> tuple[float, str]:
    """Scale and unit in which an amount has one to six digits before the point."""
    size = abs(value)
    return (_MILLION, "USD m") if size >= 1e6 else (1e-3, "USD k") if size >= 1e3 else (1.0, "USD")


def _pool_charts(run: Any, opening: float, losses: stats.Array) -> dict[str, str]:
    months = run.pool["month"].values.astype(np.float64)
    at = {m: int(np.searchsorted(months, m)) for m in (12, 60, 120) if m <= months[-1]}

    def draw(
        name: str, values: stats.Array, scale: float, unit: str, what: str, size: tuple[float, float, float] = charts.HALF
    ) -> str:
        fan = stats.fan_of(values, months)
        means = ", ".join(f"{fan.mean[i] * scale:,.2f} in year {m // 12}" for m, i in at.items())
        return charts.fan_chart(name, fan, scale, unit, f"{what}: bands over paths by year. Mean, {unit}: {means}", size=size)

    return {
        "cash": draw(
            "cash", stats.read_paths(run.tranches["collections"]), _MILLION, "USD m a month", "Pool cash flow", charts.WIDE
        ),
        "balance": draw("balance", stats.read_paths(run.pool["balance"]), _MILLION, "USD m", "Performing balance"),
        "loss": draw("loss", losses, 100 / opening, "% of balance", "Cumulative loss"),
    }


def _scenario_charts(run: Any, regions: list[tuple[str, float]]) -> dict[str, str]:
    scenarios = run.scenarios
    months = scenarios["month"].values.astype(np.float64)
    known = [str(s) for s in scenarios["region"].values] if "region" in scenarios["home_price_index"].dims else []
    region = next((name for name, _ in regions if name in known), known[0] if known else "")
    prices = scenarios["home_price_index"]
    prices = prices.isel(region=known.index(region)) if known else prices
    mortgage = stats.fan_of(stats.read_paths(scenarios["mortgage_rate"]), months)
    homes = stats.fan_of(stats.read_paths(prices), months)
    return {
        "mortgage": charts.fan_chart(
            "mortgage", mortgage, 100, "% a year", _range("Primary mortgage rate, %", mortgage, 100), False
        ),
        "homes": charts.fan_chart("homes", homes, 100, "cut-off = 100", _range(f"Home prices, {region}", homes, 100), False),
        "homes_region": region,
    }


def _range(what: str, fan: stats.Fan, scale: float) -> str:
    low, high = fan.percentiles[0, -1] * scale, fan.percentiles[-1, -1] * scale
    return (
        f"{what}: bands over paths by year; in the last month 5 to 95 percent of paths lie between {low:,.1f} and {high:,.1f}"
    )


def _number(template: str, factor: float = 1.0) -> Any:
    """Formatter: NaN and None become a dash, a minus sign is a minus sign."""

    def formatted(value: Any) -> str:
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return NO_VALUE
        text = template.format(value * factor)
        return text.replace("-", "\N{MINUS SIGN}") if any(c in "123456789" for c in text) else text.replace("-", "")

    return formatted


def _compact(value: float) -> str:
    """USD in millions, for a headline."""
    return _number("{:,.1f} m" if abs(value) >= 1e7 else "{:,.2f} m", _MILLION)(value)


def _difference(value: float) -> str:
    """USD; in powers of ten where it is less than a cent."""
    if abs(value) >= CENTS:
        return f"{value:,.2f}"
    return "0" if value == 0 else f"{value:.1e}".replace("e-0", "e-").replace("-", "\N{MINUS SIGN}")


def _title(name: str) -> str:
    """A name of the configuration as a heading: the field's initials in capitals."""
    words = [word.upper() if word in _INITIALS else word for word in name.split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


FORMATS = {
    "count": _number("{:,.0f}"),
    "usd": _number("{:,.0f}"),
    "compact": _compact,
    "difference": _difference,
    "number1": _number("{:,.1f}"),
    "number2": _number("{:,.2f}"),
    "number3": _number("{:,.3f}"),
    "number4": _number("{:,.4f}"),
    "percent1": _number("{:,.1f} %", 100),
    "percent2": _number("{:,.2f} %", 100),
    "percent3": _number("{:,.3f} %", 100),
    "share": _number("{:,.2f}", 100),
    "share1": _number("{:,.1f}", 100),
    "basis_points": _number("{:,.0f}", 1e4),
    "plain": str,
    "title": _title,
}
"""Filters of the template."""
