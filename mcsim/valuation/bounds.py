"""What no price can be, whatever the models: the sums behind a price table are held against it before they are averaged.

A run whose numbers were damaged on their way (a faulty memory, a compiled kernel that is not what was compiled) ends with the cause,
not with a table. The bounds are wide: they say what cannot be, not what is unlikely.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.discounting import SUMS
from mcsim.errors import PriceError
from mcsim.streams import Claims

Array = npt.NDArray[np.float64]

_MOST_INTEREST = 1.0
"""Interest of a year over the balance at the cut-off: judgement; tapes are read up to a third of it."""
_MOST_PAID = 2.0
"""All principal and what accounts hold at closing, over the balance at the cut-off: judgement."""


def check_sums(claims: Claims, spreads: Array, discount: npt.NDArray[np.floating], sums: Array, first_path: int) -> None:
    """Refuse a block of paths with a number that cannot be.

    Parameters
    ----------
    claims : Claims
        What is valued: names and balances, and that of the collateral, USD.
    spreads : array
        (stream,) annual.
    discount : array
        (month 0..n, path).
    sums : array
        (stream, :data:`kernels.discounting.SUMS`, path).
    first_path : int
        Index of the block's first path, for the message.

    Raises
    ------
    PriceError
        A discount factor that is not a positive number; a claim that is paid and written down by more than its balance; a value
        above all that the pool can pay at the largest discount factor. NaN fails each.
    """
    n_months = discount.shape[0] - 1
    sound = (discount > 0) & (discount < np.inf)
    if not sound.all():
        month, path = np.argwhere(~sound)[0]
        raise PriceError(
            f"path {first_path + path}: the discount factor of month {month} is {discount[month, path]:g}; expected a positive "
            "number: the scenario is damaged, or rates.sigma is far outside what a short rate does"
        )
    value, _, principal, _, write_down = (sums[:, row] for row in range(len(SUMS)))
    balance = claims.original_balance[:, None]
    returned = np.where(balance > 0, principal + write_down, principal)
    most_returned = np.where(balance > 0, balance, _MOST_PAID * claims.backing) * (1 + claims.rounding)
    _refuse(
        claims, first_path, returned, most_returned, "principal and write-downs", "its balance; the pool's flows are damaged"
    )
    paid = claims.backing * (_MOST_PAID + _MOST_INTEREST * n_months / 12)
    largest = discount.max(axis=0)[None, :] * np.exp(np.maximum(-spreads * n_months / 12, 0))[:, None]
    _refuse(
        claims, first_path, value, paid * largest, "value",
        "all that the pool can pay times the largest discount factor; the interest paid or its discounting is damaged",
    )  # fmt: skip


def _refuse(claims: Claims, first_path: int, found: Array, most: Array, what: str, bound: str) -> None:
    unsound = ~(np.abs(found) <= most)
    if unsound.any():
        k, path = np.argwhere(unsound)[0]
        raise PriceError(
            f"{claims.each} {claims.names[k]}, path {first_path + path}: {what} of {found[k, path]:,.6g} USD, above "
            f"{np.broadcast_to(most, found.shape)[k, path]:,.6g}, {bound}; run it again, and if it stays, `mcsim verify` says "
            "whether the run's files are what was written"
        )
