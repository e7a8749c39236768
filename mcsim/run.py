"""A run from the tape to the price, as a list of stages. Each reads and writes the store."""

from __future__ import annotations

import datetime
import functools
import json
import logging
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcsim import provenance, store
from mcsim.backend import Backend, choose_backend
from mcsim.errors import InputError, McsimError, StoreError, exhausted, nearest, shown
from mcsim.files import write_whole
from mcsim.progress import Progress
from mcsim.records import read_inputs
from mcsim.results import Run
from mcsim.run_folder import RunFolder
from mcsim.run_log import RunLog
from mcsim.settings import Settings
from mcsim.store.marker import require_manifest
from mcsim.unread import without_effect

if TYPE_CHECKING:
    import xarray as xr

    from mcsim.deals.stage import DealStage

log = logging.getLogger("mcsim")


def run_campaign(
    settings: Settings, overrides: Sequence[str] = (), progress: Progress | None = None, frame: bytes | None = None
) -> Run:
    """Simulate a portfolio, run its deal, price the classes, write the report.

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
    from mcsim.deals.ahead import compiling_ahead
    from mcsim.market.start import load_market
    from mcsim.simulation.stage import Simulation

    backend = choose_backend(settings.backend, settings.precision)
    folder = RunFolder.create(settings.output.runs_dir, settings.campaign, settings.raw, overrides)
    with folder.kept_unless_refused() as keep, RunLog(folder) as run_log:
        log.info("backend %s, %s (%s)", backend.target, backend.precision, backend.reason)
        if frame is not None:
            write_whole(folder.frame, frame)
        tape = _load_tape(settings, folder.rejects, folder.frame)
        market = load_market(settings)
        for note in (*tape.notes, *market.mixed_dates(tape.loans.cut_off), *without_effect(settings, tape.loans, overrides)):
            log.warning("%s", note)
        folder = folder.identify(settings.raw, [*tape.inputs, *market.inputs])
        keep(folder)
        run_log.move(folder)
        log.info("run %s", folder.run_id)
        deal = _check_before_simulating(settings, tape.loans, backend, folder)
        attributes = provenance.store_attributes(settings.raw, settings.seed, backend.target, backend.precision)
        store.create_store(folder.store, {**attributes, "backend_reason": backend.reason, **_run_facts(tape, market)})

        with compiling_ahead(backend), progress or Progress() as shown:
            simulation = Simulation(market.settings, tape.loans, market.curve, backend)
            passes = 2 if settings.output.loans == "paths" else 1
            shown.start(passes * len(tape.loans) * simulation.n_months * settings.paths)
            deal.lay_out(simulation.n_months, settings.paths, settings.engine.path_block)
            simulation.write_pools(folder.path, shown, deal.add)
            if passes == 2:
                simulation.write_loan_paths(folder.path, shown)
        deal.finish()
        store.check_complete(folder.path)
        run_log.finish()
        folder.mark_complete()
    log.info("complete: %s", folder.path)
    run = Run(folder)
    if settings.output.report:
        _report_or_say_why(run)
    return run


def _report_or_say_why(run: Run) -> None:
    """The run is complete and stays so, whatever becomes of the page that shows it."""
    try:
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


def reprice(
    run: Run,
    deal: dict[str, Any] | str | None = None,
    spread: float | dict[str, float] | None = None,
    config_dir: str | Path | None = None,
) -> xr.Dataset:
    """Prices of another deal or other spreads, from the stored pool and scenarios; nothing is simulated or stored.

    Parameters
    ----------
    run : Run
        A finished run.
    deal : mapping or str, optional
        A deal, the name of an option, or the path of a YAML file; the run's own if not given.
    spread : float or mapping, optional
        One spread for all classes, or spreads by class with ``default``; annual, continuously compounded.
    config_dir : path, optional
        A directory of the user's own options, where ``deal`` is one of them.

    Returns
    -------
    xarray.Dataset
        As ``run.prices``.
    """
    require_manifest(run.path)  # prices of part of the paths would be no prices
    config = _recorded_config(run)
    chosen = config["deal"] if deal is None else _deal(deal, config_dir)
    spreads = _spreads(config["pricing"]["spreads"] if spread is None else spread)
    backend = choose_backend("auto", "float64")
    path_block = int(config["engine"]["path_block"])
    from mcsim.deals.stage import price_stored, prices_dataset
    from mcsim.pricing.assumptions import price_assumptions

    if "pool" not in store.groups(run.path):
        raise InputError(f"run {run.run_id} kept no pool to price again (output.flows=false); run again with output=pool")
    priced = prices_dataset(price_stored(run.path, chosen, spreads, path_block, backend))
    return priced.assign_attrs(assumptions=price_assumptions(config, run.attributes, chosen))


def write_report(run: Run) -> Path:
    """Write ``report.html`` of a run and return its path."""
    from mcsim.reports.report import write_report as write

    return write(run)


def regenerate_loan(run: Run, loan_id: str, path: int) -> xr.Dataset:
    """Flows of one loan on one path, simulated again alone: its row of a loan-level store, to the bit.

    Raises
    ------
    InputError
        A loan or path that the run does not have, or an input that has changed since.
    """
    import xarray as xr

    from mcsim.configuration import settings_of
    from mcsim.market.start import load_market
    from mcsim.simulation.stage import Simulation
    from mcsim.simulation.work import Block

    settings = settings_of(_recorded_config(run))
    tape, market = _load_tape(settings, None, run.folder.frame), load_market(settings)
    _check_inputs(run, provenance.input_records([*tape.inputs, *market.inputs]))
    known = tape.loans.loan_id.tolist()
    problems = _missing(run, loan_id, path, known, settings.paths)
    if problems:
        raise InputError(problems)
    backend = choose_backend(run.attributes["backend"], run.attributes["precision"])
    simulation = Simulation(market.settings, tape.loans, market.curve, backend)
    flows = simulation.loan(Block(int(path), 1), known.index(loan_id))
    from kernels.loan_month import FIELDS

    months = range(1, simulation.n_months + 1)
    return xr.Dataset({name: ("month", flows[:, i, 0]) for i, name in enumerate(FIELDS)}, coords={"month": months})


def _deal(deal: Any, config_dir: str | Path | None) -> dict[str, Any]:
    """A deal that was given from Python: written out, or by the name of an option or file."""
    from mcsim.configuration import load_deal_config

    if isinstance(deal, str | Path):
        return load_deal_config(str(deal), config_dir)
    if not isinstance(deal, Mapping):
        raise InputError(f"deal = {shown(deal)}: expected the name of an option, the path of a YAML file, or a mapping")
    return dict(deal)


def _spreads(spread: Any) -> Any:
    """Spreads by class, one number for all as ``default``; what a mapping holds is checked with the deal."""
    if isinstance(spread, Mapping):
        return spread
    if isinstance(spread, bool) or not isinstance(spread, Real):
        raise InputError(f"spread = {shown(spread)}: expected a number, 0.02 for 200 bp, or numbers by class")
    return {"default": spread}


def _missing(run: Run, loan_id: Any, path: Any, known: list[str], n_paths: int) -> list[str]:
    """What a run does not have of a loan and a path."""
    problems = []
    if not isinstance(loan_id, str):
        problems.append(f"loan_id = {shown(loan_id)}: expected the identifier as text, {shown(known[0])} for one")
    elif loan_id not in known:
        problems.append(f"run {run.run_id} has no loan {shown(loan_id)}{nearest(loan_id, known)}")
    if isinstance(path, bool) or not isinstance(path, Integral) or not 0 <= int(path) < n_paths:
        problems.append(f"run {run.run_id} has no path {shown(path)}; expected 0 to {n_paths - 1}")
    return problems


def _check_before_simulating(settings: Settings, loans: Any, backend: Backend, folder: RunFolder) -> DealStage:
    """Everything that can be known to fail is found before the first kernel: the deal, its spreads, memory and disk."""
    from mcsim.deals.stage import DealStage, compile_for
    from mcsim.simulation.plan import check_room

    program = compile_for(settings.deal, float(loans.balance.sum()))
    deal = DealStage(program, settings.pricing.spreads, backend, folder.store, settings.output.flows)
    check_room(settings, loans, folder.path, len(program.stores))
    return deal


def _recorded_config(run: Run) -> dict[str, Any]:
    """The run's configuration, if it is still the one that was run."""
    config = run.config
    if provenance.config_hash(config) != run.attributes["config_sha256"]:
        raise StoreError(f"{run.folder.config_file} is not the configuration of the run: its hash is not the one in the store")
    return config


