"""A run from the tape to the price, as a list of stages. Each reads and writes the store."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcsim import provenance, store
from mcsim.backend import Backend, choose_backend
from mcsim.book_checks import common_draws
from mcsim.errors import InputError, McsimError, exhausted
from mcsim.files import write_whole
from mcsim.progress import Progress
from mcsim.results import Run
from mcsim.run_folder import RunFolder
from mcsim.run_log import RunLog
from mcsim.settings import Settings
from mcsim.store.layout import COLLATERAL, DEALS
from mcsim.unread import without_effect

if TYPE_CHECKING:
    from mcsim.pipeline import Simulation
    from mcsim.priced_book import PricedBook

log = logging.getLogger("mcsim")


def run_campaign(
    settings: Settings, overrides: Sequence[str] = (), progress: Progress | None = None, frame: bytes | None = None
) -> Run:
    """Simulate the collaterals, run the deals, value classes and positions, write the report.

    Parameters
    ----------
    settings : Settings
        The run, checked.
    overrides : sequence of str
        What the user gave, kept in the run folder.
    progress : Progress, optional
        Shows how far the run is.
    frame : bytes, optional
        Loans that were given from Python, as CSV; kept in the run folder.

    Raises
    ------
    McsimError
        Bad input (before any kernel starts), a device that is not there, or a store that cannot be written.
    """
    from mcsim.ahead import compiling_ahead
    from mcsim.market.start import load_market
    from mcsim.pipeline import Simulation
    from mcsim.priced_book import checked_book
    from mcsim.run_tape import load_tapes

    backend = choose_backend(settings.backend, settings.precision)
    folder = RunFolder.create(settings.output.runs_dir, settings.campaign, settings.raw, overrides)
    with folder.kept_unless_refused() as keep, RunLog(folder) as run_log, compiling_ahead(settings, backend) as compile_rest:
        log.info("backend %s, %s (%s)", backend.target, backend.precision, backend.reason)
        if frame is not None:
            write_whole(folder.frame, frame)
        tapes = load_tapes(settings, folder.rejects_of(settings.collaterals), folder.frame)
        loans = {name: tape.loans for name, tape in tapes.items()}
        market = load_market(settings)
        for note in (*_notes(tapes), *_doubts(market, loans), *without_effect(settings, loans, overrides)):
            log.warning("%s", note)
        folder = folder.identify(settings.raw, [*(file for tape in tapes.values() for file in tape.inputs), *market.inputs])
        keep(folder)
        run_log.move(folder)
        log.info("run %s", folder.run_id)
        book = checked_book(settings, loans, backend, folder.path, folder.store)
        attributes = provenance.store_attributes(settings.raw, settings.seed, backend.target, backend.precision)
        store.create_store(folder.store, {**attributes, **_run_facts(settings, tapes, market, backend)})

        compile_rest()
        with progress or Progress() as shown:
            _simulate(Simulation(market.settings, loans, market.curve, backend), book, folder.path, shown)
        book.finish()
        store.check_complete(folder.path)
        run_log.finish()
        folder.mark_complete()
    log.info("complete: %s", folder.path)
    run = Run(folder)
    if settings.output.report:
        _report_or_say_why(run)
    return run


def _simulate(simulation: Simulation, book: PricedBook, run_dir: Path, progress: Progress) -> None:
    settings = simulation.settings
    passes = 2 if settings.output.loans == "paths" else 1
    progress.start(passes * simulation.loan_month_paths)
    book.lay_out(settings.paths, settings.engine.path_block)
    simulation.write_pools(run_dir, progress, book.add)
    if passes == 2:
        simulation.write_loan_paths(run_dir, progress)


def _report_or_say_why(run: Run) -> None:
    """The run is complete and stays so, whatever becomes of the page that shows it."""
    try:
        from mcsim.reports.report import write_report

        write_report(run)
    except KeyboardInterrupt:
        log.warning("the run is complete, its report was not written: stopped; `mcsim report %s` writes it", run.path)
        raise
    except Exception as raised:
        error = exhausted(raised) or raised
        first = (str(error).splitlines() or [""])[0]
        why = first if isinstance(error, McsimError) else f"{type(error).__name__}: {first}"
        again = "" if isinstance(error, InputError) else f"; `mcsim report {run.path}` writes it"
        log.warning("the run is complete, its report was not written: %s%s", why, again)


def _notes(tapes: Mapping[str, Any]) -> list[str]:
    """What the readers did with the tapes, of several with the collateral's name."""
    alone = len(tapes) == 1
    return [str(note) if alone else f"{name}: {note}" for name, tape in tapes.items() for note in tape.notes]


def _doubts(market: Any, loans: Mapping[str, Any]) -> list[str]:
    """What to say of dates, of a curve that ends early, and of loans drawn alike; the collaterals have one cut-off."""
    cut_off = next(iter(loans.values())).cut_off
    longest = max(int(own.maturity.max()) for own in loans.values())
    return [*market.mixed_dates(cut_off), *market.short_of(longest), *common_draws(market.settings, loans)]


def _run_facts(settings: Settings, tapes: Mapping[str, Any], market: Any, backend: Backend) -> dict[str, Any]:
    """What the store says of the run: of one collateral all that is known of its loans, of several their totals, and each."""
    facts = {name: _tape_facts(tape) for name, tape in tapes.items()}
    totals = ("loans", "pool_balance", "rejected_rows")
    (first, *more) = facts.values()
    return {
        "backend_reason": backend.reason,
        "cut_off": next(iter(tapes.values())).loans.cut_off.isoformat(),
        "curve": market.curve.name,
        "market": json.dumps(market.record()),
        **({name: sum(own[name] for own in facts.values()) for name in totals} if more else first),
        COLLATERAL: json.dumps(facts),
        DEALS: json.dumps({name: {"groups": choice.groups} for name, choice in settings.deals.items()}),
    }


def _tape_facts(tape: Any) -> dict[str, Any]:
    """What is told of one collateral's loans."""
    from mcsim.reports.facts import portfolio_record
    from mcsim.tapes.notes import notes_record

    return {
        "loans": len(tape.loans),
        "pool_balance": float(tape.loans.balance.sum()),
        "portfolio": json.dumps(portfolio_record(tape.loans)),
        "rejected_rows": len({reject.row for reject in tape.rejects}),
        "notes": json.dumps(notes_record(tape.notes)),
    }
