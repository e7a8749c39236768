"""One loan of a finished run, simulated again alone."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

from mcsim import provenance
from mcsim.backend import choose_backend
from mcsim.errors import InputError, nearest, shown
from mcsim.records import read_inputs, recorded_config

if TYPE_CHECKING:
    import xarray as xr

    from mcsim.results import Run


def regenerate_loan(run: Run, loan_id: str, path: int, collateral: str | None = None) -> xr.Dataset:
    """Flows of one loan on one path, simulated again alone: its row of a loan-level store, to the bit.

    Raises
    ------
    InputError
        A loan or path that the run does not have, or an input that has changed since.
    """
    import xarray as xr

    from mcsim.configuration import settings_of
    from mcsim.market.start import load_market
    from mcsim.pipeline import Simulation
    from mcsim.run_tape import load_tape
    from mcsim.work import Block

    settings = settings_of(recorded_config(run.path))
    tape, market = load_tape(settings, None, run.folder.frame), load_market(settings)
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


def _check_inputs(run: Run, found: list[dict[str, Any]]) -> None:
    """A loan is simulated again from the files that the run read, or not at all."""
    before = {record["path"]: record["sha256"] for record in read_inputs(run.path)}
    changed = [record["path"] for record in found if before.get(record["path"]) != record["sha256"]]
    if changed:
        raise InputError([f"{path}: its content is not what run {run.run_id} read; restore it" for path in changed])
