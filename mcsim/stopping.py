"""SIGTERM, SIGHUP and SIGINT stop a run alike: what is running unwinds, the log says which, the exit code is 130.

A second signal stops at once: what a run writes is whole or not there, and without COMPLETE it did not finish.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

INTERRUPTED = 130
"""128 + SIGINT, as shells count; for every signal, so that a script need know one number."""

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")

log_file: Path | None = None
"""Where a word about the signal goes: the log of the run that is on, set by :class:`mcsim.run_log.RunLog`."""

_stopped = ""


class Stopped(KeyboardInterrupt):
    """A signal asked the process to stop; its text is the signal's name."""


@contextmanager
def stopping_on_signals(*, to_the_end: bool = False) -> Iterator[None]:
    """Turns the signals into :class:`Stopped` while it lasts. One that is ignored, as under ``nohup``, stays ignored.

    Parameters
    ----------
    to_the_end : bool
        The process ends after it: once stopped, a further signal must not change how.
    """
    global _stopped
    _stopped, before = "", {}
    for name in SIGNALS:
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) == signal.SIG_IGN:
            continue
        with suppress(ValueError):  # not in the main thread: signals are somebody else's
            before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if to_the_end and _stopped else handler)


def arrived() -> str:
    """Name of the signal that has come since the handlers were set, empty where none has.

    What unwinds may raise an error of its own, as argparse does, or lose the exception: the signal is the cause all the same.
    """
    return _stopped


def not_raised(lost: Any) -> None:
    """For ``sys.unraisablehook``: a signal that came where Python raises nothing, as in ``__del__``, is sent once more.

    Anything else is passed over: half-made objects that a limit of the system left complain when they are taken away.
    """
    if isinstance(lost.exc_value, Stopped):
        again = threading.Timer(0.05, os.kill, (os.getpid(), signal.Signals[str(lost.exc_value)]))
        again.daemon = True
        again.start()


def _stop(number: int, frame: FrameType | None) -> None:
    global _stopped
    name = signal.Signals(number).name
    if _stopped:
        _note(f"{name} again: stopped at once")
        with suppress(OSError):  # past the stream, which may be in the middle of a line
            os.write(2, f"mcsim: {name} again: stopped at once\n".encode())
        os._exit(INTERRUPTED)
    _stopped = name
    _note(f"{name}: stopping")
    raise Stopped(name)


def _note(text: str) -> None:
    """Past the logging module: a handler may run in the middle of a line that another is writing."""
    if log_file is None:
        return
    with suppress(OSError):
        handle = os.open(log_file, os.O_WRONLY | os.O_APPEND)
        os.write(handle, f"{time.strftime('%Y-%m-%d %H:%M:%S')},000 ERROR {text}\n".encode())
        os.close(handle)
