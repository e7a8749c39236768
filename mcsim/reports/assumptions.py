"""What a price table takes for granted, derived from the run: shown under every table, so that no figure stands without it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mcsim import records
from mcsim.reports.price_table import inputs_shown
from mcsim.store.layout import COLLATERAL

WITHOUT_A_COMMON_FACTOR = ("cdr", "mdr", "sda")
"""Default models that see neither home prices nor rates: nothing makes two loans default together."""

INDEPENDENT = "Loans default independently of one another: no common factor of the property market."
BALLOONS = "A loan that has not defaulted pays its balloon when it is due: none is extended."
LOCKED_OUT = "Classes further down receive no principal until those above are paid off."
RESIDUAL = "{}: what no other class is due, valued as it falls; no notional, no claim, no call."
FULL_VALUE = "Full value at the cut-off: first flows a month later, no accrued interest, no delay of payment."
SPREAD = "Spreads are over the path's short rate, continuously compounded; not over a swap or Treasury yield."


def price_assumptions(
    config: Mapping[str, Any], attributes: Mapping[str, Any], deal: Mapping[str, Any] | None = None
) -> list[str]:
    """The sentences that hold of a run's prices, in a fixed order.

    Parameters
    ----------
    config : mapping
        The resolved configuration, as the run folder has it.
    attributes : mapping
        Of the store; ``portfolio`` says whether loans end in balloons.
    deal : mapping, optional
        The deal that was priced, where it is not the run's own.
    """
    chosen = deal or config.get("deal") or {}
    model = ((config.get("behaviour") or {}).get("default") or {}).get("model")
    pool = json.loads(attributes.get("portfolio") or "{}")
    residuals = [name for name, c in (chosen.get("classes") or {}).items() if (c or {}).get("coupon") == "residual"]
    paid_in_turn = [step for step in chosen.get("steps") or [] if "pay_principal" in step]
    found = {
        INDEPENDENT: model in WITHOUT_A_COMMON_FACTOR,
        BALLOONS: pool.get("balloon_share", 0.0) > 0,
        LOCKED_OUT: len(paid_in_turn) > 1,
        RESIDUAL.format(", ".join(residuals)): bool(residuals),
        FULL_VALUE: True,
        SPREAD: True,
    }
    return [sentence for sentence, holds in found.items() if holds]


def position_assumptions(collaterals: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]) -> list[str]:
    """The sentences that hold of the prices of a book's positions; one that holds of a part of the collaterals names them.

    Parameters
    ----------
    collaterals : mapping
        By name: a mapping with the ``behaviour``, and what the store says of its loans.
    """
    found = {name: price_assumptions({"behaviour": own.get("behaviour")}, facts) for name, (own, facts) in collaterals.items()}
    said = []
    for sentence in (INDEPENDENT, BALLOONS, FULL_VALUE, SPREAD):
        of = [name for name, sentences in found.items() if sentence in sentences]
        if of:
            said.append(sentence if len(of) == len(found) else f"{', '.join(of)}: {sentence[:1].lower()}{sentence[1:]}")
    return said


def inputs_of_positions(config: Mapping[str, Any]) -> list[str]:
    """A line for each position whose inputs have no column in the price table: its name, its instrument, and they."""
    positions = records.setting(config, "positions") or {}
    told = {name: (position["instrument"], inputs_shown(position["inputs"])) for name, position in positions.items()}
    return [f"{name}: {instrument}, {inputs}" for name, (instrument, inputs) in told.items() if inputs]


def assumptions_of_positions(config: Mapping[str, Any], attributes: Mapping[str, Any]) -> list[str]:
    """What prices of the run's positions take for granted: of the collaterals that they are of, or that their deals stand on."""
    facts, held = json.loads(attributes.get(COLLATERAL) or "{}"), set[str]()
    for position in (records.setting(config, "positions") or {}).values():
        deal, found, _ = position["of"].partition("/")
        held |= set(records.deal_section(config, deal)["groups"].values()) if found else {position["of"]}
    return position_assumptions(
        {name: (records.collateral_section(config, name), own) for name, own in facts.items() if name in held}
    )


def position_attributes(config: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, list[str]]:
    """What stands below a table of positions: ``inputs`` without a column, and ``assumptions``."""
    return {"inputs": inputs_of_positions(config), "assumptions": assumptions_of_positions(config, attributes)}
