"""Conditional prepayment rate by month (BMA, *Standard Formulas*, 1999, SF-5)."""

from __future__ import annotations

from kernels.behaviour.vector import vector_model

MODEL = vector_model("cpr", "conditional prepayment rate, annual, by month", annual=True)
