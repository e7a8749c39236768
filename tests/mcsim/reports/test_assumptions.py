"""What is said under a price table follows from the run: its default model, its pool, the deal that was priced."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcsim.configuration import load_settings
from mcsim.reports import assumptions
from mcsim.reports.assumptions import price_assumptions
from tests.mcsim.deals.deal_examples import shipped

ALWAYS = [assumptions.FULL_VALUE, assumptions.SPREAD]


def said(campaign: str, balloons: float, deal: dict[str, Any] | None = None) -> list[str]:
    return price_assumptions(
        load_settings([f"campaign={campaign}"]).raw, {"portfolio": json.dumps({"balloon_share": balloons})}, deal
    )


def test_a_conduit_says_that_loans_are_independent_and_none_is_extended() -> None:
    residual = assumptions.RESIDUAL.format("X, R")
    assert said("sec_cmbs", 0.9) == [assumptions.INDEPENDENT, assumptions.BALLOONS, assumptions.LOCKED_OUT, residual, *ALWAYS]


def test_a_residential_deal_says_that_subordinates_are_locked_out() -> None:
    residual = assumptions.RESIDUAL.format("X, R")
    assert said("prime_jumbo", 0.0) == [assumptions.LOCKED_OUT, residual, *ALWAYS]


def test_a_pass_through_has_one_class_and_a_residual() -> None:
    assert said("prime_jumbo", 0.0, shipped("pass_through")) == [assumptions.RESIDUAL.format("R"), *ALWAYS]


@pytest.mark.parametrize("model", ["cdr", "mdr", "sda", "ltv_hazard"])
def test_only_a_default_model_without_a_common_factor_is_independent(model: str) -> None:
    found = price_assumptions({"behaviour": {"default": {"model": model}}}, {})
    assert found == ([assumptions.INDEPENDENT] if model != "ltv_hazard" else []) + ALWAYS
