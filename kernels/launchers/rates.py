"""A model's loop over the paths of one loan in one month, on ``cpu``: compiled and kept by itself, whatever it is combined with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kernels.behaviour.model import Model
from kernels.dynamics.hazard import build_in_force
from kernels.launchers.here import build_allowed, column_loaders, here_loaders
from kernels.launchers.rows import Work
from kernels.launchers.seeing import Loaders, build_columns, build_part, build_rate
from kernels.observables import PATH, varies_by
from kernels.ops import Ops
from kernels.speeds import SHORT_MOST, build_log_survival, build_monthly, build_short_monthly, build_to_monthly
from kernels.unrolled import build_each, build_expression

RATE_ROW = {"prepayment": Work.SMM, "default": Work.MDR, "severity": Work.SEVERITY}
"""Where each kind of model leaves its rate."""


class Hand(NamedTuple):
    """What a model's loop has at hand."""

    here: Any
    rows: Any
    work: Any
    columns: Any
    parts: Any


def build_rate_loop(ops: Ops, width: int, kind: str, model: Model) -> Callable[..., None]:
    """``loop(here, rows, work, inputs)``: the monthly rate of ``model`` in force, into its row of ``work``.

    ``here`` is :class:`kernels.launchers.here.Here`, ``rows`` the scenario's, ``inputs`` :class:`kernels.launchers.groups.Inputs`.
    A rate that is the same on every path is computed once; an annual model's rate is converted.
    """
    fill = (_build_fill_one if _same_on_every_path(model) else _build_fill)(ops, width, kind, model)
    parameters_of, columns_of = model.build_parameters(ops), build_columns(ops, model)

    def loop(here, rows, work, inputs):  # type: ignore[no-untyped-def]
        hand = Hand(here, rows, work, columns_of(inputs.columns, here.loan), inputs.parts)
        fill(hand, parameters_of(inputs.parameters))

    return loop


def build_part_table(ops: Ops, width: int, model: Model) -> Callable[..., None]:
    """``table(note_rates, market, inputs)``: parts of ``model`` by month, row of ``note_rates`` and path, into ``inputs.parts``."""
    parameters_of, loaders = (
        model.build_parameters(ops),
        {**here_loaders(ops), "note_rate": build_expression(ops, "hand, p", "hand.note_rate")},
    )
    fills = {
        f"fill_{name}": _build_fill_part(ops, width, build_part(ops, model, name, loaders), k)
        for k, name in enumerate(model.tabled)
    }
    arguments = "note_rates, market, parameters, parts"
    fill_all = build_each(ops, list(fills), arguments, f"{{name}}({arguments})", **fills)

    def table(note_rates, market, inputs):  # type: ignore[no-untyped-def]
        fill_all(note_rates, market, parameters_of(inputs.parameters), inputs.parts)

    return table


def part_table_size(model: Model, width: int, n_months: int, n_note_rates: int) -> int:
    """Elements of the table."""
    return len(model.tabled) * n_months * n_note_rates * width


class AMonth(NamedTuple):
    """As :class:`kernels.launchers.here.Here`, without a loan."""

    month: Any
    calendar_month: Any
    market: Any
    stride: Any


class AtRate(NamedTuple):
    """What a part has at hand where its table is made."""

    here: Any
    rows: Any
    note_rate: Any


def _build_fill_part(ops: Ops, width: int, part: Callable[..., Any], k: int) -> Callable[..., None]:
    lanes, at = ops.lanes, ops.at

    @ops.function
    def fill(note_rates, market, parameters, parts):  # type: ignore[no-untyped-def]
        n_note_rates, n_months = note_rates.shape
        for month in range(1, n_months + 1):
            here = AMonth(month, (market.calendar_month + month - 1) % 12, (month - 1) * market.n_rows * width, width)
            for row in range(n_note_rates):
                hand = AtRate(here, market.rows, note_rates[row, month - 1])
                place = ((k * n_months + month - 1) * n_note_rates + row) * width
                for p in lanes(width):
                    parts[at(place, p)] = part(hand, parameters, p)

    return fill  # type: ignore[no-any-return]


def _same_on_every_path(model: Model) -> bool:
    """Of any loan: the note rate of some differs by path."""
    return PATH not in varies_by(model.observes) and "note_rate" not in model.observes


def _build_fill_one(ops: Ops, width: int, kind: str, model: Model) -> Callable[..., None]:
    """One rate for all paths."""
    rate, in_force = build_rate(ops, model, _loaders(ops, width, kind, model)), build_in_force(ops, model.bounded)
    allowed, to_monthly, lanes, at, row = (
        build_allowed(ops, kind),
        build_to_monthly(ops),
        ops.lanes,
        ops.at,
        RATE_ROW[kind] * width,
    )
    annual = model.annual

    @ops.function
    def fill(hand, parameters):  # type: ignore[no-untyped-def]
        value = in_force(rate(hand, parameters, 0), allowed(hand.here))
        if annual:
            value = to_monthly(value)
        work = hand.work
        # The row is this model's alone and holds one number, or NaN before the first: it is written where that changes.
        if work[row] != value:
            for p in lanes(width):
                work[at(row, p)] = value

    return fill  # type: ignore[no-any-return]


