"""Instruments, one file each; the file's name is the instrument's. It says what streams a kind of exposure yields."""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from collections.abc import Iterator

from mcsim.errors import InputError
from mcsim.instruments.instrument import Instrument

_EXPECTED = "expected a module with INSTRUMENT = Instrument(...): docs/extending.md"


def _names() -> Iterator[str]:
    """Files of the folder but what they share."""
    return (name for _, name, _ in pkgutil.iter_modules(__path__) if name != "instrument" and not name.startswith("_"))


def found() -> dict[str, Instrument]:
    """Of every file of the folder its ``INSTRUMENT``, by name.

    Raises
    ------
    InputError
        A line for every file that cannot be imported, or that has none.
    """
    known, problems = dict[str, Instrument](), list[str]()
    cause: Exception | None = None
    for name in _names():
        file = f"mcsim/instruments/{name}.py"
        try:
            instrument = getattr(importlib.import_module(f"{__name__}.{name}"), "INSTRUMENT", None)
        except Exception as error:
            lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(file)]
            where = f"{file}, line {lines[-1]}" if lines else file
            problems.append(
                f"{where}: cannot be imported: {type(error).__name__}: {error}; {_EXPECTED}, or take the file away"
            )
            cause = error
            continue
        if isinstance(instrument, Instrument):
            known[name] = instrument
        else:
            problems.append(
                f"{file}: {'has no INSTRUMENT' if instrument is None else 'its INSTRUMENT is no Instrument'}; {_EXPECTED}"
            )
    if problems:
        raise InputError(problems) from cause
    return known


INSTRUMENTS: dict[str, Instrument] = found()
