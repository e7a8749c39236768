"""A path that a user gives: literal text, whatever its characters; ``~`` expands."""

from __future__ import annotations

import os

LONGEST_PATH = 4096
"""Bytes; PATH_MAX of Linux."""


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
    if not text.startswith("~") or os.path.lexists(text):
        return text
    return os.path.expanduser(text)
