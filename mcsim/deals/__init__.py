"""Deals as data: a YAML mapping is read, checked whole, compiled to a small program and run on every path at once."""

from __future__ import annotations

from mcsim.deals.checks import load_deal
from mcsim.deals.compiler import compile_deal
from mcsim.deals.deal import Deal
from mcsim.deals.program import Program
from mcsim.deals.waterfall import DealFlows, run_deal

__all__ = ["Deal", "DealFlows", "Program", "compile_deal", "load_deal", "run_deal"]
