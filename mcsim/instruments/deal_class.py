"""Classes of a deal as streams: what the waterfall pays each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcsim.instruments.instrument import CLASS, Instrument
from mcsim.streams import Claims, ClassFlows, Streams

if TYPE_CHECKING:
    from mcsim.deals import DealFlows, Program


def claims(program: Program) -> Claims:
    """Classes of a compiled deal, in the order of ``program.tranches``."""
    return Claims(f"deal {program.name!r}", "class", program.tranches, program.original_balance, program.pool_balance)


def streams(flows: DealFlows | ClassFlows) -> Streams:
    """Flows of the classes; the same arrays, not copies."""
    return Streams(flows.interest_paid, flows.principal_paid, flows.write_down)


INSTRUMENT = Instrument(
    of=CLASS,
    streams=lambda flows, inputs: streams(flows),
    meaning="A class of a deal: interest and principal that the waterfall pays it; losses that write it down.",
    source="docs/theory/waterfall.md",
)
