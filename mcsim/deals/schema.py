"""Reading the deal language: a mapping becomes a :class:`~mcsim.deals.deal.Deal`, every problem noted, none raised here.

What fails to read still counts as declared, so that one mistake is not reported twice.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from mcsim.deals.deal import Account, Class, Coupon, Deal, Fee, Step, words_of_funds
from mcsim.deals.reader import Reader
from mcsim.deals.verbs import VERBS
from mcsim.errors import nearest, shown

NET_WAC, NONE, RESIDUAL = "net_wac", "none", "residual"

LARGEST_COUPON = 0.25
"""Annual; as in the checks of a tape: above this a rate is taken to be in percent."""
LARGEST_FEE = 0.05
"""Annual. Servicing, trustee and special servicing together stay below 1%: above 5% a fee is taken to be in percent."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


def read_deal(raw: Any, reader: Reader) -> Deal:
    """The deal that ``raw`` describes, as far as it can be read; what is wrong goes to ``reader``."""
    top = reader.mapping(raw, "")
    reader.keys(
        top,
        ("name", "description", "group", "groups", "overcollateralisation", "classes", "fees", "accounts", "steps"),
        "",
        required=("name", "classes", "steps"),
    )
    reader.groups = _read_groups(top, reader)
    _check_name(str(top.get("name", "unnamed")), "name", reader)
    return Deal(
        name=str(top.get("name", "unnamed")),
        groups=reader.groups,
        classes=tuple(_read_class(name, terms, reader) for name, terms in _named(top, "classes", reader)),
        fees=tuple(_read_fee(name, terms, reader) for name, terms in _named(top, "fees", reader)),
        accounts=tuple(_read_account(name, terms, reader) for name, terms in _named(top, "accounts", reader)),
        steps=_read_steps(top.get("steps", ()), reader),
        overcollateralisation=reader.number(
            top.get("overcollateralisation", 0.0), "overcollateralisation", 0.0, 1.0, "a share of the pool"
        ),
        description=str(top.get("description", "")),
        source=reader.source,
    )


def _read_groups(top: Mapping[str, Any], reader: Reader) -> tuple[str, ...]:
    """Groups of collateral: ``group`` names one, ``groups`` one or more."""
    given = [key for key in ("group", "groups") if key in top]
    if len(given) != 1:
        found = "both" if given else "neither"
        reader.problem("", f"give either 'group' or 'groups', the collateral the deal stands on; found {found}")
        return ("unnamed",)
    names = reader.names(top[given[0]], given[0]) or ("unnamed",)
    if given == ["group"] and len(names) > 1:
        reader.problem("group", f"names {len(names)} groups; write 'groups' for more than one")
    for name, count in Counter(names).items():
        _check_name(name, given[0], reader)
        if count > 1:
            reader.problem(given[0], f"group {name!r} stands there {count} times; name it once")
    return tuple(dict.fromkeys(names))


def _check_name(name: str, where: str, reader: Reader) -> None:
    if not _NAME.fullmatch(name):
        reader.problem(where, f"{name!r} is not a name; expected 1 to 64 letters, digits, points, hyphens or underscores")
    elif name in words_of_funds(reader.groups):
        reader.problem(where, f"{name!r} is a word of the language; choose another name")


def _named(top: Mapping[str, Any], section: str, reader: Reader) -> list[tuple[str, dict[str, Any]]]:
    entries = reader.mapping(top.get(section), section)
    for name in entries:
        _check_name(name, f"{section}.{name}", reader)
    return [(name, reader.mapping(terms, f"{section}.{name}")) for name, terms in entries.items()]


