"""The table of observables, what follows from it, and parts: computed where they vary, the bits of the whole formula."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernels import behaviour, special
from kernels.behaviour.model import Model, Part
from kernels.behaviour.parameter import Parameter
from kernels.flows import FIELDS, N_FIELDS
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
from tests.kernel_driver import FULL, Block, Loan, Models, block_launcher, mixed_loans, random_paths

PAGE = Path(__file__).resolve().parents[2] / "docs" / "observables.md"


def test_the_page_is_the_table() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    axes = (LOAN, RATE, REGION, PATH, MONTH)
    assert lines == [
        f"| `{name}` | {row.unit} | {row.meaning} | {', '.join(axis for axis in axes if axis in row.varies)} | {row.source} |"
        for name, row in OBSERVABLES.items()
    ]


def test_rows_of_the_scenario_follow() -> None:
    """Those of all regions first, then so many a region; the store has the same, by the same names, in the order of the table."""
    scenario = [name for name, row in OBSERVABLES.items() if row.source == SCENARIO]
    assert list(ROW) == [*MARKET_ROWS, *REGION_ROWS]
    assert sorted(ROW) == sorted(scenario) and scenario == list(GROUPS["scenarios"])
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
    assert roll.tabled == ("refinancing",) and roll.column_names == ()
    assert set(roll.observes) == {"age", "calendar_month", "balance_factor", "note_rate", "mortgage_rate"}
    assert behaviour.DEFAULT["ltv_hazard"].needs == {"age", "ltv", "home_price_index"}
    parts = {"piece": Part(special.build, ("ltv", "x"))}
    model = Model(special.build, {"slope": Parameter("a")}, ("piece", "dti", "ltv"), parts=parts)
    regional = {"piece": Part(special.build, ("note_rate", "home_price_index"))}  # of one note rate, and yet not of one region
    assert replace(model, parts=regional).tabled == ()
    assert model.column_names == ("dti", "x") and model.observes == ("dti", "ltv", "x") and model.tabled == ()


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


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_a_table_follows_rates_that_change_by_month(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ladders of rates: each month of the table at that month's."""
    block = Block(eighths(TILE + 20), random_paths(20, LANES), FULL, 5, 7, (1 / 12, 31 / 360))  # a tile without a reset too
    ops = make_ops(target, "float32")
    inputs, tables, market, scratch = block.arguments(ops)
    ladders = (tables.note_rates * np.linspace(1, 2, block.n_months)).astype(ops.real)

    def pool() -> np.ndarray:
        flows = np.zeros(block.n_months * N_FIELDS * LANES)
        launch = block_launcher(ops, LANES, block.names, block.models.decrement)
        launch(inputs, tables._replace(note_rates=ladders), market, scratch, flows)
        return flows.view(np.uint64)

    assert tables_pay(chosen(block.names), tables)
    with_table = pool()
    monkeypatch.setattr(seeing, "MOST_NOTE_RATES", 0)
    np.testing.assert_array_equal(pool(), with_table)


def build_by_note_rate(ops: Any) -> Any:
    """SMM: slope x note rate."""

    @ops.function
    def smm(seen, parameters):  # type: ignore[no-untyped-def]
        return parameters.slope * seen.note_rate

    return smm


def test_the_note_rate_of_an_adjustable_loan_differs_by_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a model that reads nothing of the scenario: of a level loan it is one rate for all paths, of an adjustable one it is not."""
    monkeypatch.setitem(
        behaviour.PREPAYMENT, "by_note_rate", Model(build_by_note_rate, {"slope": Parameter("a")}, ("note_rate",))
    )
    block = Block(
        mixed_loans(8, longest=18), random_paths(20, LANES), Models(("by_note_rate", (0.2,))), 5, 7, (1 / 12, 31 / 360)
    )
    found = block.run("numpy", "float32")
    prepaid = found[:, FIELDS.index("prepaid_principal")]
    assert (prepaid[0] == prepaid[0, 0]).all() and not (prepaid[5] == prepaid[5, 0]).all()
    np.testing.assert_array_equal(block.run("cpu", "float32").view(np.uint64), found.view(np.uint64))


def test_a_table_is_made_where_it_pays() -> None:
    """Up to 64 schedules, of four loans each or more, for a model with a part that varies by them."""
    _, tables, *_ = Block(mixed_loans(1), random_paths(2, 1)).arguments(make_ops("numpy", "float32"))

    def pays(n_loans: int, n_note_rates: int, models: Models = FULL) -> bool:
        of = tables._replace(reals=np.zeros((n_loans, 1)), note_rates=np.zeros((n_note_rates, 1)))
        return tables_pay(chosen(Block((), random_paths(2, 1), models).names), of)

    assert pays(256, 64) and pays(4, 1)
    assert not pays(255, 64) and not pays(260, 65)
    assert not pays(256, 64, Models())


def test_names_are_such_as_a_formula_can_say() -> None:
    assert all(re.fullmatch(r"[a-z][a-z_]*", name) for name in OBSERVABLES)
