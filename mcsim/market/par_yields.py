"""Files of par yields: the Treasury's own CSV as downloaded, several dates a file, in percent and held to be percent."""

from __future__ import annotations

import datetime
import math
import re
from pathlib import Path

from mcsim.data_files import read_rows
from mcsim.errors import InputError
from mcsim.ranges import RANGES

PERCENT = 100  # the Treasury publishes percent
RATE = RANGES["rates.flat_rate"]
"""What an annual rate may be, per unit."""

_TENOR = re.compile(r"(\d{1,3}(?:\.\d)?) ?(mo|month|months|yr|year|years)", re.IGNORECASE)
_DATE_FORMS = ("%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y")
_NOT_QUOTED = ("", "N/A", ".")
_LONG = 84  # months: from here on no Treasury par yield was ever below .36% (4 August 2020)
_LISTED = 6  # dates that a message names all
_FAR = 20  # times below both neighbours: no daily curve of 1990 to 2023 has such a yield that also fits a hundredfold

Yields = dict[float, float]
"""Tenor in months to par yield, annual, per unit; tenors ascending."""


def read_par_yields(path: Path) -> dict[str, Yields]:
    """Par yields by date, ``YYYY-MM-DD``, from the Treasury's layout in percent: ``Date,1 Mo,1.5 Month,...,30 Yr``.

    Dates as the Treasury writes them (``MM/DD/YYYY``) or ``YYYY-MM-DD``, in any order; a cell that is empty or ``N/A`` is not
    quoted, a date without quotes (a holiday) is left out.

    Raises
    ------
    InputError
        With every row and column that is wrong, and rows whose yields cannot be percent.
    """
    header, *rows = read_rows(path)
    problems: list[str] = []
    tenors = _read_tenors(path, header, problems)
    curves: dict[str, Yields] = {}
    for number, row in enumerate(rows, start=2):
        where = f"{path.name} row {number}"
        if len(row) != len(header):
            problems.append(f"{where}: {len(row)} columns; expected {len(header)}")
            continue
        date = _read_date(row[0])
        if date is None or date in curves:
            twice = (
                "stands in a row above; keep one of them" if date else "expected one date a row as MM/DD/YYYY or YYYY-MM-DD"
            )
            problems.append(f"{where}: date {row[0]!r}; {twice}")
            continue
        cells = {tenor: cell for tenor, cell in zip(tenors, row[1:], strict=True) if cell.upper() not in _NOT_QUOTED}
        curves[date] = {tenor: _read_yield(cells[tenor], f"{where}, {tenor:g} months", problems) for tenor in sorted(cells)}
    problems += _unit_problems(path, curves)
    if problems:
        raise InputError(problems)
    return {date: yields for date, yields in curves.items() if yields}


def doubtful_unit(yields: Yields) -> str:
    """What to say of a short curve that is percent or per unit: bills have yielded so little, a market's long end never has."""
    if not yields or max(yields) >= _LONG or max(yields.values()) * PERCENT > RATE.highest:
        return ""
    largest = max(yields.values())
    return f"no yield is above {largest * PERCENT:g}, read as {largest:.3%}; one per unit is to be written in percent, 4.05 for 4.05%"


def missing_date(date: str, curves: dict[str, Yields]) -> str:
    """The dates that there are instead of ``date``: all of them, or how many and the nearest."""
    dates = sorted(curves)
    if not dates:
        return "it has no date with yields"
    if len(dates) <= _LISTED:
        return f"it has {', '.join(dates)}"
    near = [*[d for d in dates if d < date][-1:], *[d for d in dates if d > date][:1]]
    return f"it has {len(dates):,} dates from {dates[0]} to {dates[-1]}, nearest {' and '.join(near)}"


def _read_date(text: str) -> str | None:
    for form in _DATE_FORMS:
        try:
            return datetime.datetime.strptime(text, form).date().isoformat()
        except ValueError:
            continue
    return None


def _read_tenors(path: Path, header: list[str], problems: list[str]) -> list[float]:
    if header[0].lower() != "date" or len(header) < 2:
        shown = ",".join(header)[:60]
        problems.append(f"{path.name}: first row {shown!r}; expected the Treasury's, with commas: Date,1 Mo,3 Mo,...,30 Yr")
        raise InputError(problems)
    tenors: list[float] = []
    for position, name in enumerate(header[1:]):
        found = _TENOR.fullmatch(name)
        if found is None:
            problems.append(f"{path.name}: column {name!r}; expected a tenor such as '6 Mo' or '10 Yr'")
            tenors.append(-position)  # of its own, so that it is no twin of another
            continue
        tenor = float(found[1]) * (12 if found[2][0] in "yY" else 1)
        if tenor in tenors:
            problems.append(f"{path.name}: column {name!r}: the tenor stands twice; keep one column")
        tenors.append(tenor)
    return tenors


def _read_yield(cell: str, where: str, problems: list[str]) -> float:
    try:
        rate = float(cell.removesuffix("%")) / PERCENT
    except ValueError:
        problems.append(f"{where}: yield {cell!r}; expected percent, or nothing where none was quoted")
        return math.nan
    if not RATE.holds(rate):
        bounds = f"{RATE.lowest * PERCENT:g} to {RATE.highest * PERCENT:g}"
        problems.append(f"{where}: yield {cell!r}; expected percent, {bounds} (4.05 is 4.05%)")
    return rate


def _unit_problems(path: Path, curves: dict[str, Yields]) -> list[str]:
    """One line for all yields that are too low for percent and right a hundredfold: rates per unit, written by mistake."""
    found = [(date, tenor, yields[tenor]) for date, yields in curves.items() for tenor in _in_wrong_unit(yields)]
    if not found:
        return []
    date, tenor, rate = found[0]
    count = f"; so are {len(found) - 1:,} more in the file" if found[1:] else ""
    return [
        f"{path.name}: {date}, {tenor:g} months: yield {rate * PERCENT:g} would be {rate:.3%}, a rate per unit by its looks{count}; "
        "the file is in percent, as the Treasury publishes it: write 4.05 for 4.05%"
    ]


def _in_wrong_unit(yields: Yields) -> list[float]:
    """Tenors whose yield in percent is at most what a rate per unit can be where the long end never was, or breaks the curve."""
    if yields and max(yields) >= _LONG and yields[max(yields)] * PERCENT <= RATE.highest:
        return [max(yields)]
    tenors, wrong = list(yields), []
    for i, tenor in enumerate(tenors):
        near = [yields[t] for t in (*tenors[max(i - 1, 0) : i], *tenors[i + 1 : i + 2])]
        if near and yields[tenor] * _FAR < min(near) and min(near) / 2 <= yields[tenor] * PERCENT <= 2 * max(near):
            wrong.append(tenor)
    return wrong
