"""The generated pool: its averages are those asked for, its distributions those described, and the seed alone decides."""

from __future__ import annotations

import dataclasses
import math
import statistics
from pathlib import Path

import numpy as np
import pytest
import yaml

from mcsim.errors import InputError
from mcsim.loans import COLUMNS, Loans
from mcsim.settings import Generator, Portfolio
from mcsim.tapes import generator
from mcsim.tapes.portfolio import load_portfolio

CONF = Path(__file__).parents[3] / "conf" / "portfolio" / "prime_jumbo.yaml"


def configured(**changes: object) -> Portfolio:
    raw = yaml.safe_load(CONF.read_text(encoding="utf-8"))
    terms = Generator(**(raw.pop("generator") | changes))
    return Portfolio(generator=terms, **raw)


def draw(seed: int = 1, **changes: object) -> Loans:
    return load_portfolio(configured(**{"seed": seed, **changes})).loans


@pytest.mark.parametrize("seed", [0, 1, 20201231])
def test_pool_meets_the_published_averages(seed: int) -> None:
    loans, summary = draw(seed), draw(seed).summary()
    assert len(loans) == 2000
    assert round(loans.balance.sum() * 100) == 2000 * 1_000_000 * 100  # to the cent
    assert summary["ltv"] == pytest.approx(0.691, rel=1e-12)  # centred: what is left is the rounding of a sum of 2,000
    # Rounding to an eighth has standard deviation 0.00125 / sqrt(12); over 2,000 loans 8e-6, and weights differ by size.
    assert summary["note_rate"] == pytest.approx(0.033, abs=4 * 8e-6 * 1.1)
    assert summary["maturity"] == pytest.approx(
        359, abs=0.1
    )  # ages 0, 1, 2: sd 0.82 / sqrt(2000) * sd of sizes 0.3, * 4 = 0.02
    assert summary["age"] + summary["maturity"] == pytest.approx(360)


def test_shares_of_regions_and_kinds() -> None:
    portfolio, loans = configured(), draw()
    assert portfolio.generator is not None
    for region, share in portfolio.generator.regions.items():
        assert abs((loans.region == region).sum() - share * 2000) <= 1
    assert loans.adjustable.sum() == 60
    assert (loans.interest_only > 0).sum() == 60
    by_balance = loans.balance[loans.region == "CA"].sum() / loans.balance.sum()
    # 740 of 2,000 drawn without replacement, sizes of standard deviation 0.3: 4 * 0.37 * 0.3 * sqrt(0.63 / 740) = 0.013.
    assert by_balance == pytest.approx(0.37, abs=0.013)


def test_units() -> None:
    loans = draw()
    np.testing.assert_allclose(loans.balance * 100, np.round(loans.balance * 100), rtol=0, atol=1e-6)  # whole cents
    eighths = loans.note_rate / 0.00125
    np.testing.assert_allclose(eighths, np.round(eighths), rtol=0, atol=1e-9)
    assert loans.balance.min() > 510_400  # conforming loan limit of 2020: the pool is jumbo
    assert 0.45 < loans.ltv.min() < loans.ltv.max() < 0.9


def test_balances_follow_the_lognormal_quantiles() -> None:
    """One loan a stratum: each sorted logarithm lies between two neighbouring quantiles, up to the one scale that the average
    fixes. Plain random draws would leave that band by a factor of sqrt(n)."""
    n, spread, normal = 2000, 0.3, statistics.NormalDist()
    logs = np.log(np.sort(draw(interest_only_share=0.0, age_mean=0.0).balance))
    low = normal.cdf(-2.0)
    edges = spread * np.array([normal.inv_cdf(low + (1 - low) * k / n) for k in range(n)] + [5.0])
    least, most = (logs - edges[1:]).max(), (logs - edges[:-1]).min()
    assert least < most  # a scale exists with every loan inside its stratum


def test_normal_quantiles() -> None:
    normal = statistics.NormalDist()
    p = np.array([1e-6, 0.01, 0.25, 0.5 - 1e-9, 0.5, 0.75, 0.99, 1 - 1e-6])
    # A probability is known to 2**-32, which at 1e-6 moves the quantile by 2.3e-10 / 5e-6 = 5e-5.
    np.testing.assert_allclose(generator._normal(p), [normal.inv_cdf(x) for x in p], rtol=0, atol=5e-5)


