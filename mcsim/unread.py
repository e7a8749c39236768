"""Settings that a user gave and no part of the run would read: the table of who reads what is ``READ_BY`` in mcsim/ranges.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcsim.errors import shown
from mcsim.ranges import READ_BY
from mcsim.references import ABSENT, select


def unread(raw: Mapping[str, Any], given: Mapping[str, str]) -> tuple[tuple[str, ...], list[str]]:
    """Settings that the user gave and no part of the run would read, and what is said of them."""
    names, problems = [], []
    for key, file in given.items():
        for name, by in READ_BY.items():
            value, choice = select(raw, key), select(raw, by.choice)
            says_nothing = value is ABSENT or value is None or value == by.same
            if f"{key}.".startswith(f"{name}.") and not says_nothing and choice is not ABSENT and not by.holds(choice):
                where = f"{file}: " if file else ""
                problems.append(
                    f"{where}{key} = {shown(value)}: {by.choice}={choice} does not read it; choose {by}, or leave {key} out"
                )
                names.append(name)
    spreads, default = select(raw, "pricing.spreads"), "pricing.spreads.default"
    # In a file it says what classes of other deals would have; given alone it is meant for one of this deal.
    if given.get(default) == "" and unused_default(spreads, select(raw, "deal.classes")):
        problems.append(f"{default} = {shown(spreads['default'])}: every class has a spread of its own; leave it out")
    return tuple(names), problems


def unused_default(spreads: Any, classes: Any) -> bool:
    """True where every class of the deal has a spread of its own."""
    if not isinstance(spreads, Mapping) or not isinstance(classes, Mapping) or "default" not in spreads:
        return False
    return bool(classes) and all(name in spreads for name in classes)
