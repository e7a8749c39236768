"""What a model sees: a named tuple of just what it reads, each by the launcher's own way of loading it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kernels.behaviour.model import Model
from kernels.launchers.groups import ByModel
from kernels.loan_terms import Tables
from kernels.ops import Ops
from kernels.unrolled import build_tuple, named_tuple

MOST_NOTE_RATES = 64
"""Schedules of note rates of which a table is made: 64 of 30 years take 24 MB in float32, a third-level cache's share."""

LOANS_A_NOTE_RATE = 4
"""Loans for each schedule from which on its table pays: an entry is written and read for what it saves."""

Loaders = Mapping[str, Callable[..., Any]]
"""Of each observable and column: ``load(hand, p)``, where ``hand`` is what the launcher has at hand, ``p`` a lane."""


def build_see(ops: Ops, reads: Sequence[str], loaders: Loaders) -> Callable[..., Any]:
    """``see(hand, p)``: what is read, by name."""
    loads = {f"load_{name}": loaders[name] for name in reads}
    return build_tuple(ops, named_tuple("Seen", reads), "hand, p", "load_{name}(hand, p)", **loads)


def build_columns(ops: Ops, model: Model) -> Callable[..., Any]:
    """``columns_of(columns, loan)``: the loan's entries of (loan, column) by name."""
    names = model.column_names or ("none",)  # a named tuple that is compiled has a field
    each = "columns[loan, {i}]" if model.column_names else "zero"
    return build_tuple(ops, named_tuple("Columns", names), "columns, loan", each, zero=ops.real(0))


def build_rate(ops: Ops, model: Model, loaders: Loaders, known: Loaders | None = None) -> Callable[..., Any]:
    """``rate(hand, parameters, p)``: the model on what is at hand; ``parameters`` by name.

    Parts for which ``known`` has a way of loading are loaded, the others computed.
    """
    parts = {name: loader for name, loader in (known or {}).items() if name in model.parts}
    for name in model.parts:
        if name not in parts:
            parts[name] = build_part(ops, model, name, loaders)
    loads = {f"load_{name}": parts.get(name) or loaders[name] for name in model.reads}
    each = [f"load_{name}(hand, parameters, p)" if name in model.parts else f"load_{name}(hand, p)" for name in model.reads]
    see = build_tuple(ops, named_tuple("Seen", model.reads), "hand, parameters, p", each, **loads)
    formula = model.build(ops)

    @ops.function
    def rate(hand, parameters, p):  # type: ignore[no-untyped-def]
        return formula(see(hand, parameters, p), parameters)

    return rate  # type: ignore[no-any-return]


def build_part(ops: Ops, model: Model, name: str, loaders: Loaders) -> Callable[..., Any]:
    """``part(hand, parameters, p)``: one part of ``model``."""
    part = model.parts[name]
    formula, see = part.build(ops), build_see(ops, part.reads, loaders)

    @ops.function
    def value(hand, parameters, p):  # type: ignore[no-untyped-def]
        return formula(see(hand, p), parameters)

    return value  # type: ignore[no-any-return]


def tables_pay(models: ByModel, tables: Tables) -> bool:
    """Whether parts that vary by note rate, path and month are computed there, not loan by loan."""
    return a_table_pays(len(tables.reals), len(tables.note_rates)) and any(model.tabled for model in models)


def a_table_pays(n_loans: int, n_note_rates: int) -> bool:
    """Whether so many loans have so few schedules of note rates that a table of a part by these is worth its memory and time."""
    return n_note_rates <= MOST_NOTE_RATES and n_loans >= LOANS_A_NOTE_RATE * n_note_rates
