"""What people see of a run on a terminal or in a log: messages, the price table, what a run is."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from mcsim import progress
from mcsim.settings import Settings

if TYPE_CHECKING:
    from mcsim.results import Run

_WIDTH = 120
"""Characters that a table may take: a narrow terminal breaks its lines, but no digit is cut off."""

_NARROW = 96
"""A terminal below this many characters gets no column of values; they are price times balance."""

_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("balance, USD", "original_balance", ",.0f"),
    ("price", "price", ",.3f"),
    ("± s.e.", "price_standard_error", ".3f"),
    ("value, USD", "value", ",.0f"),
    ("WAL, years", "wal", ".2f"),
    ("± s.e.", "wal_standard_error", ".2f"),
    ("spread, bp", "spread", "bp"),
    ("loss, %", "principal_loss", "%"),
)
"""Heading, variable of the group ``prices``, format; ``bp`` and ``%`` rescale a number per unit."""


class _StderrHandler(logging.Handler):
    """Messages through the console that draws the bar; its own lines are left out where there is a bar."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == progress.LOGGER.name and sys.stderr.isatty():
            return
        progress.console().print(self.format(record), markup=False)


@contextmanager
def log_to_stderr() -> Iterator[None]:
    """Messages of ``mcsim`` to standard error while it lasts."""
    logger, handler = logging.getLogger("mcsim"), _StderrHandler(logging.INFO)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def run_and_show(settings: Settings, overrides: Sequence[str]) -> Run:
    """Runs a campaign, prints its price table and where the report and the store are."""
    from mcsim import store
    from mcsim.run import run_campaign

    run = run_campaign(settings, list(overrides), progress.Progress())
    shown = store.read_block(run.path, "prices", ["tranche", *(name for _, name, _ in _COLUMNS)])
    print_prices(shown, f"{settings.campaign}: {settings.paths:,} paths, seed {settings.seed}")
    if run.folder.report.is_file():
        print(f"report  {run.folder.report}")
    print(f"store   {run.folder.store}")
    return run


def print_prices(prices: Mapping[str, Any], title: str) -> None:
    """The price table on standard output; a class without a balance has a value and no price.

    ``prices`` is the group ``prices`` as a dataset or as arrays by name, ``tranche`` among them.
    """
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("class", no_wrap=True)
    narrow = sys.stdout.isatty() and shutil.get_terminal_size().columns < _NARROW
    columns = [column for column in _COLUMNS if not (narrow and column[1] == "value")]
    for heading, _, _ in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    for position, label in enumerate(np.asarray(prices["tranche"])):
        cells = [_cell(np.asarray(prices[name])[position], how) for _, name, how in columns]
        table.add_row(str(label), *cells)
    _stdout().print(table)


def print_info(run: Run) -> None:
    """What a run is, one fact a line."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts(run):
        table.add_row(Text(name), Text(value))
    _stdout().print(table)


def facts(run: Run) -> list[tuple[str, str]]:
    """Name and value: state, configuration, tape, seed, versions, sizes. What an unfinished run does not have is left out."""
    config = run.config
    rows = [
        ("run", run.run_id),
        ("folder", str(run.path)),
        ("state", "complete" if run.folder.complete else "INCOMPLETE: it did not finish; run it again"),
        ("campaign", str(config.get("campaign"))),
    ]
    rows += _configuration_facts(config)
    overrides = run.folder.overrides_file
    if overrides.is_file() and (given := " ".join(overrides.read_text(encoding="utf-8").split("\n")).strip()):
        rows.append(("overrides", given))
    return rows + _input_facts(run) + _environment_facts(run) + _size_facts(run)


def _configuration_facts(config: dict[str, Any]) -> list[tuple[str, str]]:
    portfolio, behaviour, rates = (config.get(key) or {} for key in ("portfolio", "behaviour", "rates"))
    kinds = [kind for kind in ("prepayment", "default", "severity") if kind in behaviour]
    models = [f"{kind} {(behaviour[kind] or {}).get('model')}" for kind in kinds]
    return [
        ("paths, seed", f"{config.get('paths')}, {config.get('seed')}"),
        ("precision", f"{config.get('precision')}, backend {(config.get('backend') or {}).get('name')}"),
        ("portfolio", f"{portfolio.get('name')} ({portfolio.get('source')}), cut-off {portfolio.get('cut_off')}"),
        ("rates", f"curve {rates.get('curve')}, mean reversion {rates.get('mean_reversion')}, sigma {rates.get('sigma')}"),
        ("behaviour", f"{', '.join(models)}; {behaviour.get('decrement')}"),
        ("deal", str((config.get("deal") or {}).get("name"))),
        ("spreads", ", ".join(f"{k} {v}" for k, v in ((config.get("pricing") or {}).get("spreads") or {}).items())),
    ]


def _input_facts(run: Run) -> list[tuple[str, str]]:
    rows = []
    for record in _read_json(run.folder.inputs_file, []):
        counts = f"{record['rows']:,} rows, {record.get('rejects') or 0:,} rejected, " if record.get("rows") else ""
        rows.append(("input", f"{record.get('path')}: {counts}sha256 {str(record.get('sha256'))[:16]}…"))
    return rows


def _environment_facts(run: Run) -> list[tuple[str, str]]:
    found = _read_json(run.folder.env_file, {})
    packages = found.pop("packages", None) or {}
    rows = [(name.replace("_", " "), _words(value)) for name, value in found.items() if value not in (None, "", {}, [])]
    kept = [f"{name} {packages[name]}" for name in ("numpy", "numba", "zarr", "xarray", "QuantLib") if packages.get(name)]
    return [*rows, ("packages", ", ".join(kept))] if kept else rows


def _words(value: Any) -> str:
    """A record of ``env.json`` on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(inner)}" for name, inner in value.items() if inner not in (None, ""))
    return " ".join(map(_words, value)) if isinstance(value, list) else str(value)


def _size_facts(run: Run) -> list[tuple[str, str]]:
    files = [path for path in run.path.rglob("*") if path.is_file()]
    rows = [("size", f"{progress.short(sum(path.stat().st_size for path in files))}B in {len(files):,} files")]
    if not run.folder.store.is_dir():
        return rows
    from mcsim import store

    for group in store.groups(run.path):
        sizes = store.open_group(run.path, group).sizes
        rows.append((f"store/{group}", ", ".join(f"{dim} {size:,}" for dim, size in sizes.items())))
    return rows


def _cell(value: Any, how: str) -> str:
    number = float(value)
    if number != number:
        return "-"
    if how == "bp":
        return f"{number * 1e4:,.0f}"
    return f"{number * 100:.3f}" if how == "%" else format(number, how)


def _stdout() -> Any:
    from rich.console import Console

    terminal = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    return Console(highlight=False, width=max(terminal, _WIDTH))


def _read_json(path: Any, otherwise: Any) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return otherwise
