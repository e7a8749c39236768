"""The two campaigns by a second program: every loan of the tape month by month in plain Python (tests/oracle.py).

From ``mcsim`` come the loans (what the tape says) and, for the residential campaign, the paths of rates and prices; terms,
schedules, behaviour, defaults, losses are worked out here and there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcsim.loans import COLUMNS, Loans
from mcsim.settings import Settings
from tests import oracle
from tests.kernel_driver import Arm, Loan

DAYS = {"30/360": 1 / 12, "actual/360": 365.25 / 360 / 12, "actual/365": 365.25 / 365 / 12}
"""Year fraction of an average month."""


def oracle_loan(loans: Loans, i: int, settings: Settings) -> Loan:
    """Terms of one loan as the oracle takes them."""
    at = {name: getattr(loans, name)[i].item() for name in COLUMNS}
    lag, advances = settings.only_collateral.portfolio.liquidation_lag, settings.only_collateral.portfolio.advances
    # A loan with a balloon may default until it is due; one that level payments bring to zero, with principal advanced, until a
    # lag before (BMA, SF-22).
    balloon = at["amortisation"] > at["maturity"] or at["interest_only"] >= at["maturity"]
    last = at["maturity"] if balloon or advances != "principal_and_interest" else max(at["maturity"] - lag, 0)
    arm = (
        Arm(*(at[n] for n in ("margin", "periodic_cap", "life_cap", "life_floor", "first_reset", "reset_period", "lookback",
                              "initial_cap", "rate_rounding")))
        if at["adjustable"] else None
    )  # fmt: skip
    return Loan(
        at["balance"], at["ltv"], at["note_rate"], at["servicing_rate"], at["age"], at["maturity"], at["amortisation"],
        at["interest_only"], last, lag, 0, 0, advances == "principal_and_interest", advances != "none", at["number"], arm,
    )  # fmt: skip


def oracle_models(settings: Settings, loan: Loan) -> oracle.OracleModels:
    """The campaign's models from their sources, with the shipped parameters."""
    given: dict[str, Any] = {k: getattr(settings.only_collateral.behaviour, k) for k in ("prepayment", "default", "severity")}
    values = {k: [x for v in c.parameters.values() for x in (v if isinstance(v, list) else [v])] for k, c in given.items()}
    if given["default"].model == "ltv_hazard":
        return oracle.OracleModels(
            oracle.richard_roll(values["prepayment"]),
            oracle.ltv_hazard(values["default"]),
            oracle.ltv_severity(values["severity"], loan.lag, loan.advances_interest),
        )
    monthly = {k: oracle.vector([oracle.monthly(x) for x in values[k]]) for k in ("prepayment", "default")}
    return oracle.OracleModels(monthly["prepayment"], monthly["default"], oracle.vector(values["severity"]))


def second_program(loans: Loans, settings: Settings, scenario: Any, path: int, n_months: int) -> np.ndarray:
    """Pool flows (month, field) on one path, USD; ``expected``."""
    total = np.zeros((n_months, len(oracle.ORDER)))
    for i in range(len(loans)):
        loan = oracle_loan(loans, i, settings)
        homes = scenario.home_price_index[scenario.regions.index(loans.region[i])][: n_months + 1, path].tolist()
        market = scenario.mortgage_rate[: n_months + 1, path].tolist()
        index = scenario.adjustable_index[: n_months + 1, path].tolist()
        month = loans.cut_off.month % 12
        total += oracle.simulate(
            loan, oracle_models(settings, loan), market, index, homes, DAYS[str(loans.day_count[i])], month
        )
    return total