def _read_class(name: str, terms: Mapping[str, Any], reader: Reader) -> Class:
    where = f"classes.{name}"
    reader.keys(terms, ("share", "balance", "coupon"), where, required=("coupon",))
    coupon = _read_coupon(terms.get("coupon", "none"), f"{where}.coupon", reader)
    sizes = [key for key in ("share", "balance") if key in terms]
    if coupon.kind == "residual":
        if sizes:
            reader.problem(where, f"a residual has no {' or '.join(sizes)}; remove it, or give the class a coupon")
        return Class(name, coupon)
    if len(sizes) != 1:
        reader.problem(where, f"give either 'share' or 'balance'; found {' and '.join(sizes) or 'neither'}")
        return Class(name, coupon, share=math.nan)
    share = balance = None
    if sizes == ["share"]:
        share = reader.number(terms["share"], f"{where}.share", 0.0, 1.0, "a share of the pool's balance")
    else:
        balance = reader.number(terms["balance"], f"{where}.balance", 0.0, 1e13, "USD")
    if share == 0 or balance == 0:
        reader.problem(where, "has a balance of 0; remove the class, or make its coupon 'residual'")
    return Class(name, coupon, share, balance)


def _read_coupon(value: Any, where: str, reader: Reader) -> Coupon:
    unit = "an annual rate per unit (0.03 is 3%)"
    several = len(reader.groups) > 1  # the net WAC of a single group is the deal's
    of_group = {NET_WAC: ""} | {f"{group}.{NET_WAC}": group if several else "" for group in reader.groups}
    if isinstance(value, str):
        word = reader.choice(value, where, dict.fromkeys((NET_WAC, NONE, RESIDUAL, *of_group)))
        return Coupon(NET_WAC, group=of_group[word]) if word in of_group else Coupon(word)
    if not isinstance(value, Mapping):
        return Coupon("fixed", reader.number(value, where, 0.0, LARGEST_COUPON, f"{unit}, or {NET_WAC}, {NONE}, {RESIDUAL}"))
    reader.keys(value, ("rate", "cap"), where, required=("rate",))
    rate = reader.number(value.get("rate", 0.0), f"{where}.rate", 0.0, LARGEST_COUPON, unit)
    cap = reader.choice(value.get("cap", NET_WAC), f"{where}.cap", dict.fromkeys((NET_WAC, NONE, *of_group)))
    return Coupon("fixed", rate, cap != NONE, of_group.get(cap, ""))


def _read_fee(name: str, terms: Mapping[str, Any], reader: Reader) -> Fee:
    where = f"fees.{name}"
    reader.keys(terms, ("rate",), where, required=("rate",))
    unit = "an annual rate per unit (0.0002 is 2 basis points)"
    return Fee(name, reader.number(terms.get("rate", 0.0), f"{where}.rate", 0.0, LARGEST_FEE, unit))


def _read_account(name: str, terms: Mapping[str, Any], reader: Reader) -> Account:
    where = f"accounts.{name}"
    reader.keys(terms, ("initial", "target", "floor"), where, required=("target",))
    values = [
        reader.number(terms.get(key, 0.0), f"{where}.{key}", 0.0, 1.0, "a share of the pool's balance")
        for key in ("initial", "target", "floor")
    ]
    return Account(name, *values)


def _read_steps(raw: Any, reader: Reader) -> tuple[Step, ...]:
    if not isinstance(raw, list | tuple):
        reader.problem("steps", f"{shown(raw)} is not a list of steps")
        return ()
    steps = (_read_step(item, f"steps[{i}]", reader) for i, item in enumerate(raw, 1))
    return tuple(step for step in steps if step is not None)


def _read_step(raw: Any, where: str, reader: Reader) -> Step | None:
    terms = reader.mapping(raw, where)
    verbs = [key for key in terms if key in VERBS]
    if len(verbs) != 1:
        if len(verbs) > 1:
            reader.problem(where, f"has {len(verbs)} verbs, {' and '.join(verbs)}; make each a step of its own")
        elif terms:
            reader.problem(where, f"no verb in {', '.join(map(repr, terms))}{nearest(next(iter(terms)), VERBS)}")
        else:
            reader.problem(where, f"is empty; expected one of {', '.join(VERBS)}")
        return None
    name, where = verbs[0], f"{where} {verbs[0]}"
    verb = VERBS[name]
    reader.keys(terms, (name, *verb.options), where, required=verb.required)
    return verb.read(name, terms, where, reader)
