"""Data files that ship with mcsim, or a user's own: where they are, what they hold."""

from __future__ import annotations

import csv
from pathlib import Path

from mcsim.errors import InputError, nearest

DATA = Path(__file__).resolve().parent.parent / "data"
"""Folder of the data that ships."""


def data_file(name: str) -> Path:
    """Path of ``name``: a file that exists, or a name under ``mcsim/data``.

    Raises
    ------
    InputError
        If there is no such file.
    """
    for path in (Path(name), DATA / name):
        if path.is_file():
            return path
    known = [path.name for path in DATA.glob("*.csv")]
    raise InputError(f"no data file {name!r}; give a path or a name under mcsim/data{nearest(name, known)}")


def read_rows(path: Path) -> list[list[str]]:
    """Rows of a comma-separated UTF-8 file as text, blank lines left out.

    Raises
    ------
    InputError
        If the file is empty, or no text.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a comma-separated text file ({error})") from None
    if not rows:
        raise InputError(f"{path}: the file is empty")
    return rows
