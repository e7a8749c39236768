"""PSA prepayment by loan age (BMA, *Standard Formulas*, 1999; :mod:`kernels.speeds`)."""

from __future__ import annotations

from kernels import speeds
from kernels.behaviour.age_curve import age_curve_model

MODEL = age_curve_model(speeds.build_psa_cpr, "PSA", "CPR", 16)
