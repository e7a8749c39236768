"""mcsim: Monte Carlo cash flows and values of mortgage exposures.

::

    import mcsim

    run = mcsim.run("campaign=prime_jumbo", "paths=1000")
    run.prices
    run = mcsim.run("portfolio.cut_off=2020-12-31", loans=frame, mapping="mine.yaml")
    run = mcsim.open_run("latest")
    run.price(spread=0.02)

Importing the package is cheap: the parts are imported when they are used.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcsim.results import Run

__version__: str
"""Version of the installed distribution."""

__all__ = ["__version__", "open_run", "run"]


def run(
    *overrides: str,
    config_dir: str | Path | None = None,
    loans: Any = None,
    mapping: str | Path | Mapping[str, Any] | None = None,
) -> Run:
    """Run a campaign and open its results.

    Parameters
    ----------
    *overrides : str
        As on the command line of ``mcsim run``: ``"campaign=sec_cmbs"``, ``"paths=4096"``, ``"rates.sigma=0.008"``.
    config_dir : path, optional
        A directory of your own options, laid out as ``conf/``: ``--config-dir`` of the command line.
    loans : object, optional
        Loans of your own: a pandas, polars or pyarrow table, an xarray dataset, a mapping of columns, or the path of a CSV or
        Parquet file. They are kept in the run folder.
    mapping : path or mapping, optional
        Which of their columns is which field, in which unit: docs/tapes.md. None where they have mcsim's own names.

    Returns
    -------
    Run
        The finished run.

    Raises
    ------
    mcsim.errors.McsimError
        With all problems of the configuration, the tape or the deal together.
    """
    from mcsim.errors import check_interpreter

    check_interpreter()
    from mcsim.own_loans import settings_with_loans
    from mcsim.run import run_campaign

    settings, frame = settings_with_loans(overrides, loans, mapping, config_dir)
    return run_campaign(settings, overrides, frame=frame)


def open_run(path: str | Path, runs_dir: str | Path = "runs", *, complete: bool = True) -> Run:
    """Open a run: a folder, a run id, the beginning of one, or ``latest``.

    Parameters
    ----------
    path : path or str
        Which run.
    runs_dir : path
        Where runs are kept.
    complete : bool
        Insist that the run finished. An unfinished one shows the paths that are whole, and ``run.complete`` is False.

    Raises
    ------
    InputError, StoreError, IncompleteRunError
        As :meth:`mcsim.run_folder.RunFolder.open`.
    """
    from mcsim.errors import check_interpreter

    check_interpreter()
    from mcsim.results import Run

    return Run(path, runs_dir, complete=complete)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from mcsim.provenance import version

        return version()
    if name == "Run":
        from mcsim.results import Run

        return Run
    raise AttributeError(f"module 'mcsim' has no attribute {name!r}")


class _Package(ModuleType):
    """Keeps ``mcsim.run`` the function: importing the module of that name would put itself in the attribute's place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name == "run" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
