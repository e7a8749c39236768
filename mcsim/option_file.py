"""One option file: its own keys, and what its defaults list builds on.

Option files are data. Of Hydra's language they may use a defaults list over mcsim's own groups and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mcsim.conf_dir import CAMPAIGN, OptionFile
from mcsim.errors import InputError, shown
from mcsim.yaml_files import parse_yaml, read_text

_PACKAGE = re.compile(r"^\s*#\s*@package[ \t]+(\S*)", re.MULTILINE)


@dataclass(frozen=True)
class Option:
    """An option file: its own keys, and what its defaults list names, in order (``_self_`` is the file itself)."""

    file: OptionFile
    content: dict[str, Any]
    defaults: list[tuple[str, str]]
    """``(group below or above, option)``; an empty group is an option of the same group."""


def read_option(file: OptionFile, group: str) -> Option:
    """An option file: plain keys, and a defaults list in its own words."""
    text = read_text(file.path)
    content = parse_yaml(text, str(file.path))
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise InputError(f"{file.path}: holds {shown(content)}; expected a mapping of keys, as in conf/{group}/")
    problems = [] if "hydra" not in content else [f"{file.path}: hydra: refused; an option file holds settings of mcsim only"]
    for package in _PACKAGE.findall(text):
        if package != ("_global_" if group in (CAMPAIGN, "") else "_group_"):
            problems.append(f"{file.path}: # @package {package}: refused; an option holds the keys of its own group")
    defaults = []
    listed = content.pop("defaults", [])
    if not isinstance(listed, list):
        problems.append(f"{file.path}: defaults: expected a list, such as [NAME, _self_]")
        listed = []
    for entry in listed:
        parsed = _entry(entry)
        if parsed is None:
            problems.append(f"{file.path}: defaults: {shown(entry)}: expected an option's name, GROUP: NAME or _self_")
        else:
            defaults.append(parsed)
    if problems:
        raise InputError(problems)
    if ("_self_", "") not in defaults:
        defaults.append(("_self_", ""))
    return Option(file, content, defaults)


def _entry(entry: Any) -> tuple[str, str] | None:
    """``_self_``, ``NAME``, ``GROUP: NAME`` and ``override /GROUP: NAME`` of a defaults list."""
    if isinstance(entry, str):
        return ("_self_", "") if entry == "_self_" else ("", entry)
    if not isinstance(entry, dict) or len(entry) != 1:
        return None
    ((group, name),) = entry.items()
    group = group.removeprefix("override ").strip().removeprefix("/")
    return (group, name) if group and isinstance(name, str) else None
