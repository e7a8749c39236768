"""``mcsim verify``: whether a run's files are what the run wrote."""

from __future__ import annotations

import argparse

from mcsim.commands.verb import add_run as add_arguments

__all__ = ["HELP", "add_arguments", "answer"]

HELP = "hold every file of a finished run against its SHA-256"


def answer(chosen: argparse.Namespace) -> int:
    """Prints how many files were held; raises where one is not what was written."""
    from mcsim.console import show
    from mcsim.results import Run

    run = Run(chosen.run, chosen.runs_dir)
    show([f"{run.run_id}: {run.verify():,} files are what the run wrote"])
    return 0
