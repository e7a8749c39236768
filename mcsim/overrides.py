"""What a user writes, ``rates.sigma=0.008``: read into plain values, and what is wrong with one.

A path is the text after the first ``=``, whatever its characters. Everything else is Hydra's grammar; its parser sees no text
longer or deeper than :data:`LONGEST` and :data:`DEEPEST`, and nothing of Hydra but the parser sees any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, product
from typing import Any

from hydra.core.override_parser import types as hydra_types
from hydra.core.override_parser.overrides_parser import OverridesParser

from mcsim.errors import InputError, first_of, shown
from mcsim.layouts import PATH_SETTINGS, home
from mcsim.paths import expanded, literal, there
from mcsim.references import problem_of_reference
from mcsim.yaml_files import LONGEST_NUMBER

LONGEST = 20_000
"""Characters of an override: a value for each month of a loan in full precision is half of it."""

DEEPEST = 16
"""Brackets within brackets. A model with its parameters has three."""

MOST_RUNS = 1_000
"""Of a sweep."""

_LITERAL = re.compile(r"(\+{0,2})([\w.-]+)=(.*)", re.DOTALL)
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_EXPECTED = "expected key=value, such as paths=4096 or rates.sigma=0.008"


@dataclass(frozen=True)
class Override:
    """One word of the user's. ``action`` is ``set``, ``add`` (``+`` and ``++``: a key that need not be there) or ``delete``."""

    text: str
    key: str
    value: Any
    action: str = "set"

    @property
    def name(self) -> str:
        """The value as the name of an option: its text, ``2017`` no number."""
        return self.text.partition("=")[2].strip().strip("'\"") if isinstance(self.value, int | float) else str(self.value)


def read_overrides(texts: Sequence[str], problems: list[str]) -> list[Override]:
    """The overrides of one run; what cannot be read goes to ``problems``."""
    found = []
    for text in texts:
        problem, override = _read(text)
        if override is None:
            problems.append(problem)
        else:
            found.append(override)
    problems += _path_problems([override for override in found if home(override.key) in PATH_SETTINGS])
    return found


def _path_problems(given: list[Override]) -> Iterator[str]:
    """Two paths for one setting are two runs, also where they look like one with a comma."""
    seen: dict[str, str] = {}
    for word in given:
        first = seen.setdefault(word.key, word.text)
        if first != word.text:
            yield f"{word.text}: {first} is given too; add --multirun for a run of each, or keep one"
        path = word.value
        if isinstance(path, str) and "," in path and not there(expanded(path)):
            part = path.partition(",")[0].strip("'\" ")
            if there(expanded(part)):
                yield f"{word.text}: no such file, a path is taken with its commas; for a run of each give {word.key}=FILE again"


def _read(text: Any) -> tuple[str, Override | None]:
    """What is wrong with a word, or the override that it is."""
    if not isinstance(text, str):
        return f"{shown(text)}: an override is text; {_EXPECTED}", None
    word = _path_override(text)
    if word is not None:
        return "", word
    problem, parsed = _parse(text)
    if parsed is None:
        return problem, None
    if parsed.is_sweep_override():
        key, _, several = text.partition("=")
        return f"{text}: several values are several runs; add --multirun, or give a list as {key}=[{several}]", None
    try:
        value = None if parsed.value() is None else _plain(parsed.value())
    except (TypeError, ValueError) as error:
        return f"{text}: {error}", None
    if parsed.is_delete() and "=" in text:
        return f"{text}: taking a key away takes no value; expected ~{parsed.key_or_group}", None
    action = "delete" if parsed.is_delete() else "add" if parsed.is_add() or parsed.is_force_add() else "set"
    return "", Override(text, parsed.get_key_element().lstrip("+~"), value, action)


def _path_override(text: str) -> Override | None:
    """``portfolio.file=…`` and its kind."""
    match = _LITERAL.fullmatch(text)
    if not match or home(match.group(2)) not in PATH_SETTINGS:
        return None
    return Override(text, match.group(2), literal(match.group(3)), "add" if match.group(1) else "set")


