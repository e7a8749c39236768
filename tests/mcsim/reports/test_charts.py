"""Charts: a label is the number at which its tick stands."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcsim.reports.charts import convergence_chart, fan_chart, tick_label
from mcsim.reports.statistics import converge, fan_of


def labels(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize(
    ("ticks", "shown"),
    [
        ([96, 97.5, 99, 100.5, 102], ["96.0", "97.5", "99.0", "100.5", "102.0"]),
        ([3, 4.5, 6, 7.5], ["3.0", "4.5", "6.0", "7.5"]),
        ([0, 25, 50], ["0", "25", "50"]),
        ([-0.25, 0, 0.25], ["\N{MINUS SIGN}0.25", "0.00", "0.25"]),
        ([0.1 + 0.2, 0.4, 0.5], ["0.3", "0.4", "0.5"]),
        ([0, 1500, 3000], ["0", "1,500", "3,000"]),
        ([7.0], ["7"]),
    ],
)
def test_labels_have_the_decimals_that_the_step_needs(ticks: list[float], shown: list[str]) -> None:
    assert [tick_label(tick, ticks) for tick in ticks] == shown


@given(start=st.integers(-400, 400), step=st.sampled_from([1, 1.5, 2, 2.5, 3, 4, 5, 6, 8]), power=st.integers(-5, 6))
def test_a_label_read_back_is_the_tick(start: int, step: float, power: int) -> None:
    ticks = [(start + i) * step * 10.0**power for i in range(6)]
    for tick in ticks:
        read = float(tick_label(tick, ticks).replace(",", "").replace("\N{MINUS SIGN}", "-"))
        assert abs(read - tick) <= 1e-3 * step * 10.0**power  # what tick_label calls the same


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (96, 102, ["96.0", "97.5", "99.0", "100.5", "102.0"]),
        (3, 9, ["3.0", "4.5", "6.0", "7.5", "9.0"]),
        (0, 100, ["0", "25", "50", "75", "100"]),
    ],
)
def test_charts_use_them(low: float, high: float, shown: list[str]) -> None:
    """Rounded, the first two read 96, 98, 99, 100, 102 and 3, 4, 6, 8, 9."""
    fan = fan_of(np.linspace(low, high, 400)[:, None] * np.ones(4), np.arange(1, 401))
    assert set(shown) <= set(labels(fan_chart("f", fan, 1, "%", "alt", from_zero=False)))


@pytest.mark.parametrize("n", [17, 18, 64])
def test_convergence_of_few_paths_warns_of_nothing(n: int) -> None:
    panels = {"A": converge(np.linspace(99, 101, n)), "same": converge(np.full(n, 100 + 1e-13))}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = convergence_chart("c", panels, dict.fromkeys(panels, 1.0), dict.fromkeys(panels, "price"), "alt")
    assert max(map(len, labels(svg))) <= len("100.25"), "rounding has no axis of its own"
