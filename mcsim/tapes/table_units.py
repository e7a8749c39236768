"""Units of a table row by row: a value that is a hundredth, a thousandth or the sum of what stands beside it."""

from __future__ import annotations

import re

import numpy as np

from mcsim.tapes.checks import NEARLY_OVER, hundredth_of_the_rest, usual_of
from mcsim.tapes.table_fields import ARM_FIELDS, ARM_OPTIONS, LEAST, LIMITS
from mcsim.tapes.table_rows import Rows

_SOME = 5  # sizes: fewer have no usual one
_THOUSAND = 500.0  # times off the median, a thousand less what sizes of one tape differ by
# USD; a pool of smaller loans is more likely one in thousands, in millions.
_SMALL_BALANCE, _VERY_SMALL_BALANCE = 1_000.0, 30.0
_SHORT_TERM = 40  # the longest terms lent, in years
_TOTAL = re.compile(r"\W*(?:(?:grand|sub|pool|portfolio)[ _-]*)?(?:totals?|sum|averages?|weighted average)\W*", re.I)
_FEWEST = 3  # rows whose sum is no accident: of two, one is often the other
_CENT = 0.005  # USD; sums of cents in float64 are within it


def check_totals(rows: Rows) -> None:
    """Reject the lines of a spreadsheet that sum its rows; a last balance that is the sum of the others is said."""
    named = np.array([bool(_TOTAL.fullmatch(str(text))) for text in rows.ids()], dtype=bool)
    rows.reject("loan_id", named, "a line of totals; expected one row a loan")
    if len(rows) > _FEWEST:
        last = np.zeros(len(rows), dtype=bool)
        last[-1] = abs(rows.balance[-1] - rows.balance[:-1].sum()) < _CENT and not named[-1]
        rows.note("totals", "the last row's balance is the sum of the others: read as a loan; a line of totals?", last)


def check_rates(rows: Rows) -> None:
    """Reject rates of adjustable terms that are a hundredth of the others of their column; note rates and ratios of every tape
    are looked at by :func:`mcsim.tapes.checks.check`."""
    for name in (*ARM_FIELDS, *ARM_OPTIONS):
        if name not in LEAST:
            continue
        values = rows.number(name)
        given = np.isfinite(values) & (values > 0) & (values != LIMITS.get(name))
        reason = f"a hundredth of the column's median, {usual_of(values[given]):g} per unit; in another unit than the column?"
        rows.reject(name, hundredth_of_the_rest(values, LEAST[name], given), reason)


def check_sizes(rows: Rows, original: np.ndarray, left: np.ndarray) -> None:
    """Reject loans whose size is a thousandth of the others', or a thousand times it; what was lent counts, where it is given."""
    for name, values, open_ in (
        ("original_balance", original, np.zeros(len(rows), dtype=bool)),
        ("balance", rows.balance, ~np.isfinite(original) & ~(left <= NEARLY_OVER)),
    ):
        size = values / _loans(rows)
        given = np.isfinite(size) & (size > 0)
        if given.sum() < _SOME:
            continue
        usual = usual_of(size[given])
        off = (size < usual / _THOUSAND) | (size > usual * _THOUSAND)
        reason = f"the column's median is {usual:,.0f} USD; in another unit than the column?"
        rows.reject(name, given & off & (open_ | (name == "original_balance")), reason)
    paid_down = np.isfinite(original) & (rows.balance < original / _THOUSAND) & ~(left <= NEARLY_OVER)
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