def _build_fill(ops: Ops, width: int, kind: str, model: Model) -> Callable[..., None]:
    """A rate for each path: with tabled parts loaded where there is a table, else computed."""
    loaders = _loaders(ops, width, kind, model)
    known = {name: _load_part(ops, width, k) for k, name in enumerate(model.tabled)}
    inline = _build_fill_rate(ops, width, kind, model, build_rate(ops, model, loaders), False)
    if not known:
        return inline
    tabled = _build_fill_rate(ops, width, kind, model, build_rate(ops, model, loaders, known), True)

    @ops.function
    def fill(hand, parameters):  # type: ignore[no-untyped-def]
        if hand.here.part >= 0:
            tabled(hand, parameters)
        else:
            inline(hand, parameters)

    return fill  # type: ignore[no-any-return]


def _build_fill_rate(
    ops: Ops, width: int, kind: str, model: Model, rate: Callable[..., Any], brief: bool
) -> Callable[..., None]:
    """The rates into their row, an annual model's by way of row ANNUAL.

    Of a ``brief`` formula in one loop with the short form of the monthly rate; else in two, of which the processor overlaps more.
    """
    row, raw, annual = RATE_ROW[kind] * width, Work.ANNUAL * width, model.annual
    in_force, allowed_of, lanes, at = build_in_force(ops, model.bounded), build_allowed(ops, kind), ops.lanes, ops.at
    short, beyond_short, to_integer, none = build_short_monthly(ops), _build_beyond_short(ops), ops.to_integer, ops.integer(0)
    shorten, lengthen = _build_shorten_row(ops, width, row), _build_lengthen_row(ops, width, row)
    first = raw if annual else row

    @ops.function
    def apart(hand, parameters):  # type: ignore[no-untyped-def]
        allowed, work = allowed_of(hand.here), hand.work
        for p in lanes(width):
            work[at(first, p)] = in_force(rate(hand, parameters, p), allowed)
        if annual and shorten(work) != none:
            lengthen(work)

    @ops.function
    def together(hand, parameters):  # type: ignore[no-untyped-def]
        allowed, work, beyond = allowed_of(hand.here), hand.work, none
        for p in lanes(width):
            value = in_force(rate(hand, parameters, p), allowed)
            work[at(row, p)] = short(value)
            beyond = to_integer(beyond | beyond_short(value))
        if beyond != none:
            apart(hand, parameters)

    return together if annual and brief else apart  # type: ignore[no-any-return]


def _build_beyond_short(ops: Ops) -> Callable[..., Any]:
    """``beyond(annual)``: 1 where the short form of the monthly rate does not hold, NaN among them, else 0."""
    where, most, none, one = ops.where, ops.real(SHORT_MOST[ops.precision]), ops.integer(0), ops.integer(1)

    @ops.function
    def beyond(annual):  # type: ignore[no-untyped-def]
        return where(annual <= most, none, one)

    return beyond


def _build_shorten_row(ops: Ops, width: int, row: int) -> Callable[..., Any]:
    """The monthly rates of those in row ANNUAL into ``row`` by the short form; whether it holds not for all: not 0."""
    short, beyond_short = build_short_monthly(ops), _build_beyond_short(ops)
    lanes, at, to_integer, raw, none = ops.lanes, ops.at, ops.to_integer, Work.ANNUAL * width, ops.integer(0)

    @ops.function
    def shorten(work):  # type: ignore[no-untyped-def]
        beyond = none
        for p in lanes(width):
            annual = work[at(raw, p)]
            work[at(row, p)] = short(annual)
            beyond = to_integer(beyond | beyond_short(annual))
        return beyond

    return shorten


def _build_lengthen_row(ops: Ops, width: int, row: int) -> Callable[..., None]:
    """The monthly rates of those in row ANNUAL into ``row``, by the form that holds: two loops."""
    log_survival, monthly, short = build_log_survival(ops), build_monthly(ops), build_short_monthly(ops)
    lanes, at, where, raw, most = ops.lanes, ops.at, ops.where, Work.ANNUAL * width, ops.real(SHORT_MOST[ops.precision])

    @ops.function
    def lengthen(work):  # type: ignore[no-untyped-def]
        for p in lanes(width):
            work[at(row, p)] = log_survival(work[at(raw, p)])
        for p in lanes(width):
            annual = work[at(raw, p)]
            work[at(row, p)] = where(annual <= most, short(annual), monthly(work[at(row, p)], annual))

    return lengthen


def _loaders(ops: Ops, width: int, kind: str, model: Model) -> Loaders:
    """All that the model may read, from :class:`Hand`."""
    ltv = Work.DEFAULTED_LTV if kind == "severity" else Work.LTV
    of_path = {"note_rate": Work.NOTE_RATE, "balance_factor": Work.BALANCE_FACTOR, "ltv": ltv}
    of_work = {name: _load_work(ops, row * width) for name, row in of_path.items()}
    return {**here_loaders(ops), **column_loaders(ops, model.column_names), **of_work}


def _load_work(ops: Ops, row: int) -> Callable[..., Any]:
    at = ops.at

    @ops.function
    def load(hand, p):  # type: ignore[no-untyped-def]
        return hand.work[at(row, p)]

    return load  # type: ignore[no-any-return]


def _load_part(ops: Ops, width: int, k: int) -> Callable[..., Any]:
    at = ops.at

    @ops.function
    def load(hand, parameters, p):  # type: ignore[no-untyped-def]
        return hand.parts[at((k * hand.here.part_size + hand.here.part) * width, p)]

    return load  # type: ignore[no-any-return]
