"""Behavioural models by name. A new model is one new file here and one line in the table of its kind."""

from __future__ import annotations

from kernels.behaviour import ltv_hazard, ltv_severity, richard_roll, static
from kernels.behaviour.model import Model

PREPAYMENT: dict[str, Model] = {
    "richard_roll": richard_roll.MODEL,
    "psa": static.PSA,
    "cpr": static.CPR,
    "smm": static.SMM,
}

DEFAULT: dict[str, Model] = {
    "ltv_hazard": ltv_hazard.MODEL,
    "sda": static.SDA,
    "cdr": static.CDR,
    "mdr": static.MDR,
}

SEVERITY: dict[str, Model] = {
    "ltv_severity": ltv_severity.MODEL,
    "fixed": static.SEVERITY,
}

KINDS = {"prepayment": PREPAYMENT, "default": DEFAULT, "severity": SEVERITY}
