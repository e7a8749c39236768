"""``mcsim report``: the page of a finished run."""

from __future__ import annotations

import argparse

from mcsim.commands.verb import add_run as add_arguments

__all__ = ["HELP", "add_arguments", "answer"]

HELP = "write the report of a finished run"


def answer(chosen: argparse.Namespace) -> int:
    """Writes it, and prints where it is."""
    from mcsim.console import log_to_stderr, show
    from mcsim.reports.report import write_report
    from mcsim.results import Run

    run = Run(chosen.run, chosen.runs_dir)
    with log_to_stderr():
        show([str(write_report(run))])
    return 0
