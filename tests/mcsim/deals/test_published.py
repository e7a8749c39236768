"""A pass-through of 400 million USD at 100 PSA, month by month, against the table of a textbook."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from kernels.flows import FIELDS
from mcsim.deals import compile_deal, load_deal, run_deal
from tests.mcsim.deals.deal_examples import backend, shipped

TABLE = "reference/published_tables/passthrough_100psa_400m/selected_months.csv"
POOL, WAC, NET, TERM, AGE = 400e6, 0.06, 0.055, 358, 2


def _pool() -> np.ndarray:
    """Level-payment loans at 100 PSA, by the textbook formula; (month, field, one path)."""
    pool, balance, at = np.zeros((TERM, len(FIELDS), 1)), POOL, FIELDS.index
    for month in range(1, TERM + 1):
        interest = balance * WAC / 12
        scheduled = balance * (WAC / 12) / (1 - (1 + WAC / 12) ** -(TERM - month + 1)) - interest
        smm = 1 - (1 - 0.06 * min((month + AGE) / 30, 1)) ** (1 / 12)
        prepaid = smm * (balance - scheduled)
        row = pool[month - 1, :, 0]
        row[at("interest")], row[at("servicing_fee")] = interest, balance * (WAC - NET) / 12
        row[at("scheduled_principal")], row[at("prepaid_principal")] = scheduled, prepaid
        balance -= scheduled + prepaid
        row[at("balance")] = balance
    return pool


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_pass_through_at_100_psa(target: str) -> None:
    file = Path(os.environ.get("MCSIM_SHARED", Path(__file__).parents[4] / "shared")) / TABLE
    if not file.exists():
        pytest.skip("shared reference tables are not here")
    flows = run_deal(compile_deal(load_deal(shipped("pass_through"), "test"), POOL), _pool(), backend(target))
    interest, principal, balance = flows.interest_paid[0, :, 0], flows.principal_paid[0, :, 0], flows.tranche_balance[0, :, 0]
    with file.open() as lines:
        for row in csv.DictReader(lines):
            month = int(row["month"]) - 1
            # The source carried balances truncated to a dollar: flows agree within half a dollar, balances within 1.20.
            assert interest[month] == pytest.approx(float(row["net_interest"]), abs=0.5)
            assert principal[month] == pytest.approx(float(row["total_principal"]), abs=0.5)
            assert interest[month] + principal[month] == pytest.approx(float(row["cash_flow"]), abs=0.5)
            if month:
                assert balance[month - 1] == pytest.approx(float(row["opening_balance"]), abs=1.2)
    assert principal.sum() == pytest.approx(POOL, abs=0.01) and balance[-1] == pytest.approx(0.0, abs=0.01)
