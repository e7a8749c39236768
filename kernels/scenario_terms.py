"""How the launcher of the scenarios lays out its tables, its results and its scratch."""

from __future__ import annotations

from enum import IntEnum

from kernels import home_prices
from kernels.ops import LANES, Ops


class Tenor(IntEnum):
    """Par rates computed in every month: rows of the coupon tables."""

    ADJUSTABLE_INDEX = 0
    TWO_YEARS = 1
    TEN_YEARS = 2


class National(IntEnum):
    """Entries of ``national``, in the units of :func:`kernels.home_prices.build_national`."""

    CONSTANT = 0
    MOMENTUM = 1
    REVERSION = 2
    SIGMA = 3
    TREND = 4
    CORRELATION = 5
    REST = 6
    INITIAL_GROWTH = 7
    INITIAL_GAP = 8


class Region(IntEnum):
    """Columns of ``regions``, in the units of :func:`kernels.home_prices.build_region`."""

    ALPHA = 0
    BETA = 1
    PERSISTENCE = 2
    INNOVATION = 3


# Three scratch arrays, so that in each inner loop the rows of one array lie a constant distance apart: else the compiler
# cannot tell that they do not overlap, and does not vectorise. Rows of `work`, of `normals`, and of `regional` for each region:
X, INTEGRAL, GROWTH, GAP, LAGGED, ANNUITY, RESULT, PAR_RATES = range(8)
ON_RATE = 0
ON_INTEGRAL = ON_RATE + home_prices.MONTHS_A_QUARTER
OWN = ON_INTEGRAL + home_prices.MONTHS_A_QUARTER
RESIDUAL, REGION_GROWTH, LOG_INDEX = range(3)

N_WORK = PAR_RATES + len(Tenor)
N_NORMALS = OWN + 1
N_REGION = 3


def scratch_sizes(ops: Ops, n_paths: int, n_regions: int) -> tuple[int, int, int]:
    """Elements of ``work``, ``normals`` and ``regional``."""
    width = LANES if ops.target == "cpu" else n_paths
    return N_WORK * width, N_NORMALS * width, N_REGION * n_regions * width
