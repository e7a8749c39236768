"""One month: leaving shares, flows and their identities, and the same bits on numpy and cpu."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.dynamics.hazard import build_bounded, build_leave
from kernels.flows import FIELDS
from kernels.ops import PRECISIONS, make_ops
from mcsim.variables import GROUPS
from tests.elementwise import month_functions
from tests.kernel_driver import Loan, run_one_loan

share = st.floats(0, 1)
MONTHS = st.lists(st.tuples(st.floats(0, 1e9), share, share, share, share, share, share, share), min_size=1, max_size=20)
"""Scheduled balance, performing, foreclosed, liquidated, smm, mdr, uniform, severity."""


def named(out: np.ndarray) -> dict[str, np.ndarray]:
    """Results of ``settle`` by name."""
    return dict(zip(("performing", "foreclosed", "entering", *FIELDS, "foreclosed_low"), out[6:-1], strict=True))


def test_fields_are_those_of_the_store() -> None:
    assert list(GROUPS["pool"]) == list(FIELDS)


def test_unknown_decrement_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of"):
        build_leave(make_ops("numpy", "float32"), "certain")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_bounded_holds_every_rate_and_leaves_a_nan(precision: str) -> None:
    ops = make_ops("numpy", precision)
    rates = np.array([-np.inf, -0.1, 0, 0.4, 1, 1.5, np.inf, np.nan], ops.real)
    expected = np.array([0, 0, 0, 0.4, 1, 1, 1, np.nan], ops.real)
    np.testing.assert_array_equal(build_bounded(ops)(rates), expected)


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("decrement", ["expected", "sampled"])
def test_a_rate_that_is_nan_is_seen_in_the_flows(target: str, decrement: str) -> None:
    """On the path whose rate is NaN, from that month on; never as nobody, or everybody, who leaves."""
    rates = np.full((6, 3), 0.01)
    spoilt = rates.copy()
    spoilt[2, 1] = np.nan
    draws = np.full((6, 3), 0.5) if decrement == "sampled" else None
    for smm, mdr in ((spoilt, rates), (rates, spoilt)):
        out = run_one_loan(target, "float64", Loan(maturity=60, lag=2), smm, mdr, 0.3, draws)
        assert np.isnan(out[2:, FIELDS.index("balance"), 1]).all()
        assert np.isfinite(out[:, :, [0, 2]]).all() and np.isfinite(out[:2]).all()
    defaults = np.ones((6, 3))
    lost = run_one_loan(target, "float64", Loan(maturity=60, lag=2), rates, defaults, np.nan, draws)
    assert np.isnan(lost[2, FIELDS.index("loss")]).all()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("matures", [0, 1])
@pytest.mark.parametrize("advances", [(0, 0), (0, 1), (1, 1)])
def test_numpy_and_cpu_agree_to_the_last_bit(precision: str, matures: int, advances: tuple[int, int]) -> None:
    @settings(max_examples=20, deadline=None)
    @given(MONTHS)
    def check(rows: list[tuple[float, ...]]) -> None:
        inputs = np.array(rows).T
        on_numpy, on_cpu = (month_functions(target, precision, inputs, matures, *advances) for target in ("numpy", "cpu"))
        np.testing.assert_array_equal(on_numpy.view(np.uint8), on_cpu.view(np.uint8))

    check()


@settings(max_examples=100, deadline=None)
@given(MONTHS, st.integers(0, 1), st.sampled_from([(0, 0), (0, 1), (1, 1)]))
def test_the_months_identities(rows: list[tuple[float, ...]], matures: int, advances: tuple[int, int]) -> None:
    inputs = np.array(rows).T
    inputs[3] = np.minimum(inputs[3], inputs[2])  # what is liquidated was in foreclosure
    scheduled, performing, foreclosed, liquidated, smm, mdr, _, severity = inputs
    if matures:
        mdr = inputs[5] = np.ones_like(mdr)  # principal rate of the driver: all is due
    out = month_functions("numpy", "float64", inputs, matures, *advances)
    f = named(out)
    # A few roundings of numbers as large as the balance, whose unit in the last place is 2e-16.
    near = 1e-14 * np.maximum(scheduled + 1, 1)
    opening = scheduled * performing
    gone = f["scheduled_principal"] + f["prepaid_principal"] + f["defaulted_balance"]
    assert np.all(np.abs(opening - gone - f["balance"]) <= near)
    unit = scheduled if advances[0] else 1.0
    rolled = unit * foreclosed + f["defaulted_balance"] - f["recovery"] - f["loss"] - f["advanced_principal"]
    assert np.all(np.abs(rolled - f["foreclosure_balance"]) <= near)
    assert np.all(f["loss"] <= unit * liquidated)
    assert np.all((f["loss"] >= 0) & (f["recovery"] >= 0))
    assert np.all(f["loss"] <= severity * liquidated * ((scheduled + 1) if advances[0] else 1.0) + near)
    assert all(np.all(f[name] >= -near) for name in FIELDS)
    if not advances[1]:
        assert not f["advanced_interest"].any()
    if not advances[0]:
        assert not f["advanced_principal"].any()


@settings(max_examples=100, deadline=None)
@given(share, share, share)
def test_leaving_shares_add_up(smm: float, mdr: float, uniform: float) -> None:
    inputs = np.array([[1.0, 1.0, 0.0, 0.0, smm, mdr, uniform, 0.0]]).T
    _, _, d, q, hit, gone = month_functions("numpy", "float64", inputs, 0, 1, 1)[:6, 0]
    assert d == mdr and q == min(smm, 1 - mdr)
    assert {hit, gone} <= {0.0, 1.0} and hit + gone <= 1
    assert hit == (uniform <= mdr)
    assert hit + gone == (uniform <= mdr + smm)


def test_sampled_share_of_even_draws_is_the_rate() -> None:
    # Uniforms at the midpoints of n cells: the share that leaves is the rate to within one cell.
    n = 100_000
    u = (np.arange(n) + 0.5) / n
    smm, mdr = 0.0123, 0.00456
    ones = np.ones(n)
    out = month_functions("numpy", "float64", np.array([ones, ones, 0 * u, 0 * u, smm * ones, mdr * ones, u, 0 * u]), 0, 1, 1)
    assert abs(out[4].mean() - mdr) <= 1 / n
    assert abs(out[5].mean() - smm) <= 1 / n


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_more_severity_more_loss(target: str) -> None:
    loan = Loan(maturity=60, amortisation=60, last_default=48)
    smm, mdr = np.full((60, 3), 0.01), np.full((60, 3), 0.02)
    loss = [run_one_loan(target, "float64", loan, smm, mdr, s)[:, FIELDS.index("loss")] for s in (0.0, 0.2, 0.5, 1.0)]
    assert not loss[0].any()
    for less, more in zip(loss, loss[1:], strict=False):
        assert np.all(more >= less) and more.sum() > less.sum()


def test_liquidation_balance_is_the_default_amortised() -> None:
    """BMA (SF-21): with principal advanced, balance in the recovery month = default x factor(i - 1) / factor(i - 13)."""
    loan = Loan(balance=100.0, note_rate=0.06, servicing_rate=0.0, maturity=36, amortisation=36, last_default=1, lag=12)
    mdr = np.zeros((36, 1))
    mdr[0] = 0.5
    f = dict(zip(FIELDS, run_one_loan("numpy", "float64", loan, 0 * mdr, mdr, 0.3)[:, :, 0].T, strict=True))
    r = 0.06 / 12
    factor = [(1 - (1 + r) ** -(36 - k)) / (1 - (1 + r) ** -36) for k in range(37)]
    assert f["defaulted_balance"][0] == 50
    assert f["recovery"][12] + f["loss"][12] == pytest.approx(50 * factor[12], rel=1e-13)
    assert f["loss"][12] == pytest.approx(0.3 * 50, rel=1e-13)
    assert f["advanced_principal"].sum() == pytest.approx(50 * (1 - factor[12]), rel=1e-13)
    assert f["advanced_interest"][12] == pytest.approx(50 * factor[12] * r, rel=1e-13)  # still expected in that month
    assert not f["advanced_interest"][13:].any()


def test_a_balloon_is_never_advanced() -> None:
    """Half defaults in month 5, the balloon is due in month 6, liquidation in month 8: what is lost or recovered is all of it."""
    loan = Loan(balance=100.0, note_rate=0.06, servicing_rate=0.0, maturity=6, amortisation=360, last_default=6, lag=3)
    mdr = np.zeros((9, 1))
    mdr[4] = 0.5
    f = dict(zip(FIELDS, run_one_loan("numpy", "float64", loan, 0 * mdr, mdr, 0.3)[:, :, 0].T, strict=True))
    factor = [(1 - 1.005 ** -(360 - k)) / (1 - 1.005**-360) for k in range(6)]
    assert f["advanced_principal"][4] == pytest.approx(50 * (factor[4] - factor[5]), rel=1e-12)
    assert not f["advanced_principal"][5:].any()
    assert f["foreclosure_balance"][5:7] == pytest.approx([50 * factor[5]] * 2, rel=1e-13)
    assert f["recovery"][7] + f["loss"][7] == pytest.approx(50 * factor[5], rel=1e-13)


@pytest.mark.parametrize("advances", [True, False])
def test_servicing_is_kept_out_of_interest_collected_and_advances_are_net_of_it(advances: bool) -> None:
    """A 6% loan with .5% servicing, half of it in default in month 1: what comes in is 5.5% on all of it, or on what pays."""
    loan = Loan(balance=1200.0, note_rate=0.06, servicing_rate=0.005, maturity=36, amortisation=400, interest_only=36,
                last_default=1, lag=3, advances_principal=False, advances_interest=advances)  # fmt: skip
    mdr = np.zeros((8, 1))
    mdr[0] = 0.5
    f = dict(zip(FIELDS, run_one_loan("numpy", "float64", loan, 0 * mdr, mdr, 0.3)[:, :, 0].T, strict=True))
    np.testing.assert_allclose(f["interest"], 600 * 0.06 / 12, rtol=1e-14)
    np.testing.assert_allclose(f["servicing_fee"], 600 * 0.005 / 12, rtol=1e-14)  # none on the half that does not pay
    # From the month of default to that of liquidation, both included.
    expected = np.where(np.arange(8) <= 3, 600 * 0.055 / 12, 0.0) * advances
    np.testing.assert_allclose(f["advanced_interest"], expected, rtol=1e-14)


def test_servicing_above_the_note_rate_advances_nothing() -> None:
    loan = Loan(note_rate=0.002, servicing_rate=0.005, maturity=12, amortisation=12, last_default=6, lag=3)
    mdr = np.full((16, 1), 0.1)
    flows = run_one_loan("numpy", "float64", loan, 0 * mdr, mdr, 0.3)
    assert not flows[:, FIELDS.index("advanced_interest")].any()
