"""One loan of a finished run, simulated again alone."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

from mcsim import provenance
from mcsim.backend import choose_backend
from mcsim.errors import InputError, first_of, nearest, shown
from mcsim.records import read_inputs, recorded_config

if TYPE_CHECKING:
    import xarray as xr

    from mcsim.results import Run


def regenerate_loan(run: Run, loan_id: str, path: int, collateral: str | None = None) -> xr.Dataset:
    """Flows of one loan on one path, simulated again alone: its row of a loan-level store, to the bit.

    Parameters
    ----------
    run : Run
    loan_id : str
        Identifier of the tape.
    path : int
        Index of the path.
    collateral : str, optional
        Which has the loan; needed where several have one of this identifier.

    Raises
    ------
    InputError
        A loan or path that the run does not have, or an input that has changed since.
    """
    import xarray as xr

    from kernels.flows import FIELDS
    from mcsim.configuration import settings_of
    from mcsim.market.start import load_market
    from mcsim.pipeline import Simulation
    from mcsim.run_tape import load_tapes
    from mcsim.work import Block

    settings = settings_of(recorded_config(run.path))
    tapes, market = load_tapes(settings, None, run.folder.frame), load_market(settings)
    _check_inputs(run, provenance.input_records([*(file for tape in tapes.values() for file in tape.inputs), *market.inputs]))
    known = {name: tape.loans.loan_id.tolist() for name, tape in tapes.items() if collateral in (None, name)}
    problems = _missing(run, loan_id, path, known, settings.paths)
    if problems:
        raise InputError(problems)
    (name,) = (name for name, ids in known.items() if loan_id in ids)
    backend = choose_backend(run.attributes["backend"], run.attributes["precision"])
    simulation = Simulation(market.settings, {name: tapes[name].loans}, market.curve, backend)
    loans = simulation.collaterals[name]
    flows = loans.loan(simulation.scenario(Block(int(path), 1)), known[name].index(loan_id))
    months = range(1, loans.n_months + 1)
    return xr.Dataset({name: ("month", flows[:, i, 0]) for i, name in enumerate(FIELDS)}, coords={"month": months})


def _missing(run: Run, loan_id: Any, path: Any, known: dict[str, list[str]], n_paths: int) -> list[str]:
    """What a run does not have of a loan and a path, or has twice; ``known`` are the identifiers by collateral."""
    problems = []
    every = [name for ids in known.values() for name in ids]
    found = [name for name, ids in known.items() if loan_id in ids]
    if not isinstance(loan_id, str):
        problems.append(f"loan_id = {shown(loan_id)}: expected the identifier as text, {shown(every[0])} for one")
    elif not found:
        problems.append(f"run {run.run_id} has no loan {shown(loan_id)}{nearest(loan_id, every)}")
    elif len(found) > 1:
        problems.append(
            f"run {run.run_id} has a loan {shown(loan_id)} in each of {first_of(found)}; ask for one: "
            f"run.collateral[{found[0]!r}].regenerate(...)"
        )
    if isinstance(path, bool) or not isinstance(path, Integral) or not 0 <= int(path) < n_paths:
        problems.append(f"run {run.run_id} has no path {shown(path)}; expected 0 to {n_paths - 1}")
    return problems


def _check_inputs(run: Run, found: list[dict[str, Any]]) -> None:
    """A loan is simulated again from the files that the run read, or not at all."""
    before = {record["path"]: record["sha256"] for record in read_inputs(run.path)}
    changed = [record["path"] for record in found if before.get(record["path"]) != record["sha256"]]
    if changed:
        raise InputError([f"{path}: its content is not what run {run.run_id} read; restore it" for path in changed])
