"""Units of a table row by row: a value that is a hundredth or a thousandth of what stands beside it."""

from __future__ import annotations

import numpy as np

from mcsim.tapes.table_fields import LEAST, LIMITS
from mcsim.tapes.table_rows import Rows

_FEW, _SOME = 3, 5  # values: fewer have no usual rate, no usual size
_NEAR = 3.0  # times the median, either way: rates of one tape lie as near together
_FULL_SIZE = 0.1  # of the median balance: a loan that is nearly paid has a small ratio of its own
_THOUSAND = 500.0  # times off the median, a thousand less what sizes of one tape differ by
_SMALL_BALANCE, _VERY_SMALL_BALANCE = (
    1_000.0,
    30.0,
)  # USD; a pool of smaller loans is more likely one in thousands, in millions
_SHORT_TERM = 40  # the longest terms lent, in years
_NEARLY_OVER = 12  # months: the balance of a loan that ends may be of any size


def check_rates(rows: Rows) -> None:
    """Reject rates and ratios that are a hundredth of the others of their column: per unit where the others are in percent."""
    size = rows.balance / _loans(rows)
    full = ~(size < _FULL_SIZE * _median(size))
    for name, least in LEAST.items():
        values = rows.number(name)
        given = np.isfinite(values) & (values > 0) & (values != LIMITS.get(name))
        if given.sum() < _FEW:
            continue
        usual = _median(values[given])
        near = (values * 100 >= usual / _NEAR) & (values * 100 <= usual * _NEAR)
        reason = f"a hundredth of the column's median, {usual:g} per unit; in another unit than the column?"
        rows.reject(name, given & (values < least) & near & (full | (name not in ("ltv", "original_ltv"))), reason)


def check_sizes(rows: Rows, original: np.ndarray, left: np.ndarray) -> None:
    """Reject loans whose size is a thousandth of the others', or a thousand times it; what was lent counts, where it is given."""
    for name, values, open_ in (
        ("original_balance", original, np.zeros(len(rows), dtype=bool)),
        ("balance", rows.balance, ~np.isfinite(original) & ~(left <= _NEARLY_OVER)),
    ):
        size = values / _loans(rows)
        given = np.isfinite(size) & (size > 0)
        if given.sum() < _SOME:
            continue
        usual = _median(size[given])
        off = (size < usual / _THOUSAND) | (size > usual * _THOUSAND)
        reason = f"the column's median is {usual:,.0f} USD; in another unit than the column?"
        rows.reject(name, given & off & (open_ | (name == "original_balance")), reason)
    paid_down = np.isfinite(original) & (rows.balance < original / _THOUSAND) & ~(left <= _NEARLY_OVER)
    rows.note("units", "a balance of less than a five-hundredth of the original one: prepaid, or in another unit?", paid_down)


def note_units(rows: Rows, left: np.ndarray) -> None:
    """Units that may be meant otherwise: they read, and are unusual."""
    there = rows.balance[np.isfinite(rows.balance)]
    if len(there) and np.median(there) < _SMALL_BALANCE:
        most, unit = (
            (_VERY_SMALL_BALANCE, "millions") if np.median(there) < _VERY_SMALL_BALANCE else (_SMALL_BALANCE, "thousands")
        )
        text = f"half of the balances are under {most:,.0f} USD; in {unit}? unit: {unit}"
        rows.note("units", text, np.isfinite(rows.balance))
    if np.isfinite(left).sum() > 1 and np.nanmax(left) <= _SHORT_TERM:
        rows.note("units", "no loan has more than 40 payments left; in years? unit: years", np.isfinite(left))


def _loans(rows: Rows) -> np.ndarray:
    """How many loans a row stands for: one, where replines were split."""
    count = rows.number("count")
    return np.where((count > 1) & (not rows.mapping.split_replines), count, 1.0)


def _median(values: np.ndarray) -> float:
    there = values[np.isfinite(values)]
    return float(np.quantile(there, 0.5, method="lower")) if len(there) else float("nan")
