"""Bytes that the loan months take on a device, before anything is there. Needs no device and no numba."""

from __future__ import annotations

from typing import NamedTuple

from kernels.flows import N_FIELDS
from kernels.launchers.rows import State
from kernels.loan_terms import TILE, Count, Real

N_STATE = int(State.UNIFORM)
"""Rows of a loan's state on a device: those before the stored uniforms, which a thread draws again rather than keep."""

SHARE_OF_ROOM = 0.5
"""Of the device's free memory, what the tiles in flight may take. The rest is for blocks that come down and for deals."""

MOST_TILES = 65_535
"""Blocks of a grid along its second axis: CUDA's limit."""

_DOUBLE = 8


class Sizes(NamedTuple):
    """What the memory of a collateral on a block of paths depends on."""

    n_loans: int
    n_months: int
    n_paths: int
    lag_size: int
    """The longest lag from default to liquidation, months."""
    real: int
    """Bytes of a real: 4 or 8."""

    @property
    def n_tiles(self) -> int:
        """Tiles of all loans."""
        return -(-self.n_loans // TILE)

    @property
    def loans(self) -> int:
        """Bytes of terms and schedules: there for the whole run."""
        return self.n_loans * ((len(Real) + 3 * self.n_months) * self.real + len(Count) * _DOUBLE)

    @property
    def tile(self) -> int:
        """Bytes of a tile in flight: state, two rings of one lag, and the partial sums."""
        return (TILE * (N_STATE + 2 * self.lag_size) + self.n_months * N_FIELDS) * self.n_paths * self.real

    @property
    def pool(self) -> int:
        """Bytes of the sums of all loans, float64."""
        return self.n_months * N_FIELDS * self.n_paths * _DOUBLE


def tiles_in_flight(sizes: Sizes, room: int) -> int:
    """Tiles that are simulated at a time, within ``room`` bytes: at least one, and about as many in each wave.

    Examples
    --------
    >>> sizes = Sizes(n_loans=320, n_months=360, n_paths=256, lag_size=12, real=4)
    >>> [tiles_in_flight(sizes, tiles * sizes.tile) for tiles in (100, 9, 4, 0)]
    [10, 5, 4, 1]
    """
    most = max(1, min(sizes.n_tiles, room // max(sizes.tile, 1), MOST_TILES))
    return -(-sizes.n_tiles // -(-sizes.n_tiles // most))