@lru_cache(maxsize=4096)
def _parse(text: str) -> tuple[str, hydra_types.Override | None]:
    """A word in Hydra's grammar, or what is wrong with it."""
    if len(text) > LONGEST:
        return f"{shown(text)}: {len(text):,} characters; expected at most {LONGEST:,}", None
    if _depth(text) > DEEPEST:
        return f"{shown(text)}: more than {DEEPEST} brackets within brackets; expected a flatter value", None
    key = text.partition("=")[0].lstrip("+~")
    if re.match(r"hydra\b", key):
        return f"{text}: refused; settings of Hydra's own could run code, and only a sweep on a cluster takes some", None
    if "/" in key and home(dotted := key.replace("/", ".")) != dotted:
        return f"{text}: in a part of a book groups are keys; write {dotted}", None
    problem = problem_of_reference(text) if "${" in text else ""
    if "outside" in problem:
        return f"{text}: {problem}", None
    try:
        parsed = OverridesParser.create().parse_override(text)
    except (Exception, RecursionError):  # Hydra's, antlr's, and bare ValueErrors: all say that the text is none
        return f"{text}: cannot be read as an override; {_EXPECTED}", None
    if not parsed.key_or_group:
        return f"{text}: cannot be read as an override; {_EXPECTED}", None
    return "", parsed


def _depth(text: str) -> int:
    depth = deepest = 0
    for sign in _QUOTED.sub("", text):
        depth += (sign in "[{(") - (sign in ")}]")
        deepest = max(deepest, depth)
    return deepest


def _plain(value: Any) -> Any:
    """A value of the grammar as YAML would hold it; raises ValueError for what it cannot hold."""
    if isinstance(value, dict):
        return {_key(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, int) and abs(value) >= 10**LONGEST_NUMBER:
        raise ValueError(f"{shown(value)}; expected a number of at most {LONGEST_NUMBER} digits")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ValueError(f"{shown(value)} is no value; expected a number, text, a list or a mapping")


def _key(key: Any) -> str:
    if isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool)):
        return str(key)
    raise ValueError(f"the key {shown(key)} is no name; put it in quotes")


def swept(texts: Sequence[str], options: dict[str, list[str]]) -> list[list[str]]:
    """The words of every run of a sweep.

    ``KEY=A,B`` and ``KEY=range(1,5)`` sweep, as in Hydra; a path is literal text, commas included, and is swept over by giving the
    key again: ``portfolio.file=a.xml portfolio.file=b.xml``.

    Raises
    ------
    InputError
        For every word that cannot be read or swept over, and for more than :data:`MOST_RUNS` runs.
    """
    problems: list[str] = []
    choices: dict[str, list[str]] = {}
    for position, text in enumerate(texts):
        override = _path_override(text)
        if override is not None:
            choices.setdefault(f"path {override.key}", []).append(text)
        else:
            choices[f"{position}"] = _words(text, options, problems)
    count = 1
    for words in choices.values():
        count *= len(words)
    if count > MOST_RUNS:
        problems.append(f"the sweep has more than {MOST_RUNS:,} runs; split it")
    if problems:
        raise InputError(problems)
    return [list(run) for run in product(*choices.values())]


def _words(text: str, options: dict[str, list[str]], problems: list[str]) -> list[str]:
    """A word for each of its values."""
    problem, parsed = _parse(text)
    if parsed is None:
        problems.append(problem)
        return []
    if not parsed.is_sweep_override():
        return [text]
    if parsed.is_interval_sweep():
        problems.append(f"{text}: an interval has no values of its own; give them, {parsed.key_or_group}=A,B or range(1,5)")
        return []
    try:
        values = list(islice(_values(parsed, options), MOST_RUNS + 1))
    except (Exception, RecursionError):
        problems.append(f"{text}: cannot be swept over; expected values, {parsed.key_or_group}=A,B or range(1,5)")
        return []
    if not values:
        problems.append(f"{text}: no value to sweep over; known: {first_of(_options_at(parsed.key_or_group, options))}")
    return [f"{parsed.get_key_element()}={value}" for value in values]


def _options_at(key: str, options: dict[str, list[str]]) -> list[str]:
    """Options of the group that a key names, in a part of a book too."""
    return options.get(key if home(key) == key else home(key).replace(".", "/"), [])


def _values(parsed: hydra_types.Override, options: dict[str, list[str]]) -> Iterator[str]:
    sweep: Any = parsed._value  # of a glob, value() makes text
    if isinstance(sweep, hydra_types.Glob):
        return iter(sweep.filter(_options_at(parsed.key_or_group, options)))
    if isinstance(sweep, hydra_types.RangeSweep):
        # Before it is shuffled or sorted, which would write it out.
        steps = (float(sweep.stop or 0) - float(sweep.start or 0)) / float(sweep.step or 0)
        if not steps <= MOST_RUNS:
            return iter(["0"] * (MOST_RUNS + 1))
    return parsed.sweep_string_iterator()
