"""What a verb of the command line is, and arguments that several have."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from mcsim.errors import InputError, one_line
from mcsim.files import reason


class Parser(argparse.ArgumentParser):
    """argparse's own, with messages of a bounded length and, on the page of help, what takes a moment to find."""

    more: Callable[[], str] | None = None

    def error(self, message: str) -> NoReturn:
        """argparse's own, which repeats what it does not know at any length."""
        super().error(one_line(message))

    def print_help(self, file: Any = None) -> None:
        """argparse's own passes over a disk that does not take it."""
        print(self.format_help(), end="", file=file)

    def format_help(self) -> str:
        """The page, with ``more`` before what it ends with."""
        if self.more:
            self.epilog, self.more = f"{self.more()}\n\n{self.epilog}", None
        return super().format_help()


class Verb(Protocol):
    """A module of this package."""

    HELP: str
    """What it does, in a line."""

    def add_arguments(self, parser: Parser) -> None:
        """Its own arguments."""

    def answer(self, chosen: argparse.Namespace) -> int:
        """Does it; the exit code."""


def add_run(parser: Parser) -> None:
    """Which run, and where runs are kept."""
    parser.add_argument("run", metavar="RUN", help="a run folder, a run id, the beginning of one, or `latest`")
    parser.add_argument("--runs-dir", default="runs", metavar="DIR", help="where runs are kept (default: runs)")


def add_overrides(parser: Parser) -> None:
    """Overrides, and a directory of the user's own options."""
    parser.add_argument("overrides", nargs="*", default=[], metavar="KEY=VALUE", help="overrides, and options of groups")
    parser.add_argument("--config-dir", metavar="DIR", help="a directory of your own options, laid out as conf/")


def check_working_directory(chosen: argparse.Namespace) -> None:
    """Raise :class:`InputError` where the directory that paths are relative to is gone; of a verb that reads no configuration, only
    if its paths are.
    """
    if not hasattr(chosen, "overrides") and (os.path.isabs(chosen.run) or os.path.isabs(chosen.runs_dir)):
        return
    try:
        os.getcwd()
    except OSError as error:
        raise InputError(f"the working directory is not there any more ({reason(error)}); change to one that is") from error
