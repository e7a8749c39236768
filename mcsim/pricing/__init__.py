"""Discounting class flows along each path, and what the paths say on average, with the error of saying so."""

from __future__ import annotations

from mcsim.pricing.price import Pricer, Prices

__all__ = ["Pricer", "Prices"]
