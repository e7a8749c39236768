"""The command line: ``mcsim run``, ``price``, ``report``, ``info``, ``verify``.

Exit codes: 0 done, 1 a fault of mcsim, 2 bad input, 3 a run that did not finish, 4 a store that is damaged, 130 stopped by a
signal: SIGINT, SIGTERM or SIGHUP.
Nothing heavy is imported before a verb needs it, so that ``mcsim --help`` answers at once.
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from mcsim.errors import InputError, McsimError, check_interpreter, exhausted, nearest, one_line
from mcsim.files import NO_ROOM, RUN_AGAIN, reason, write_error
from mcsim.stopping import INTERRUPTED, arrived, not_raised, stopping_on_signals

FAULT = 1

VERBS = {
    "run": "simulate a campaign, price it and write its report",
    "price": "price a finished run again, with another deal or other spreads; nothing is simulated",
    "report": "write the report of a finished run",
    "info": "say what a run is: configuration, tape, seed, versions, sizes, whether it finished",
    "verify": "hold every file of a finished run against its SHA-256",
}

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

_RUN_HELP = "a run folder, a run id, the beginning of one, or `latest`"


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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """argparse's own, which repeats what it does not know at any length."""
        super().error(one_line(message))

    def print_help(self, file: Any = None) -> None:
        """argparse's own passes over a disk that does not take it."""
        print(self.format_help(), end="", file=file)


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


def parser(verb: str | None = None) -> argparse.ArgumentParser:
    """The parser of a verb, or of the program."""
    shape = argparse.RawDescriptionHelpFormatter
    if verb is None:
        verbs = "\n".join(f"  {name:8} {text}" for name, text in VERBS.items())
        top = _Parser(
            prog="mcsim",
            usage="mcsim VERB [arguments]",
            description="Monte Carlo cash flows and values of mortgage exposures.\n\nverbs:\n" + verbs,
            epilog=f"`mcsim VERB --help` says more.\n\n{EXAMPLES}",
            formatter_class=shape,
        )
        top.add_argument("--version", action="store_true", help="print the version")
        top.add_argument("--debug", action="store_true", help="with any verb: show the traceback of an error")
        return top
    of_verb = _Parser(prog=f"mcsim {verb}", description=f"{VERBS[verb]}.", formatter_class=shape)
    if verb != "run":
        of_verb.add_argument("run", metavar="RUN", help=_RUN_HELP)
        of_verb.add_argument("--runs-dir", default="runs", metavar="DIR", help="where runs are kept (default: runs)")
    if verb in ("run", "price"):
        of_verb.add_argument("overrides", nargs="*", default=[], metavar="KEY=VALUE", help="overrides, and options of groups")
        of_verb.add_argument("--config-dir", metavar="DIR", help="a directory of your own options, laid out as conf/")
    if verb == "run":
        of_verb.add_argument("-m", "--multirun", action="store_true", help="one run for each value of KEY=A,B")
        of_verb.add_argument(
            "--show", action="store_true", help="check and print the configuration (of a sweep, its runs), and do not run"
        )
    return of_verb


def _dispatch(words: list[str]) -> int:
    if not words or words[0].startswith("-"):
        top = parser()
        if top.parse_args(words).version:
            from mcsim import __version__

            print(f"mcsim {__version__}")
        else:
            top.print_help()
        return 0
    check_interpreter()
    verb, rest = words[0], words[1:]
    if verb not in VERBS:
        raise InputError(f"{verb}: unknown verb{nearest(verb, VERBS)}")
    if verb in ("run", "price"):  # what they read of a configuration may be relative to it
        _check_working_directory()
    of_verb = parser(verb)
    if verb == "run" and {"-h", "--help"} & set(rest):
        of_verb.epilog = f"{_groups_help()}\n\n{EXAMPLES}"
    chosen = of_verb.parse_intermixed_args(rest)
    if verb != "run" and not (os.path.isabs(chosen.run) or os.path.isabs(chosen.runs_dir)):
        _check_working_directory()
    return {"run": _run, "price": _price, "report": _report, "info": _info, "verify": _verify}[verb](chosen)


def _check_working_directory() -> None:
    try:
        os.getcwd()
    except OSError as error:
        raise InputError(f"the working directory is not there any more ({reason(error)}); change to one that is") from error


def _groups_help() -> str:
    """Groups and their options, read from the folders' names: no Hydra for a page of help."""
    from mcsim.conf_dir import group_options

    rows = [f"  {group:22} {', '.join(names)}" for group, names in group_options().items()]
    return "groups and their options (docs/configuration.md says what each holds):\n" + "\n".join(rows)


def _run(chosen: argparse.Namespace) -> int:
    if chosen.multirun:
        from mcsim.multirun import plan, run_many

        if chosen.show:
            for job in plan(chosen.overrides, chosen.config_dir)[0]:
                print(shlex.join(job.overrides))
        else:
            run_many(chosen.overrides, chosen.config_dir)
        return 0
    from mcsim.configuration import load_settings

    settings = load_settings(chosen.overrides, chosen.config_dir)
    from mcsim.console import log_to_stderr, run_and_show, show

    if chosen.show:
        from mcsim.yaml_files import dump_yaml

        show(dump_yaml(settings.raw).splitlines())
        return 0

    with log_to_stderr():
        run_and_show(settings, chosen.overrides)
    return 0


def _price(chosen: argparse.Namespace) -> int:
    from mcsim.configuration import price_choices
    from mcsim.console import log_to_stderr, price_lines, show
    from mcsim.repricing import reprice
    from mcsim.results import Run

    run = Run(chosen.run, chosen.runs_dir)
    with log_to_stderr():
        deal, spreads = price_choices(run.config, chosen.overrides, chosen.config_dir)
        prices = reprice(run, deal, spreads)
    title = f"{run.run_id}: {(deal or run.config['deal']).get('name', 'deal')}"
    show(price_lines(prices.variables, title, prices.attrs["assumptions"]))
    return 0


def _report(chosen: argparse.Namespace) -> int:
    from mcsim.console import log_to_stderr, show
    from mcsim.reports.report import write_report
    from mcsim.results import Run

    run = Run(chosen.run, chosen.runs_dir)
    with log_to_stderr():
        show([str(write_report(run))])
    return 0


def _info(chosen: argparse.Namespace) -> int:
    from mcsim.console import print_info
    from mcsim.errors import IncompleteRunError
    from mcsim.results import Run

    run = Run(chosen.run, chosen.runs_dir, complete=False)
    print_info(run)
    return 0 if run.complete else IncompleteRunError.exit_code


def _verify(chosen: argparse.Namespace) -> int:
    from mcsim.console import show
    from mcsim.results import Run

    run = Run(chosen.run, chosen.runs_dir)
    show([f"{run.run_id}: {run.verify():,} files are what the run wrote"])
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
