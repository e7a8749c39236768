"""History of home prices by state: FHFA's all-transactions index, quarterly, not seasonally adjusted, 1980Q1 = 100."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kernels import special
from kernels.ops import make_ops
from mcsim.data_files import find_file, read_rows
from mcsim.errors import InputError, nearest
from mcsim.provenance import file_sha256

HISTORY_FILE = "fhfa_hpi_at_state.csv"
QUARTERS = 4
_COLUMNS = ("state", "year", "quarter", "index")  # of the file, which has no header


@dataclass(frozen=True)
class HomePriceHistory:
    """Quarterly index by state, without gaps.

    Attributes
    ----------
    regions : tuple of str
        Two letters each, sorted: the first axis of ``values``.
    first_quarter : int
        First quarter of ``values``, as year x 4 + quarter - 1.
    values : numpy.ndarray, (n_regions, n_quarters) float64
        The index.
    input : tuple of (str, str)
        File and its SHA-256 digest.
    """

    regions: tuple[str, ...]
    first_quarter: int
    values: NDArray[np.float64]
    input: tuple[str, str]

    def index(self, region: str, date: datetime.date) -> float:
        """Index of the quarter that holds ``date``.

        The index of a quarter is an average over its sales, so no date within it is told from another.

        Raises
        ------
        InputError
            If the region or the quarter has no history.

        Examples
        --------
        >>> history = load_history()
        >>> cut_off, origination = datetime.date(2020, 12, 31), datetime.date(2015, 6, 1)
        >>> round(history.index("CA", cut_off) / history.index("CA", origination), 4)
        1.3532
        """
        return float(self.indices([region], [date])[0])

    def indices(self, regions: Sequence[str], dates: Sequence[datetime.date]) -> NDArray[np.float64]:
        """:meth:`index` of each pair of ``regions`` and ``dates``; (n,) float64. One error names all that lack history."""
        rows = {region: row for row, region in enumerate(self.regions)}
        n_quarters = self.values.shape[1]
        out = np.full(len(regions), math.nan)
        problems: dict[str, None] = {}
        for i, (region, date) in enumerate(zip(regions, dates, strict=True)):
            column = quarter_number(date) - self.first_quarter
            if region not in rows:
                problems[f"no home-price history for region {region!r}{nearest(region, rows)}"] = None
            elif not 0 <= column < n_quarters:
                problems[f"no home-price history for {region} at {date}; expected {self.span}"] = None
            else:
                out[i] = self.values[rows[region], column]
        if problems:
            raise InputError(problems)
        return out

    def start(self, date: datetime.date, trend_from: int, trend_to: int) -> tuple[float, float]:
        """Growth and gap at ``date``, means over the regions.

        Parameters
        ----------
        date : datetime.date
            Of the quarter that holds it.
        trend_from, trend_to : int
            First and last year of the trend, both whole: a least-squares line through a region's log index, drawn on to ``date``.

        Returns
        -------
        growth : float
            Log growth of the index in the quarter.
        gap : float
            Log index less the region's own trend.

        Raises
        ------
        InputError
            If the quarter, the one before it or a year of the trend has no history.

        Examples
        --------
        >>> growth, gap = load_history().start(datetime.date(2020, 12, 31), 1980, 2017)
        >>> round(growth, 4), round(gap, 4)
        (0.0221, -0.0562)
        """
        n_quarters = self.values.shape[1]
        now = quarter_number(date) - self.first_quarter
        first, end = trend_from * QUARTERS - self.first_quarter, (trend_to + 1) * QUARTERS - self.first_quarter
        problems = []
        if not 1 <= now < n_quarters:
            problems.append(f"no home-price growth of {quarter_name(quarter_number(date))}: the history is {self.span}")
        if not 0 <= first < end - 1 or end > n_quarters:
            problems.append(f"no home-price trend of {trend_from} to {trend_to}: the history is {self.span}")
        if problems:
            raise InputError(problems)
        # Our own logarithm and least squares by sums: numpy's and its linear algebra differ in the last bit between processors.
        log_index = special.build(make_ops("numpy", "float64")).log(self.values)
        growth = log_index[:, now] - log_index[:, now - 1]
        trend, quarters = log_index[:, first:end], np.arange(first, end) - (first + end - 1) / 2
        slopes = (trend * quarters).sum(axis=1) / (quarters * quarters).sum()
        gap = log_index[:, now] - trend.mean(axis=1) - slopes * (now - (first + end - 1) / 2)
        return float(growth.mean()), float(gap.mean())

    @property
    def span(self) -> str:
        """First and last quarter: ``1975Q1 to 2023Q1``."""
        return f"{quarter_name(self.first_quarter)} to {quarter_name(self.first_quarter + self.values.shape[1] - 1)}"


def quarter_number(date: datetime.date) -> int:
    """Quarters since year 0 of the quarter that holds ``date``."""
    return date.year * QUARTERS + (date.month - 1) // 3


def quarter_name(number: int) -> str:
    """``2020Q4`` of a :func:`quarter_number`."""
    return f"{number // QUARTERS}Q{number % QUARTERS + 1}"


def load_history(name: str = HISTORY_FILE) -> HomePriceHistory:
    """Read a history: rows of region, year, quarter and index, no header, as FHFA publishes them.

    Parameters
    ----------
    name : str
        As :func:`mcsim.data_files.find_file` reads it.

    Raises
    ------
    InputError
        With every row that cannot be used, and every region that lacks a quarter another has.
    """
    path = find_file(name, "home_prices.history_file")
    problems: list[str] = []
    points: dict[str, dict[int, float]] = {}
    for number, row in enumerate(read_rows(path), start=1):
        try:
            region, quarter, value = _read_row(row)
        except ValueError as error:
            problems.append(f"{path.name} row {number}: {','.join(row)!r}; {error}")
            continue
        if quarter in points.setdefault(region, {}):
            problems.append(f"{path.name} row {number}: {region} {quarter_name(quarter)} stands twice; keep one row")
        points[region][quarter] = value
    if points:
        problems += _gaps(path, points)
    if problems:
        raise InputError(problems)
    quarters = sorted(next(iter(points.values())))
    regions = tuple(sorted(points))
    values = np.array([[points[region][quarter] for quarter in quarters] for region in regions])
    return HomePriceHistory(regions, quarters[0], values, (str(path), file_sha256(path)))


def _read_row(row: list[str]) -> tuple[str, int, float]:
    """State, quarter and index of a row; ValueError says what was expected."""
    if len(row) != len(_COLUMNS):
        raise ValueError(f"expected {len(_COLUMNS)} columns: {', '.join(_COLUMNS)}")
    region, year, quarter, text = row
    if len(region) != 2 or not (region.isascii() and region.isalpha() and region.isupper()):
        raise ValueError("expected a state of two capital letters")
    if not (year.isdigit() and len(year) == 4 and quarter in ("1", "2", "3", "4")):
        raise ValueError("expected a year of four digits and a quarter from 1 to 4")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ValueError("expected an index above 0")
    return region, int(year) * QUARTERS + int(quarter) - 1, value


def _gaps(path: Path, points: dict[str, dict[int, float]]) -> list[str]:
    first, last = (pick(quarter for known in points.values() for quarter in known) for pick in (min, max))
    problems = []
    for region in sorted(points):
        missing = [quarter for quarter in range(first, last + 1) if quarter not in points[region]]
        if missing:
            spans = ", ".join(quarter_name(quarter) for quarter in missing[:3]) + (", ..." if len(missing) > 3 else "")
            problems.append(f"{path.name}: {region} lacks {len(missing)} quarters ({spans}); expected {quarter_name(first)} to "
                            f"{quarter_name(last)} without a gap")  # fmt: skip
    return problems
