"""``mcsim info``: what a run is."""

from __future__ import annotations

import argparse

from mcsim.commands.verb import add_run as add_arguments

__all__ = ["HELP", "add_arguments", "answer"]

HELP = "say what a run is: configuration, tape, seed, versions, sizes, whether it finished"


def answer(chosen: argparse.Namespace) -> int:
    """Prints it; 3 for a run that did not finish."""
    from mcsim.console import print_info
    from mcsim.errors import IncompleteRunError
    from mcsim.results import Run

    run = Run(chosen.run, chosen.runs_dir, complete=False)
    print_info(run)
    return 0 if run.complete else IncompleteRunError.exit_code
