"""Memory on the device: what the plan counts, what it refuses, how many tiles follow from the room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda", reason="the cuda target needs numba-cuda (extra cuda13)")

from kernels.device import Memory
from kernels.device_memory import SHARE_OF_ROOM, Sizes, tiles_in_flight
from kernels.loan_terms import TILE
from mcsim.configuration import load_settings
from mcsim.errors import InputError
from mcsim.settings import Engine
from mcsim.simulation.device_plan import DevicePlan, estimate_on_device
from mcsim.simulation.plan import Size, check_room
from mcsim.work import thread_count

JUMBO = Sizes(n_loans=1000, n_months=360, n_paths=1024, lag_size=18, real=4)


def test_a_tile_is_counted_array_by_array() -> None:
    state, rings, sums = 6 * TILE * 1024, 2 * 18 * TILE * 1024, 11 * 360 * 1024
    assert JUMBO.tile == 4 * (state + rings + sums)
    assert JUMBO.pool == 8 * 11 * 360 * 1024
    assert JUMBO.n_tiles == 32  # the last has 8 loans


def test_loans_of_all_collaterals_stay_and_the_largest_is_worked_on() -> None:
    small = JUMBO._replace(n_loans=10, n_months=120)
    alone, both = (estimate_on_device(sizes, 3, "float32", 2) for sizes in ([JUMBO], [JUMBO, small]))
    assert both.loans == JUMBO.loans + small.loans and (both.block, both.tile) == (alone.block, alone.tile)


@pytest.mark.parametrize("more", [{"blocks": 3}, {"deal_rows": 60}, {"n_regions": 51}, {"precision": "float64"}])
def test_more_of_anything_takes_more(more: dict[str, object]) -> None:
    given: dict[str, object] = {"n_regions": 5, "precision": "float32", "blocks": 2}
    assert estimate_on_device([JUMBO], **{**given, **more}).least > estimate_on_device([JUMBO], **given).least  # type: ignore[arg-type]


def test_what_does_not_fit_is_refused_with_the_figures() -> None:
    plan = DevicePlan(loans=4_000_000_000, block=500_000_000, blocks=2, tile=50_000_000)
    assert plan.least == 5_100_000_000
    assert plan.problems(plan.least) == []
    (problem,) = plan.problems(plan.least - 1)
    assert problem == (
        "device memory: the run needs 5.1 GB (4.0 GB of loans, 2 blocks of paths of 0.5 GB, and room to work on 32 loans at a "
        "time), 5.1 GB are free on the device; take fewer loans, a smaller engine.path_block, or backend=cpu"
    )
    assert "0.5 GB are free" in plan.problems(500_000_000)[0]


def test_a_plan_that_fits_has_room_for_a_tile() -> None:
    plan = estimate_on_device([JUMBO], 5, "float32", 2)
    left = plan.least - plan.loans - plan.blocks * plan.block
    assert SHARE_OF_ROOM * left >= JUMBO.tile
    assert replace(plan, blocks=3).least - plan.least == plan.block


@pytest.mark.parametrize(("tiles", "expected"), [(1000, 32), (32, 32), (31, 16), (16, 16), (15, 11), (1, 1), (0, 1)])
def test_waves_are_about_as_large(tiles: int, expected: int) -> None:
    assert tiles_in_flight(JUMBO, tiles * JUMBO.tile) == expected


def test_a_run_that_does_not_fit_the_device_is_refused_with_all_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Small:
        def memory(self) -> Memory:
            return Memory(free=1_000_000, total=2_000_000)

    monkeypatch.setattr("kernels.device.device", Small)
    monkeypatch.setattr("mcsim.simulation.plan._available_memory", lambda: 1_000_000)
    settings = load_settings(["paths=256"])
    sizes = {name: Size(40, 360) for name in settings.collaterals}
    with pytest.raises(InputError) as caught:
        check_room(settings, sizes, 3, tmp_path, target="cuda")
    device_first, host = str(caught.value).splitlines()[-2:]
    assert "device memory: the run needs" in device_first and "1.0 MB are free on the device" in device_first
    assert "memory: the run needs" in host and "work items" in host
    with pytest.raises(InputError, match="^(?!.*device)"):
        check_room(settings, sizes, 3, tmp_path, target="numpy")


def test_a_device_has_two_blocks_at_a_time_at_least() -> None:
    serial, threads = Engine("serial", 256, 0), Engine("threads", 256, 5)
    assert [thread_count(engine, target) for engine in (serial, threads) for target in ("cpu", "cuda")] == [1, 2, 5, 5]


def test_no_wave_has_more_tiles_than_a_grid_has_rows() -> None:
    many = Sizes(n_loans=70_000 * TILE, n_months=1, n_paths=1, lag_size=1, real=4)
    assert tiles_in_flight(many, 2**62) == 35_000
