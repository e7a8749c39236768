"""What people see of a run on a terminal or in a log: messages, the price table, what a run is."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from mcsim import progress, records
from mcsim.errors import McsimError, WriteError, exhausted, printable
from mcsim.files import reason
from mcsim.records import setting
from mcsim.reports.price_table import COLUMNS, PRINTED, laid_out, price_table, total_cells
from mcsim.settings import Settings
from mcsim.store.layout import DEALS

if TYPE_CHECKING:
    import xarray as xr

    from mcsim.results import Run

_NARROW = 110
"""A terminal below this many characters gets a table without what follows from the rest, or matters least."""

_LEFT_OUT = ("original_balance", "value_standard_error", "wal_standard_error")

_ASCII = {"±": "+/-", "–": "-", "…": "...", "\N{MINUS SIGN}": "-"}
"""What a terminal that knows ASCII alone gets."""


class _StderrHandler(logging.Handler):
    """Messages through the console that draws the bar; its own lines are left out where there is a bar."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):  # whoever listened is gone; the run goes on
            if not sys.stderr.isatty():
                print(printable(self.format(record)), file=sys.stderr, flush=True)
            elif record.name != progress.LOGGER.name:
                progress.console().print(printable(self.format(record)), markup=False)


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
    """Runs a campaign, prints its price table and where the report and the store are.

    A print that fails does not fail the run: it is complete by then.
    """
    from mcsim import store
    from mcsim.book_results import assumptions_of
    from mcsim.run import run_campaign

    run = run_campaign(settings, list(overrides), progress.Progress())
    title = f"{settings.campaign}: {settings.paths:,} paths, seed {settings.seed}"
    try:
        lines = list[str]()
        for name in settings.deals:
            shown = store.read_block(run.path, f"{DEALS}/{name}/prices", ["tranche", *COLUMNS])
            of = title if len(settings.deals) == 1 else f"{title}: {name}"
            lines += price_lines(shown, of, assumptions_of(settings.raw, run.attributes, name))
        if settings.positions:
            lines += position_lines(run.positions, f"{title}: positions")
        if run.folder.report.is_file():
            lines.append(f"report  {run.folder.report}")
        show([*lines, f"store   {run.folder.store}"])
    except (McsimError, OSError, RuntimeError, MemoryError) as raised:
        error = exhausted(raised) or raised
        logging.getLogger("mcsim").warning("the run is complete, its prices were not printed: %s", error)
    return run


def position_lines(positions: xr.Dataset, title: str) -> list[str]:
    """The table of positions with the book's total, their own inputs and what they rest on; ``positions`` as ``run.positions``."""
    total = (positions.attrs["total_value"], positions.attrs["total_value_standard_error"])
    return price_lines(positions.variables, title, [*positions.attrs["inputs"], *positions.attrs["assumptions"]], total)


def price_lines(
    prices: Mapping[Any, Any], title: str, assumptions: Sequence[str], total: tuple[float, float] | None = None
) -> list[str]:
    """The price table, a title above it, what it rests on below it.

    ``prices`` as :func:`mcsim.reports.price_table.price_cells` takes it; ``total`` the value of all and its standard error, USD.
    """
    narrow = sys.stdout.isatty() and shutil.get_terminal_size().columns < _NARROW
    columns = [name for name in ("share", *PRINTED) if name in prices and not (narrow and name in _LEFT_OUT)]
    rows = price_table(prices, columns)
    rows += [total_cells("all positions", prices, *total, columns)] if total else []
    cells = [tuple(map(_encodable, row)) for row in rows]
    return [title, *laid_out(cells), *(f"* {sentence}" for sentence in assumptions)]


def show(lines: Sequence[str]) -> None:
    """Lines on standard output, whatever it can take: a pipe that was closed is no error, a disk that is full is one.

    Raises
    ------
    WriteError
        If standard output does not take them.
    """
    try:
        print("\n".join(map(_encodable, lines)), flush=True)
    except (BrokenPipeError, ValueError):  # ValueError: it was closed before
        drop_stdout()
    except OSError as error:
        drop_stdout()
        raise WriteError(f"standard output cannot be written: {reason(error)}") from error


