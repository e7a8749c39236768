"""Price, value and average life of each stream, with Monte Carlo standard errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.discounting import SUMS, build_present_values
from kernels.launch import compile_launcher
from kernels.ops import make_ops
from mcsim.errors import InputError, nearest, shown
from mcsim.path_means import standard_error
from mcsim.ranges import RANGES
from mcsim.streams import Claims, Streams
from mcsim.valuation.bounds import check_sums

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT = "default"
SPREAD = RANGES["pricing.spreads.*"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Prices:
    """One entry a stream, in the order of ``names``; named, with units, as in :data:`mcsim.variables.GROUPS`.

    NaN where a figure has no meaning: the price of a claim without balance, the average life of one without principal, every
    standard error on a single path.
    """

    names: tuple[str, ...]
    price: Array
    price_standard_error: Array
    value: Array
    value_standard_error: Array
    wal: Array
    wal_standard_error: Array
    spread: Array
    original_balance: Array
    principal_loss: Array
    interest_share: Array


class _Block(NamedTuple):
    first_path: int
    sums: Array


class Pricer:
    """Values streams, one block of paths after the other.

    On a path a stream is worth the ``sum over months of (interest + principal) x discount factor x exp(-spread month / 12)``; its
    value is the mean over paths. What is kept is five sums a path and stream (:data:`kernels.discounting.SUMS`, 40
    bytes): the means are taken over all paths at the end, so they do not depend, to the last bit, on how paths were blocked.

    Parameters
    ----------
    claims : Claims
        What the streams are of.
    spreads : mapping
        Annual spread over the path's short rate, continuously compounded, by name; ``default`` for the rest.
    target : str
        ``cpu`` or ``numpy``: the same bits.

    Raises
    ------
    InputError
        If a spread is for none of the claims or not in :data:`SPREAD`, or a claim has none.
    """

    def __init__(self, claims: Claims, spreads: Mapping[str, Any], target: str = "cpu") -> None:
        self._claims, self._target = claims, target
        self._spreads = _spreads(claims, spreads)
        self._blocks: list[_Block] = []

    def add(self, streams: Streams, discount: npt.NDArray[np.floating], first_path: int | None = None) -> None:
        """Add a block of paths. From any thread where ``first_path`` is given.

        Parameters
        ----------
        streams : Streams
            Months 1..n.
        discount : array
            (month 0..n, path) discount factors at the end of each month, in either precision; months after the streams' last are
            not looked at.
        first_path : int, optional
            Index of the block's first path, where blocks do not come in order; else they follow one another.

        Raises
        ------
        PriceError
            If a number cannot be (:func:`mcsim.valuation.bounds.check_sums`).
        """
        n_streams, n_months, n_paths = streams.interest.shape
        discount = discount[: n_months + 1]
        if discount.shape != (n_months + 1, n_paths):
            raise ValueError(f"discount has shape {discount.shape}; expected {(n_months + 1, n_paths)}")
        sums = np.zeros((n_streams, len(SUMS), n_paths))
        _launcher(self._target)(
            n_paths, _flat(streams.interest), _flat(streams.principal), _flat(streams.write_down), _flat(discount),
            self._spreads, n_months, n_paths, sums.reshape(-1),
        )  # fmt: skip
        first = sum(block.sums.shape[2] for block in self._blocks) if first_path is None else first_path
        check_sums(self._claims, self._spreads, discount, sums, first)
        self._blocks.append(_Block(first, sums))

    def path_sums(self) -> Array:
        """(stream, :data:`kernels.discounting.SUMS`, path) float64: what each path contributes, in the order of paths.

        Raises
        ------
        ValueError
            If no path was added.
        """
        if not self._blocks:
            raise ValueError("no path was added")
        return np.concatenate([block.sums for block in sorted(self._blocks, key=lambda b: b.first_path)], axis=2)

    def result(self) -> Prices:
        """Means and standard errors over all paths added so far."""
        return prices_of(self._claims.names, self._claims.original_balance, self._spreads, self.path_sums())


def prices_of(names: tuple[str, ...], balance: Array, spreads: Array, sums: Array) -> Prices:
    """Prices from what each path contributes.

    Parameters
    ----------
    names : tuple of str
        One a stream.
    balance, spreads : array
        (stream,) USD that a price is per 100 of; annual.
    sums : array
        (stream, :data:`kernels.discounting.SUMS`, path), in the order of paths.
    """
    value, interest_value, principal, principal_years, write_down = np.moveaxis(sums, 1, 0)
    mean_value, value_error = value.mean(axis=1), standard_error(value)
    wal, wal_error = _ratio(principal_years, principal)
    per_balance = _over(np.ones_like(balance), balance)
    return Prices(
        names=names,
        price=mean_value * (100 * per_balance),
        price_standard_error=value_error * (100 * per_balance),
        value=mean_value,
        value_standard_error=value_error,
        wal=wal,
        wal_standard_error=wal_error,
        spread=spreads,
        original_balance=balance,
        principal_loss=write_down.mean(axis=1) * per_balance,
        interest_share=_over(interest_value.mean(axis=1), mean_value),
    )


def _spreads(claims: Claims, spreads: Mapping[Any, Any]) -> Array:
    problems = []
    for key, spread in spreads.items():
        name = key if isinstance(key, str) else shown(key)
        if name != DEFAULT and name not in claims.names:
            known = (*claims.names, DEFAULT)
            problems.append(
                f"pricing.spreads.{name}: no such {claims.each} in {claims.of}{nearest(name, known)}; name the deal's "
                "classes, or take pricing=spreads"
            )
        number = isinstance(spread, Real) and not isinstance(spread, bool)
        if not (number and SPREAD.holds(spread)):
            problems.append(f"pricing.spreads.{name} = {shown(spread)}: expected {SPREAD}")
    missing = [name for name in claims.names if name not in spreads]
    if missing and DEFAULT not in spreads:
        problems.append(f"pricing.spreads: none for {', '.join(missing)}; add them or '{DEFAULT}'")
    if problems:
        raise InputError(problems)
    return np.array([spreads.get(name, spreads.get(DEFAULT)) for name in claims.names], dtype=np.float64)


def _flat(array: npt.NDArray[np.floating]) -> Array:
    return np.ascontiguousarray(array, dtype=np.float64).reshape(-1)


def _over(a: Array, b: Array) -> Array:
    """``a / b``, NaN where ``b`` is 0."""
    return np.divide(a, b, out=np.full(np.shape(a), math.nan), where=b != 0)


def _ratio(top: Array, bottom: Array) -> tuple[Array, Array]:
    """Ratio of means and its standard error by the delta method (Cochran, *Sampling Techniques*, 3rd ed. 1977, 6.4).

    ``se(R) = se(top - R bottom) / mean(bottom)``.
    """
    ratio = _over(top.mean(axis=-1), bottom.mean(axis=-1))
    residual = top - np.where(np.isnan(ratio), 0.0, ratio)[..., None] * bottom
    return ratio, _over(standard_error(residual), bottom.mean(axis=-1))


@lru_cache(maxsize=None)
def _launcher(target: str) -> Callable[..., None]:
    ops = make_ops(target, "float64")
    return compile_launcher(ops, build_present_values(ops), "present_values", (7,))
