"""A $400 million pass-through at 100 PSA: 19 printed months of a textbook's table (tests/golden/data/README.md)."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from kernels.flows import FIELDS
from tests.kernel_driver import Block, Loan, Models, random_paths

LOAN = Loan(4e8, note_rate=0.06, servicing_rate=0.005, age=2, maturity=358, amortisation=358, last_default=0)
DATA = Path(__file__).parent / "data" / "passthrough_100psa_400m.csv"


def test_every_printed_cell() -> None:
    with DATA.open() as file:
        rows = list(csv.DictReader(file))
    models = Models(("psa", (1.0,)))
    flows = Block((LOAN,), random_paths(358, 1, 1), models).run("numpy", "float64")[:, :, 0]
    f = dict(zip(FIELDS, flows.T, strict=True))
    opening = np.concatenate([[LOAN.balance], f["balance"][:-1]])
    net = f["interest"] - f["servicing_fee"]
    principal = f["scheduled_principal"] + f["prepaid_principal"]
    columns = {
        "opening_balance": opening,
        "mortgage_payment": f["interest"] + f["scheduled_principal"],
        "net_interest": net,
        "scheduled_principal": f["scheduled_principal"],
        "prepayment": f["prepaid_principal"],
        "total_principal": principal,
        "cash_flow": net + principal,
    }
    months = np.array([int(r["month"]) for r in rows]) - 1
    assert len(months) == 19
    for name, values in columns.items():
        # Balances were printed truncated, flows computed from them and rounded: 2 dollars and 1 dollar.
        printed = np.array([float(r[name]) for r in rows])
        np.testing.assert_allclose(
            values[months], printed, rtol=0, atol=2.0 if name == "opening_balance" else 1.0, err_msg=name
        )
    # In the last month the source prepays nothing and neither do we: the last payment takes all.
    smm = f["prepaid_principal"][:-1] / (opening - f["scheduled_principal"])[:-1]
    np.testing.assert_allclose(smm[months[:-1]], [float(r["smm"]) for r in rows[:-1]], rtol=0, atol=0.5e-5 + 1e-9)
