"""Classes of a deal as streams: what the waterfall pays each."""

from __future__ import annotations

from mcsim.deals import DealFlows, Program
from mcsim.streams import Claims, Streams


def claims(program: Program) -> Claims:
    """Classes of a compiled deal, in the order of ``program.tranches``."""
    return Claims(f"deal {program.name!r}", "class", program.tranches, program.original_balance, program.pool_balance)


def streams(flows: DealFlows) -> Streams:
    """Flows of the classes; the same arrays, not copies."""
    return Streams(flows.interest_paid, flows.principal_paid, flows.write_down)
