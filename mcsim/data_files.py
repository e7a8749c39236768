"""Data files: those that ship with mcsim and a user's own; where they are, and the rows of a comma-separated one."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

from mcsim.errors import InputError, nearest

DATA = Path(__file__).resolve().parent / "data"
"""Folder of the data that ships."""

LARGEST_TABLE = 20_000_000
"""Bytes. FHFA's largest table has three million; more is something else, given by mistake."""

log = logging.getLogger("mcsim")


def find_file(name: str, setting: str) -> Path:
    """The file that a setting names: one that ships, else the user's own.

    A bare name that ships is the shipped file, wherever mcsim was started: a file of that name in the working directory changes
    nothing, and a warning says so. Any other name is a path, ``~`` is the home directory. So a user's file with a shipped name
    is given with its folder: ``./treasury_par_curve.csv``.

    Parameters
    ----------
    name : str
        What the setting holds: literal text, whatever its characters.
    setting : str
        Its dotted name, for messages.

    Raises
    ------
    InputError
        If there is no such file.
    """
    problem = "no such file"
    try:
        shipped, given = DATA / name, Path(name)
        if given.name == name and shipped.is_file():
            if given.is_file() and not given.samefile(shipped):
                log.warning("%s: %s is the file that ships; to read the one of that name here give ./%s", setting, name, name)
            return shipped
        path = given if given.is_file() else given.expanduser()
        if path.is_file():
            return path
        if path.is_dir():
            problem = "no such file, it is a directory"
    except (OSError, ValueError, RuntimeError):  # a name that no file system takes, or `~nobody`
        pass
    known = [path.name for path in DATA.iterdir() if path.suffix != ".md"]
    raise InputError(
        f"{setting} = {name!r:.200}: {problem}; expected a path or the name of a shipped file{nearest(name[:200], known)}"
    )


def read_rows(path: Path) -> list[list[str]]:
    """Rows of a comma-separated UTF-8 file as text, blank lines left out.

    Raises
    ------
    InputError
        If the file is empty, too large, or no text.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_TABLE:
            raise InputError(f"{path}: {size:,} bytes; a table of market data has at most {LARGEST_TABLE:,}")
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a comma-separated text file ({error})") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not rows:
        raise InputError(f"{path}: the file is empty")
    return rows
