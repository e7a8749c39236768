"""Settings that a user gave and no part of the run would read: the table of who reads what is ``READ_BY`` in mcsim/ranges.py."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mcsim.errors import shown
from mcsim.layouts import home
from mcsim.overrides import read_overrides
from mcsim.ranges import READ_BY
from mcsim.references import ABSENT, leaf_names, select

if TYPE_CHECKING:
    from mcsim.settings import Settings


_DEFAULT = "pricing.spreads.default"


def unread(
    raw: Mapping[str, Any], given: Mapping[str, str], doubtful: Collection[str] = ()
) -> tuple[tuple[str, ...], list[str]]:
    """Settings that the user gave and no part of the run would read, and what is said of them; none by a doubtful choice."""
    names, problems = [], []
    for key, file in given.items() if "campaign" not in doubtful else ():
        place = home(key)
        part = key.removesuffix(place)  # of a book; empty where there is one of each
        for name, by in READ_BY.items():
            if f"{part}{by.choice.partition('.')[0]}" in doubtful or not f"{place}.".startswith(f"{name}."):
                continue
            value, choice = select(raw, key), select(raw, f"{part}{by.choice}")
            says_nothing = value is ABSENT or value is None or value == by.same
            if not says_nothing and choice is not ABSENT and not by.holds(choice):
                where = f"{file}: " if file else ""
                problems.append(
                    f"{where}{key} = {shown(value)}: {part}{by.choice}={choice} does not read it; choose {by.told(part)}, or leave "
                    f"{key} out"
                )
                names.append(f"{part}{name}")
        # In a file it says what classes of other deals would have; given alone it is meant for one of this deal.
        if place == _DEFAULT and not file and not {*doubtful} & {f"{part}deal", f"{part}pricing"}:
            spreads = select(raw, f"{part}pricing.spreads")
            if unused_default(spreads, select(raw, f"{part}deal.classes")):
                problems.append(f"{key} = {shown(spreads['default'])}: every class has a spread of its own; leave it out")
    return tuple(names), problems


def unused_default(spreads: Any, classes: Any) -> bool:
    """True where every class of the deal has a spread of its own."""
    if not isinstance(spreads, Mapping) or not isinstance(classes, Mapping) or "default" not in spreads:
        return False
    return bool(classes) and all(name in spreads for name in classes)


def without_effect(settings: Settings, loans: Mapping[str, Any], overrides: Sequence[str]) -> list[str]:
    """What to say of settings given for this run alone that its loans or its models leave unread; the run goes on.

    Parameters
    ----------
    settings : Settings
        The run's, as the user gave them.
    loans : mapping of str to mcsim.loans.Loans
        By collateral.
    overrides : sequence of str
        What the user gave; settings in option files serve other runs too, and are passed over.
    """
    given = [name for word in read_overrides(overrides, []) for name in leaf_names(word.value, word.key)]
    return [
        f"{key}: given, but changes no price of this run: {why}"
        for name, why in _unread_by_loans_and_models(settings, loans)
        for key in given
        if f"{key}.".startswith(name if name.endswith((".", "_")) else f"{name}.")
    ]


def _unread_by_loans_and_models(settings: Settings, loans: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names of settings, or how they begin, each with the reason why nothing reads them."""
    from kernels.behaviour import KINDS

    behaviours = [collateral.behaviour for collateral in settings.collaterals.values()]
    read = {what for kind in KINDS for own in behaviours for what in KINDS[kind][getattr(own, kind).model].needs}
    rates, prices = settings.rates, settings.home_prices
    for name, collateral in settings.collaterals.items():
        if not (abs(loans[name].servicing_rate - collateral.portfolio.servicing_rate) < 1e-12).any():
            own_fees = f"{settings.where('collaterals', name)}portfolio.servicing_rate"
            yield own_fees, "every loan has a servicing fee of its own"
    if not any(own.adjustable.any() for own in loans.values()):
        yield "rates.index_tenor_years", "no loan has an adjustable rate"
    if "mortgage_rate" not in read:
        yield "rates.mortgage_", "none of its models reads the mortgage rate"
    elif rates.mortgage_residual is not None:
        yield "rates.mortgage_rate", "rates.mortgage_residual is given, which is taken in its place"
        if rates.mortgage_residual == 0:
            yield "rates.mortgage_residual_half_life_months", "rates.mortgage_residual is 0, and stays it"
    sources = {collateral.portfolio.source for collateral in settings.collaterals.values()}
    marked = bool(sources & {"fannie_acquisition", "table"})  # to the cut-off, by the history
    if "home_price_index" not in read and not marked:
        yield "home_prices.", "none of its models reads home prices"
    elif prices.initial_gap is not None:
        for trend in ("home_prices.trend_from", "home_prices.trend_to"):
            yield trend, "home_prices.initial_gap is given, which is taken in the place of the gap from the trend"
    started = None not in (prices.initial_growth_quarterly, prices.initial_gap)
    if "home_price_index" in read and started and not marked:
        yield (
            "home_prices.history_file",
            "initial_growth_quarterly and initial_gap are given, and no loan is marked by the history",
        )
    if rates.curve != settings.market_date and (started or "home_price_index" not in read):
        yield "market_date", "the curve has a date of its own or is flat, and home prices do not start from it"
