"""Memory of a run on the device as arithmetic, before the first launch; beside that of the host in :mod:`mcsim.simulation.plan`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kernels.device_memory import SHARE_OF_ROOM, Sizes
from kernels.loan_terms import TILE
from kernels.observables import n_rows
from kernels.ops import make_ops
from kernels.scenario_terms import scratch_sizes
from mcsim.settings import Settings

if TYPE_CHECKING:
    from mcsim.simulation.plan import Size

_DOUBLE = 8


@dataclass(frozen=True)
class DevicePlan:
    """Bytes of a run on the device.

    Attributes
    ----------
    loans : int
        Terms and schedules of all collaterals: there for the whole run.
    block : int
        A block of paths: its scenario, and the sums of a collateral or the flows of a deal, whichever is more.
    blocks : int
        At a time: the sums of one come down while the next one is computed.
    tile : int
        :data:`kernels.loan_terms.TILE` loans in flight, of the collateral that takes most. How many tiles are in flight follows
        from the room that is left (:func:`kernels.device_memory.tiles_in_flight`).
    """

    loans: int
    block: int
    blocks: int
    tile: int

    @property
    def least(self) -> int:
        """With one tile in flight, which may take :data:`kernels.device_memory.SHARE_OF_ROOM` of what the others leave."""
        return self.loans + self.blocks * self.block + math.ceil(self.tile / SHARE_OF_ROOM)

    def problems(self, free: int) -> list[str]:
        """Why the run does not fit into ``free`` bytes; nothing where it does."""
        if self.least <= free:
            return []
        parts = f"{gigabytes(self.loans)} of loans, {self.blocks} blocks of paths of {gigabytes(self.block)}"
        return [
            f"device memory: the run needs {gigabytes(self.least)} ({parts}, and room to work on {TILE} loans at a time), "
            f"{gigabytes(free)} are free on the device; take fewer loans, a smaller engine.path_block, or backend=cpu"
        ]


def estimate_on_device(
    collaterals: Sequence[Sizes], n_regions: int, precision: str, blocks: int, deal_rows: int = 0
) -> DevicePlan:
    """Memory of the simulation on the device, and of the deal that takes each block.

    Parameters
    ----------
    collaterals : sequence of Sizes
        On the paths of a block.
    n_regions : int
        Of the scenarios.
    precision : str
        ``float32`` or ``float64``.
    blocks : int
        Blocks of paths at a time.
    deal_rows : int
        Rows that the deals store a month.
    """
    real = 4 if precision == "float32" else 8
    n_months, n_paths = max(one.n_months for one in collaterals), max(one.n_paths for one in collaterals)
    rows = 2 * n_rows(n_regions)  # as they are drawn, and as the loan months read them
    scratch = sum(scratch_sizes(make_ops("numpy", precision), n_paths, n_regions))
    scenario = (rows * (n_months + 1) * n_paths + scratch) * real
    pool = max(one.pool for one in collaterals)
    # Beyond one superblock its sum stands beside that of those before it; a deal takes the pool up and its own flows down.
    flows = max(2 * pool, pool + deal_rows * n_months * n_paths * _DOUBLE)
    return DevicePlan(sum(one.loans for one in collaterals), scenario + flows, blocks, max(one.tile for one in collaterals))


def device_problems(
    settings: Settings,
    sizes: Mapping[str, Size],
    n_regions: int,
    blocks: int,
    deal_rows: Mapping[str, int] | None = None,
) -> list[str]:
    """Why the run does not fit into what the device has free; parameters as of :func:`mcsim.simulation.plan.estimate`."""
    from kernels.device import device

    real, paths = 4 if settings.precision == "float32" else 8, min(settings.paths, settings.engine.path_block)
    lags = {name: settings.collaterals[name].portfolio.liquidation_lag for name in sizes}
    on_paths = [Sizes(size.loans, size.months, paths, lags[name], real) for name, size in sizes.items()]
    rows = max((deal_rows or {}).values(), default=0)
    return estimate_on_device(on_paths, n_regions, settings.precision, blocks, rows).problems(device().memory().free)


def gigabytes(size: int) -> str:
    """For people."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
