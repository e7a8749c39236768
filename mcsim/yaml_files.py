"""YAML files, read so that none can run anything, grow, or hang: the one way in which mcsim reads YAML.

A file is checked to be one, read up to a limit, and parsed event by event, so that depth is limited while it is parsed. What
comes out are dictionaries with text keys, lists, text, whole and real numbers, true, false and None. Not taken, each by its name:
anchors and aliases (ten nested lines stand for ten billion), tags (some build Python objects), a key given twice, more than one
document. A scalar is a number, true, false or null as in YAML 1.2; dates, ``yes``, ``010`` and ``1:30`` are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import yaml

from mcsim.errors import InputError, shown
from mcsim.files import IrregularError, read_regular, reason

LARGEST_FILE = 1_000_000
"""Bytes. The largest shipped file has under 5,000: such a file is something else, given by mistake."""

DEEPEST = 32
"""Levels of brackets and indentation. A deal has five."""

LONGEST_NUMBER = 40
"""Characters. A double holds 17 digits and an exponent."""

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, ten times faster, where PyYAML was built with it

_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")
_REAL = re.compile(r"[-+]?(?:(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+)")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def read_yaml(path: str | Path, largest: int = LARGEST_FILE) -> Any:
    """What the file, of at most ``largest`` bytes, holds; None where it is empty.

    Raises
    ------
    InputError
        The path is no regular file (a pipe or a device would hang), cannot be read, is too large, no UTF-8, or not the YAML that
        the module's page describes; with the line.
    """
    return parse_yaml(read_text(path, largest), str(path))


def read_mapping(path: str | Path, largest: int = LARGEST_FILE) -> dict[str, Any]:
    """As :func:`read_yaml` for a file whose top level is keys; an empty file has none."""
    found = read_yaml(path, largest)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InputError(f"{path}: holds {shown(found)}; expected a mapping of keys, `key: value`")
    return found


def read_text(path: str | Path, largest: int = LARGEST_FILE) -> str:
    """The text of a regular UTF-8 file of at most ``largest`` bytes, without a byte-order mark; raises as :func:`read_yaml`."""
    try:
        data = read_regular(path, largest)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IrregularError as error:
        raise InputError(f"{path}: {reason(error)}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line}: expected text in UTF-8; byte {data[error.start]:#04x} is none") from None


def dump_yaml(value: Any) -> str:
    """``value`` as YAML in ASCII, in the order of its keys: what :func:`parse_yaml` reads back unchanged."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False)


def parse_yaml(text: str, where: str) -> Any:
    """What ``text`` holds; ``where`` names it in messages. Raises as :func:`read_yaml`."""
    return _Builder(text, where).document()


class _Dumper(yaml.SafeDumper):
    """PyYAML's, which would leave the text ``1e3`` without quotes: no number in its YAML 1.1, but one in 1.2."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _REAL, list("-+.0123456789"))


class _Builder:
    """Plain values from parser events."""

    def __init__(self, text: str, where: str) -> None:
        self._text, self._where = text, where
        self._events = self._parse()

    def document(self) -> Any:
        """The one document; None where there is none."""
        found: Any = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1 or event.tags:
                    self._refuse(event, "a second document" if documents > 1 else "a tag directive", "remove it")
                found = self._node(next(self._events), 0)
        return found

    def _parse(self) -> Iterator[Any]:
        try:
            yield from yaml.parse(self._text, Loader=_PARSER)
        except yaml.MarkedYAMLError as error:
            mark, reason = error.problem_mark or error.context_mark, error.problem or "not YAML"
            at = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
            raise InputError(f"{self._where}: {at}cannot be read as YAML: {reason}") from None
        except yaml.YAMLError as error:
            reason = str(getattr(error, "reason", None) or error)
            raise InputError(f"{self._where}: cannot be read as YAML: {reason}") from None

    def _node(self, event: Any, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"*{event.anchor}: an alias", "write the value out")
        if event.anchor:
            self._refuse(event, f"&{event.anchor}: an anchor", "write the value out where it is used")
        if event.tag:
            self._refuse(event, f"{event.tag}: a tag", "remove it")
        if depth > DEEPEST:
            self._refuse(event, f"more than {DEEPEST} levels", "expected a flatter file")
        if isinstance(event, yaml.ScalarEvent):
            return event.value if event.style else self._plain(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return list(self._items(yaml.SequenceEndEvent, depth))
        return self._mapping(depth)

    def _items(self, end: type, depth: int) -> Iterator[Any]:
        while not isinstance(event := next(self._events), end):
            yield self._node(event, depth + 1)

    def _mapping(self, depth: int) -> dict[str, Any]:
        """A key is its text: ``NO`` and ``1`` are names of classes and states as they stand."""
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._refuse(event, "a key that is no name", "expected `name: value`")
            self._node(event, depth)
            if event.value in found:
                self._refuse(event, f"the key {shown(event.value)} a second time", "keep one of them")
            found[event.value] = self._node(next(self._events), depth + 1)
        return found

    def _plain(self, event: Any) -> Any:
        text = event.value
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _SPECIAL.fullmatch(text):
            return float(text.replace(".", ""))
        whole = _WHOLE.fullmatch(text)
        if not whole and not _REAL.fullmatch(text):
            return text
        if len(text) > LONGEST_NUMBER:
            self._refuse(event, f"a number of {len(text):,} characters", f"expected at most {LONGEST_NUMBER} characters")
        return int(text.replace("_", "")) if whole else float(text.replace("_", ""))

    def _refuse(self, event: Any, what: str, remedy: str) -> NoReturn:
        raise InputError(f"{self._where}: line {event.start_mark.line + 1}: {what} is not taken here; {remedy}")