def drop_stdout() -> None:
    """Nothing more goes to standard output: what it still holds would fail again when the process ends."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _encodable(text: str) -> str:
    """``text``, or what of it the terminal's character set knows; nothing that the terminal would obey."""
    text = printable(text)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, plain in _ASCII.items():
            text = text.replace(sign, plain)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


def print_info(run: Run) -> None:
    """What a run is, one fact a line."""
    rows = facts(run)
    width = max(len(name) for name, _ in rows)
    show([f"{name:<{width}}  {value}" for name, value in rows])


def facts(run: Run) -> list[tuple[str, str]]:
    """Name and value: state, configuration, tape, seed, versions, sizes. What an unfinished run does not have is left out."""
    config = run.config
    rows = [
        ("run", run.run_id),
        ("folder", str(run.path)),
        ("state", "complete" if run.complete else "INCOMPLETE: it did not finish, or is still on; wait, or run it again"),
        ("campaign", str(config.get("campaign"))),
        *_configuration_facts(config),
        ("overrides", " ".join(records.read_overrides(run.path))),
        *_input_facts(run),
        *(("warning", text) for text in run.warnings),
        *_environment_facts(run),
        *_size_facts(run),
    ]
    return [(name, value) for name, value in rows if value]


def _configuration_facts(config: dict[str, Any]) -> list[tuple[str, str]]:
    def at(*keys: str) -> Any:
        return setting(config, *keys)

    models = [f"{kind} {at('behaviour', kind, 'model')}" for kind in ("prepayment", "default", "severity")]
    file = f", {at('portfolio', 'file')}" if at("portfolio", "file") else ""
    spreads = at("pricing", "spreads")
    return [
        ("paths, seed", f"{at('paths')}, {at('seed')}"),
        ("precision", f"{at('precision')}, backend {at('backend', 'name')}"),
        ("portfolio", f"{at('portfolio', 'name')} ({at('portfolio', 'source')}{file}), cut-off {at('portfolio', 'cut_off')}"),
        (
            "rates",
            f"curve {at('rates', 'curve')}, mean reversion {at('rates', 'mean_reversion')}, sigma {at('rates', 'sigma')}",
        ),
        ("behaviour", f"{', '.join(models)}; {at('behaviour', 'decrement')}"),
        ("deal", str(at("deal", "name"))),
        ("spreads", ", ".join(f"{k} {v}" for k, v in spreads.items()) if isinstance(spreads, dict) else str(spreads)),
    ]


def _input_facts(run: Run) -> list[tuple[str, str]]:
    rows = []
    for record in records.read_inputs(run.path):
        counts = f"{record['rows']:,} rows, {record.get('rejects') or 0:,} rejected, " if record.get("rows") else ""
        rows.append(("input", f"{record['path']}: {counts}sha256 {str(record.get('sha256'))[:16]}…"))
    return rows


def _environment_facts(run: Run) -> list[tuple[str, str]]:
    found = records.read_environment(run.path)
    packages = found.pop("packages", None) or {}
    rows = [(name.replace("_", " "), _words(value)) for name, value in found.items()]
    kept = [f"{name} {packages[name]}" for name in ("numpy", "numba", "zarr", "xarray", "QuantLib") if packages.get(name)]
    return [*rows, ("packages", ", ".join(kept))]


def _words(value: Any) -> str:
    """A record of ``env.json`` on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(inner)}" for name, inner in value.items() if inner not in (None, ""))
    return " ".join(map(_words, value)) if isinstance(value, list) else str(value or "")


def _size_facts(run: Run) -> list[tuple[str, str]]:
    files = [path for path in run.path.rglob("*") if path.is_file()]
    rows = [("size", f"{progress.short(sum(path.stat().st_size for path in files))}B in {len(files):,} files")]
    if not run.folder.store.is_dir():
        return rows
    from mcsim import store

    for group in store.groups(run.path):
        sizes = store.sizes(run.path, group)
        rows.append((f"store/{group}", ", ".join(f"{dim} {size:,}" for dim, size in sizes.items())))
    return rows
