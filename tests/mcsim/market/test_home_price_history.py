"""FHFA history: known values, the parameters taken from it, and what a bad file gets."""

from __future__ import annotations

import csv
import datetime
import math
import re
from pathlib import Path

import numpy as np
import pytest

from mcsim.data_files import DATA
from mcsim.errors import InputError
from mcsim.market.home_price_history import HomePriceHistory, load_history, quarter_number
from mcsim.provenance import file_sha256


@pytest.fixture(scope="module")
def history() -> HomePriceHistory:
    return load_history()


def test_published_values(history: HomePriceHistory) -> None:
    assert history.values.shape == (51, 193)
    assert history.index("AK", datetime.date(1975, 2, 14)) == 62.02  # first row of FHFA's file
    assert history.index("AK", datetime.date(1975, 4, 1)) == 63.93
    # The index is 100 in 1980Q1 by definition.
    np.testing.assert_array_equal(history.values[:, quarter_number(datetime.date(1980, 3, 31)) - history.first_quarter], 100)


def test_boom_and_bust_is_there(history: HomePriceHistory) -> None:
    """Fall from 2006Q4 to 2011Q4, percent, as known of the file: CA 40, FL 43, NV 55; Texas rose 3."""
    peak, trough = datetime.date(2006, 12, 31), datetime.date(2011, 12, 31)
    regions = ["CA", "FL", "NV", "TX"]
    change = history.indices(regions, [trough] * 4) / history.indices(regions, [peak] * 4) - 1
    np.testing.assert_allclose(change, [-0.40, -0.43, -0.55, 0.03], atol=0.005)


def recomputed(year: int, quarter: int, trend_from: int, trend_to: int) -> tuple[float, float]:
    """Growth and gap from FHFA's file by the normal equations: another way than numpy's fit."""
    points: dict[str, dict[tuple[int, int], float]] = {}
    for row in csv.reader((DATA / "fhfa_hpi_at_state.csv").open()):
        points.setdefault(row[0], {})[int(row[1]), int(row[2])] = math.log(float(row[3]))
    before = (year, quarter - 1) if quarter > 1 else (year - 1, 4)
    growth, gap = [], []
    for index in points.values():
        window = np.array([((y - 2000) * 4 + q, v) for (y, q), v in sorted(index.items()) if trend_from <= y <= trend_to])
        t, v = window[:, 0] - window[:, 0].mean(), window[:, 1]
        now = (year - 2000) * 4 + quarter - window[:, 0].mean()
        growth.append(index[year, quarter] - index[before])
        gap.append(index[year, quarter] - v.mean() - (t @ v) / (t @ t) * now)
    return float(np.mean(growth)), float(np.mean(gap))


@pytest.mark.parametrize(
    ("date", "quarter"),
    [
        (datetime.date(1975, 4, 1), (1975, 2)),  # the first quarter that has one before it
        (datetime.date(2006, 9, 30), (2006, 3)),
        (datetime.date(2017, 11, 13), (2017, 4)),
        (datetime.date(2020, 12, 31), (2020, 4)),
        (datetime.date(2023, 3, 31), (2023, 1)),  # the last
    ],
)
@pytest.mark.parametrize("trend", [(1980, 2017), (1991, 2022)])
def test_start_is_recomputed(
    history: HomePriceHistory, date: datetime.date, quarter: tuple[int, int], trend: tuple[int, int]
) -> None:
    # Both sum 50 to 200 numbers of about 5: rounding of 1e-14, magnified by the distance from the window's middle.
    assert history.start(date, *trend) == pytest.approx(recomputed(*quarter, *trend), abs=1e-12)


def test_start_of_the_documented_date(history: HomePriceHistory) -> None:
    # As many digits as docs/theory/home_prices.md prints.
    assert history.start(datetime.date(2020, 12, 31), 1980, 2017) == pytest.approx((0.0221, -0.0562), abs=5e-5)


@pytest.mark.parametrize(
    ("date", "trend", "expected"),
    [
        ((1975, 3, 31), (1980, 2017), "no home-price growth of 1975Q1: the history is 1975Q1 to 2023Q1"),
        ((2023, 4, 1), (1980, 2017), "no home-price growth of 2023Q2"),
        ((2023, 3, 31), (1974, 2017), "no home-price trend of 1974 to 2017: the history is 1975Q1 to 2023Q1"),
        ((2023, 3, 31), (1980, 2023), "no home-price trend of 1980 to 2023"),  # one quarter of 2023 is no year
        ((2020, 3, 31), (2017, 1980), "no home-price trend of 2017 to 1980"),
    ],
)
def test_start_without_history_is_refused(
    history: HomePriceHistory, date: tuple[int, int, int], trend: tuple[int, int], expected: str
) -> None:
    with pytest.raises(InputError) as error:
        history.start(datetime.date(*date), *trend)
    assert len(error.value.problems) == 1 and expected in str(error.value)


def test_what_has_no_history_is_named_together(history: HomePriceHistory) -> None:
    dates = [datetime.date(2020, 1, 1), datetime.date(1970, 1, 1), datetime.date(2200, 1, 1)]
    with pytest.raises(InputError) as error:
        history.indices(["PR", "TX", "CA"], dates)
    assert len(error.value.problems) == 3
    for expected in ("'PR'", "TX at 1970-01-01; expected 1975Q1 to 2023Q1", "CA at 2200-01-01"):
        assert expected in str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CA,2000,1,100\nCA,2000,1,101\n", "row 2: CA 2000Q1 stands twice"),
        ("CA,2000,1,100\nCA,2000,3,101\n", "CA lacks 1 quarters (2000Q2); expected 2000Q1 to 2000Q3"),
        ("CA,2000,1,100\nTX,2000,1,9\nTX,2000,2,9\n", "CA lacks 1 quarters (2000Q2)"),
        ("state,year,quarter,index\nCA,2000,1,1\n", "row 1: 'state,year,quarter,index'; expected a state of two"),
        ("CA,2000,5,100\n", "expected a year of four digits and a quarter from 1 to 4"),
        ("CA,2000,1,.\n", "row 1: 'CA,2000,1,.'; expected an index above 0"),
        ("CA,2000,1,-3\n", "expected an index above 0"),
        ("CA,2000,1\n", "expected 4 columns"),
        ("", "the file is empty"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        load_history(str(path))
    assert expected in str(error.value)


def test_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_bytes(b"\xff\xfe\x00\x9c")
    with pytest.raises(InputError, match="line 1: expected text in UTF-8"):
        load_history(str(path))


def test_provenance_has_the_digest_of_each_file() -> None:
    text = (DATA / "PROVENANCE.md").read_text()
    for path in DATA.glob("*.csv"):
        section = re.search(rf"^## {re.escape(path.name)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        assert section is not None and file_sha256(path) in section[1], path.name
