"""From option files and overrides to one tree of plain values: who wins over whom.

In this order, each over the one before: the options that ``config.yaml`` chooses; the campaign's choice of options; its own keys; the
user's choice of options, which takes the place of everything that the campaign said of that group; the user's keys.

In a book the groups of portfolio, behaviour, deal and pricing stand once in every part: what names an option there, as a text or by
the key ``option`` of a section, is that option's keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mcsim.conf_dir import CAMPAIGN, CONFIG_NAME, OptionFile, config_dir, option_files
from mcsim.errors import InputError, nearest
from mcsim.layouts import PART_OF, PARTS, each_has_its_own, has_one, home, is_book
from mcsim.merging import MODEL_SECTIONS, Chosen, apply, merge, names_option, replaces
from mcsim.option_file import Option, read_option
from mcsim.overrides import Override, read_overrides
from mcsim.references import ABSENT, leaf_names, select
from mcsim.yaml_files import read_text

OPTION = "option"
"""Key of a book's section that names the option on which the section's other keys stand."""

_OWN_NAMES = ("deal", "pricing")
"""Groups in which names are the option's own, as parameters are a model's: nothing is said of them where it cannot be read."""


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


def change(tree: dict[str, Any], words: Sequence[Override], extra: str | Path | None, problems: list[str]) -> None:
    """Overrides into the parts of a configuration that was composed before; what is wrong with them goes to ``problems``."""
    composer = _Composer(extra)
    for word, value in composer.of_book(words):
        composer.problems += apply(tree, replace(word, value=value), composer.options)
    problems += composer.problems


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
        book = is_book(keys)
        tree: dict[str, Any] = {}
        for group in (group for group in choices if group not in (CAMPAIGN, "_self_") and not (book and group in PART_OF)):
            within = {key: name for key, name in nested.items() if group not in user} | user
            name = user.get(group) or nested.get(group) or choices[group]
            tree[group] = self.section(group, name, {key: name for key, name in within.items() if name})
        merge(tree, primary.content)
        merge(tree, keys)
        given = self._checked_for_place(given, tree, campaign if book else "")
        for word, value in self.of_book(given) if book else ((word, word.value) for word in given):
            if not self._is_choice(word) and not self._unjudged(word.key):
                self.problems += apply(tree, replace(word, value=value), self.options)
                self._given |= dict.fromkeys(leaf_names(word.value, word.key), "")
        if book and tree["market_date"] == primary.content["market_date"]:
            tree["market_date"] = _date_of_book(tree)
        return Composed(tree, campaign, self._given, self.problems, self._doubtful)

    def section(self, group: str, name: str, within: Mapping[str, str], place: str = "") -> dict[str, Any]:
        """The keys of an option and of what its defaults list names; ``within`` chooses groups below it.

        ``place`` is where the section stands in a book.
        """
        found: dict[str, Any] = {}
        chosen: dict[str, str] = {}
        where = place or group.replace("/", ".")
        steps = list(self._steps(group, name, chosen, (), where))
        for step in steps:
            if isinstance(step, Option):
                if replaces(where, step.content):
                    found.clear()
                merge(found, step.content, where)
                if step.file.own:
                    self._given |= dict.fromkeys(leaf_names(step.content, where), str(step.file.path))
            else:
                below = f"{group}/{step}"
                found[step] = self.section(below, within.get(below, chosen[step]), within, place and f"{place}.{step}")
        return self._filled(group, name, found, where) if where in self._doubtful else found

    def _filled(self, group: str, name: str, found: dict[str, Any], where: str) -> dict[str, Any]:
        """What could be read of an option, over one that ships: what else is given is then held against keys that there are."""
        stand_in = next(other for other, file in self.options[group].items() if not file.own)
        if name == stand_in or replaces(where, found):
            return found
        filled = self.section(group, stand_in, {}, where)
        merge(filled, found, where)
        return filled

    def _steps(
        self, group: str, name: str, chosen: dict[str, str], above: tuple[str, ...], where: str
    ) -> Iterator[Option | str]:
        """What makes up an option, in order: options of the same group, names of groups below, which ``chosen`` fills in."""
        option = self._option(group, name, above, where)
        if option is None:
            return
        for below, other in option.defaults:
            if below == "_self_":
                yield option
            elif not below:
                yield from self._steps(group, other, chosen, (*above, name), where)
            elif f"{group}/{below}" in self.options:
                if below not in chosen:
                    yield below
                chosen[below] = other
            else:
                self._say(
                    f"{option.file.path}: defaults: {below}: {group} has no such group below it{self._groups(below)}", where
                )

    def _campaign(self, name: str, user: Mapping[str, str | None]) -> tuple[dict[str, str], dict[str, Any]]:
        """The options that a campaign chooses, and its keys without those of groups that the user chose."""
        chosen: dict[str, str] = {}
        keys: dict[str, Any] = {}
        said: dict[str, Path] = {}  # of groups of which every part of a book has its own

        def add(name: str, above: tuple[str, ...]) -> None:
            option = self._option(CAMPAIGN, name, above, CAMPAIGN)
            for group, other in option.defaults if option else ():
                if group == "_self_" and option:
                    content = _without(option.content, [key.replace("/", ".") for key in user])
                    merge(keys, {key: self.expanded(value, key) if key in PARTS else value for key, value in content.items()})
                    said.update((key, option.file.path) for key in content if key in PART_OF)
                    if option.file.own:
                        self._given.update(dict.fromkeys(leaf_names(content, ""), str(option.file.path)))
                elif not group:
                    add(other, (*above, name))
                elif group in self.options and group != CAMPAIGN:
                    chosen[group] = other
                    if option and group.partition("/")[0] in PART_OF:
                        said[group] = option.file.path
                elif option:
                    self._say(f"{option.file.path}: defaults: {group}: unknown group{self._groups(group)}", CAMPAIGN)

        add(name, ())
        for group, file in said.items() if is_book(keys) else ():
            self._say(f"{file}: {group}: {each_has_its_own(group, keys)}", CAMPAIGN)
            keys.pop(group, None)
        return chosen, keys

    def expanded(self, value: Any, where: str) -> Any:
        """``value``, which stands at ``where`` in a book, with the keys of every option that it names."""
        group = self._group_at(where)
        if not isinstance(value, Mapping):
            names = group and isinstance(value, str | int | float) and not isinstance(value, bool)
            return self._chosen_at(group, str(value), where) if names else value
        if isinstance(value, Chosen):
            return value
        found = {key: self.expanded(inner, f"{where}.{key}") for key, inner in value.items() if not (group and key == OPTION)}
        if not (group and OPTION in value):
            return found
        section = self._chosen_at(group, str(value[OPTION]), where)
        merge(section, found, where)
        return section

    def _chosen_at(self, group: str, name: str, where: str) -> Chosen:
        """An option in a book; what was given there before it counts no more."""
        self._given = {key: file for key, file in self._given.items() if not key.startswith(f"{where}.")}
        return Chosen(self.section(group, name, {}, where))

    def _group_at(self, where: str) -> str:
        """The group of options that stands at a dotted name in a book; empty elsewhere."""
        group = home(where).replace(".", "/")
        return group if where.partition(".")[0] in PARTS and group in self.options else ""

    def _checked_for_place(self, given: list[Override], tree: Mapping[str, Any], book: str) -> list[Override]:
        """The overrides that the layout of the campaign has a place for: a book's are in its parts, those of one of each are not."""
        kept = []
        for word in given:
            top = word.key.replace("/", ".").partition(".")[0]
            if book and top in PART_OF:
                self.problems.append(f"{word.text}: {each_has_its_own(word.key, tree)}")
            elif not book and is_book({top: None}):
                self.problems.append(f"{word.text}: {has_one(word.key)}")
            else:
                kept.append(word)
        return kept

    def of_book(self, given: Sequence[Override]) -> list[tuple[Override, Any]]:
        """A book's overrides, each with its value and the options that it names: those first, the outer before the inner."""
        found = [
            (word, self.expanded(word.value, word.key) if word.key.partition(".")[0] in PARTS else word.value)
            for word in given
        ]
        chooses = [names_option(value) for _, value in found]
        order = sorted(range(len(found)), key=lambda i: (not chooses[i], chooses[i] and found[i][0].key.count(".")))
        return [found[i] for i in order]

    def _option(self, group: str, name: str, above: tuple[str, ...], where: str) -> Option | None:
        files = self.options[group]
        try:
            if name not in files:
                said = group if where == group.replace("/", ".") else where
                raise InputError(f"{said}={name}: no such option{nearest(name, files)}")
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
                self._say(problem, where)
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
            f"{key}.".startswith(f"{section}.") and (home(section) in (*MODEL_SECTIONS, *_OWN_NAMES))
            for section in self._doubtful
        )

    def _groups(self, name: str) -> str:
        return nearest(name, self.options)

    def _say(self, problem: str, group: str) -> None:
        self._doubtful.add(group.replace("/", "."))
        if problem not in self.problems:
            self.problems.append(problem)


def _date_of_book(tree: Mapping[str, Any]) -> str:
    """A book's market date where none is given: its cut-off, which all its collaterals share."""
    collaterals = tree.get("collaterals")
    for name in collaterals if isinstance(collaterals, Mapping) else ():
        date = f"collaterals.{name}.portfolio.cut_off"
        if select(tree, date) is not ABSENT:
            return f"${{{date}}}"
    return "none"  # of which nothing is said: that there is no collateral, or no portfolio, is


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
