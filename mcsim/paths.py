"""A path that a user gives: literal text, whatever its characters; ``~`` expands."""

from __future__ import annotations

import os
import re

LONGEST_PATH = 4096
"""Bytes; PATH_MAX of Linux."""

_QUOTED = re.compile(r"(?P<quote>['\"])(?P<text>.*)(?P=quote)", re.DOTALL)


def path_problem(text: str) -> str:
    """What makes ``text`` no path at all: empty where it may be one, whether or not something lies there."""
    if not text:
        return "expected a path"
    if "\0" in text:
        return "expected a path; none holds a NUL character"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "expected a path in UTF-8; rename the file"
    return f"expected a path of at most {LONGEST_PATH:,} bytes; it has {size:,}" if size > LONGEST_PATH else ""


def expanded(text: str) -> str:
    """``text`` with ``~`` and ``~user`` at its beginning expanded, unless something by the very name is there."""
    if not text.startswith("~") or there(text):
        return text
    return os.path.expanduser(text)


def there(text: str) -> bool:
    """True where something has this very name."""
    try:
        return os.path.lexists(text)
    except ValueError:  # a NUL, or what no file system can encode
        return False


def literal(text: str) -> str | None:
    """The path that ``text`` names where it stands for one in an override.

    The text itself, whatever its characters. Where nothing has that very name, ``null`` takes a path away and quotation marks
    around the whole are a shell's or Hydra's habit: what they enclose is meant. So no file that is there is misread.
    """
    if there(expanded(text)):
        return text
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        mark = quoted.group("quote")
        return quoted.group("text").replace(f"\\{mark}", mark)
    return None if text == "null" else text
