"""Any loan on any path: the kernels against the independent account of tests/oracle.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.flows import FIELDS
from tests import oracle
from tests.kernel_driver import FULL, KEY, Arm, Block, Loan, Models, random_paths

CURVES = Models(("psa", (4.0,)), ("sda", (15.0,)), ("fixed", (0.1, 0.5, 0.4)))
MOST_SEVERITY_ERROR = 1e-6
"""Of the polynomial against the formula: tests/kernels/test_ltv_severity.py."""


def oracle_models(block: Block) -> oracle.OracleModels:
    """The block's models as Python functions of its only loan."""
    (loan,) = block.loans
    if block.models.prepayment[0] == "psa":
        return oracle.OracleModels(
            lambda month, age, *_: oracle.monthly(oracle.psa(age, 4.0)),
            lambda month, age, *_: oracle.monthly(oracle.sda(age, 15.0)),
            oracle.vector((0.1, 0.5, 0.4)),
        )
    return oracle.OracleModels(
        oracle.richard_roll(FULL.prepayment[1]),
        oracle.ltv_hazard(FULL.default[1]),
        oracle.ltv_severity(FULL.severity[1], loan.lag, loan.advances_interest),
    )


arms = st.builds(
    Arm,
    margin=st.floats(0, 0.04),
    periodic_cap=st.floats(0, 0.03),
    life_cap=st.floats(0.06, 0.15),
    life_floor=st.floats(0, 0.03),
    first_reset=st.integers(1, 30),
    reset_period=st.sampled_from([1, 6, 12]),
    lookback=st.integers(0, 3),
    initial_cap=st.floats(0, 0.06),
    rounding=st.sampled_from([0.0, 0.00125]),
)


@st.composite
def loans(draw: st.DrawFn) -> Loan:
    """Fixed, interest-only, balloon and adjustable loans, with every way of advancing."""
    maturity = draw(st.integers(1, 40))
    principal = draw(st.booleans())
    return Loan(
        balance=draw(st.floats(1e3, 1e8)),
        ltv=draw(st.floats(0.05, 1.5)),
        note_rate=draw(st.sampled_from([0.0]) | st.floats(1e-4, 0.15)),
        servicing_rate=draw(st.floats(0, 0.01)),
        age=draw(st.integers(0, 200)),
        maturity=maturity,
        amortisation=maturity + draw(st.sampled_from([0, 0, 1, 60, 320])),
        interest_only=draw(st.integers(0, maturity)),
        last_default=draw(st.integers(0, maturity)),
        lag=draw(st.integers(1, 24)),
        advances_principal=principal,
        advances_interest=principal or draw(st.booleans()),
        number=draw(st.integers(0, 2**64 - 1)),
        arm=draw(st.none() | arms),
    )


def expected_flows(block: Block, path: int) -> np.ndarray:
    """The oracle's account of the block's only loan on one of its paths."""
    (loan,) = block.loans
    uniforms = None
    if block.models.decrement == "sampled":
        seed = KEY.tolist()
        uniforms = [oracle.draw(seed, block.first_path + path, m, loan.number) for m in range(1, block.n_months + 1)]
    scenario = (
        block.paths.mortgage_rate[:, path].tolist(), block.paths.adjustable_index[:, path].tolist(),
        block.paths.home_price[0, :, path].tolist(),
    )  # fmt: skip
    return oracle.simulate(loan, oracle_models(block), *scenario, block.accruals[0], block.calendar_month, uniforms)


@settings(max_examples=60, deadline=None)
@given(
    loans(),
    st.sampled_from([FULL, CURVES]),
    st.sampled_from(["expected", "sampled"]),
    st.sampled_from([1 / 12, 31 / 360]),
    st.integers(0, 11),
    st.integers(0, 2**31),
    st.integers(0, 1000),
)
def test_flows_equal_the_independent_account(
    loan: Loan, models: Models, decrement: str, accrual: float, calendar_month: int, first_path: int, seed: int
) -> None:
    paths = random_paths(loan.maturity + loan.lag + 2, 2, 1, seed)
    block = Block((loan,), paths, replace(models, decrement=decrement), calendar_month, first_path, (accrual,))
    flows = block.run("numpy", "float64")
    for path in range(2):
        expected = expected_flows(block, path)
        # 1e-10: float64 over some hundred roundings; absolute where a flow is the difference of two balances.
        found, loss, recovery = flows[:, :, path], FIELDS.index("loss"), FIELDS.index("recovery")
        if models is FULL:
            defaulted = expected[:, FIELDS.index("defaulted_balance")].cumsum()
            assert np.all(np.abs(found[:, loss] - expected[:, loss]) <= MOST_SEVERITY_ERROR * defaulted + 1e-12 * loan.balance)
            for flow in (found, expected):
                flow[:, recovery] += flow[:, loss]
                flow[:, loss] = 0
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12 * loan.balance, err_msg=str(FIELDS))
