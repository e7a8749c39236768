"""The table of stored variables: dimensions, dtype, units and meaning. The store is the contract between the stages."""

from __future__ import annotations

from dataclasses import dataclass

from kernels.flows import FLOWS
from kernels.observables import OBSERVABLES, REGION, SCENARIO_ROWS


@dataclass(frozen=True)
class Variable:
    """One stored array. ``units`` follow CF; money is USD; a rate's period is in its name or its long name."""

    dims: tuple[str, ...]
    units: str
    long_name: str
    dtype: str = "float64"


_PATHS = ("month", "path")
_POOL = ("group", "month", "path")
_TRANCHE = ("tranche", "month", "path")
_LOAN = ("loan", "month")


def _of_scenario(name: str) -> Variable:
    observable = OBSERVABLES[name]
    return Variable((*((REGION,) if REGION in observable.varies else ()), *_PATHS), "1", observable.stored)


def _path_values(dim: str, what: str) -> dict[str, Variable]:
    """What each path contributes to prices: :data:`kernels.discounting.SUMS`."""
    dims = (dim, "path")
    return {
        "value": Variable(dims, "USD", f"present value of the {what} on the path"),
        "interest_value": Variable(dims, "USD", "present value of its interest"),
        "principal": Variable(dims, "USD", "principal paid over its life"),
        "principal_years": Variable(dims, "USD year", "principal times the years until it is paid"),
        "write_down": Variable(dims, "USD", "principal written down by losses"),
    }


def _prices(dim: str, balance: str) -> dict[str, Variable]:
    """Means over paths with their errors; ``balance`` says what a price is per 100 of."""
    dims = (dim,)
    return {
        "price": Variable(dims, "1", "value per 100 of original balance"),
        "price_standard_error": Variable(dims, "1", "Monte Carlo standard error of the price"),
        "value": Variable(dims, "USD", "present value"),
        "value_standard_error": Variable(dims, "USD", "Monte Carlo standard error of the present value"),
        "wal": Variable(dims, "year", "weighted average life of principal"),
        "wal_standard_error": Variable(dims, "year", "Monte Carlo standard error of the weighted average life"),
        "spread": Variable(dims, "1", "spread over the short rate, annual, continuously compounded"),
        "original_balance": Variable(dims, "USD", balance),
        "principal_loss": Variable(dims, "1", "expected write-down over original balance"),
        "interest_share": Variable(dims, "1", "share of the value that comes from interest"),
    }


GROUPS: dict[str, dict[str, Variable]] = {
    "scenarios": {name: _of_scenario(name) for name in SCENARIO_ROWS},
    "pool": {name: Variable(_POOL, "USD", text) for name, text in FLOWS.items()},
    "loans": {name: Variable(_LOAN, "USD", f"{text}, mean over paths") for name, text in FLOWS.items()},
    "loan_paths": {name: Variable(("loan", "month", "path"), "USD", text) for name, text in FLOWS.items()},
    "tranches": {
        "interest_paid": Variable(_TRANCHE, "USD", "interest paid to the class"),
        "principal_paid": Variable(_TRANCHE, "USD", "principal paid to the class"),
        "write_down": Variable(_TRANCHE, "USD", "principal written down by losses"),
        "interest_shortfall": Variable(_TRANCHE, "USD", "unpaid interest carried at the end of the month"),
        "tranche_balance": Variable(_TRANCHE, "USD", "balance of the class at the end of the month"),
        "fee_paid": Variable(("fee", "month", "path"), "USD", "fee paid out of the deal"),
        "account_balance": Variable(("account", "month", "path"), "USD", "balance of the account at the end of the month"),
        "collections": Variable(_PATHS, "USD", "cash of the collateral that enters the waterfall"),
    },
    "path_values": _path_values("tranche", "class"),
    "prices": _prices("tranche", "balance of the class at closing"),
    "positions/path_values": _path_values("position", "position"),
    "positions/prices": {
        "share": Variable(("position",), "1", "share held of the class, or of the collateral"),
        **_prices(
            "position",
            "balance held: the share, times the balance of the class at closing or of the collateral at the cut-off",
        ),
    },
}
"""Group of the store → name → variable. ``month`` 0 is the cut-off; flows fall in months 1..n."""

COORDINATES: dict[str, Variable] = {
    "month": Variable(("month",), "1", "months after the cut-off", "int64"),
    "path": Variable(("path",), "1", "index of the path; enters the random counter", "int64"),
    "loan": Variable(("loan",), "1", "loan identifier of the tape", "str"),
    "region": Variable(("region",), "1", "US state, two-letter postal code; US: the nation", "str"),
    "group": Variable(("group",), "1", "collateral group", "str"),
    "tranche": Variable(("tranche",), "1", "class of the deal", "str"),
    "position": Variable(("position",), "1", "position of the book", "str"),
    "fee": Variable(("fee",), "1", "fee of the deal", "str"),
    "account": Variable(("account",), "1", "account of the deal", "str"),
}
"""Dimension → its coordinate variable. Labels (dtype ``str``) are stored as the zarr data type ``string``."""
