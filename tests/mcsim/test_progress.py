"""Progress: counting, rate and time left, lines in the log, safety under threads."""

from __future__ import annotations

import logging
import threading

import pytest

from mcsim import progress
from mcsim.progress import Progress, duration, short


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _listen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mcsim.progress")


def test_track_yields_the_items_and_leaves_one_line(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    shown = Progress(unit="blocks", terminal=False, clock=clock)
    seen = []
    for item in shown.track("abcd"):
        seen.append(item)
        clock.now += 0.5
    assert seen == list("abcd")
    assert caplog.messages == ["4 blocks in 2 s, 2 /s".replace("2 /s", "2/s")]


def test_line_gives_share_rate_and_time_left() -> None:
    clock = Clock()
    shown = Progress(7.2e9, terminal=False, clock=clock).start(7.2e9, title="simulate")
    clock.now = 3.0
    shown.advance(1.8e9)
    assert shown.line() == "simulate: 25%, 1.8 G of 7.2 G loan-month-paths, 600 M/s, 9 s left"


def test_lines_come_no_more_often_than_stated(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    shown = Progress(100, "items", terminal=False, clock=clock)
    for _ in range(100):
        clock.now += 0.3
        shown.advance()
    shown.finish()
    # 30 s: a line every 5 s at most (the sixth falls on the last item), and the one that closes.
    assert 6 <= len(caplog.messages) <= 7
    assert caplog.messages[-1].startswith("100 items in 30 s")


def test_a_stage_starts_from_nothing_and_finishing_twice_says_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    shown = Progress(terminal=False, clock=clock)
    with shown.start(10, "a", "first"):
        clock.now = 1
        shown.advance(10)
    shown.finish()
    shown.start(5, "b", "second")
    clock.now = 2
    shown.advance(5)
    shown.finish()
    assert caplog.messages == ["first: 10 a in 1 s, 10/s", "second: 5 b in 1 s, 5/s"]


def test_an_unknown_total_has_a_rate_and_no_time_left() -> None:
    clock = Clock()
    shown = Progress(terminal=False, clock=clock)
    clock.now = 2
    shown.advance(5000)
    assert shown.line() == "5 k loan-month-paths, 2.5 k/s"


def test_an_error_in_the_loop_still_closes(caplog: pytest.LogCaptureFixture) -> None:
    shown = Progress(unit="blocks", terminal=False)
    with pytest.raises(RuntimeError):
        for item in shown.track([1, 2, 3]):
            if item == 2:
                raise RuntimeError
    assert len(caplog.messages) == 1 and caplog.messages[0].startswith("1 blocks")


def test_threads_lose_no_count() -> None:
    shown = Progress(80_000, terminal=False)
    threads = [threading.Thread(target=lambda: [shown.advance() for _ in range(10_000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shown.done == 80_000


def test_a_terminal_gets_a_bar_with_the_rate(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich draws as on a terminal
    monkeypatch.setenv("COLUMNS", "120")
    clock = Clock()
    shown = Progress(terminal=True, clock=clock).start(100, "items", "simulate")
    clock.now = 1.0
    shown.advance(50)
    shown.finish()
    drawn = capsys.readouterr().err
    assert "simulate" in drawn and "50%" in drawn and "1 s left" in drawn


def test_console_follows_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    progress.console().print("seen")
    assert capsys.readouterr().err == "seen\n"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (999, "999"), (1234, "1.23 k"), (6.7e8, "670 M"), (2.95e9, "2.95 G"), (4e12, "4 T")]
)
def test_short(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.5, "0.5 s"), (7.24, "7.2 s"), (59, "59 s"), (185, "3 min 5 s"), (7440, "2 h 4 min"), (float("inf"), "unknown time")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
