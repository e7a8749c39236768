"""The table of flow fields: what a loan pays and owes in a month, USD. Sums, stores and names follow from it.

A new field is a row here and its formula in :mod:`kernels.dynamics.hazard`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernels.ops import Ops
from kernels.unrolled import build_each, build_tuple, named_tuple

FLOWS: dict[str, str] = {
    "balance": "performing balance at the end of the month",
    "foreclosure_balance": "balance in foreclosure at the end of the month",
    "interest": "interest paid by performing loans, before servicing fee",
    "advanced_interest": "interest advanced by the servicer on loans in foreclosure, net of its fee",
    "scheduled_principal": "scheduled principal paid by performing loans, balloons included",
    "advanced_principal": "scheduled principal advanced by the servicer on loans in foreclosure",
    "prepaid_principal": "voluntary prepayments",
    "defaulted_balance": "balance that defaults, before the month's scheduled principal",
    "recovery": "proceeds of liquidations, the liquidated balance less the loss",
    "loss": "principal lost at liquidation",
    "servicing_fee": "servicing and trustee fee on the balance that pays interest",
}
"""Name to meaning."""

FIELDS: tuple[str, ...] = tuple(FLOWS)
N_FIELDS = len(FIELDS)

Flows = named_tuple("Flows", FIELDS, __name__)
"""Flows of one loan in one month, by name."""


def build_no_flows(ops: Ops) -> Callable[..., Any]:
    """``no_flows()``: zeros."""
    return build_tuple(ops, Flows, "", "zero", zero=ops.real(0))


def build_add_flows(ops: Ops) -> Callable[..., Any]:
    """``add(a, b)``: field by field."""
    return build_tuple(ops, Flows, "a, b", "a.{name} + b.{name}")


def build_add_to_rows(ops: Ops, width: int) -> Callable[..., None]:
    """``add(rows, p, flows)``: to lane ``p`` of flat (field, path)."""
    return build_each(ops, FIELDS, "rows, p, flows", "rows[at({i} * width, p)] += flows.{name}", at=ops.at, width=width)


def build_store_flows(ops: Ops) -> Callable[..., None]:
    """``store(out, first, stride, flows)``: into ``out`` from ``first`` on, ``stride`` elements apart."""
    return build_each(ops, FIELDS, "out, first, stride, flows", "out[first + {i} * stride] = flows.{name}")
