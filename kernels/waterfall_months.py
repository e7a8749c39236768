"""The two ends of a deal's month on all paths: what comes into the registers, and what goes out of them."""

from __future__ import annotations

from collections.abc import Callable

from kernels.flows import FIELDS, N_FIELDS
from kernels.ops import Ops
from kernels.waterfall import build_collect, build_net_wac, build_rate_on
from kernels.waterfall_machine import Register


def build_begin(ops: Ops) -> Callable[..., None]:
    """``begin(wiring, banks, fee_rate, month, span, inputs, registers)``: each group's funds, and the net WAC they were earned at."""
    enter, collect, add_up = _build_enter(ops), _build_bank(ops), _build_whole(ops)

    @ops.function
    def begin(wiring, banks, fee_rate, month, span, inputs, registers):  # type: ignore[no-untyped-def]
        enter(wiring, month, span, inputs, registers)
        for group in range(banks.interest.shape[0]):
            collect(banks, group, fee_rate, month, span, inputs.pool, registers)
        if wiring.totals.shape[0] != 0:
            add_up(wiring, fee_rate, span.width, registers)

    return begin


def _build_enter(ops: Ops) -> Callable[..., None]:
    """Registers that start at 0; month tables and path rows into theirs."""
    lanes, at, zero = ops.lanes, ops.at, ops.real(0)

    @ops.function
    def enter(wiring, month, span, inputs, registers):  # type: ignore[no-untyped-def]
        width = span.width
        for i in range(wiring.clear.shape[0]):
            for p in lanes(width):
                registers[at(wiring.clear[i] * width, p)] = zero
        for i in range(wiring.tables.shape[0]):
            value = inputs.tables[i, min(month, inputs.tables.shape[1] - 1)]
            for p in lanes(width):
                registers[at(wiring.tables[i] * width, p)] = value
        for i in range(wiring.rows.shape[0]):
            source = (i * span.n_months + month) * span.n_paths + span.first
            for p in lanes(width):
                registers[at(wiring.rows[i] * width, p)] = inputs.rows[at(source, p)]

    return enter


def _build_row(ops: Ops) -> Callable[..., int]:
    """Position of a field's paths in the pool."""

    @ops.function
    def row(group, month, field, span):  # type: ignore[no-untyped-def]
        return ((group * span.n_months + month) * N_FIELDS + field) * span.n_paths + span.first

    return row


def _build_bank(ops: Ops) -> Callable[..., None]:
    """One group: its net WAC, its funds, its collateral."""
    collect, net_wac, row = build_collect(ops), build_net_wac(ops), _build_row(ops)
    lanes, at = ops.lanes, ops.at
    interest, advanced_interest, scheduled, advanced, prepaid, defaulted, recovery, loss, servicing = (
        FIELDS.index(name)
        for name in (
            "interest", "advanced_interest", "scheduled_principal", "advanced_principal", "prepaid_principal",
            "defaulted_balance", "recovery", "loss", "servicing_fee",
        )
    )  # fmt: skip

    @ops.function
    def bank(banks, group, fee_rate, month, span, pool, registers):  # type: ignore[no-untyped-def]
        width, n_paths = span.width, span.n_paths
        first = row(group, month, 0, span)
        collateral_at, pool_at = banks.collateral[group] * width, banks.pool[group] * width
        performing_at, wac_at = banks.performing[group] * width, banks.net_wac[group] * width
        earned_at, bearing_at = banks.earned[group] * width, banks.bearing[group] * width
        interest_at, principal_at = banks.interest[group] * width, banks.principal[group] * width
        collections_at = banks.collections[group] * width
        for p in lanes(width):
            # Before the collateral falls by what comes in.
            rate, earned, bearing = net_wac(
                pool[at(first + interest * n_paths, p)],
                pool[at(first + advanced_interest * n_paths, p)],
                pool[at(first + servicing * n_paths, p)],
                registers[at(collateral_at, p)],
                registers[at(pool_at, p)] - registers[at(performing_at, p)],
                pool[at(first + defaulted * n_paths, p)],
                fee_rate,
            )
            interest_funds, principal_funds, collections, collateral = collect(
                pool[at(first + interest * n_paths, p)] + pool[at(first + advanced_interest * n_paths, p)],
                pool[at(first + scheduled * n_paths, p)],
                pool[at(first + advanced * n_paths, p)],
                pool[at(first + prepaid * n_paths, p)],
                pool[at(first + recovery * n_paths, p)],
                pool[at(first + loss * n_paths, p)],
                pool[at(first + servicing * n_paths, p)],
                registers[at(collateral_at, p)],
            )
            registers[at(earned_at, p)] = earned
            registers[at(bearing_at, p)] = bearing
            registers[at(wac_at, p)] = rate
            registers[at(interest_at, p)] += interest_funds
            registers[at(principal_at, p)] += principal_funds
            registers[at(collections_at, p)] = collections
            registers[at(collateral_at, p)] = collateral

    return bank


def _build_whole(ops: Ops) -> Callable[..., None]:
    """What the groups' registers add up to, in their order; the net WAC of what all of them earn, over what bears it in each."""
    rate_on, lanes, at, zero = build_rate_on(ops), ops.lanes, ops.at, ops.real(0)
    earned, bearing, net_wac = int(Register.EARNED), int(Register.BEARING), int(Register.NET_WAC)

    @ops.function
    def whole(wiring, fee_rate, width, registers):  # type: ignore[no-untyped-def]
        for i in range(wiring.totals.shape[0]):
            total = wiring.totals[i] * width
            for p in lanes(width):
                registers[at(total, p)] = zero
            for group in range(wiring.parts.shape[1]):
                part = wiring.parts[i, group] * width
                for p in lanes(width):
                    registers[at(total, p)] += registers[at(part, p)]
        for p in lanes(width):
            rate = rate_on(registers[at(earned * width, p)], registers[at(bearing * width, p)], fee_rate)
            registers[at(net_wac * width, p)] = rate

    return whole


def build_close(ops: Ops) -> Callable[..., None]:
    """``close(wiring, banks, month, span, inputs, registers, out)``: results go out; each group's balances become the next month's."""
    lanes, at, row = ops.lanes, ops.at, _build_row(ops)
    balance, foreclosures = FIELDS.index("balance"), FIELDS.index("foreclosure_balance")

    @ops.function
    def close(wiring, banks, month, span, inputs, registers, out):  # type: ignore[no-untyped-def]
        width, pool = span.width, inputs.pool
        for i in range(wiring.stores.shape[0]):
            source, goal = wiring.stores[i] * width, (i * span.n_months + month) * span.n_paths + span.first
            for p in lanes(width):
                out[at(goal, p)] = registers[at(source, p)]
        for group in range(banks.interest.shape[0]):
            performing_row, foreclosed_row = row(group, month, balance, span), row(group, month, foreclosures, span)
            performing_at, pool_at = banks.performing[group] * width, banks.pool[group] * width
            for p in lanes(width):
                performing = pool[at(performing_row, p)]
                registers[at(performing_at, p)] = performing
                registers[at(pool_at, p)] = performing + pool[at(foreclosed_row, p)]

    return close
