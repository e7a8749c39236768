"""Coarse figures of both campaigns, each with a second program or a hand calculation behind it.

What is compared to the digit is the second program (tests/golden/campaigns.py for the pool, the plain interpreter of deals for
the classes). The figures written out below say what both programs gave when they were last looked at: whoever moves one must
know why.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import xarray as xr

from kernels.flows import FIELDS
from mcsim.deals import load_deal
from mcsim.loans import Loans
from mcsim.results import Run
from mcsim.simulation import prepare
from mcsim.work import Block
from tests.golden.campaigns import second_program
from tests.mcsim.deals.plain_interpreter import PlainDeal
from tests.mcsim.whole_runs import make_run, simulation

CMBS = ("campaign=sec_cmbs", "backend=numpy", "paths=256")
JUMBO = ("campaign=prime_jumbo", "backend=numpy", "paths=128", "portfolio.generator.loans=40")
"""The campaigns as they ship; a fiftieth of the residential pool, which is stratified: its averages are the same."""

MILLION = 1e6
DEFAULT, LOSS, BALANCE = FIELDS.index("defaulted_balance"), FIELDS.index("loss"), FIELDS.index("balance")


def by_year(flows: np.ndarray, *years: int) -> np.ndarray:
    """Balance, defaults and losses so far at the end of ``years`` and, last, over all months; (year, 3), millions of USD."""
    ends = [*(12 * year for year in years), len(flows)]
    return np.array([(flows[m - 1, BALANCE], flows[:m, DEFAULT].sum(), flows[:m, LOSS].sum()) for m in ends]) / MILLION


@functools.lru_cache(maxsize=1)
def commercial() -> tuple[np.ndarray, np.ndarray]:
    """Pool flows (month, field) of the commercial campaign in ``expected``, by mcsim and by the second program."""
    staged = simulation((*CMBS[:2], "paths=1", "behaviour.decrement=expected"))
    scenario, flows = staged.pool(Block(0, 1))
    return flows[:, :, 0], second_program(staged.loans, staged.settings, scenario, 0, staged.n_months)


def test_commercial_pool_against_the_second_program() -> None:
    found, expected = (by_year(flows, 1, 5, 10) for flows in commercial())
    # The second program accrues by an average month and amortises by the annuity, not by the tape's own payment.
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-9)


def test_commercial_pool_figures() -> None:
    """Balance, defaults, losses at years 1, 5, 10 and in all. 1% CDR, 23 months, 49.9% on $855m; the balloons end in year 10."""
    golden = [(843.8, 8.54, 0.0), (719.1, 41.4, 12.95), (0.0, 71.4, 30.7), (0.0, 71.4, 35.65)]
    np.testing.assert_allclose(by_year(commercial()[0], 1, 5, 10), golden, rtol=5e-3)  # to the digits given


def test_commercial_losses_by_hand() -> None:
    """A pool that did not amortise would default 1 - .99^t of its balance: 8.55m in year 1, 9.6% of what stands in ten years."""
    year_one, _, year_ten, _ = by_year(commercial()[0], 1, 5, 10)
    assert year_one[1] == pytest.approx(855.3 * 0.01, rel=0.01)
    assert 0.85 * 855.3 * (1 - 0.99**10) < year_ten[1] < 855.3 * (1 - 0.99**10)
    assert commercial()[0][:, LOSS].sum() == pytest.approx(0.499 * commercial()[0][:, DEFAULT].sum(), rel=1e-6)


def test_a_loan_that_is_interest_only_for_life_defaults_until_its_balloon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its term of amortisation is its maturity, as that of a loan that level payments bring to zero, which it is not."""
    before = commercial()[0][:, LOSS].sum()

    def without_interest_only(loans: Loans, portfolio: prepare.Portfolio) -> np.ndarray:
        return np.where(loans.amortisation <= loans.maturity, loans.maturity - portfolio.liquidation_lag, loans.maturity)

    monkeypatch.setattr(prepare, "_last_default", without_interest_only)
    staged = simulation((*CMBS[:2], "paths=1", "behaviour.decrement=expected"))
    wrong = staged.pool(Block(0, 1))[1][:, LOSS].sum()
    assert before - wrong > 4 * MILLION  # 30.3 million in place of 34.8, where loans are sampled


