"""``mcsim price``: a finished run, with another deal or other spreads."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mcsim.commands.verb import Parser, add_overrides, add_run

if TYPE_CHECKING:
    from mcsim.results import Run

HELP = "price a finished run again, with another deal, other spreads or positions; nothing is simulated"


def add_arguments(parser: Parser) -> None:
    """A run, and what is to be other."""
    add_run(parser)
    add_overrides(parser)


def answer(chosen: argparse.Namespace) -> int:
    """Prints the tables."""
    from mcsim.configuration import price_choices
    from mcsim.console import log_to_stderr, price_lines, show
    from mcsim.layouts import is_book
    from mcsim.repricing import reprice
    from mcsim.results import Run

    run = Run(chosen.run, chosen.runs_dir)
    if is_book(run.config) or run.config.get("positions") or any("positions" in text for text in chosen.overrides):
        return _answer_of_book(run, chosen)
    with log_to_stderr():
        deal, spreads = price_choices(run.config, chosen.overrides, chosen.config_dir)
        prices = reprice(run, deal, spreads)
    title = f"{run.run_id}: {(deal or run.config['deal']).get('name', 'deal')}"
    show(price_lines(prices.variables, title, prices.attrs["assumptions"]))
    return 0


def _answer_of_book(run: Run, chosen: argparse.Namespace) -> int:
    from mcsim.console import log_to_stderr, position_lines, price_lines, show
    from mcsim.repricing import price_again

    with log_to_stderr():
        prices, positions = price_again(run, chosen.overrides, chosen.config_dir)
    lines: list[str] = []
    for name, found in prices.items():
        lines += price_lines(found.variables, f"{run.run_id}: {name}", found.attrs["assumptions"])
    show([*lines, *([] if positions is None else position_lines(positions, f"{run.run_id}: positions"))])
    return 0
