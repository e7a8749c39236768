"""Home prices between origination and the cut-off."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from mcsim.errors import InputError
from mcsim.tapes.marking import price_ratio

CUT_OFF = datetime.date(2020, 12, 31)


def ratio(region: str, start: datetime.date, end: datetime.date) -> float:
    if region == "XX":
        raise InputError("no such region")
    return {"CA": 1.25, "TX": 1.1}[region] + (end.year - start.year)


@pytest.mark.parametrize(
    ("region", "date", "expected"),
    [
        ("CA", "2019-06-17", 2.25), ("TX", "2020-12-31", 1.1), ("XX", "2019-06-01", np.nan), ("QQ", "2019-06-01", np.nan),
        ("CA", "2021-01-01", np.nan), ("CA", "NaT", np.nan),
    ],
)  # fmt: skip
def test_price_ratio(region: str, date: str, expected: float) -> None:
    found = price_ratio(np.array([region], dtype=object), np.array([date], dtype="datetime64[D]"), CUT_OFF, ratio)
    np.testing.assert_array_equal(found, [expected])


def test_without_a_history_prices_stand() -> None:
    assert price_ratio(np.array(["CA"], dtype=object), np.array(["2000-01-01"], dtype="datetime64[D]"), CUT_OFF, None) == [1.0]
