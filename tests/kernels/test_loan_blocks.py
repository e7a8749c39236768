"""Whole blocks of mixed loans: the same bits on numpy and cpu and for any chunking; conservation; float32 against float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kernels.flows import FIELDS
from kernels.loan_terms import TILE
from kernels.ops import LANES
from tests.kernel_driver import FULL, Block, Loan, Models, mixed_loans, random_paths

N_MONTHS = 90
"""Longest loan 60 months, longest lag 24: everything is over by then."""
ACCRUALS = (1 / 12, 31 / 360)
STATIC = Models(("psa", (3.0,)), ("sda", (10.0,)), ("fixed", (0.3, 0.4)))
SAMPLED = replace(FULL, decrement="sampled")
FAST = replace(FULL, prepayment=("richard_roll", (*FULL.prepayment[1][:7], 1.8, *FULL.prepayment[1][8:])))
"""Some paths prepay faster than the short form of the monthly rate reaches, some do not."""


def block(models: Models, n_loans: int = TILE + 8, width: int = LANES) -> Block:
    """More than one tile of loans of every kind."""
    return Block(mixed_loans(n_loans), random_paths(N_MONTHS, width), models, calendar_month=5, accruals=ACCRUALS)


# Each combination is a compilation of some ten seconds the first time; the models one by one are test_behaviour.py's.
@pytest.mark.parametrize(
    ("precision", "models"),
    [("float32", FULL), ("float32", SAMPLED), ("float32", FAST), ("float64", replace(STATIC, decrement="sampled"))],
    ids=["float32-expected", "float32-sampled", "float32-fast", "float64-sampled-static"],
)
def test_numpy_and_cpu_agree_to_the_last_bit(precision: str, models: Models) -> None:
    whole = block(models)
    on_numpy, on_cpu = (whole.run(target, precision) for target in ("numpy", "cpu"))
    assert np.isfinite(on_numpy).all() and (on_numpy != 0).any(axis=(0, 2)).all(), "every field has flows"
    np.testing.assert_array_equal(on_numpy.view(np.uint64), on_cpu.view(np.uint64))


@pytest.mark.parametrize("models", [FULL, SAMPLED, FAST], ids=["expected", "sampled", "fast"])
def test_path_blocks_do_not_change_a_bit(models: Models) -> None:
    whole = block(models, n_loans=6, width=2 * LANES)
    in_one_go = whole.run("numpy", "float32")
    for target in ("numpy", "cpu"):
        halves = [
            replace(whole, paths=whole.paths.take(slice(first, first + LANES)), first_path=first).run(target, "float32")
            for first in (0, LANES)
        ]
        np.testing.assert_array_equal(np.concatenate(halves, 2), in_one_go)


def test_one_path_of_one_loan_regenerated_alone() -> None:
    whole = block(SAMPLED, n_loans=4, width=64)
    for i, loan in enumerate(whole.loans):
        row = replace(whole, loans=(loan,)).run("numpy", "float64")
        path = 11 + i
        alone = replace(whole, loans=(loan,), paths=whole.paths.take(slice(path, path + 1)), first_path=path)
        np.testing.assert_array_equal(alone.run("numpy", "float64")[:, :, 0], row[:, :, path])


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_loan_blocks_of_whole_tiles_do_not_change_a_bit(target: str) -> None:
    whole = block(FULL)
    first, second = replace(whole, loans=whole.loans[:TILE]), replace(whole, loans=whole.loans[TILE:])
    pool = first.run(target, "float32")
    np.testing.assert_array_equal(second.run(target, "float32", pool), whole.run(target, "float32"))


def test_another_seed_or_number_draws_otherwise() -> None:
    loan = Loan(maturity=24, amortisation=24, last_default=24, ltv=1.2, age=30)
    one = Block((loan,), random_paths(30, 64, 1), SAMPLED).run("numpy", "float32")
    for number in (2, 1 << 32 | 1):  # the low word and the high word both enter the counter
        other = Block((replace(loan, number=number),), random_paths(30, 64, 1), SAMPLED).run("numpy", "float32")
        assert (one != other).any()


@pytest.fixture(scope="module", params=["expected", "sampled"])
def pool(request: pytest.FixtureRequest) -> tuple[Block, dict[str, np.ndarray]]:
    """Flows of a mixed pool by field (month, path), float64."""
    whole = block(replace(FULL, decrement=request.param), n_loans=16, width=32)
    return whole, dict(zip(FIELDS, whole.run("numpy", "float64").transpose(1, 0, 2), strict=True))


def test_performing_balance_rolls(pool: tuple[Block, dict[str, np.ndarray]]) -> None:
    whole, f = pool
    original = sum(loan.balance for loan in whole.loans)
    start = np.concatenate([np.full((1, 32), original), f["balance"][:-1]])
    out = f["scheduled_principal"] + f["prepaid_principal"] + f["defaulted_balance"]
    # Sums of 16 loans of float64: 1e-13 of the pool is a thousand roundings.
    np.testing.assert_allclose(start, out + f["balance"], rtol=0, atol=1e-13 * original)


def test_foreclosure_balance_rolls(pool: tuple[Block, dict[str, np.ndarray]]) -> None:
    whole, f = pool
    original = sum(loan.balance for loan in whole.loans)
    start = np.concatenate([np.zeros((1, 32)), f["foreclosure_balance"][:-1]])
    out = f["recovery"] + f["loss"] + f["advanced_principal"]
    np.testing.assert_allclose(start + f["defaulted_balance"], out + f["foreclosure_balance"], rtol=0, atol=1e-13 * original)


def test_principal_and_losses_return_the_original_balance(pool: tuple[Block, dict[str, np.ndarray]]) -> None:
    whole, f = pool
    original = sum(loan.balance for loan in whole.loans)
    names = ("scheduled_principal", "advanced_principal", "prepaid_principal", "recovery", "loss")
    returned = np.cumsum(sum(f[name] for name in names), axis=0)
    left = f["balance"] + f["foreclosure_balance"]
    np.testing.assert_allclose(returned + left, original, rtol=1e-12)
    np.testing.assert_allclose(left[-1], 0, atol=1e-9 * original)  # all matured or liquidated
    assert all(f[name].min() >= -1e-12 * original for name in FIELDS)


def test_higher_ltv_loses_more() -> None:
    totals = []
    for ltv in (0.5, 0.8, 1.1):
        loan = Loan(ltv=ltv, maturity=60, amortisation=360, last_default=48, age=30)
        flows = Block((loan,), random_paths(75, 16, 1), FULL).run("numpy", "float64")
        totals.append(flows[:, FIELDS.index("loss")].sum(0))
    assert np.all(totals[0] < totals[1]) and np.all(totals[1] < totals[2])


@pytest.mark.parametrize("models", [FULL, STATIC, FAST], ids=["full", "static", "fast"])
def test_float32_flows_are_within_1e_5_of_float64(models: Models) -> None:
    whole = block(models, n_loans=16, width=32)
    single, double = whole.run("numpy", "float32"), whole.run("numpy", "float64")
    # Relative to the field's mean flow: in the last months, when little is left, a flow is a difference of roundings.
    error = np.abs(single - double).max(axis=(0, 2)) / np.abs(double).mean(axis=(0, 2))
    assert error.max() < 1e-5, dict(zip(FIELDS, error, strict=True))
