"""Loan-to-value ratios from origination to the cut-off."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import numpy as np

from mcsim.errors import InputError

HomePriceRatio = Callable[[str, datetime.date, datetime.date], float]
"""``ratio(region, from_date, to_date)``: home-price index of ``to_date`` over that of ``from_date``."""


def price_ratio(regions: np.ndarray, dates: np.ndarray, cut_off: datetime.date, ratio: HomePriceRatio | None) -> np.ndarray:
    """Home-price index at the cut-off over that at origination; NaN where there is none, which the checks then report.

    Parameters
    ----------
    regions : array of str
        Two letters.
    dates : array of datetime64[D]
        Origination; its month counts.
    cut_off : date
        To when.
    ratio : callable or None
        Without it the ratio is 1.
    """
    if ratio is None:
        return np.ones(len(regions))
    # As integers: no NaT is equal to another.
    keys = list(zip(regions.tolist(), dates.astype("datetime64[M]").astype(np.int64).tolist(), strict=True))
    known = {key: _one_ratio(key[0], np.datetime64(key[1], "M"), cut_off, ratio) for key in dict.fromkeys(keys)}
    return np.array([known[key] for key in keys])


def _one_ratio(region: str, month: np.datetime64, cut_off: datetime.date, ratio: HomePriceRatio) -> float:
    start = None if np.isnat(month) else month.astype("datetime64[D]").item()
    if start is None or start > cut_off:
        return float("nan")
    try:
        return float(ratio(region, start, cut_off))
    except (InputError, KeyError, ValueError):
        return float("nan")
