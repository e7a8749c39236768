"""Loss severity by month of liquidation."""

from __future__ import annotations

from kernels.behaviour.vector import vector_model

MODEL = vector_model("severity", "loss over the balance at default, by month of liquidation")
