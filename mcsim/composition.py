"""From option files and overrides to one tree of plain values: who wins over whom.

In this order, each over the one before: the options that ``config.yaml`` chooses; the campaign's choice of options; its own keys; the
user's choice of options, which takes the place of everything that the campaign said of that group; the user's keys.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernels.behaviour import KINDS
from mcsim.conf_dir import CAMPAIGN, CONFIG_NAME, OptionFile, config_dir, option_files
from mcsim.errors import InputError, nearest
from mcsim.layouts import leaves
from mcsim.option_file import Option, read_option
from mcsim.overrides import Override, read_overrides
from mcsim.references import ABSENT, leaf_names, select
from mcsim.yaml_files import read_text

OPEN_MAPPINGS = ("pricing.spreads", "portfolio.generator.regions")
"""Mappings whose keys are the user's own, class names and regions: one that is given replaces, and a key may be new. So do the
entries of a deal; other mappings are merged key by key."""

MODEL_SECTIONS = tuple(f"behaviour.{kind}" for kind in KINDS)
"""Sections that hold a model and its parameters. Two models share no parameters, so a new model replaces the section."""

_OWN_NAMES = ("deal", "pricing")
"""Groups in which names are the option's own, as parameters are a model's: nothing is said of them where it cannot be read."""

RENAMED = {"portfolio.generator.states": "portfolio.generator.regions", "home_prices.state_file": "home_prices.region_file"}
"""Keys of before → their names now: what the problem of such a key says."""

_SETTINGS = frozenset(name for name, _ in leaves())


@dataclass
class Composed:
    """A configuration before it is checked. ``given``: the keys that are the user's, and the file of each ("": an override)."""

    tree: dict[str, Any]
    campaign: str | None = None
    given: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)
    """Sections whose option could not be read: one that ships stands in for it, and what follows from that is nobody's mistake."""


def compose(texts: Sequence[str], extra: str | Path | None = None) -> Composed:
    """The configuration that overrides and a user's directory make; what is wrong with them is in ``problems``."""
    return _Composer(extra).run(texts)


def load_option(group: str, name: str, extra: str | Path | None = None) -> dict[str, Any]:
    """One option alone; raises :class:`InputError`."""
    composer = _Composer(extra)
    found = composer.section(group, name, {})
    if composer.problems:
        raise InputError(composer.problems)
    return found


class _Composer:
    def __init__(self, extra: str | Path | None) -> None:
        self.options = option_files(extra)
        self.problems: list[str] = []
        self._given: dict[str, str] = {}
        self._doubtful: set[str] = set()

    def run(self, texts: Sequence[str]) -> Composed:
        primary = read_option(OptionFile(config_dir() / f"{CONFIG_NAME}.yaml"), "")
        given = read_overrides(texts, self.problems)
        choices = dict(primary.defaults)
        user = {word.key: self._chosen(word) for word in given if self._is_choice(word)}
        campaign = user.get(CAMPAIGN) or choices[CAMPAIGN]
        nested, keys = self._campaign(campaign, user)
        tree: dict[str, Any] = {}
        for group in (group for group in choices if group not in (CAMPAIGN, "_self_")):
            within = {key: name for key, name in nested.items() if group not in user} | user
            name = user.get(group) or nested.get(group) or choices[group]
            tree[group] = self.section(group, name, {key: name for key, name in within.items() if name})
        merge(tree, primary.content)
        merge(tree, keys)
        for word in given:
            if not self._is_choice(word) and not self._unjudged(word.key):
                self.problems += apply(tree, word, self.options)
                self._given |= dict.fromkeys(leaf_names(word.value, word.key), "")
        return Composed(tree, campaign, self._given, self.problems, self._doubtful)

    def section(self, group: str, name: str, within: Mapping[str, str]) -> dict[str, Any]:
        """The keys of an option and of what its defaults list names; ``within`` chooses groups below it."""
        found: dict[str, Any] = {}
        chosen: dict[str, str] = {}
        steps = list(self._steps(group, name, chosen, ()))
        where = group.replace("/", ".")
        for step in steps:
            if isinstance(step, Option):
                if _replaces(where, step.content):
                    found.clear()
                merge(found, step.content, where)
                if step.file.own:
                    self._given |= dict.fromkeys(leaf_names(step.content, where), str(step.file.path))
            else:
                below = f"{group}/{step}"
                found[step] = self.section(below, within.get(below, chosen[step]), within)
        return self._filled(group, name, found) if where in self._doubtful else found

    def _filled(self, group: str, name: str, found: dict[str, Any]) -> dict[str, Any]:
        """What could be read of an option, over one that ships: what else is given is then held against keys that there are."""
        where = group.replace("/", ".")
        stand_in = next(other for other, file in self.options[group].items() if not file.own)
        if name == stand_in or _replaces(where, found):
            return found
        filled = self.section(group, stand_in, {})
        merge(filled, found, where)
        return filled

    def _steps(self, group: str, name: str, chosen: dict[str, str], above: tuple[str, ...]) -> Iterator[Option | str]:
        """What makes up an option, in order: options of the same group, names of groups below, which ``chosen`` fills in."""
        option = self._option(group, name, above)
        if option is None:
            return
        for below, other in option.defaults:
            if below == "_self_":
                yield option
            elif not below:
                yield from self._steps(group, other, chosen, (*above, name))
            elif f"{group}/{below}" in self.options:
                if below not in chosen:
                    yield below
                chosen[below] = other
            else:
                self._say(
                    f"{option.file.path}: defaults: {below}: {group} has no such group below it{self._groups(below)}", group
                )

    def _campaign(self, name: str, user: Mapping[str, str | None]) -> tuple[dict[str, str], dict[str, Any]]:
        """The options that a campaign chooses, and its keys without those of groups that the user chose."""
        chosen: dict[str, str] = {}
        keys: dict[str, Any] = {}

        def add(name: str, above: tuple[str, ...]) -> None:
            option = self._option(CAMPAIGN, name, above)
            for group, other in option.defaults if option else ():
                if group == "_self_" and option:
                    content = _without(option.content, [key.replace("/", ".") for key in user])
                    merge(keys, content)
                    if option.file.own:
                        self._given.update(dict.fromkeys(leaf_names(content, ""), str(option.file.path)))
                elif not group:
                    add(other, (*above, name))
                elif group in self.options and group != CAMPAIGN:
                    chosen[group] = other
                elif option:
                    self._say(f"{option.file.path}: defaults: {group}: unknown group{self._groups(group)}", CAMPAIGN)

        add(name, ())
        return chosen, keys

    def _option(self, group: str, name: str, above: tuple[str, ...]) -> Option | None:
        files = self.options[group]
        try:
            if name not in files:
                raise InputError(f"{group}={name}: no such option{nearest(name, files)}")
            if name in above:
                raise InputError(f"{files[name].path}: its defaults list leads back to itself; remove {name} there")
            file = files[name]
            if file.hidden and read_text(file.hidden) != read_text(file.path):
                raise InputError(
                    f"{file.hidden}: {group}={name} is an option that ships, which counts; give the file another name"
                )
            return read_option(file, group)
        except InputError as error:
            for problem in error.problems:
                self._say(problem, group)
            return None

    def _is_choice(self, word: Override) -> bool:
        return word.key in self.options and word.action != "delete" and not isinstance(word.value, dict)

    def _chosen(self, word: Override) -> str | None:
        """The option that an override names, None where there is none of that name."""
        options = self.options[word.key]
        if word.value is not None and word.name in options:
            return word.name
        self._say(_option_problem(word, list(options)), word.key)
        return None

    def _unjudged(self, key: str) -> bool:
        """True where what a key means depends on an option that could not be read: the names there are the option's own."""
        return any(
            f"{key}.".startswith(f"{section}.") and (section in (*MODEL_SECTIONS, *_OWN_NAMES)) for section in self._doubtful
        )

    def _groups(self, name: str) -> str:
        return nearest(name, self.options)

    def _say(self, problem: str, group: str) -> None:
        self._doubtful.add(group.replace("/", "."))
        if problem not in self.problems:
            self.problems.append(problem)


