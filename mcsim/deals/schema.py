"""Reading the deal language: a mapping becomes a :class:`~mcsim.deals.deal.Deal`, every problem noted, none raised here.

What fails to read still counts as declared, so that one mistake is not reported twice.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcsim.deals.deal import BUCKETS, Account, Class, Coupon, Deal, Fee, Step
from mcsim.errors import nearest, shown

RULES = ("sequential", "pro_rata")
COVERS = ("interest", "losses")
COUPONS = ("net_wac", "none", "residual")
ALL = "all"

LARGEST_COUPON = 0.25
"""Annual; as in the checks of a tape: above this a rate is taken to be in percent."""
LARGEST_FEE = 0.05
"""Annual. Servicing, trustee and special servicing together stay below 1%: above 5% a fee is taken to be in percent."""

_LARGEST = sys.float_info.max  # a whole number beyond it is no float at all

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Verb:
    """A verb of the language: what it acts on, and the options it takes."""

    pays: str
    """``class``, ``fee`` or ``account``."""
    options: tuple[str, ...]
    required: tuple[str, ...]


VERBS = {
    "pay_fee": Verb("fee", ("from",), ("from",)),
    "pay_interest": Verb("class", ("from",), ("from",)),
    "pay_principal": Verb("class", ("from", "rule"), ("from", "rule")),
    "fund": Verb("account", ("from",), ("from",)),
    "draw": Verb("account", ("cover", "classes", "rule"), ("cover", "classes")),
    "write_down": Verb("class", (), ()),
    "release": Verb("class", ("from",), ("from",)),
}
"""A new verb is one entry here, one method of :class:`mcsim.deals.compiler._Compiler` and, where no instruction does it, one
instruction of :mod:`kernels.waterfall_paths`."""


@dataclass
class Reader:
    """Reads values and collects what is wrong with them. ``source`` names the deal's file in every message."""

    source: str
    problems: list[str] = field(default_factory=list)

    def problem(self, where: str, text: str) -> None:
        """Note one problem."""
        self.problems.append(f"{self.source}: {where}: {text}" if where else f"{self.source}: {text}")

    def keys(self, raw: Mapping[str, Any], known: Iterable[str], where: str, required: Iterable[str] = ()) -> None:
        """Unknown and missing keys."""
        known = tuple(known)
        for key in raw:
            if key not in known:
                self.problem(where, f"unknown key {key!r}{nearest(str(key), known)}")
        for key in required:
            if key not in raw:
                self.problem(where, f"{key!r} is missing; add it")

    def number(self, value: Any, where: str, low: float, high: float, unit: str) -> float:
        """A finite number in [low, high]; NaN where it is not."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
            self.problem(where, f"{shown(value)} is not a number; expected {unit}, {low:g} to {high:g}")
        elif not low <= value <= high:
            self.problem(where, f"{shown(value)} is out of range; expected {unit}, {low:g} to {high:g}")
        else:
            return float(value)
        return math.nan

    def choice(self, value: Any, where: str, known: Iterable[str]) -> str:
        """One of ``known``; the first of them where it is not."""
        known = tuple(known)
        if isinstance(value, str) and value in known:
            return value
        self.problem(where, f"{shown(value)} is not one of {', '.join(known)}{nearest(_text(value), known)}")
        return known[0]

    def mapping(self, value: Any, where: str) -> dict[str, Any]:
        """A mapping with text keys; empty where it is not."""
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return {str(key): item for key, item in value.items()}
        self.problem(where, f"{shown(value)} is not a mapping of names to their terms")
        return {}

    def names(self, value: Any, where: str) -> tuple[str, ...]:
        """One name or a list of them."""
        items = [value] if isinstance(value, str | int | float) and not isinstance(value, bool) else value
        if not isinstance(items, list | tuple) or not items:
            self.problem(where, f"{shown(value)} is not a name or a list of names")
            return ()
        return tuple(_text(item) for item in items)


def _text(value: Any) -> str:
    """A name as it was given, a number as it is written."""
    return value if isinstance(value, str) else shown(value)


def read_deal(raw: Any, reader: Reader) -> Deal:
    """The deal that ``raw`` describes, as far as it can be read; what is wrong goes to ``reader``."""
    top = reader.mapping(raw, "")
    reader.keys(
        top,
        ("name", "description", "group", "overcollateralisation", "classes", "fees", "accounts", "steps"),
        "",
        required=("name", "group", "classes", "steps"),
    )
    for key in ("name", "group"):
        _check_name(str(top.get(key, "unnamed")), key, reader)
    return Deal(
        name=str(top.get("name", "unnamed")),
        group=str(top.get("group", "unnamed")),
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


def _check_name(name: str, where: str, reader: Reader) -> None:
    if not _NAME.fullmatch(name):
        reader.problem(where, f"{name!r} is not a name; expected 1 to 64 letters, digits, points, hyphens or underscores")
    elif name in (*BUCKETS, ALL):
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
    if isinstance(value, str):
        return Coupon(reader.choice(value, where, COUPONS))
    if not isinstance(value, Mapping):
        return Coupon("fixed", reader.number(value, where, 0.0, LARGEST_COUPON, f"{unit}, or {', '.join(COUPONS)}"))
    reader.keys(value, ("rate", "cap"), where, required=("rate",))
    rate = reader.number(value.get("rate", 0.0), f"{where}.rate", 0.0, LARGEST_COUPON, unit)
    return Coupon("fixed", rate, reader.choice(value.get("cap", "net_wac"), f"{where}.cap", ("net_wac", "none")) == "net_wac")


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
    paid = reader.names(terms[name], where)
    rule = reader.choice(terms["rule"], f"{where}.rule", RULES) if "rule" in terms else "sequential"
    if name == "draw":
        return _read_draw(terms, paid, rule, where, reader)
    if name == "fund" and len(paid) != 1:
        reader.problem(where, f"funds one account at a time; found {len(paid)}")
    if name == "release" and len(paid) != 1:
        reader.problem(where, f"releases to one residual class; found {len(paid)}")
    sources = reader.names(terms["from"], f"{where}.from") if "from" in terms else ()
    sources = tuple(bucket for source in sources for bucket in (BUCKETS if source == ALL else (source,)))
    return Step(name, paid, sources, "pro_rata" if name == "pay_interest" else rule, where=where)


def _read_draw(terms: Mapping[str, Any], account: tuple[str, ...], rule: str, where: str, reader: Reader) -> Step:
    if len(account) != 1:
        reader.problem(where, f"draws on one account at a time; found {len(account)}")
    cover = reader.choice(terms.get("cover", "interest"), f"{where}.cover", COVERS)
    if cover == "interest" and "rule" in terms:
        reader.problem(where, "interest is always paid pro rata on what is due; remove 'rule'")
    classes = reader.names(terms["classes"], f"{where}.classes") if "classes" in terms else ()
    return Step("draw", classes, account, "pro_rata" if cover == "interest" else rule, cover, where)
