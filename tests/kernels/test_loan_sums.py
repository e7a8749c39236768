"""Sums of a loan's flows over paths: their shape, and that the launcher takes them in passing without changing the pool."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.flows import FIELDS
from kernels.loan_sums import build_add_loan, fold
from kernels.ops import LANES, make_ops
from mcsim.pipeline import Simulation
from mcsim.simulation import simulator
from mcsim.work import Block, path_blocks
from tests.mcsim.whole_runs import JUMBO, simulation


def test_fold_halves_256_paths_at_a_time() -> None:
    """By hand: 16 paths that are not there are zeros, lane p meets lane p + half."""
    values = np.random.default_rng(1).standard_normal((3, LANES + 240))
    folded = fold(values)
    assert folded.shape == (3, 2)
    lanes = [float(v) for v in values[1, LANES:]] + [0.0] * 16
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = [lanes[i] + lanes[half + i] for i in range(half)]
    assert folded[1, 1] == lanes[0]
    assert folded[2, 0] == pytest.approx(math.fsum(values[2, :LANES]), rel=1e-13)  # 8 roundings of 256 terms of size one


@pytest.mark.parametrize("kept", [1, 44, 255, LANES])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_targets_agree_to_the_bit(kept: int, precision: str) -> None:
    """The same flows, added on ``numpy`` and on ``cpu``: the tile of all lanes, the sums of ``kept``."""
    found = []
    flows = np.random.default_rng(2).lognormal(size=len(FIELDS) * LANES).astype(precision)
    for target in ("numpy", "cpu"):
        ops = make_ops(target, precision)
        work, tile = np.concatenate([flows, flows[:9]]), np.ones(len(FIELDS) * LANES, ops.real)
        sums = np.full(3 * len(FIELDS), np.nan)
        build_add_loan(ops, LANES)(work, tile, np.zeros(LANES // 4), sums, len(FIELDS), kept)
        found.append((tile, sums))
    for left, right in zip(*found, strict=True):
        np.testing.assert_array_equal(left, right)
    tile, sums = found[0]
    np.testing.assert_array_equal(tile, 1 + flows)
    np.testing.assert_array_equal(sums[len(FIELDS) : 2 * len(FIELDS)], fold(flows.reshape(len(FIELDS), LANES)[:, :kept])[:, 0])
    assert np.isnan(sums[: len(FIELDS)]).all() and np.isnan(sums[2 * len(FIELDS) :]).all()


@pytest.fixture(scope="module", params=["numpy", "cpu"])
def staged(request: pytest.FixtureRequest) -> Simulation:
    """Six loans on 300 paths in float64, where the order of a sum is seen."""
    return simulation((*JUMBO, f"backend={request.param}", "precision=float64"))


def test_the_pool_is_the_same_to_the_bit(staged: Simulation) -> None:
    scenario, flows = staged.pool(Block(0, 300))
    pool, _ = staged.pool_and_loans(scenario)
    np.testing.assert_array_equal(pool, flows)


def test_sums_are_those_of_each_loan_alone_in_any_blocking(staged: Simulation) -> None:
    """Against the loans simulated one by one, and against blocks of 256 paths: the same bits."""
    _, sums = staged.pool_and_loans(staged.scenario(Block(0, 300)))
    alone = np.stack([fold(staged.loan(Block(0, 300), i)) for i in range(len(staged.loans))])
    assert len(sums) == alone.shape[-1] == 2
    in_blocks = [s for block in path_blocks(300, 256) for s in staged.pool_and_loans(staged.scenario(block))[1]]
    for group, part in enumerate(sums):
        np.testing.assert_array_equal(part, alone[..., group])
        np.testing.assert_array_equal(part, in_blocks[group])


def test_a_last_block_that_is_short_counts_no_path_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 paths on numpy, 256 at a time: the lanes beyond the last path repeat it, and are in no sum."""
    staged = simulation((*JUMBO, "backend=numpy", "precision=float64"))
    scenario = staged.scenario(Block(0, 300))
    _, whole = staged.pool_and_loans(scenario)
    monkeypatch.setattr(simulator, "lane_width", lambda *_: LANES)
    _, blocks = staged.pool_and_loans(scenario)
    np.testing.assert_array_equal(np.stack(blocks), np.stack(whole))


def test_more_loans_than_a_tile() -> None:
    """Three tiles of the generator's loans: their sums together are the pool's."""
    staged = simulation((*JUMBO, "backend=numpy", "paths=7", "portfolio.generator.loans=70", "precision=float64"))
    scenario = staged.scenario(Block(0, 7))
    pool, (sums,) = staged.pool_and_loans(scenario)
    # Sums of 70 x 7 terms of one sign in float64, in another order.
    np.testing.assert_allclose(sums.sum(axis=0), pool.sum(axis=2), rtol=1e-13)
