"""BMA *Standard Formulas* (1 February 1999): every printed cell, in float64, on numpy and cpu.

The launchers of the whole month run: on ``numpy`` the product's own block launcher, and on both targets the scalar functions in
the one-loan launcher of the tests (the simulator runs the same one: tests/cuda_simulator). That the block launcher gives the same bits
on ``cpu`` as on ``numpy`` is tests/kernels/test_loan_blocks.py's.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from kernels.flows import FIELDS
from tests.elementwise import speed_functions
from tests.kernel_driver import Block, Loan, Models, random_paths, run_one_loan, schedule

DATA = Path(__file__).parent / "data"
LOAN = Loan(balance=1e8, note_rate=0.08, servicing_rate=0.0, last_default=348, lag=12)
"""SF-22: 8%, 30 years, new, 12 months to liquidation, no default in the last 12 months."""
ROUNDING = 1e-6
"""Beyond half a unit of the last printed digit: float64 noise on a sum of 360 months of 1e8 USD."""


def table(name: str) -> tuple[list[str], np.ndarray]:
    """Header and cells of a table; an empty cell is NaN, the word Total 0."""
    with (DATA / name).open() as file:
        header, *rows = csv.reader(file)
    return header, np.array([[float(c.replace("Total", "0")) if c else np.nan for c in row] for row in rows])


def columns_of_cash_flow_a(flows: np.ndarray) -> dict[str, np.ndarray]:
    """The printed columns from the fields (month, field): flows per status are sums of performing and advanced."""
    f = dict(zip(FIELDS, flows.T, strict=True))
    balances, _ = schedule([LOAN], 361)
    return {
        "performing_balance": f["balance"],
        "new_defaults": f["defaulted_balance"],
        "in_foreclosure": f["foreclosure_balance"],
        "amort_factor": np.append(balances[0, 1:360] / LOAN.balance, 0.0),  # 0 once the last payment is made
        "expected_amortization": f["scheduled_principal"] + f["advanced_principal"],
        "voluntary_prepayments": f["prepaid_principal"],
        "amort_from_defaults": f["advanced_principal"],
        "actual_amort": f["scheduled_principal"],
        "expected_interest": f["interest"] + f["advanced_interest"],
        "interest_lost": f["advanced_interest"],
        "actual_interest": f["interest"],
        "principal_recovery": f["recovery"],
        "principal_loss": f["loss"],
        "adb_in_recovery_month": f["recovery"] + f["loss"],
    }


def check_cash_flow_a(flows: np.ndarray) -> None:
    """Every printed cell, the totals' row included."""
    header, printed = table("cash_flow_A.csv")
    closing, months, total = printed[0], printed[1:-1], printed[-1]
    columns = columns_of_cash_flow_a(flows)
    assert closing[header.index("performing_balance")] == LOAN.balance
    cells = 0
    for name, values in columns.items():
        column = months[:, header.index(name)]
        there = ~np.isnan(column)
        half_unit = 0.00005 if name == "amort_factor" else 0.5
        wrong = np.flatnonzero(there & (np.abs(values - column) > half_unit + ROUNDING))
        assert not wrong.size, f"{name}, months {wrong + 1}: {values[wrong]} but {column[wrong]} is printed"
        # A cell is left blank where nothing can stand there: before the first recovery.
        assert np.all(values[~there] == 0), name
        printed_total = total[header.index(name)]
        assert np.isnan(printed_total) or abs(values.sum() - printed_total) <= 0.5 + ROUNDING, f"total of {name}"
        cells += int(there.sum())
    assert cells > 4900


def speeds_a() -> tuple[np.ndarray, np.ndarray]:
    """1% SMM and 1% MDR, no default in the last 12 months; one path."""
    mdr = np.full((360, 1), 0.01)
    mdr[348:] = 0
    return np.full((360, 1), 0.01), mdr


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_cash_flow_a_from_the_scalar_functions(target: str) -> None:
    check_cash_flow_a(run_one_loan(target, "float64", LOAN, *speeds_a(), severity=0.2)[:, :, 0])


def test_cash_flow_a_from_the_block_launcher() -> None:
    check_cash_flow_a(Block((LOAN,), random_paths(360, 1, 1)).run("numpy", "float64")[:, :, 0])