def test_strata_hold_one_draw_each() -> None:
    for n in (1, 2, 7, 1000):
        strata = np.sort(np.floor(generator._strata(n, 5, 0) * n))
        np.testing.assert_array_equal(strata, np.arange(n))


def test_terms_of_the_adjustable_loans() -> None:
    """A 5/1 hybrid with 2/2/5 caps, margin 2.25, index of the month before, rounded to an eighth (docs/theory/generator.md)."""
    loans = draw(adjustable_share=1.0, age_mean=50.0, interest_only_share=0.0)
    first = loans.age + loans.first_reset  # payment number of the next reset: 61, 73, 85, ...
    assert set((first - 61) % 12) == {0}
    assert ((first == 61) | (loans.first_reset <= 12)).all()
    assert (loans.first_reset >= 1).all()
    np.testing.assert_array_equal(loans.life_cap, loans.note_rate + 0.05)
    for name, value in {"margin": 0.0225, "initial_cap": 0.02, "periodic_cap": 0.02, "life_floor": 0.0225,
                        "rate_rounding": 0.00125, "reset_period": 12, "lookback": 1}.items():  # fmt: skip
        assert set(getattr(loans, name)) == {value}, name
    fixed = draw(adjustable_share=0.0)
    assert all(
        np.isnan(getattr(fixed, name)).all() for name in ("margin", "initial_cap", "periodic_cap", "life_cap", "life_floor")
    )
    assert not (fixed.first_reset.any() or fixed.lookback.any() or fixed.rate_rounding.any())


def test_only_a_reset_that_is_the_first_has_the_first_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "_INITIAL_CAP", 0.05)
    loans = draw(adjustable_share=1.0, age_mean=50.0, interest_only_share=0.0)
    behind = loans.age > 60  # payment 61 is the first at a new rate
    assert behind.any() and not behind.all()
    np.testing.assert_array_equal(loans.initial_cap, np.where(behind, 0.02, 0.05))


def test_interest_only_months_of_the_generated_loans() -> None:
    """Ten years from the first payment, whatever the age; of a shorter loan all but its last payment."""
    loans = draw(interest_only_share=1.0, age_mean=50.0)
    np.testing.assert_array_equal(loans.interest_only, np.maximum(120 - loans.age, 0))
    assert loans.age.max() == 100 and loans.interest_only.min() == 20
    np.testing.assert_array_equal(loans.balance, loans.original_balance)  # nothing repaid yet
    short = draw(interest_only_share=1.0, term=100, age_mean=0.0)
    assert set(short.interest_only) == {99}
    mixed = draw(interest_only_share=0.3)
    assert np.count_nonzero(mixed.interest_only) == 600 and set(mixed.interest_only + mixed.age) <= {*range(3), 120}


def test_seed_decides() -> None:
    first, again, other = draw(3), draw(3), draw(4)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.balance, other.balance)


def test_columns_are_unrelated() -> None:
    """Rank correlation of any two drawn columns: standard deviation 1/sqrt(n - 1) when independent; five of them."""
    loans = draw()
    columns = [loans.balance, loans.ltv, loans.note_rate, loans.age.astype(float)]
    ranks = [np.argsort(np.argsort(c + 1e-9 * np.arange(len(c)))) for c in columns]
    correlation = np.corrcoef(ranks) - np.eye(len(ranks))
    assert np.abs(correlation).max() < 5 / math.sqrt(1999)


@pytest.mark.parametrize("loans", [1, 2, 3])
def test_small_pools(loans: int) -> None:
    pool = draw(loans=loans)
    assert len(pool) == loans
    assert pool.balance.mean() == pytest.approx(1_000_000)


def test_all_problems_together() -> None:
    terms = configured(loans=0, seed=2**32, note_rate_mean=3.3, term=1, regions={"CA": 0.5, "California": 0.4}, age_mean=-1.0)
    with pytest.raises(InputError) as caught:
        load_portfolio(dataclasses.replace(terms, servicing_rate=1.0))
    text = str(caught.value)
    for part in (".loans", ".note_rate_mean", ".term", ".age_mean", "'California'", "add to 0.9", "servicing_rate", "seed"):
        assert part in text
