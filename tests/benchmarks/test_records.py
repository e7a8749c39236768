"""Figures are merged by name, and a missed bar is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import loans, records, run


def test_records_merge_by_name(tmp_path: Path) -> None:
    path = tmp_path / "results" / "latest.json"
    records.write([records.at_least("a", 2.0, "x", 1.0), records.at_most("b", 2.0, "x", 1.0)], path)
    records.write([records.at_least("a", 0.5, "x", 1.0), records.missing("c", "x", "why")], path)
    stored = json.loads(path.read_text())
    assert [(r["name"], r["value"], r["holds"]) for r in stored["records"]] == [
        ("a", 0.5, False),
        ("b", 2.0, False),
        ("c", None, None),
    ]
    assert set(stored["records"][0]) == {"name", "value", "unit", "reference", "ratio", "bar", "holds"}
    assert {"cpu", "cores", "avx512", "packages"} <= set(stored["machine"])


def test_a_line_names_value_ratio_and_verdict() -> None:
    line = records.show(records.at_most("peak", 3.0, "MB", 2.0))
    assert "peak" in line
    assert "1.5 x the bar" in line
    assert line.endswith("MISSED")


def test_relative_difference_is_over_the_largest_month() -> None:
    exact = np.zeros((3, 1, 1))
    exact[:, 0, 0] = 100.0, 10.0, 0.0
    flows = exact.copy()
    flows[1] += 1.0
    assert loans.relative_difference(flows, exact) == 0.01


def test_the_inputs_are_the_same_in_both_precisions() -> None:
    single, double = (loans.make_pool(p, 4, n_loans=3, n_months=24) for p in ("float32", "float64"))
    for of_single, of_double in zip((*single.inputs, *single[1:]), (*double.inputs, *double[1:]), strict=True):
        for a, b in zip(of_single, of_double, strict=True):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b).astype(np.asarray(a).dtype))


def test_schedules_pay_off() -> None:
    """Balance falls by the scheduled principal, and the last payment takes what is left."""
    inputs = loans.make_pool("float64", 4, n_loans=3, n_months=360)
    left = inputs.tables.balances * (1 - inputs.tables.principal_rates)
    # float64 over 360 products of factors near 1
    assert np.allclose(left[:, :-1], inputs.tables.balances[:, 1:], rtol=1e-12, atol=1e-6)
    assert np.all(left[:, -1] == 0)


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.main(["lones"])
    assert "known: loans" in capsys.readouterr().err
