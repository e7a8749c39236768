"""The command line: what surrounds a verb of :mod:`mcsim.commands`.

Exit codes: 0 done, 1 a fault of mcsim, 2 bad input, 3 a run that did not finish, 4 a store that is damaged, 130 stopped by a
signal: SIGINT, SIGTERM or SIGHUP.
Nothing heavy is imported before a verb needs it, so that ``mcsim --help`` answers at once.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mcsim.commands import VERBS
from mcsim.commands.verb import Parser, check_working_directory
from mcsim.errors import InputError, McsimError, check_interpreter, exhausted, nearest
from mcsim.files import NO_ROOM, RUN_AGAIN, reason, write_error
from mcsim.stopping import INTERRUPTED, arrived, not_raised, stopping_on_signals

FAULT = 1

_SHAPE = argparse.RawDescriptionHelpFormatter

EXAMPLES = """examples:
  mcsim run                                           the first campaign
  mcsim run campaign=sec_cmbs paths=4096 backend=cpu
  mcsim run rates.sigma=0.008 behaviour/prepayment=psa
  mcsim run --multirun rates.sigma=0.006,0.008        one run for each value
  mcsim price latest deal=pass_through pricing.spreads.PT=0.012
  mcsim report latest
  mcsim info latest
  mcsim verify latest
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of ``mcsim`` and ``python -m mcsim``; returns the exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; by default the process's own.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words or os.environ.get("MCSIM_DEBUG") == "1"
    words = [word for word in words if word != "--debug"]
    _open_standard_streams()
    if arguments is None:
        _quieten_tasks()
    try:
        with stopping_on_signals(to_the_end=arguments is None):
            code = _answer(words, debug)
    except KeyboardInterrupt:  # after the last word was said
        code = INTERRUPTED
    return _flushed(code)


def _answer(words: list[str], debug: bool) -> int:
    try:
        return _dispatch(words)
    except SystemExit as stop:  # argparse: --help and --version are 0, a wrong option 2
        return stop.code if isinstance(stop.code, int) else 2
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:  # `mcsim run --help | head`
        return 0
    except Exception as error:
        if arrived():  # what unwound raised something of its own
            return _interrupted()
        known = _known(error)
        if known is None:
            return _unexpected(error, debug)
        if debug:
            traceback.print_exc()
        for line in str(known).splitlines():
            _say(line)
        return known.exit_code


def _interrupted() -> int:
    _say("interrupted" if arrived() in ("", "SIGINT") else f"stopped by {arrived()}")
    return INTERRUPTED


def _quieten_tasks() -> None:
    """One error or signal ends all of zarr's tasks; what asyncio says of each of the others is said by the one line."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    sys.unraisablehook = not_raised
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)


def _known(error: Exception) -> McsimError | None:
    """The error for people; None for a fault of mcsim. A limit of the system is named before what it led to."""
    limit = exhausted(error)
    if limit is not None or isinstance(error, McsimError):
        return limit or error  # type: ignore[return-value]
    return _of_system(error) if isinstance(error, OSError) else None


def _of_system(error: OSError) -> McsimError:
    """A disk that is full leaves something unfinished; any other error of the system is of a file that was given."""
    if error.errno in NO_ROOM:
        again = RUN_AGAIN if error.filename else "and try again"
        return write_error(error.filename or "standard output, or another file,", error, again)
    return InputError(f"{error.filename or 'the working directory, or another file of the system'}: {reason(error)}")


def _open_standard_streams() -> None:
    """Streams that the caller closed go nowhere; otherwise the next file that is opened would take their number."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  (for as long as the process lives)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _flushed(code: int) -> int:
    """What is still to be printed goes out here, where a failure can be said and does not change what was done."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        from mcsim.console import drop_stdout

        drop_stdout()
        if not isinstance(error, BrokenPipeError):
            _say(f"standard output cannot be written: {reason(error) if isinstance(error, OSError) else error}")
            return code or 3
    return code


def _dispatch(words: list[str]) -> int:
    if not words or words[0].startswith("-"):
        return _of_program(words)
    check_interpreter()
    name, rest = words[0], words[1:]
    if name not in VERBS:
        raise InputError(f"{name}: unknown verb{nearest(name, VERBS)}")
    verb = VERBS[name]
    of_verb = Parser(prog=f"mcsim {name}", description=f"{verb.HELP}.", epilog=_examples(name), formatter_class=_SHAPE)
    verb.add_arguments(of_verb)
    chosen = of_verb.parse_intermixed_args(rest)
    check_working_directory(chosen)
    return verb.answer(chosen)


def _examples(name: str) -> str:
    """Those of a verb."""
    title, *lines = EXAMPLES.splitlines()
    return "\n".join([title, *(line for line in lines if line.split()[1] == name)])


def _of_program(words: list[str]) -> int:
    """``mcsim --help`` and ``mcsim --version``."""
    verbs = "\n".join(f"  {name:8} {verb.HELP}" for name, verb in VERBS.items())
    top = Parser(
        prog="mcsim",
        usage="mcsim VERB [arguments]",
        description="Monte Carlo cash flows and values of mortgage exposures.\n\nverbs:\n" + verbs,
        epilog=f"`mcsim VERB --help` says more.\n\n{EXAMPLES}",
        formatter_class=_SHAPE,
    )
    top.add_argument("--version", action="store_true", help="print the version")
    top.add_argument("--debug", action="store_true", help="with any verb: show the traceback of an error")
    if top.parse_args(words).version:
        from mcsim import __version__

        print(f"mcsim {__version__}")
    else:
        top.print_help()
    return 0


def _say(line: str) -> None:
    with suppress(OSError, ValueError):  # nobody listens
        print(f"mcsim: {line}", file=sys.stderr, flush=True)


def _unexpected(error: Exception, debug: bool) -> int:
    """A fault of mcsim: the traceback goes to the run's log, or to a file of its own where there is none yet."""
    if debug:
        traceback.print_exc()
        return FAULT
    first = (str(error).splitlines() or ["without a message"])[0]
    try:
        log = getattr(error, "log_file", None) or Path(tempfile.gettempdir()) / f"mcsim-{os.getpid()}.log"
        with log.open("a", encoding="utf-8") as file:
            traceback.print_exception(error, file=file)
        where = f"the traceback is in {log}"
    except OSError:
        where = "add --debug for the traceback"
    _say(f"unexpected {type(error).__name__}: {first}; {where}; a fault of mcsim, please report it")
    return FAULT


if __name__ == "__main__":
    sys.exit(main())
