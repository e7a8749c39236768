"""Streams of flows to values: discounted along each path, what the paths say on average, with the error of saying so."""

from __future__ import annotations

from mcsim.valuation.price import Pricer, Prices

__all__ = ["Pricer", "Prices"]
