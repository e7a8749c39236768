"""FHFA history: known values, the parameters taken from it, and what a bad file gets."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from mcsim.errors import InputError
from mcsim.market.home_price_history import HomePriceHistory, load_history, quarter_number
from mcsim.market.sources import DATA
from mcsim.provenance import file_sha256

ROOT = Path(__file__).resolve().parents[3]


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
    states = ["CA", "FL", "NV", "TX"]
    change = history.indices(states, [trough] * 4) / history.indices(states, [peak] * 4) - 1
    np.testing.assert_allclose(change, [-0.40, -0.43, -0.55, 0.03], atol=0.005)


def test_initial_growth_and_gap_of_the_configuration(history: HomePriceHistory) -> None:
    log_index = np.log(history.values)
    first, end, now = (
        quarter_number(datetime.date(y, m, 1)) - history.first_quarter for y, m in ((1980, 1), (2018, 1), (2020, 10))
    )
    quarters = np.arange(first, end)
    slopes, intercepts = np.polyfit(quarters, log_index[:, first:end].T, 1)
    conf = yaml.safe_load((ROOT / "conf" / "home_prices" / "national_state.yaml").read_text())
    # As many digits as conf/ writes.
    assert np.mean(log_index[:, now] - log_index[:, now - 1]) == pytest.approx(conf["initial_growth_quarterly"], abs=5e-5)
    assert np.mean(log_index[:, now] - intercepts - slopes * now) == pytest.approx(conf["initial_gap"], abs=5e-5)


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
    with pytest.raises(InputError, match="not a comma-separated text file"):
        load_history(str(path))


def test_provenance_has_the_digest_of_each_file() -> None:
    text = (DATA / "PROVENANCE.md").read_text()
    for path in DATA.glob("*.csv"):
        section = re.search(rf"^## {re.escape(path.name)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        assert section is not None and file_sha256(path) in section[1], path.name
