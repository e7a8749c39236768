"""How far a run is: a bar with rate and time left on a terminal, plain log lines elsewhere.

Lines go through the logger ``mcsim.progress``, so that a handler on ``mcsim`` that writes the run's ``log.txt`` gets them too,
whether or not there is a terminal.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import suppress
from typing import Any, TypeVar

Item = TypeVar("Item")

LOGGER = logging.getLogger("mcsim.progress")

SECONDS_BETWEEN_LINES = 5.0
"""A log of an hour's run stays under a thousand lines."""

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


class Progress:
    """Counts work that is done. Threads may call :meth:`advance` at once.

    Parameters
    ----------
    total : float
        Work in all, in ``unit``; 0 where it is not known yet (:meth:`start` or :meth:`track` says it later).
    unit : str
        What is counted, such as ``loan-month-paths``.
    terminal : bool, optional
        Draw a bar. By default where standard error is a terminal.
    clock : callable, optional
        Seconds, for tests.

    Examples
    --------
    >>> progress = Progress(3, "blocks", terminal=False)
    >>> [block for block in progress.track("abc")]
    ['a', 'b', 'c']
    >>> progress.done
    3
    """

    def __init__(
        self,
        total: float = 0,
        unit: str = "loan-month-paths",
        *,
        terminal: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total, self.unit, self.title = total, unit, ""
        self.done: float = 0
        self._terminal = bool(sys.stderr and sys.stderr.isatty()) if terminal is None else terminal
        self._clock = clock
        self._lock = threading.Lock()
        self._started = self._last_line = clock()
        self._bar: Any = None
        self._task: Any = None

    def start(self, total: float, unit: str | None = None, title: str = "") -> Progress:
        """Starts a stage: sets the count to 0 and the clock to now. Returns itself, for ``with``."""
        self.finish()
        self.total, self.unit, self.title, self.done = total, unit or self.unit, title, 0
        self._started = self._last_line = self._clock()
        if self._terminal and total:
            with self._lock:
                self._draw()  # before the first piece is done, which may take a while
        return self

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self.finish()

    def track(self, items: Iterable[Item], amount: Callable[[Item], float] = lambda item: 1) -> Iterator[Item]:
        """The items, each counted as ``amount`` once the loop comes back for the next. Finishes after the last."""
        if not self.total and isinstance(items, Sized):
            self.total = len(items)
        try:
            for item in items:
                yield item
                self.advance(amount(item))
        finally:
            self.finish()

    def advance(self, amount: float = 1) -> None:
        """Counts work as done, and shows it if it is time to."""
        with self._lock:
            self.done += amount
            if self._terminal:
                self._draw()
            elif self._clock() - self._last_line >= SECONDS_BETWEEN_LINES:
                self._last_line = self._clock()
                LOGGER.info(self.line())

    def finish(self) -> None:
        """Takes the bar away and leaves one line in the log. Nothing happens where nothing was counted since the last time."""
        with self._lock:
            if self._bar is not None:
                with suppress(OSError, ValueError):
                    self._bar.stop()
                self._bar = None
            if self.done:
                seconds = self._elapsed()
                LOGGER.info(
                    "%s%s %s in %s, %s/s",
                    f"{self.title}: " if self.title else "", short(self.done), self.unit, duration(seconds),
                    short(self.done / seconds),
                )  # fmt: skip
            self.done = 0

    def line(self) -> str:
        """``simulate: 40%, 2.9 G of 7.2 G loan-month-paths, 610 M/s, 7 s left``."""
        head = f"{self.title}: " if self.title else ""
        return head + self._counts(f" {self.unit}")

    def _counts(self, unit: str) -> str:
        rate = self.done / self._elapsed()
        if not self.total:
            return f"{short(self.done)}{unit}, {short(rate)}/s"
        left = max(self.total - self.done, 0) / rate if rate else float("inf")
        share = min(self.done / self.total, 1)
        return f"{share:.0%}, {short(self.done)} of {short(self.total)}{unit}, {short(rate)}/s, {duration(left)} left"

    def _elapsed(self) -> float:
        return max(self._clock() - self._started, 1e-9)

    def _draw(self) -> None:
        try:
            if self._bar is None:
                self._bar = _make_bar()
                self._bar.start()
                self._task = self._bar.add_task(self.title or self.unit, total=self.total or None, status="")
            self._bar.update(self._task, completed=self.done, status=self._counts("") if self.done else "")
        except (OSError, ValueError):  # the terminal is gone; the run goes on
            self._terminal = False


def _make_bar() -> Any:
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    return Bar(
        TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[status]}"),
        console=console(), transient=True,
    )  # fmt: skip


def console() -> Any:
    """The one rich console on standard error: bar and messages share it, so that neither breaks the other."""
    global _CONSOLE
    if _CONSOLE is None or _CONSOLE.file is not sys.stderr:
        from rich.console import Console

        _CONSOLE = Console(stderr=False, file=sys.stderr, highlight=False, soft_wrap=True)
    return _CONSOLE


_CONSOLE: Any = None


def short(value: float) -> str:
    """Three significant digits with a prefix: ``2.95 G``."""
    for size, prefix in _PREFIXES:
        if abs(value) >= size:
            return f"{value / size:.3g} {prefix}"
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """``7.2 s``, ``3 min 5 s``, ``2 h 4 min``."""
    if seconds == float("inf"):
        return "unknown time"
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
