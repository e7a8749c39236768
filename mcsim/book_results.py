"""What a finished run holds of one collateral and of one deal: ``run.collateral["jumbo"]``, ``run.deals["first"]``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mcsim import records
from mcsim.errors import InputError, first_of, nearest
from mcsim.store.layout import COLLATERAL, DEALS

if TYPE_CHECKING:
    import xarray as xr

    from mcsim.results import Run

Part = TypeVar("Part")


def assumptions_of(
    config: Mapping[str, Any], attributes: Mapping[str, Any], name: str, deal: Mapping[str, Any] | None = None
) -> list[str]:
    """What prices of a deal of the run, or of another over the same collaterals, take for granted.

    Parameters
    ----------
    config, attributes : mapping
        The resolved configuration, and the attributes of the store.
    name : str
        Of the run's deal.
    deal : mapping, optional
        The deal that was priced, where it is not the run's own.
    """
    from mcsim.reports.assumptions import price_assumptions

    own, said = records.deal_section(config, name), dict[str, None]()
    facts = json.loads(attributes.get(COLLATERAL) or "{}")
    for collateral in own["groups"].values() or ("",):
        part = {**records.collateral_section(config, collateral), "deal": deal or own.get("deal")}
        said |= dict.fromkeys(price_assumptions(part, facts.get(collateral, attributes)))
    return list(said)


class Named(Mapping[str, Part], Generic[Part]):
    """Collaterals or deals of a run by name, in the order of the campaign; a name that it does not have is told with those it has."""

    def __init__(self, run: Run, kind: str, make: Callable[[Run, str], Part]) -> None:
        facts = json.loads(run.attributes.get(kind) or "{}")
        below = (group.split("/")[1] for group in run.groups if group.startswith(f"{kind}/"))
        self._run_id, self._kind, self._noun = run.run_id, kind, kind.removesuffix("s")
        self._parts = {name: make(run, name) for name in dict.fromkeys([*facts, *below])}

    def __getitem__(self, name: str) -> Part:
        if name not in self._parts:
            raise InputError(f"run {self._run_id} has no {self._noun} {name!r}{nearest(str(name), self._parts)}")
        return self._parts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __repr__(self) -> str:
        return ", ".join(self._parts) or "none"

    def only(self, wanted: str) -> Part:
        """The one that there is; where there are several, an error that says how to ask for ``wanted`` of one of them."""
        if len(self._parts) == 1:
            return next(iter(self._parts.values()))
        if not self._parts:
            raise InputError(f"run {self._run_id} has no {self._noun}, hence no {wanted}")
        raise InputError(
            f"run {self._run_id} has {len(self._parts)} {self._noun}s: {first_of(list(self._parts))}; "
            f"ask for one: run.{self._kind}[{next(iter(self._parts))!r}].{wanted}"
        )


class CollateralResults:
    """Loans under one behaviour, as a run simulated them. Nothing is read before it is asked for."""

    def __init__(self, run: Run, name: str) -> None:
        self._run, self.name = run, name

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """What the run knows of its loans: their number, balance, summary, rejected rows, notes."""
        return dict(json.loads(self._run.attributes.get(COLLATERAL) or "{}").get(self.name, {}))

    @property
    def config(self) -> dict[str, Any]:
        """Its ``portfolio`` and ``behaviour``."""
        return records.collateral_section(self._run.config, self.name)

    @cached_property
    def pool(self) -> xr.Dataset:
        """Cash flow of all its loans (group, month, path), USD."""
        return self._group("pool")

    @cached_property
    def loans(self) -> xr.Dataset:
        """Cash flow of each loan: its mean (loan, month), or every path (loan, month, path) where the run kept them; USD."""
        return self._group("loan_paths" if f"{COLLATERAL}/{self.name}/loan_paths" in self._run.groups else "loans")

    @property
    def loan_paths(self) -> xr.Dataset:
        """Cash flow of each loan on every path (loan, month, path), USD."""
        return self._group("loan_paths")

    def regenerate(self, loan_id: str, path: int) -> xr.Dataset:
        """As :meth:`mcsim.results.Run.regenerate`, of a loan of this collateral."""
        from mcsim.regeneration import regenerate_loan

        return regenerate_loan(self._run, loan_id, path, self.name)

    def _group(self, stage: str) -> xr.Dataset:
        return self._run.group(f"{COLLATERAL}/{self.name}/{stage}")


class DealResults:
    """A deal as a run priced it. Nothing is read before it is asked for."""

    def __init__(self, run: Run, name: str) -> None:
        self._run, self.name = run, name

    @property
    def config(self) -> dict[str, Any]:
        """Its ``deal``, ``groups`` (group of the deal → collateral) and ``pricing``."""
        return records.deal_section(self._run.config, self.name)

    @cached_property
    def tranches(self) -> xr.Dataset:
        """Cash flow of classes, fees and accounts (tranche | fee | account, month, path), USD."""
        return self._group("tranches")

    @cached_property
    def path_values(self) -> xr.Dataset:
        """What each path contributes to a class's price: value, principal, write-down (tranche, path), USD."""
        return self._group("path_values")

    @cached_property
    def prices(self) -> xr.Dataset:
        """Price, standard error, average life, loss of each class (tranche); attribute ``assumptions``: what they rest on."""
        return self._group("prices").assign_attrs(assumptions=self.assumptions())

    def assumptions(self, deal: Mapping[str, Any] | None = None) -> list[str]:
        """What prices of this deal, or of another over the same collateral, take for granted."""
        return assumptions_of(self._run.config, self._run.attributes, self.name, deal)

    def price(
        self,
        deal: dict[str, Any] | str | None = None,
        spread: float | dict[str, float] | None = None,
        config_dir: str | Path | None = None,
    ) -> xr.Dataset:
        """As :meth:`mcsim.results.Run.price`, of this deal."""
        from mcsim.repricing import reprice

        return reprice(self._run, deal, spread, config_dir, self.name)

    def _group(self, stage: str) -> xr.Dataset:
        return self._run.group(f"{DEALS}/{self.name}/{stage}")
