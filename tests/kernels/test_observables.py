"""The table of observables, what follows from it, and parts: computed where they vary, the bits of the whole formula."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kernels import behaviour, special
from kernels.behaviour.model import Model, Part
from kernels.behaviour.parameter import Parameter
from kernels.launchers import seeing
from kernels.launchers.block import chosen
from kernels.launchers.seeing import tables_pay
from kernels.loan_terms import TILE
from kernels.observables import (
    LOAN,
    MARKET_ROWS,
    MONTH,
    OBSERVABLES,
    PATH,
    RATE,
    REGION,
    REGION_ROWS,
    ROW,
    SCENARIO,
    n_rows,
    varies_by,
)
from kernels.ops import LANES, make_ops
from mcsim.variables import GROUPS
from tests.kernel_driver import FULL, Block, Loan, mixed_loans, random_paths

PAGE = Path(__file__).resolve().parents[2] / "docs" / "observables.md"


def test_the_page_is_the_table() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    axes = (LOAN, RATE, REGION, PATH, MONTH)
    assert lines == [
        f"| `{name}` | {row.unit} | {row.meaning} | {', '.join(axis for axis in axes if axis in row.varies)} | {row.source} |"
        for name, row in OBSERVABLES.items()
    ]


def test_rows_of_the_scenario_follow() -> None:
    """Those of all regions first, then so many a region; the store has the same, by the same names."""
    scenario = [name for name, row in OBSERVABLES.items() if row.source == SCENARIO]
    assert [*MARKET_ROWS, *REGION_ROWS] == scenario == list(GROUPS["scenarios"])
    assert [*ROW.values()] == [*range(len(scenario))]
    assert n_rows(3) == len(MARKET_ROWS) + 3 * len(REGION_ROWS)
    for name in scenario:
        stored = GROUPS["scenarios"][name]
        assert stored.dims == (("region",) if name in REGION_ROWS else ()) + ("month", "path")
        assert stored.long_name == OBSERVABLES[name].stored != ""


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        ((), set()),
        (("month",), {MONTH}),
        (("mortgage_rate", "calendar_month"), {PATH, MONTH}),
        (("note_rate", "mortgage_rate"), {RATE, PATH, MONTH}),
        (("home_price_index", "note_rate"), {RATE, REGION, PATH, MONTH}),
        (("note_rate", "age"), {LOAN, MONTH}),  # a loan decides its note rate
        (("lag", "home_price_index"), {LOAN, PATH, MONTH}),
        (("debt_to_income",), {LOAN}),  # no observable: a column of the loans
    ],
)
def test_a_function_varies_by_what_it_reads(reads: tuple[str, ...], expected: set[str]) -> None:
    assert varies_by(reads) == expected


def test_models_read_observables_columns_and_parts() -> None:
    roll = behaviour.PREPAYMENT["richard_roll"]
    assert roll.tabled == ("refinancing",) and roll.columns == ()
    assert set(roll.observes) == {"age", "calendar_month", "balance_factor", "note_rate", "mortgage_rate"}
    assert behaviour.DEFAULT["ltv_hazard"].needs == {"age", "ltv", "home_price_index"}
    parts = {"piece": Part(special.build, ("ltv", "x"))}
    model = Model(special.build, {"slope": Parameter("a")}, ("piece", "dti", "ltv"), parts=parts)
    assert model.columns == ("dti", "x") and model.observes == ("dti", "ltv", "x") and model.tabled == ()


def eighths(n: int) -> tuple[Loan, ...]:
    """Loans of four note rates, some of which differ by no more than a bit of float32."""
    rates = (0.03, 0.03 * (1 + 2**-22), 0.03125, 0.0325)
    loans = mixed_loans(n, longest=18)
    return tuple(replace(loan, note_rate=rates[i % 4], arm=loan.arm if i % 9 == 0 else None) for i, loan in enumerate(loans))


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("decrement", ["expected", "sampled"])
def test_a_table_by_note_rate_has_the_bits_of_loan_by_loan(
    target: str, decrement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiles with an adjustable-rate loan and without one, the last short; a table, and none."""
    block = Block(eighths(TILE + 20), random_paths(20, LANES), replace(FULL, decrement=decrement), 5, 7, (1 / 12, 31 / 360))
    _, tables, *_ = block.arguments(make_ops(target, "float32"))
    assert len(tables.note_rates) == 4 and tables_pay(chosen(block.names), tables)
    with_table = block.run(target, "float32")
    monkeypatch.setattr(seeing, "MOST_NOTE_RATES", 0)
    np.testing.assert_array_equal(block.run(target, "float32").view(np.uint64), with_table.view(np.uint64))


def test_names_are_such_as_a_formula_can_say() -> None:
    assert all(re.fullmatch(r"[a-z][a-z_]*", name) for name in OBSERVABLES)
