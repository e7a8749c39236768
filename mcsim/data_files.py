"""Data files: those that ship with mcsim and a user's own; where they are, and the rows of a comma-separated one."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mcsim.errors import InputError, nearest, shown
from mcsim.paths import expanded, path_problem
from mcsim.yaml_files import read_text

if TYPE_CHECKING:
    from mcsim.settings import Portfolio, Settings

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
    wrong = path_problem(name)
    problem = f"no such file: {wrong}" if wrong else "no such file"
    try:
        shipped, given = DATA / name, Path(expanded(name))
        if Path(name).name == name and shipped.is_file():
            if given.is_file() and not given.samefile(shipped):
                log.warning("%s: %s is the file that ships; to read the one of that name here give ./%s", setting, name, name)
            return shipped
        if given.is_file():
            return given
        if not wrong and given.is_dir():
            problem = "no such file, it is a directory"
    except (OSError, ValueError):  # a name that no file system takes
        pass
    known = [path.name for path in DATA.iterdir() if path.suffix != ".md"]
    raise InputError(f"{setting} = {shown(name)}: {problem}; give a path or the name of a shipped file{nearest(name, known)}")


def written_out(given: object) -> bool:
    """True for a mapping that stands on the command line in the place of its path."""
    return isinstance(given, str) and given.lstrip().startswith("{") and not Path(given).exists()


def find_inputs(settings: Settings) -> None:
    """Look for the files that every run of these settings reads; raises :class:`InputError` with all that are not there."""
    problems: list[str] = []
    tapes = [
        given
        for name, collateral in settings.collaterals.items()
        for given in _tape_files(collateral.portfolio, f"{settings.where('collaterals', name)}portfolio")
    ]
    for setting, name in (
        *tapes,
        ("rates.curve_file", settings.rates.curve_file),
        ("home_prices.region_file", settings.home_prices.region_file),
    ):
        try:
            if isinstance(name, str):
                find_file(name, setting)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)


def _tape_files(portfolio: Portfolio, where: str) -> Iterator[tuple[str, object]]:
    """Settings that name a file of a portfolio's, and what each holds."""
    yield f"{where}.file", portfolio.file if portfolio.source != "generator" else None
    yield f"{where}.mapping", None if written_out(portfolio.mapping) else portfolio.mapping


def read_rows(path: Path) -> list[list[str]]:
    """Rows of a comma-separated UTF-8 file as text, blank lines left out.

    Raises
    ------
    InputError
        If the file cannot be read, is too large, empty, or no text.
    """
    text = read_text(path, LARGEST_TABLE)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error as error:
        raise InputError(f"{path}: not a comma-separated text file ({error})") from None
    if not rows:
        raise InputError(f"{path}: the file is empty")
    return rows
