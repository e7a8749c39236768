"""Settings of the scenarios as conf/ has them, and one large block shared by the statistical tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from mcsim.backend import Backend
from mcsim.configuration import load_settings
from mcsim.market.curve import Curve
from mcsim.market.start import load_market
from mcsim.scenario import Scenario
from mcsim.scenarios.generate import ScenarioGenerator
from mcsim.settings import HomePrices, Rates

MARKET = load_market(load_settings())
RATES, HOME_PRICES = MARKET.settings.rates, MARKET.settings.home_prices


@pytest.fixture(scope="session")
def rates() -> Rates:
    return RATES


@pytest.fixture(scope="session")
def home_price_settings() -> HomePrices:
    return HOME_PRICES


@pytest.fixture(scope="session")
def curve() -> Curve:
    return MARKET.curve


@pytest.fixture(scope="session")
def make_generator(curve: Curve) -> Callable[..., ScenarioGenerator]:
    """``make(target, precision, regions, n_months, **changes)``: changes go to the rates or the home prices by name."""

    def make(
        target: str,
        precision: str = "float32",
        regions: tuple[str, ...] = ("CA", "TX", "US"),
        n_months: int = 24,
        seed: int = 7,
        **changes: Any,
    ) -> ScenarioGenerator:
        names = {field.name for field in dataclasses.fields(Rates)}
        rates = dataclasses.replace(RATES, **{k: v for k, v in changes.items() if k in names})
        prices = dataclasses.replace(HOME_PRICES, **{k: v for k, v in changes.items() if k not in names})
        return ScenarioGenerator(rates, prices, curve, regions, n_months, seed, Backend(target, precision, "test"))

    return make


@pytest.fixture(scope="session")
def many_paths(make_generator: Callable[..., ScenarioGenerator]) -> Scenario:
    """20,000 paths of 360 months on the compiled target."""
    return make_generator("cpu", n_months=360).generate(0, 20_000)
