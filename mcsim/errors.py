"""Errors that a user can cause. Each says what is wrong, the value, what was expected and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class McsimError(Exception):
    """Base: printed as a message, never as a traceback. ``exit_code`` is the process's."""

    exit_code = 2


class InputError(McsimError):
    """Bad input: configuration, tape, deal or market data. Carries every problem found, one line each."""

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class BackendError(McsimError):
    """The device or the extra that was asked for is not there."""


class StoreError(McsimError):
    """A run folder or store that cannot be read."""

    exit_code = 4


class IncompleteRunError(McsimError):
    """A run without its COMPLETE marker."""

    exit_code = 3


SYNONYMS = {"gpu": "cuda", "single": "float32", "fp32": "float32", "double": "float64", "fp64": "float64"}
"""Other words for known names, which no spelling is near: ``gpu`` is spelled most like ``cpu``."""

OTHER_THINGS = ("float16", "bfloat16", "half", "fp16")
"""Names that are spelled like known ones and mean something else: nobody who wrote one mistyped another."""


def nearest(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the synonym or the nearest of ``known``, or the list of them where none is near."""
    names = sorted(set(known))
    meant = SYNONYMS.get(name.lower())
    if meant in names:
        close = [meant]
    elif name.lower() in OTHER_THINGS:
        close = []
    else:
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(names)}"
