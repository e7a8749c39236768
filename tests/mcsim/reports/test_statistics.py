"""Fans, convergence and checks against direct computation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from mcsim.reports import statistics as stats


def test_a_fan_of_known_values() -> None:
    """0..100 on 101 paths: the p-th percentile is p, the mean 50."""
    fan = stats.fan_of(np.tile(np.arange(101.0), (3, 1)), np.array([1.0, 2.0, 12.0]))
    assert fan.percentiles[:, 0].tolist() == list(stats.PERCENTILES)
    assert fan.mean.tolist() == [50.0] * 3
    assert fan.years.tolist() == [1 / 12, 2 / 12, 1.0]


@given(st.integers(2, 5000), st.floats(-1e9, 1e9), st.integers(0, 2**32 - 1))
def test_convergence_ends_at_the_estimate_of_all_paths(n: int, level: float, seed: int) -> None:
    values = level + np.random.default_rng(seed).normal(size=n)
    c = stats.converge(values)
    assert c.counts[-1] == n
    assert np.all(np.diff(c.counts) > 0)
    for i in (0, len(c.counts) // 2, -1):
        first = values[: c.counts[i]]
        # one unit in the last place of the level, for the mean; the same over the spread of 1 for the error
        tolerance = 8 * np.spacing(abs(level) + 10)
        assert c.mean[i] == pytest.approx(first.mean(), abs=tolerance)
        if first.size > 1:
            expected = first.std(ddof=1) / np.sqrt(first.size)
            assert c.standard_error[i] == pytest.approx(expected, rel=1e-7, abs=tolerance)


def test_convergence_of_one_path_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        stats.converge(np.array([1.0]))


def test_reading_in_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    data = xr.DataArray(np.random.default_rng(1).normal(size=(2, 5, 100)), dims=("group", "month", "path"))
    whole = stats.read_paths(data)
    monkeypatch.setattr(stats, "READ_PATHS", 7)
    assert np.array_equal(stats.read_paths(data), whole)
    assert np.allclose(whole, data.values.sum(axis=0), rtol=0, atol=1e-15)  # two numbers near 1: one rounding
    assert np.array_equal(stats.read_paths(data.transpose("path", "month", "group")), whole)


def test_values_of_classes_are_those_of_the_prices(synthetic_run: Any) -> None:
    values = stats.value_paths(synthetic_run)
    for name, v in values.items():
        stored = float(synthetic_run.prices["value"].sel(tranche=name))
        assert v.mean() == pytest.approx(stored, rel=1e-12)  # the same sums in another order


def test_opening_balance(synthetic_run: Any) -> None:
    assert stats.opening_balance(synthetic_run.pool) == pytest.approx(2.0e9, rel=1e-14)