def test_printed_speeds_of_cash_flow_a() -> None:
    header, printed = table("cash_flow_A.csv")
    smm, mdr = speeds_a()
    np.testing.assert_array_equal(printed[1:-1, header.index("smm")][:-1], smm[:-1, 0])
    np.testing.assert_array_equal(printed[1:-1, header.index("mdr")], mdr[:, 0])


def curves(target: str, psa: np.ndarray, sda: np.ndarray, precision: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    """SMM and MDR (month, path) of a new 30-year loan at ``psa`` and ``sda`` multiples, one a path."""
    age = np.repeat(np.arange(1.0, 361.0), len(psa))
    cpr = speed_functions(target, precision, 0 * age, age, np.tile(psa, 360))["psa"]
    cdr = speed_functions(target, precision, 0 * age, age, np.tile(sda, 360))["sda"]
    smm, mdr = (speed_functions(target, precision, annual)["monthly"].reshape(360, -1) for annual in (cpr, cdr))
    mdr[348:] = 0
    return smm, mdr


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_cumulative_default_matrix(target: str) -> None:
    header, printed = table("sda_cumulative_default_matrix.csv")
    psa, sda = np.meshgrid(printed[:, 0] / 100, [int(h.split("_")[1]) / 100 for h in header[1:]], indexing="ij")
    flows = run_one_loan(target, "float64", LOAN, *curves(target, psa.ravel(), sda.ravel()), severity=0.2)
    defaults = flows[:, FIELDS.index("defaulted_balance")].sum(0) / LOAN.balance * 100
    assert defaults.size == 54
    np.testing.assert_allclose(defaults, printed[:, 1:].ravel(), rtol=0, atol=0.005 + ROUNDING)


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_psa_to_smm(target: str) -> None:
    header, printed = table("psa_to_smm_by_month.csv")
    months, multiples = np.meshgrid(printed[:, 0], [int(h[3:]) / 100 for h in header[1:]], indexing="ij")
    cpr = speed_functions(target, "float64", 0 * months.ravel(), months.ravel(), multiples.ravel())["psa"]
    smm = speed_functions(target, "float64", cpr)["monthly"]
    np.testing.assert_allclose(100 * smm, printed[:, 1:].ravel(), rtol=0, atol=0.005 + ROUNDING)


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_smm_to_cpr_and_psa(target: str) -> None:
    _, printed = table("smm_cpr_psa_conversion.csv")
    annual = speed_functions(target, "float64", printed[:, 0] / 100)["annual"]
    full = speed_functions(target, "float64", 0 * annual, 30.0, 1.0)["psa"]  # 100% PSA from month 30
    np.testing.assert_allclose(100 * annual, printed[:, 1], rtol=0, atol=0.05 + ROUNDING)
    np.testing.assert_allclose(100 * annual / full, printed[:, 2], rtol=0, atol=0.5 + ROUNDING)


def example(name: str) -> tuple[dict[str, float], dict[str, float]]:
    """Inputs and printed outputs of a small example."""
    found = [e for e in json.loads((DATA / "small_examples.json").read_text())["examples"] if e["id"] == name]
    return found[0]["inputs"], found[0]["outputs"]


def test_first_month_of_a_pass_through() -> None:
    """SF-4: factors of a new 9.5% loan that pays 9% through."""
    given, printed = example("SF-4")
    gross, net = given["gross_coupon"] / 100, given["net_coupon"] / 100
    loan = Loan(balance=1.0, note_rate=gross, servicing_rate=gross - net, last_default=0)
    level = schedule([loan], 1)[1][0, 0]
    smm = np.full((1, 1), given["prepay_amount"] / (1 - level))
    f = dict(zip(FIELDS, run_one_loan("numpy", "float64", loan, smm, 0 * smm, 0.0)[0, :, 0], strict=True))
    principal = f["scheduled_principal"] + f["prepaid_principal"]
    interest = f["interest"] - f["servicing_fee"]
    found = {
        "sched_amort": f["scheduled_principal"],
        "unscheduled": f["prepaid_principal"],
        "gross_interest": f["interest"],
        "servicing": f["servicing_fee"],
        "pt_principal": principal,
        "pt_interest": interest,
        "pt_cash_flow": principal + interest,
    }
    for name, value in found.items():
        assert value == pytest.approx(printed[name], abs=0.5e-8 + 1e-15), name


def test_speed_implied_by_two_factors() -> None:
    """SF-7/8: the SMM between two pool factors, and its CPR and PSA."""
    given, printed = example("SF-7/8")
    loan = Loan(balance=1.0, note_rate=given["gross_coupon"] / 100, amortisation=359, maturity=359)
    balances, _ = schedule([loan], 359)
    start, end = (balances[0, 359 - int(given[f"remaining_{when}"])] for when in ("start", "end"))
    scheduled = given["factor_start"] * end / start
    smm = (scheduled - given["factor_end"]) / scheduled
    cpr = speed_functions("numpy", "float64", [smm])["annual"][0]
    psa = cpr / speed_functions("numpy", "float64", [0.0], given["month_of_age"])["psa"][0]
    assert [start, end] == pytest.approx([printed["bal1"], printed["bal2"]], abs=0.5e-8 + 1e-15)
    assert scheduled == pytest.approx(printed["f_sched"], abs=0.5e-8 + 1e-15)
    assert given["factor_start"] - scheduled == pytest.approx(printed["amort"], abs=0.5e-8 + 1e-15)
    assert scheduled - given["factor_end"] == pytest.approx(printed["prepay"], abs=0.5e-8 + 1e-15)
    # Printed to 8 digits of the factors: SMM is known to about 1e-8, so the printed 5th decimal of the percentage is tight.
    assert 100 * smm == pytest.approx(printed["smm_pct"], abs=0.5e-5 + 1e-6)
    assert 100 * cpr == pytest.approx(printed["cpr_pct"], abs=0.005)
    assert 100 * psa == pytest.approx(printed["psa_pct"], abs=0.05)


def test_average_speed_of_two_pools() -> None:
    """SF-12: the SMM that takes two pools together from their first factors to their last over six months."""
    given, printed = example("SF-12")
    actual = scheduled = 0.0
    for pool in given["pools"]:  # type: ignore[attr-defined]
        loan = Loan(balance=1.0, note_rate=given["gross_coupon"] / 100)
        balances, _ = schedule([loan], 360)
        amortised = balances[0, 360 - pool["rem_end"]] / balances[0, 360 - pool["rem_start"]]
        actual += pool["face"] * pool["factor_end"]
        scheduled += pool["face"] * pool["factor_start"] * amortised
    smm = 1 - (actual / scheduled) ** (1 / given["months"])
    assert actual == pytest.approx(printed["final_actual"], abs=0.005)
    assert scheduled == pytest.approx(printed["final_sched"], abs=0.005)
    assert 100 * smm == pytest.approx(printed["smm_avg_pct"], abs=0.5e-6)
    assert 100 * speed_functions("numpy", "float64", [smm])["annual"][0] == pytest.approx(printed["cpr_avg_pct"], abs=0.5e-4)


@pytest.mark.skip(reason="SF-13: the absolute prepayment speed of automobile loans; no such model here")
def test_absolute_prepayment_speed() -> None:
    """Left out on purpose."""


def test_cash_flow_b_balances_to_the_cent() -> None:
    """SF-30: 150% PSA, 100% SDA. Its table is not at hand; its default total is a cell of the matrix (2.78%)."""
    smm, mdr = curves("numpy", np.array([1.5]), np.array([1.0]))
    f = dict(zip(FIELDS, run_one_loan("numpy", "float64", LOAN, smm, mdr, 0.2)[:, :, 0].T, strict=True))
    assert f["defaulted_balance"].sum() / LOAN.balance == pytest.approx(0.0278, abs=0.00005)
    assert f["loss"].sum() == pytest.approx(0.2 * f["defaulted_balance"].sum(), rel=0.01)  # the cap binds at the very end only
    assert f["loss"][:12].sum() == f["recovery"][:12].sum() == 0
    back = sum(f[n].sum() for n in ("scheduled_principal", "prepaid_principal", "advanced_principal", "recovery", "loss"))
    assert back == pytest.approx(LOAN.balance, abs=0.005)
    # The block launcher with the models by name gives the same cash flow.
    models = Models(("psa", (1.5,)), ("sda", (1.0,)), ("fixed", (0.2,)))
    block = Block((LOAN,), random_paths(360, 1, 1), models).run("numpy", "float64")[:, :, 0]
    np.testing.assert_allclose(block, np.stack([f[n] for n in FIELDS], 1), rtol=0, atol=1e-6)
