"""A price table outside what can be is refused with its cause: each sum in turn is damaged as memory or a wrong kernel would."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.discounting import SUMS
from mcsim.deals import Program, compile_deal, load_deal
from mcsim.errors import PriceError
from mcsim.instruments.deal_class import claims, streams
from mcsim.valuation import Pricer, price
from mcsim.valuation.bounds import check_sums
from tests.mcsim.deals.deal_examples import shipped
from tests.mcsim.valuation.test_price import MONTHS, POOL, _case

PROGRAM = compile_deal(load_deal(shipped("senior_subordinate"), "test"), POOL)
DISCOUNT = np.full((MONTHS + 1, 3), 0.9)


def sums_of(program: Program = PROGRAM) -> np.ndarray:
    """Every class paid back in full on three paths, half its value interest."""
    sums = np.zeros((len(program.tranches), len(SUMS), 3))
    sums[:, SUMS.index("principal")] = sums[:, SUMS.index("value")] = program.original_balance[:, None]
    return sums


def check(sums: np.ndarray, discount: np.ndarray = DISCOUNT) -> None:
    check_sums(claims(PROGRAM), np.zeros(len(PROGRAM.tranches)), discount, sums, 256)


def test_what_can_be_passes() -> None:
    check(sums_of())


def test_what_is_paid_early_is_worth_more_than_the_last_factor_and_the_spread_leave_of_it() -> None:
    """30 years: paid in month 1 a class is worth its balance, whatever the factor of the last month (.001) or e^(-.5 x 30) say."""
    discount = np.repeat(np.geomspace(1, 1e-3, 361)[:, None], 3, axis=1)
    check_sums(claims(PROGRAM), np.full(len(PROGRAM.tranches), 0.5), discount, sums_of(), 0)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e30, -1e30])
@pytest.mark.parametrize(("row", "cause"), [("value", "discounting"), ("principal", "pool's flows"), ("write_down", "flows")])
def test_a_sum_that_cannot_be_names_class_path_and_cause(row: str, cause: str, wrong: float) -> None:
    sums = sums_of()
    sums[0, SUMS.index(row), 1] = wrong
    with pytest.raises(PriceError, match=rf"class {PROGRAM.tranches[0]}, path 257: .*{cause}") as caught:
        check(sums)
    assert caught.value.exit_code == 4 and "\n" not in str(caught.value)


def test_a_dollar_in_a_thousand_beyond_the_balance_is_seen() -> None:
    sums = sums_of()
    sums[1, SUMS.index("principal"), 0] *= 1.001
    with pytest.raises(PriceError, match="principal and write-downs"):
        check(sums)


def test_a_spread_does_not_narrow_what_can_be_paid_at_once() -> None:
    """Flows of the first month are hardly discounted by any spread; one below zero makes late ones worth more."""
    sums, last = sums_of(), (MONTHS / 12) * 0.05
    most = PROGRAM.pool_balance * (2 + MONTHS / 12) * 0.9  # all principal and interest at the discount factor
    for spread, value in ((0.05, most), (-0.05, most * np.exp(last))):
        sums[0, SUMS.index("value"), 0] = 0.999 * value
        check_sums(claims(PROGRAM), np.full(len(PROGRAM.tranches), spread), DISCOUNT, sums, 0)
        sums[0, SUMS.index("value"), 0] = 1.001 * value
        with pytest.raises(PriceError, match="value"):
            check_sums(claims(PROGRAM), np.full(len(PROGRAM.tranches), spread), DISCOUNT, sums, 0)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0.0, -0.5])
def test_a_discount_factor_that_is_none(wrong: float) -> None:
    discount = DISCOUNT.copy()
    discount[7, 2] = wrong
    with pytest.raises(PriceError, match=r"path 258: the discount factor of month 7 is .*; expected a positive number"):
        check(sums_of(), discount)


def test_the_pricer_asks_before_it_averages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that is not what was compiled: 1e30 where it should add."""
    program, flows, discount = _case()

    def wrong(n_paths: int, *arguments: object) -> None:
        arguments[-1][:] = 1e30  # type: ignore[index]

    monkeypatch.setattr(price, "_launcher", lambda target: wrong)
    with pytest.raises(PriceError, match="class A1, path 0"):
        Pricer(claims(program), {"default": 0.0}).add(streams(flows), discount)
