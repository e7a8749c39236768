"""A compiled deal: what :func:`kernels.waterfall_paths.build_waterfall` interprets, and the names of what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.waterfall_machine import Banks, Instructions, Wiring, check_instructions


class Assembled(NamedTuple):
    """Instructions and the registers they work on.

    ``tables`` (table, month) are the month tables, ``rows`` the names of the path rows, both in the order of ``wiring``; ``closing``
    (register,) is what the registers hold at closing.
    """

    instructions: Instructions
    wiring: Wiring
    banks: Banks
    tables: npt.NDArray[np.float64]
    rows: tuple[str, ...]
    closing: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Program:
    """A compiled deal. Arrays are ordered as ``tranches``, ``fees`` and ``accounts``; money in USD.

    ``pool_balance`` is that of all ``groups``; ``fee_rate`` the sum of the deal's fees, annual.

    Raises
    ------
    ValueError
        If an instruction is unknown, or works on a register that is not there.
    """

    name: str
    groups: tuple[str, ...]
    tranches: tuple[str, ...]
    fees: tuple[str, ...]
    accounts: tuple[str, ...]
    pool_balance: float
    original_balance: npt.NDArray[np.float64]
    initial_account_balance: npt.NDArray[np.float64]
    fee_rate: float
    code: Assembled

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Look through the instructions: arrays can be changed after they were checked."""
        check_instructions(self.code.instructions, self.code.closing.size)

    @property
    def stores(self) -> npt.NDArray[np.int64]:
        """Register of each row that is read out each month."""
        return self.code.wiring.stores
