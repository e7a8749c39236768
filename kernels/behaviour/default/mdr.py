"""Monthly default rate by month (BMA, *Standard Formulas*, 1999, SF-5, applied to defaults)."""

from __future__ import annotations

from kernels.behaviour.vector import vector_model

MODEL = vector_model("mdr", "monthly default rate by month")
