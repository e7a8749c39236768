"""Philox4x32-10: the known answers of Random123, an independent implementation, and what a stream is used for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.elementwise import philox_words
from tests.oracle import philox4x32

PI = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0]
KNOWN = [
    # Random123 1.14, tests/kat_vectors, lines "philox4x32 10"
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (*PI, [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
]


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_known_answers(target: str, counter: list[int], key: list[int], words: list[int]) -> None:
    result = philox_words(target, np.array(counter, np.uint32)[:, None], np.array(key, np.uint32)[:, None])
    assert result[:, 0].tolist() == words
    assert philox4x32(counter, key) == words  # the tests' own implementation, used by the oracle


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_equals_an_independent_implementation(target: str) -> None:
    rng = np.random.default_rng(5)
    counters, keys = rng.integers(0, 2**32, (4, 200), dtype=np.uint32), rng.integers(0, 2**32, (2, 200), dtype=np.uint32)
    expected = [philox4x32(c, k) for c, k in zip(counters.T.tolist(), keys.T.tolist(), strict=True)]
    np.testing.assert_array_equal(philox_words(target, counters, keys).T, expected)


def test_neighbouring_counters_are_uncorrelated_and_uniform() -> None:
    # As the simulation uses it: consecutive paths, then consecutive months, one loan.
    n = 20_000
    path, zero = np.arange(n, dtype=np.uint32), np.zeros(n, np.uint32)
    key = np.stack([np.full(n, 7, np.uint32), zero])
    months = [philox_words("numpy", np.stack([path, zero + np.uint32(m), zero + np.uint32(9), zero]), key)[0] for m in (1, 2)]
    u, v = (w.astype(np.float64) * 2.0**-32 for w in months)
    # Seed fixed: correlations are constants; 4 standard errors of n independent pairs.
    assert abs(np.corrcoef(u, v)[0, 1]) < 4 / np.sqrt(n)
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 4 / np.sqrt(n)
    assert stats.kstest(u, "uniform").pvalue > 1e-3