def test_residential_pool_against_the_second_program() -> None:
    """Loans of the campaign, an adjustable and an interest-only one among them, on two of its paths: every flow of every month."""
    few = (
        "portfolio.generator.loans=20",
        "portfolio.generator.adjustable_share=0.1",
        "portfolio.generator.interest_only_share=0.1",
    )
    staged = simulation(("campaign=prime_jumbo", "backend=numpy", "paths=2", "precision=float64", *few))
    assert staged.loans.adjustable.any() and staged.loans.interest_only.any()
    scenario, flows = staged.pool(Block(0, 2))
    for path in range(2):
        expected, found = second_program(staged.loans, staged.settings, scenario, path, staged.n_months), flows[:, :, path]
        lost = expected[:, LOSS].sum()
        assert found[:, LOSS].sum() == pytest.approx(
            lost, abs=1e-6 * expected[:, DEFAULT].sum()
        )  # severity's polynomial: 1e-6
        for flow in (found, expected):
            flow[:, FIELDS.index("recovery")] += flow[:, LOSS]
            flow[:, LOSS] = 0
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10 * staged.loans.balance.sum())


@pytest.fixture(scope="module", params=[CMBS, JUMBO], ids=["sec_cmbs", "prime_jumbo"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of each campaign."""
    return make_run(tmp_path_factory.mktemp("golden"), *request.param, "output=pool")


def pool_by_year(pool: xr.Dataset) -> np.ndarray:
    """As :func:`by_year`, means over the paths."""
    mean = pool.isel(group=0).mean("path")
    return by_year(np.stack([mean[name].values for name in FIELDS], axis=1), 1, 5, 10)


PRICES = {
    "sec_cmbs": {
        "A": 100.2, "A-S": 100.0, "B": 100.0, "C": 100.2, "D": 84.4, "E": 62.9, "F": 48.6, "NR": 23.9, "X": 45.3, "R": 0.0,
    },
    "prime_jumbo": {
        "A1": 98.9, "A2": 98.9, "B1": 66.7, "B2": 65.4, "B3": 64.6, "B4": 64.0, "B5": 63.6, "B6": 60.2, "X": 0.84, "R": 0.0,
    },
}  # fmt: skip
"""Per 100, in millions of USD where a class has no balance; of the runs above."""
POOLS = {
    "sec_cmbs": [(843.3, 9.14, 0.0), (717.7, 42.7, 14.5), (0.0, 69.1, 30.8)],
    "prime_jumbo": [(36.4, 0.0135, 0.0), (19.6, 0.0940, 0.00670), (11.6, 0.125, 0.00801)],
}
"""Balance, defaults and losses so far at years 1, 5 and 10, millions of USD, means over the paths."""


def test_figures_of_the_campaign(run: Run) -> None:
    """The paths and draws are fixed: what moves a figure further than this is a change of a model, of its data or of a deal.

    Pool: 2% of a balance, 10% of defaults and losses. Prices: 1.5 points, 5% of a value. A change of the dated start of home
    prices, or of a mortgage residual by a few basis points, stays within; a fee charged twice (3.9% of X with a rounding of the
    figure) or a reserve that pays for B6 does not.
    """
    name = run.config["campaign"]
    found = pool_by_year(run.pool)[:3]
    np.testing.assert_allclose(found[:, 0], np.array(POOLS[name])[:, 0], rtol=0.02, atol=1e-9)
    np.testing.assert_allclose(found[:, 1:], np.array(POOLS[name])[:, 1:], rtol=0.1, atol=1e-9)
    for tranche, golden in PRICES[name].items():
        entry = run.prices.sel(tranche=tranche)
        if float(entry.original_balance) > 0:
            assert float(entry.price) == pytest.approx(golden, abs=1.5), tranche
        else:
            assert float(entry.value) / MILLION == pytest.approx(golden, rel=0.03, abs=0.01), tranche


def test_classes_against_the_plain_interpreter(run: Run) -> None:
    """Deal and discounting in plain Python on eight stored paths: every class's value on each, then its mean."""
    deal, spreads = load_deal(run.config["deal"], "golden"), run.config["pricing"]["spreads"]
    pool = np.stack([run.pool[name].values[0] for name in FIELDS], axis=1)
    discount = run.scenarios.discount_factor.transpose("month", "path").values
    flows = run.tranches
    for path in range(8):
        plain = PlainDeal(deal, run.attributes["pool_balance"]).run(pool[:, :, path])
        for k, name in enumerate(c.name for c in deal.classes):
            spread = spreads.get(name, spreads.get("default"))
            cash = [i[k] + p[k] for i, p in zip(plain["interest_paid"], plain["principal_paid"], strict=True)]
            value = math.fsum(c * float(discount[t, path]) * math.exp(-spread * t / 12) for t, c in enumerate(cash, start=1))
            stored = flows.isel(path=path).sel(tranche=name)
            paid = (stored.interest_paid + stored.principal_paid).values
            np.testing.assert_allclose(paid, cash, rtol=0, atol=1e-4)
            worth = float(np.sum(paid * discount[1:, path] * np.exp(-spread * np.arange(1, len(paid) + 1) / 12)))
            assert worth == pytest.approx(value, rel=1e-10, abs=1e-3), name
