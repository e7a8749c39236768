"""What a number with an error bar may show, and what is nothing: one rule for the terminal, the notebook and the report."""

from __future__ import annotations

import math

EXACT = 3
"""Decimals of a number without an error bar: one path, or the same on every path."""

MOST = 6
_NOTHING = 0.5 * 10**-MOST
"""An error below this would show as 0: it is rounding, not chance."""


HALF_CENT = 0.005
"""USD. The waterfall is right to the cent (docs/report.md): an amount below half of one is rounding."""

_WHOLE = 100.0
"""USD. From here on an amount without an error bar is shown without cents."""


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


def quantity(value: float, standard_error: float) -> tuple[str, str]:
    """A number and its standard error as they are shown: with :func:`decimals`, an error that is rounding as ``0``.

    The error is blank where there is none, as with one path.

    >>> quantity(0.01408, 0.00052), quantity(10.0, 1e-18)
    (('0.01408', '0.00052'), ('10.000', '0'))
    """
    error = "" if math.isnan(standard_error) else "0"
    places = decimals(standard_error)
    if standard_error >= _NOTHING:
        error = f"{standard_error:,.{places}f}"
    return f"{value:,.{places}f}", error


def amount(value: float, standard_error: float) -> tuple[str, str]:
    """As :func:`quantity`, for USD: less than half a cent is 0, and one without an error bar has cents below 100 USD alone.

    >>> amount(0.2031, 0.0142), amount(1.4e-8, 1e-9), amount(994771.2, 213.0), amount(12.5, 0.0)
    (('0.203', '0.014'), ('0', '0'), ('994,771', '213'), ('12.50', '0'))
    """
    if standard_error >= HALF_CENT:
        return quantity(value, standard_error)
    whole = abs(value) >= _WHOLE or is_nothing(value)
    error = "" if math.isnan(standard_error) else "0"
    return f"{0.0 if is_nothing(value) else value:,.{0 if whole else 2}f}", error


def is_nothing(*amounts: float) -> bool:
    """Whether every amount, USD, is below half a cent."""
    return all(abs(value) < HALF_CENT for value in amounts)
