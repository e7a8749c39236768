"""Trees of plain values laid over one another, and one override into a tree: what replaces, what is changed, what may be new."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from kernels.behaviour import KINDS
from mcsim.conf_dir import CAMPAIGN
from mcsim.errors import nearest
from mcsim.layouts import home, leaves
from mcsim.overrides import Override
from mcsim.references import ABSENT, select

OPEN_MAPPINGS = ("pricing.spreads", "portfolio.generator.regions", "deals.*.groups", "positions.*.inputs")
"""Mappings whose keys are the user's own (class names, regions) or another's (a deal's groups, an instrument's inputs): one that is
given replaces, and a key may be new. So do the entries of a deal; other mappings are merged key by key."""

MODEL_SECTIONS = tuple(f"behaviour.{kind}" for kind in KINDS)
"""Sections that hold a model and its parameters. Two models share no parameters, so a new model replaces the section."""

RENAMED = {"portfolio.generator.states": "portfolio.generator.regions", "home_prices.state_file": "home_prices.region_file"}
"""Keys of before → their names now: what the problem of such a key says."""

_SETTINGS = frozenset(name for name, _ in leaves())


class Chosen(dict[str, Any]):
    """A section of a book as an option has it: it takes the place of all that was said of the section before."""


def names_option(value: Any) -> bool:
    """True where an option was named in ``value``, or in a section below it."""
    return isinstance(value, Chosen) or (isinstance(value, Mapping) and any(map(names_option, value.values())))


def merge(base: dict[str, Any], patch: Mapping[str, Any], where: str = "") -> None:
    """``patch`` over ``base``, key by key; see :data:`OPEN_MAPPINGS` and :data:`MODEL_SECTIONS` for what is replaced as a whole."""
    for key, value in patch.items():
        inner = f"{where}.{key}" if where else key
        old = base.get(key)
        changes = isinstance(value, Mapping) and not isinstance(value, Chosen) and not replaces(inner, value)
        if changes and isinstance(old, dict):
            merge(old, value, inner)
        else:
            base[key] = copy.deepcopy(value)


def replaces(where: str, value: Mapping[str, Any]) -> bool:
    """True where a mapping takes the place of what stands there."""
    place = home(where)
    return "model" in value if place in MODEL_SECTIONS else place in OPEN_MAPPINGS or place.startswith("deal.")


def apply(tree: dict[str, Any], word: Override, groups: Mapping[str, Any]) -> list[str]:
    """One override of a key into ``tree``; what is wrong with it."""
    if "/" in word.key or "@" in word.key:
        return [f"{word.key}: unknown group{nearest(word.key, groups)}"]
    if word.key == CAMPAIGN:
        return [f"{word.text}: a run has a campaign; choose one with {CAMPAIGN}=NAME"]
    *above, name = word.key.split(".")
    node = tree
    for depth, part in enumerate(above):
        inner = node.get(part, ABSENT)
        if inner is None or inner is ABSENT:
            if not _may_add(word, ".".join(above[: depth + 1])):
                return [unknown_key(tree, word.key)]
            inner = node[part] = {}
        if not isinstance(inner, dict):
            return [f"{word.key}: unknown key; {'.'.join(above[: depth + 1])} has no keys under it"]
        node = inner
    if word.action == "delete":
        return [] if node.pop(name, ABSENT) is not ABSENT else [unknown_key(tree, word.key)]
    if name not in node and not _may_add(word, word.key):
        return [unknown_key(tree, word.key)]
    if isinstance(word.value, dict) and not word.value and not replaces(word.key, {}):
        return [f"{word.text}: an empty mapping changes nothing; give the keys to change, or leave it out"]
    parent = ".".join(above)
    merge(node, {name: word.value}, parent)
    return []


def _may_add(word: Override, key: str) -> bool:
    """A key that is not there may be set where it is a setting, where keys are the user's own, and where the user says ``+``.

    A part of a book is new where all of it is given: in the name of a part whose keys are changed one is mistyped.
    """
    place = home(key)
    if place.endswith(".*"):
        return word.action == "add" or (key == word.key and isinstance(word.value, Mapping))
    own = place.startswith(tuple(f"{mapping}." for mapping in OPEN_MAPPINGS))
    return word.action == "add" or own or any(name == place or name.startswith(f"{place}.") for name in _SETTINGS)


def unknown_key(tree: Mapping[str, Any], key: str) -> str:
    """``key``'s problem, with its new name or the nearest known key beside it, or group at the top."""
    parts = key.split(".")
    for depth in range(len(parts)):
        above, name = ".".join(parts[:depth]), parts[depth]
        node = select(tree, above) if above else tree
        if not isinstance(node, Mapping):
            return f"{key}: unknown key; {above} has no keys under it"
        if name not in node:
            known = [*node, *([CAMPAIGN] if depth == 0 else [])]
            return f"{key}: unknown key{meant(above, name, known)}"
    return f"{key}: unknown key"


def meant(section: str, name: str, known: Iterable[str]) -> str:
    """What to say of an unknown key ``name`` of a section: what it is called now, or the nearest of ``known``."""
    renamed = RENAMED.get(home(f"{section}.{name}"))
    return f"; it is now {renamed}" if renamed else nearest(name, known)
