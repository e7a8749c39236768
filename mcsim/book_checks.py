"""What the parts of a book say of one another: names, one cut-off, a deal's groups, what positions are of and what they take."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mcsim.errors import first_of, nearest, shown
from mcsim.layouts import PARTS, deal_groups, is_book
from mcsim.settings import DealChoice, Position, Settings
from mcsim.values import values_of

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_LONGEST_FOLDER = 100  # bytes: file systems take 255, the rest is for what is put around a name


def book_problems(settings: Settings) -> list[str]:
    """One line for everything that cannot be; settings of one portfolio and one deal are a book too."""
    problems = [*_name_problems(settings), *_cut_off_problems(settings)]
    for name, choice in settings.deals.items():
        problems += _group_problems(settings, name, choice)
    for name, position in settings.positions.items():
        problems += _position_problems(settings, f"positions.{name}", position)
    return problems


def common_draws(settings: Settings, loans: Mapping[str, Any]) -> list[str]:
    """What to say of loans of different collaterals that are drawn alike, for a draw is a function of a loan's identifier.

    Parameters
    ----------
    settings : Settings
    loans : mapping of str to mcsim.loans.Loans
        By collateral.
    """
    drawn = {name: loans[name].number for name, own in settings.collaterals.items() if own.behaviour.decrement == "sampled"}
    found = []
    for one, other in itertools.combinations(drawn, 2):
        both = np.intersect1d(drawn[one], drawn[other]).size
        if both:
            found.append(
                f"collaterals {one} and {other}: {both:,} identifiers of loans stand in both, and are drawn alike, as one loan "
                "would be: where they are none, give other identifiers, or behaviour.decrement=expected, which draws nothing"
            )
    return found


def _name_problems(settings: Settings) -> Iterator[str]:
    """Names of parts are folders of the store, and parts of an override's key."""
    if not is_book(settings.raw):
        for setting, name in (("portfolio.name", *settings.collaterals), ("deal.name", *settings.deals)):
            if not _names_a_folder(name):
                yield (
                    f"{setting} = {shown(name)}: names a folder of the store; expected text without / and \\, of at most "
                    f"{_LONGEST_FOLDER} bytes, that begins with neither . nor __"
                )
    for part in PARTS if is_book(settings.raw) else ("positions",):
        seen: dict[str, str] = {}
        for name in getattr(settings, part):
            first = seen.setdefault(name.casefold(), name)
            if not _NAME.fullmatch(name):
                yield (
                    f"{part}.{name}: no name of a part of a book; expected a letter, then letters, digits, _ and -, at most 64 "
                    "in all: it names a folder of the store"
                )
            elif first != name:
                yield f"{part}.{name}: names the same folder of the store as {first} where capitals do not count; rename it"


def _names_a_folder(name: str) -> bool:
    fits = len(name.encode(errors="replace")) <= _LONGEST_FOLDER and name.isprintable() and not re.search(r"[/\\]", name)
    return fits and not name.startswith((".", "__")) and name != "zarr.json"


def _cut_off_problems(settings: Settings) -> Iterator[str]:
    """All collaterals are seen at one date."""
    if not settings.collaterals:
        yield "collaterals: none is named; a book has one at least, such as {homes: {portfolio: NAME, behaviour: NAME}}"
        return
    first, *others = settings.collaterals
    date = settings.collaterals[first].portfolio.cut_off
    for name in others:
        own = settings.collaterals[name].portfolio.cut_off
        if own != date:
            where = settings.where("collaterals", name)
            yield f"{where}portfolio.cut_off = {shown(own)}: expected {date}, that of {first}: a book has one cut-off"


def _group_problems(settings: Settings, name: str, choice: DealChoice) -> Iterator[str]:
    """Every group of a deal stands on a collateral of its own."""
    known, where = deal_groups(choice.deal), f"{settings.where('deals', name)}"
    if not where:
        if len(known) > 1:
            yield (
                f"deal.groups = {shown(list(known))}: a run of one portfolio has one group; choose a book, a campaign that names a "
                "collateral for each, such as campaign=book"
            )
        return
    stands_on: dict[str, str] = {}
    for group, collateral in choice.groups.items():
        if known and group not in known:
            yield f"{where}groups.{group}: the deal has no such group{nearest(group, known)}"
        elif collateral not in settings.collaterals:
            yield (
                f"{where}groups.{group} = {shown(collateral)}: no such collateral{nearest(collateral, settings.collaterals)}"
            )
        elif (other := stands_on.setdefault(collateral, group)) != group:
            yield (
                f"{where}groups.{group} = {shown(collateral)}: group {other} stands on it; the cash of a collateral goes to one "
                "group of a deal"
            )
    for group in known:
        if group not in choice.groups:
            yield f"{where}groups.{group}: missing; give the group's collateral with {where}groups.{group}=NAME"


def _position_problems(settings: Settings, where: str, position: Position) -> Iterator[str]:
    """An instrument and a method that there are, of something that there is, with what they take."""
    from mcsim.instruments import INSTRUMENTS
    from mcsim.valuation.methods import METHODS

    instrument, method = INSTRUMENTS.get(position.instrument), METHODS.get(position.method)
    if instrument is None:
        yield f"{where}.instrument = {shown(position.instrument)}: no such instrument{nearest(position.instrument, INSTRUMENTS)}"
    else:
        find = _class_problem if instrument.of == "class" else _collateral_problem
        if problem := find(settings, position.of):
            yield f"{where}.of = {shown(position.of)}: {position.instrument} is of a {instrument.of}; {problem}"
    if method is None:
        yield f"{where}.method = {shown(position.method)}: no such method{nearest(position.method, METHODS)}"
    if instrument is not None and method is not None:
        problems: list[str] = []
        values_of(position.inputs, {**instrument.inputs, **method.inputs}, f"{where}.inputs", problems)
        yield from problems


def _collateral_problem(settings: Settings, of: str) -> str:
    known = settings.collaterals
    return "" if of in known else f"no such collateral{nearest(of, known)}"


def _class_problem(settings: Settings, of: str) -> str:
    """What is wrong with a class's name; nothing is said of a deal whose classes cannot be read: its own checks do."""
    deals = settings.deals
    name, slash, of_class = of.partition("/")
    if not slash:
        return f"expected DEAL/CLASS{'' if deals else ', and there is no deal'}; deals: {first_of([*deals]) or 'none'}"
    if name not in deals:
        return f"no such deal{nearest(name, deals) if deals else ', and no other'}"
    classes: Any = deals[name].deal.get("classes")
    if not isinstance(classes, Mapping) or of_class in classes:
        return ""
    return f"deal {name} has no such class{nearest(of_class, map(str, classes))}"
