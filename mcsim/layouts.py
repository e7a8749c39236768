"""The two layouts of a configuration, a book and one of each, and what a setting is called wherever it stands in either."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcsim.errors import first_of
from mcsim.settings import (
    Behaviour,
    Collateral,
    DealChoice,
    Engine,
    HomePrices,
    ModelChoice,
    Output,
    PathText,
    Portfolio,
    Position,
    Pricing,
    Rates,
    Settings,
)

PARTS = {"collaterals": ("portfolio", "behaviour"), "deals": ("deal", "pricing"), "positions": ()}
"""Parts of a book, and the groups of options of which each entry has one."""

PART_OF = {group: part for part, groups in PARTS.items() for group in groups}
"""Part of a book in whose entries a group of options stands."""


@dataclass(frozen=True)
class OneOfEach:
    """The configuration of one portfolio and one deal, as its files have it: a book with one entry of each."""

    campaign: str
    seed: int
    paths: int
    precision: str
    backend: str
    market_date: str
    portfolio: Portfolio
    rates: Rates
    home_prices: HomePrices
    behaviour: Behaviour
    deal: dict[str, Any]
    pricing: Pricing
    output: Output
    engine: Engine
    positions: dict[str, Position] = field(default_factory=dict)

    def book(self, raw: dict[str, Any]) -> Settings:
        """Settings: the collateral has the portfolio's name, the deal its own."""
        name = self.portfolio.name
        shared = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name in _SHARED}
        choice = DealChoice(self.deal, dict.fromkeys(deal_groups(self.deal), name), self.pricing)
        return Settings(
            **shared, collaterals={name: Collateral(self.portfolio, self.behaviour)}, deals={deal_name(self.deal): choice}, raw=raw
        )  # fmt: skip


def is_book(raw: Mapping[str, Any]) -> bool:
    """True for a configuration that names its collaterals or its deals; positions one of each may have too."""
    return "collaterals" in raw or "deals" in raw


def each_has_its_own(key: str, tree: Mapping[str, Any]) -> str:
    """What to say of a setting at the top of a book that every entry of a part has for itself."""
    group = key.replace("/", ".")
    part = PART_OF[group.partition(".")[0]]
    entries = tree.get(part)
    places = [f"{part}.{name}.{group}" for name in entries] if isinstance(entries, Mapping) else []
    return f"in a book each of the {part} has its own; give {first_of(places, 3) or f'{part}.NAME.{group}'}"


def placed(part: str, name: str, problem: str) -> str:
    """A problem that a stage tells of an entry of a part: by its setting's place in the book, or after the entry's name."""
    group = re.split(r"[.:=\s]", problem, maxsplit=1)[0]
    return f"{part}.{name}.{problem}" if group in PARTS[part] else f"{part.removesuffix('s')} {name}: {problem}"


def has_one(key: str) -> str:
    """What to say of a setting of a book's part where the campaign is one of each."""
    place = home(key.replace("/", "."))
    instead = "" if "*" in place or place == key else f"give {place}, or "
    return (
        f"the campaign has one portfolio and one deal; {instead}choose a book, a campaign that names its collaterals and deals, "
        "such as campaign=book"
    )


_SHARED = {f.name for f in dataclasses.fields(Settings)} - {"raw"}


def deal_name(deal: dict[str, Any]) -> str:
    """A deal's name; ``deal`` where it has none that is text, which its own checks tell."""
    name = deal.get("name")
    return name if isinstance(name, str) and name else "deal"


def deal_groups(deal: dict[str, Any]) -> tuple[str, ...]:
    """Names of a deal's groups of collateral; none where they cannot be read, which its own checks tell."""
    found = deal.get("groups", deal.get("group"))
    return tuple(str(name) for name in (found if isinstance(found, list) else [found]) if isinstance(name, str))


def leaves(cls: type = Settings, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and type of every setting, as :func:`home` names it; a dictionary of values and a model are one setting each."""
    hints = typing.get_type_hints(cls, include_extras=True)
    for name, hint in ((f.name, hints[f.name]) for f in dataclasses.fields(cls) if f.name != "raw"):
        section = next((part for part in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(part)), None)
        if section is None or section is ModelChoice:
            yield home(f"{prefix}{name}"), hint
        else:
            entries = "*." if typing.get_origin(hint) is dict else ""
            yield from leaves(typing.cast(type, section), f"{prefix}{name}.{entries}")


def home(name: str) -> str:
    """What a setting is called wherever it stands: of a book's part by its group, of the part itself by ``*``.

    ``collaterals.jumbo.portfolio.file`` is ``portfolio.file``, as in a configuration of one of each; ``positions.mine.share`` is
    ``positions.*.share``.
    """
    part, _, rest = name.partition(".")
    if part not in PARTS or not rest:
        return name
    _, _, within = rest.partition(".")
    if within.partition(".")[0] in PARTS[part]:
        return within
    return f"{part}.*.{within}" if within else f"{part}.*"


PATH_SETTINGS = frozenset(name for name, hint in leaves() if PathText in (hint, *typing.get_args(hint)))
"""Names, as :func:`home` gives them, of the settings that hold a path."""
