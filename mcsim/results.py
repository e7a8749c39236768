"""A finished run in Python: lazy, labelled arrays of every stage, for notebooks."""

from __future__ import annotations

import html
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcsim import store
from mcsim.book_results import CollateralResults, DealResults, Named
from mcsim.errors import InputError, StoreError, first_of
from mcsim.records import read_warnings
from mcsim.reports.price_table import laid_out, price_table
from mcsim.run_folder import RunFolder
from mcsim.store.layout import COLLATERAL, DEALS, POSITIONS
from mcsim.store.marker import require_manifest

if TYPE_CHECKING:
    import xarray as xr  # half a second, that a run without a look at its arrays does not need

_KEPT_BY = {"loans": "output.loans=mean", "loan_paths": "output.loans=paths"} | dict.fromkeys(
    ("scenarios", "pool", "tranches"), "output.flows=true"
)


class Run:
    """A run, opened from its folder. Nothing is read before it is asked for.

    Parameters
    ----------
    path : path, str or RunFolder
        A run folder; or a run id, the beginning of one, or ``latest`` under ``runs_dir``.
    runs_dir : path
        Where runs are kept.
    complete : bool
        Insist that the run finished. An unfinished one shows the paths that are whole: see :func:`mcsim.store.open_group`.

    Raises
    ------
    InputError, StoreError, IncompleteRunError
        As :meth:`mcsim.run_folder.RunFolder.open`.

    Examples
    --------
    >>> run = Run("latest")                                         # doctest: +SKIP
    >>> run.prices.price.sel(tranche="A-1")                         # doctest: +SKIP
    >>> run.pool.loss.sum("month").quantile(0.99, "path")           # doctest: +SKIP
    """

    def __init__(self, path: str | Path | RunFolder, runs_dir: str | Path = "runs", *, complete: bool = True) -> None:
        where = path.path if isinstance(path, RunFolder) else path
        self.folder = RunFolder.open(where, runs_dir, complete=complete)

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def run_id(self) -> str:
        """Name of the run folder."""
        return self.folder.run_id

    @property
    def complete(self) -> bool:
        """Whether the run finished."""
        return self.folder.complete

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration."""
        return self.folder.read_config()

    @cached_property
    def warnings(self) -> list[str]:
        """Every warning that the run gave, in order; they stand in its report too."""
        return read_warnings(self.path)

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the store: seed, backend, precision, versions, commit, time of creation."""
        return store.attributes(self.path)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups of the store that hold arrays."""
        return store.groups(self.path)

    @cached_property
    def collateral(self) -> Named[CollateralResults]:
        """What the run holds of each collateral, by name."""
        return Named(self, COLLATERAL, CollateralResults)

    @cached_property
    def deals(self) -> Named[DealResults]:
        """What the run holds of each deal, by name."""
        return Named(self, DEALS, DealResults)

    @cached_property
    def scenarios(self) -> xr.Dataset:
        """Rates (month, path) and home prices (region, month, path); month 0 is the cut-off. Of all collaterals."""
        return self.group("scenarios")

    @cached_property
    def positions(self) -> xr.Dataset:
        """Share, price, value, average life, loss of each position (position).

        Attributes: ``total_value`` and ``total_value_standard_error`` of the book, USD; ``inputs`` without a column; ``assumptions``.
        """
        from mcsim.reports.assumptions import position_attributes
        from mcsim.valuation.positions import total_attributes

        values = self.position_values.value.transpose("position", "path").values
        said = position_attributes(self.config, self.attributes)
        return self.group(f"{POSITIONS}/prices").assign_attrs(total_attributes(values), **said)

    @cached_property
    def position_values(self) -> xr.Dataset:
        """What each path contributes to the value of a position (position, path), USD."""
        return self.group(f"{POSITIONS}/path_values")

    @property
    def pool(self) -> xr.Dataset:
        """Cash flow of the collateral (group, month, path), USD. As what follows, of a run that has one of each."""
        return self.collateral.only("pool").pool

    @property
    def loans(self) -> xr.Dataset:
        """Cash flow of each loan: its mean (loan, month), or every path (loan, month, path) where the run kept them; USD."""
        return self.collateral.only("loans").loans

    @property
    def tranches(self) -> xr.Dataset:
        """Cash flow of classes, fees and accounts (tranche | fee | account, month, path), USD."""
        return self.deals.only("tranches").tranches

    @property
    def path_values(self) -> xr.Dataset:
        """What each path contributes to a class's price: value, principal, write-down (tranche, path), USD."""
        return self.deals.only("path_values").path_values

    @property
    def prices(self) -> xr.Dataset:
        """Price, standard error, average life, loss of each class (tranche); attribute ``assumptions``: what they rest on."""
        return self.deals.only("prices").prices

    def price(
        self,
        deal: dict[str, Any] | str | None = None,
        spread: float | dict[str, float] | None = None,
        config_dir: str | Path | None = None,
    ) -> xr.Dataset:
        """Price again from the stored pool and scenarios, without simulating.

        Parameters
        ----------
        deal : mapping or str, optional
            Another deal: an option's name, a YAML file's path, or written out; the run's own if not given.
        spread : float or mapping, optional
            One spread over the short rate for all classes, or spreads by class with ``default``; annual, continuously
            compounded (0.02 = 200 bp). The run's own if not given.
        config_dir : path, optional
            A directory of your own options, where ``deal`` is one of them.

        Returns
        -------
        xarray.Dataset
            As :attr:`prices`.
        """
        return self.deals.only("price(...)").price(deal, spread, config_dir)

    def value(self, positions: Mapping[str, Mapping[str, Any]]) -> xr.Dataset:
        """Value positions over the stored pools and scenarios, without simulating.

        Parameters
        ----------
        positions : mapping
            By name, as in a campaign: ``{"mine": {"instrument": "whole_loan", "of": "jumbo", "share": 1.0, "method": "spread",
            "inputs": {"spread": 0.02}}}``.

        Returns
        -------
        xarray.Dataset
            As :attr:`positions`.
        """
        from mcsim.repricing import value_positions

        return value_positions(self, positions)

    def regenerate(self, loan_id: str, path: int) -> xr.Dataset:
        """Cash flow of one loan on one path (month), simulated again alone: to the bit what it added to the run.

        Parameters
        ----------
        loan_id : str
            Identifier of the tape.
        path : int
            Index of the path.

        Raises
        ------
        InputError
            A loan or path that the run does not have.
        """
        from mcsim.regeneration import regenerate_loan

        return regenerate_loan(self, loan_id, path)

    def report(self) -> Path:
        """Path of the run's ``report.html``, written if it is not there or is not as it was written.

        Returns
        -------
        pathlib.Path
            A page that needs no other file and no network.
        """
        from mcsim.reports.seal import report_problem

        if not self.folder.report.is_file() or report_problem(self.path):
            from mcsim.reports.report import write_report

            write_report(self)
        return self.folder.report

    def verify(self) -> int:
        """Hold every file against its SHA-256, the report against its own; the number of files.

        Raises
        ------
        IncompleteRunError
            A run that did not finish: nothing vouches for it.
        StoreError
            Naming everything that is missing, changed or not of the run.
        """
        from mcsim.reports.seal import report_problem

        files = require_manifest(self.path).check_all()
        problem = report_problem(self.path)
        if problem:
            raise StoreError(problem)
        return files

    def group(self, name: str) -> xr.Dataset:
        """A group of the store, by its path in it."""
        if name not in self.groups:
            stage = name.rsplit("/", 1)[-1]
            how = f"; run again with {_KEPT_BY[stage]}" if stage in _KEPT_BY else ""
            what = name if max(len(self.collateral), len(self.deals)) > 1 else stage
            raise InputError(f"run {self.run_id} kept no {what}: it holds {first_of(self.groups) or 'nothing'}{how}")
        return store.open_group(self.path, name)

    def _facts(self) -> list[tuple[str, str]]:
        facts = self.attributes
        commit = (facts.get("git_commit") or "unknown")[:12] + (" (changed)" if facts.get("git_dirty") else "")
        sizes = {dim: size for name in self.groups for dim, size in store.sizes(self.path, name).items()}
        return [
            ("run", self.run_id + ("" if self.complete else " (incomplete)")),
            ("created", str(facts.get("created", "unknown"))),
            ("seed", str(facts.get("seed", "unknown"))),
            ("backend", f"{facts.get('backend', 'unknown')}, {facts.get('precision', 'unknown')}"),
            ("mcsim", f"{facts.get('mcsim_version', 'unknown')}, commit {commit}"),
            ("holds", ", ".join(self.groups) or "nothing"),
            ("sizes", ", ".join(f"{dim} {size:,}" for dim, size in sizes.items())),
            *([("warnings", f"{len(self.warnings)}: see run.warnings")] if self.warnings else []),
        ]

    def _price_tables(self) -> list[tuple[str, list[tuple[str, ...]]]]:
        """Of each deal its name, empty where there is one, and the rows of its price table."""
        if not self.complete:
            return []
        columns = ("price", "price_standard_error", "value", "value_standard_error", "wal")
        priced = {name: deal for name, deal in self.deals.items() if f"{DEALS}/{name}/prices" in self.groups}
        return [("" if len(priced) == 1 else name, price_table(deal.prices, columns)) for name, deal in priced.items()]

    def __repr__(self) -> str:
        lines = [f"{name:8} {value}" for name, value in self._facts()]
        for name, rows in self._price_tables():
            lines += ["", *([f"deal {name}"] if name else []), *laid_out(rows)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        facts = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in self._facts())
        return f"<table>{facts}</table>" + "".join(_html_table(*found) for found in self._price_tables())


def _html_table(name: str, rows: list[tuple[str, ...]]) -> str:
    cells = f"<caption>deal {html.escape(name)}</caption>" if name else ""
    for number, row in enumerate(rows):
        tag = "td" if number else "th"
        cells += "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
    return f"<table>{cells}</table>"