def _check_inputs(run: Run, found: list[dict[str, Any]]) -> None:
    """A loan is simulated again from the files that the run read, or not at all."""
    before = {record["path"]: record["sha256"] for record in read_inputs(run.path)}
    changed = [record["path"] for record in found if before.get(record["path"]) != record["sha256"]]
    if changed:
        raise InputError([f"{path}: its content is not what run {run.run_id} read; restore it" for path in changed])


def _load_tape(settings: Settings, rejects_file: Path | None, frame: Path) -> Any:
    """Loans of the run, residential ones marked to the cut-off by their state's index."""
    from mcsim.market.home_price_history import load_history
    from mcsim.tapes.portfolio import load_portfolio

    history_once = functools.cache(lambda: load_history(settings.home_prices.history_file))  # a residential tape alone asks

    def ratio(state: str, origination: datetime.date, cut_off: datetime.date) -> float:
        history = history_once()
        return history.index(state, cut_off) / history.index(state, origination)

    return load_portfolio(settings.portfolio, ratio, rejects_file, frame)


def _run_facts(tape: Any, market: Any) -> dict[str, Any]:
    from mcsim.reports.facts import portfolio_record
    from mcsim.tapes.notes import notes_record

    return {
        "cut_off": tape.loans.cut_off.isoformat(),
        "curve": market.curve.name,
        "market": json.dumps(market.record()),
        "loans": len(tape.loans),
        "pool_balance": float(tape.loans.balance.sum()),
        "portfolio": json.dumps(portfolio_record(tape.loans)),
        "rejected_rows": len({reject.row for reject in tape.rejects}),
        "notes": json.dumps(notes_record(tape.notes)),
    }
