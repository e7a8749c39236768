"""How the report writes numbers and names: filters of its template, and figures of its headlines."""

from __future__ import annotations

import math
from typing import Any

from mcsim.reports.digits import amount, is_nothing, quantity

MILLION = 1e-6
NO_VALUE = "–"
FIGURE_SPACE = "\N{FIGURE SPACE}"  # as wide as a digit
CENTS = 0.01
_SMALL = 1e5
"""USD. Below, an amount is not told in millions."""
_INITIALS = {"sec", "cmbs", "rmbs", "mbs", "crt", "msr", "sfr", "slst", "cafl", "arm", "heo"}


def _number(template: str, factor: float = 1.0) -> Any:
    """Formatter: NaN and None become a dash, a minus sign is a minus sign."""

    def formatted(value: Any) -> str:
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return NO_VALUE
        text = template.format(value * factor)
        return text.replace("-", "\N{MINUS SIGN}") if any(c in "123456789" for c in text) else text.replace("-", "")

    return formatted


def compact(value: float) -> str:
    """USD in millions, for a headline."""
    return str(_number("{:,.1f} m" if abs(value) >= 1e7 else "{:,.2f} m", MILLION)(value))


def difference(value: float) -> str:
    """USD; in powers of ten where it is less than a cent."""
    if abs(value) >= CENTS:
        return f"{value:,.2f}"
    return "0" if value == 0 else f"{value:.1e}".replace("e-0", "e-").replace("-", "\N{MINUS SIGN}")


def title(name: str) -> str:
    """A name of the configuration as a heading: the field's initials in capitals."""
    words = [word.upper() if word in _INITIALS else word for word in name.split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def total(value: float, error: float) -> tuple[str, str]:
    """USD, in millions from 100,000 on: a number and its error as they are shown; without an error bar as the other headlines."""
    if max(abs(value), 0.0 if math.isnan(error) else error) < _SMALL:
        return amount(value, error)
    if is_nothing(error) or math.isnan(error):
        return compact(value), "" if math.isnan(error) else "0"
    number, its_error = quantity(value * MILLION, error * MILLION)
    return f"{number} m", f"{its_error} m"


def percent(value: float, error: float) -> tuple[str, str]:
    """A share and its error, both per unit, as they are shown."""
    number, its_error = quantity(100 * value, 100 * error)
    return f"{number} %", f"{its_error} %" if its_error else ""


def money(value: float) -> tuple[float, str]:
    """Scale and unit in which an amount has one to six digits before the point."""
    size = abs(value)
    return (MILLION, "USD m") if size >= 1e6 else (1e-3, "USD k") if size >= 1e3 else (1.0, "USD")


FORMATS = {
    "count": _number("{:,.0f}"),
    "usd": _number("{:,.0f}"),
    "compact": compact,
    "difference": difference,
    "number1": _number("{:,.1f}"),
    "number2": _number("{:,.2f}"),
    "number3": _number("{:,.3f}"),
    "number4": _number("{:,.4f}"),
    "percent1": _number("{:,.1f} %", 100),
    "percent2": _number("{:,.2f} %", 100),
    "percent3": _number("{:,.3f} %", 100),
    "share": _number("{:,.2f}", 100),
    "share1": _number("{:,.1f}", 100),
    "basis_points": _number("{:,.0f}", 1e4),
    "plain": str,
    "title": title,
    "words": lambda name: str(name).replace("_", " "),
}
"""Filters of the template."""