def merge(base: dict[str, Any], patch: Mapping[str, Any], where: str = "") -> None:
    """``patch`` over ``base``, key by key; see :data:`OPEN_MAPPINGS` and :data:`MODEL_SECTIONS` for what is replaced as a whole."""
    for key, value in patch.items():
        inner = f"{where}.{key}" if where else key
        old = base.get(key)
        if isinstance(value, Mapping) and isinstance(old, dict) and not _replaces(inner, value):
            merge(old, value, inner)
        else:
            base[key] = copy.deepcopy(value)


def _replaces(where: str, value: Mapping[str, Any]) -> bool:
    return "model" in value if where in MODEL_SECTIONS else where in OPEN_MAPPINGS or where.startswith("deal.")


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
    if isinstance(word.value, dict) and not word.value and not _replaces(word.key, {}):
        return [f"{word.text}: an empty mapping changes nothing; give the keys to change, or leave it out"]
    parent = ".".join(above)
    merge(node, {name: word.value}, parent)
    return []


def _may_add(word: Override, key: str) -> bool:
    """A key that is not there may be set where it is a setting, where keys are the user's own, and where the user says ``+``."""
    own = key.startswith(tuple(f"{mapping}." for mapping in OPEN_MAPPINGS))
    return word.action == "add" or own or any(name == key or name.startswith(f"{key}.") for name in _SETTINGS)


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
    renamed = RENAMED.get(f"{section}.{name}")
    return f"; it is now {renamed}" if renamed else nearest(name, known)


def _option_problem(word: Override, options: Sequence[str]) -> str:
    """What to say of a group's option that is not there; a file is not one."""
    name = word.name
    if not name.endswith((".yaml", ".yml")):
        return f"{word.text}: no such option{nearest(name, options)}"
    stem = Path(name).stem
    return (
        f"{word.text}: a run takes an option by its name, not a file; keep it as DIR/{word.key}/{stem}.yaml "
        f"and give --config-dir DIR {word.key}={stem}"
    )


def _without(content: Mapping[str, Any], names: Sequence[str], where: str = "") -> dict[str, Any]:
    """``content`` without the sections of these dotted names."""
    kept = {}
    for key, value in content.items():
        inner = f"{where}.{key}" if where else key
        if inner not in names:
            kept[key] = _without(value, names, inner) if isinstance(value, Mapping) else value
    return kept
