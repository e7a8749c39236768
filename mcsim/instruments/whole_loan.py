"""Whole loans: all that a collateral pays after servicing, without a deal between the loans and who holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcsim.instruments.instrument import COLLATERAL, Instrument, collected
from mcsim.streams import Streams


def streams(pool: Any, inputs: Mapping[str, float]) -> Streams:
    """Interest after servicing; principal of all kinds and recoveries; losses as they are liquidated."""
    interest, principal = collected(pool)
    return Streams(interest, principal, pool.loss)


INSTRUMENT = Instrument(
    of=COLLATERAL,
    streams=streams,
    meaning="Whole loans: interest and advances less the servicing fee, all principal and recoveries; losses at liquidation.",
    source="docs/theory/whole_loans.md",
)
