"""The loan months of a block of loans on a block of paths, ready to call, on ``numpy`` and ``cpu``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernels.behaviour import KINDS
from kernels.behaviour.model import Model
from kernels.launch import cache_key, compile_launcher
from kernels.launchers.arrays import build_loan_arrays
from kernels.launchers.groups import ByModel, Inputs, LoanSums, Market, Scratch
from kernels.launchers.seeing import tables_pay
from kernels.loan_terms import Tables
from kernels.ops import Ops

Simulate = Callable[..., None]
"""``simulate(inputs, tables, market, scratch, pool)``, and with a last argument :class:`LoanSums` each loan's sums over paths.

``inputs`` are :class:`ByModel` of :class:`Inputs`; ``pool`` is flat (month 1..n, field, path) float64 and added to."""


def chosen(names: ByModel) -> ByModel:
    """The models of these names."""
    return ByModel(*(KINDS[kind][name] for kind, name in names._asdict().items()))


def build_loan_block(ops: Ops, width: int, names: ByModel, decrement: str, loan_sums: bool = False) -> Simulate:
    """:data:`Simulate` for models, by name, and ``width`` paths; on ``numpy`` as many as the market has."""
    if ops.target == "numpy":
        return build_loan_arrays(ops, chosen(names), decrement)
    return _compiled(ops, width, names, decrement, loan_sums)


def _compiled(ops: Ops, width: int, names: ByModel, decrement: str, loan_sums: bool) -> Simulate:
    """The driver, which knows no model, and the models' loops, each compiled and kept by itself."""
    from kernels.launchers.cpu import Loops
    from kernels.launchers.rates import part_table_size

    models = chosen(names)
    prepayment, default, severity = (rate_loop(ops, width, kind, name) for kind, name in names._asdict().items())
    fills = [_part_table(ops, width, kind, name) for kind, name in names._asdict().items()]
    drive = compile_launcher(ops, *driver(ops, width, decrement, loan_sums), writes=())

    def simulate(inputs: ByModel, tables: Tables, market: Market, scratch: Scratch, pool: Any, *of_loans: LoanSums) -> None:
        n_note_rates, n_months = tables.note_rates.shape
        with_parts = tables_pay(models, tables)
        if with_parts:
            sizes = (part_table_size(model, width, n_months, n_note_rates) for model in models)
            inputs = ByModel(*(x._replace(parts=np.empty(n, ops.real)) for x, n in zip(inputs, sizes, strict=True)))
            for fill, of_model in zip(fills, inputs, strict=True):
                if fill is not None:
                    fill(width, tables.note_rates, market, of_model)
        loops = Loops(prepayment, default, severity, _wanted(models, with_parts), with_parts)
        drive(width, loops, inputs, tables, market, scratch, pool, *of_loans)

    return simulate


def driver(ops: Ops, width: int, decrement: str, loan_sums: bool) -> tuple[Callable[..., None], str]:
    """What runs the loan months, and its name in the disk cache."""
    from kernels.launchers.cpu import build_simulate, build_simulate_and_sum

    build = build_simulate_and_sum if loan_sums else build_simulate
    return build(ops, width, decrement), f"{build.__name__}-{decrement}-{width}"


def model_loop(ops: Ops, width: int, kind: str, name: str) -> tuple[Callable[..., None], str]:
    """A model's loop, and its name in the disk cache."""
    from kernels.launchers.rates import build_rate_loop

    return build_rate_loop(ops, width, kind, KINDS[kind][name]), f"rate-{kind}-{name}-{width}"


def _wanted(models: ByModel, with_parts: bool) -> Any:
    """What some model reads by path: of the note rate nothing where every part that reads it has a table."""
    from kernels.launchers.cpu import Wanted

    direct = {name for model in models for name in model.reads}
    of_parts = {
        name
        for model in models
        for part, piece in model.parts.items()
        if not (with_parts and part in model.tabled)
        for name in piece.reads
    }
    return Wanted(*(name in direct | of_parts for name in Wanted._fields))


def rate_arguments(ops: Ops) -> tuple[Any, ...]:
    """Arguments of the types that every model's loop takes."""
    from kernels.launchers.here import Here

    real, whole = ops.real(0), np.zeros(1, ops.real)
    here = Here(0, 0, 0, real, real, real, real, real, 0, 0, 0, 0, 0)
    return here, whole, whole, Inputs(whole, np.zeros((1, 1), ops.real), whole)


def rate_loop(ops: Ops, width: int, kind: str, name: str) -> Any:
    """A model's loop as a function that the driver takes whatever the model: it knows its signature alone."""
    return first_class(ops, *model_loop(ops, width, kind, name), rate_arguments(ops))


def _part_table(ops: Ops, width: int, kind: str, name: str) -> Any:
    from kernels.launchers.rates import build_part_table

    model: Model = KINDS[kind][name]
    if not model.tabled:
        return None
    return compile_launcher(ops, build_part_table(ops, width, model), f"parts-{kind}-{name}-{width}", writes=())


def first_class(ops: Ops, function: Callable[..., None], key: str, arguments: tuple[Any, ...]) -> Any:
    """``function`` compiled for arguments like these, as a value that compiled code can be handed."""
    from kernels.cache import cached_njit
    from kernels.processor import load_numba

    numba = load_numba()
    from numba.core.types.function_type import CompileResultWAP

    dispatcher: Any = cached_njit(function, cache_key(ops, key))
    signature = tuple(numba.typeof(argument) for argument in arguments)
    dispatcher.compile(signature)
    return CompileResultWAP(dispatcher.overloads[signature])
