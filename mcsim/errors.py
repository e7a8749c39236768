"""Errors that a user can cause. Each says what is wrong, the value, what was expected and what to do."""

from __future__ import annotations

import difflib
import errno
import reprlib
import sys
from collections.abc import Iterable, Sequence
from typing import Any

LONGEST_VALUE = 80
"""Characters of a value in a message."""

LONGEST_LINE = 600
"""Characters of a problem: a path of some depth, and what to do about it."""

MOST_PROBLEMS = 20
"""Problems that are printed; a person mends the first of them and tries again."""

_LONGEST_NAME = 100  # characters: beyond it nothing is near, and the search for it slow


class _Shown(reprlib.Repr):
    """``repr`` of bounded length, depth and time."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 4, LONGEST_VALUE, LONGEST_VALUE
        self.maxlist = self.maxtuple = self.maxdict = 8

    def repr_int(self, x: int, level: int) -> str:
        """Python itself refuses to write out an integer of more than 4,300 digits."""
        return repr(x) if x.bit_length() <= 128 else f"a number of about {int(x.bit_length() * 0.30103) + 1:,} digits"


_SHOWN = _Shown()


def shown(value: Any, length: int = LONGEST_VALUE) -> str:
    """``repr(value)``, cut in the middle where it is longer than ``length`` characters."""
    return _cut(_SHOWN.repr(value), length)


def one_line(text: str) -> str:
    """``text`` on one line of at most :data:`LONGEST_LINE` characters, without what a terminal would obey."""
    return printable(" ".join(part for part in _cut(text, LONGEST_LINE).splitlines() if part.strip()))


def printable(text: str) -> str:
    """``text`` with what a terminal would obey, and what no file could hold, written out as escapes."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def first_of(items: Sequence[str], count: int = MOST_PROBLEMS) -> str:
    """The first ``count`` names with commas between them, and how many more there are."""
    more = f" and {len(items) - count:,} more" if len(items) > count else ""
    return ", ".join(_cut(item, LONGEST_VALUE) for item in items[:count]) + more


def _cut(text: str, length: int) -> str:
    """Its beginning and its end, which say most: where it is, and what to do."""
    return text if len(text) <= length else f"{text[: length * 2 // 3]} … {text[len(text) - length // 3 :]}"


class McsimError(Exception):
    """Base: printed as a message, never as a traceback. ``exit_code`` is the process's.

    Parameters
    ----------
    problems : str or iterable of str
        One line each; a text is taken line by line. ``problems`` keeps all of them, ``str()`` says the first :data:`MOST_PROBLEMS`.
    """

    exit_code = 2

    def __init__(self, problems: str | Iterable[str] = "") -> None:
        lines = problems.splitlines() if isinstance(problems, str) else problems
        self.problems = [one_line(line) for line in lines]
        super().__init__(*self.problems)

    def __str__(self) -> str:
        more = len(self.problems) - MOST_PROBLEMS
        rest = [f"and {more:,} more; mend these first"] if more > 0 else []
        return "\n".join([*self.problems[:MOST_PROBLEMS], *rest])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.problems,)


class InputError(McsimError):
    """Bad input: configuration, tape, deal or market data. Carries every problem found, one line each."""


class BackendError(McsimError):
    """The device or the extra that was asked for is not there."""


class StoreError(McsimError):
    """A run folder or store that cannot be read."""

    exit_code = 4


class PriceError(McsimError):
    """Numbers behind a price table that cannot be: refused, with the cause, before anyone reads a price."""

    exit_code = 4


class WriteError(StoreError):
    """A file of a run that the disk does not take: nothing is damaged, the run is not finished."""

    exit_code = 3


class IncompleteRunError(McsimError):
    """A run without its COMPLETE marker."""

    exit_code = 3


class ExhaustedError(McsimError):
    """Memory, threads or open files that the system did not give: nothing is wrong with what was given or stored."""

    exit_code = 3


def check_interpreter() -> None:
    """Raise :class:`InputError` where Python takes assertions away: zarr's do some of its work."""
    if sys.flags.optimize:
        raise InputError(
            f"PYTHONOPTIMIZE={sys.flags.optimize} (python -O) takes away statements that zarr needs; unset it, or run without -O"
        )


_LOADER = {"failed to map segment": errno.ENOMEM, "cannot allocate memory": errno.ENOMEM, "Error 24": errno.EMFILE}
"""What the system's loader of libraries says of a limit, and the number that it does not give."""


def _number(error: BaseException) -> int | None:
    """The system's number of an error, whether it was given or is in the words alone."""
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return errno.EAGAIN
    given = error.errno if isinstance(error, OSError) else None
    if given is None and isinstance(error, ImportError | OSError):
        return next((number for words, number in _LOADER.items() if words in str(error)), None)
    return given


def exhausted(error: BaseException) -> ExhaustedError | None:
    """The limit of the system behind an error, whatever was made of it on the way; None where there is none."""
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        if isinstance(cause, ExhaustedError):
            return cause
        number = _number(cause)
        if number == errno.ENOMEM:
            return ExhaustedError(
                "out of memory: give fewer paths or a smaller engine.path_block, or raise the limit (`ulimit -v`)"
            )
        if number in (errno.EMFILE, errno.ENFILE):
            return ExhaustedError("too many open files: raise the limit (`ulimit -n`; 256 are enough), and try again")
        if number == errno.EAGAIN:
            return ExhaustedError(
                "a thread could not be started: raise the limits on processes (`ulimit -u`) and memory (`ulimit -v`), and try again"
            )
        cause = cause.__cause__ or cause.__context__
    return None


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
    elif name.lower() in OTHER_THINGS or len(name) > _LONGEST_NAME:
        close = []
    else:
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {shown(close[0])}?" if close else f"; known: {first_of(names)}"
