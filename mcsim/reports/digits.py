"""How many decimals a number with an error bar may show: one rule for the terminal, the notebook and the report."""

from __future__ import annotations

import math

EXACT = 3
"""Decimals of a number without an error bar: one path, or the same on every path."""

MOST = 6
_NOTHING = 0.5 * 10**-MOST
"""An error below this would show as 0: it is rounding, not chance."""


def decimals(standard_error: float) -> int:
    """Decimals of a number and of its standard error: those that show the error with two significant digits.

    One digit beyond the first that is uncertain: 99.48 ± 0.21, 65.0 ± 1.3, 103.5172 ± 0.0043. Not below 0, where the error is
    tens or more, nor above :data:`MOST`.

    >>> decimals(0.2), decimals(1.3), decimals(0.0043), decimals(250.0)
    (2, 1, 4, 0)
    """
    if not (math.isfinite(standard_error) and standard_error >= _NOTHING):
        return EXACT
    first = math.floor(math.log10(standard_error))
    # .0996 rounds to two digits as .10: the next power of ten
    first += round(standard_error / 10.0 ** (first - 1)) >= 100
    return min(max(1 - first, 0), MOST)
