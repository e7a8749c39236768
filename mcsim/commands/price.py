"""``mcsim price``: a finished run, with another deal or other spreads."""

from __future__ import annotations

import argparse

from mcsim.commands.verb import Parser, add_overrides, add_run

HELP = "price a finished run again, with another deal or other spreads; nothing is simulated"


def add_arguments(parser: Parser) -> None:
    """A run, and what is to be other."""
    add_run(parser)
    add_overrides(parser)


def answer(chosen: argparse.Namespace) -> int:
    """Prints the table."""
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
