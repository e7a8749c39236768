"""``mcsim run``: a campaign, or one run for each value of a sweep."""

from __future__ import annotations

import argparse
import shlex

from mcsim.commands.verb import Parser, add_overrides

HELP = "simulate a campaign, price it and write its report"


def add_arguments(parser: Parser) -> None:
    """Overrides, a sweep, or a look at the configuration."""
    add_overrides(parser)
    parser.add_argument("-m", "--multirun", action="store_true", help="one run for each value of KEY=A,B")
    parser.add_argument(
        "--show", action="store_true", help="check and print the configuration (of a sweep, its runs), and do not run"
    )
    parser.more = _groups


def answer(chosen: argparse.Namespace) -> int:
    """Runs, or shows what would be run."""
    if chosen.multirun:
        _sweep(chosen)
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


def _sweep(chosen: argparse.Namespace) -> None:
    from mcsim.multirun import plan, run_many

    if chosen.show:
        for job in plan(chosen.overrides, chosen.config_dir)[0]:
            print(shlex.join(job.overrides))
    else:
        run_many(chosen.overrides, chosen.config_dir)


def _groups() -> str:
    """Groups and their options, read from the folders' names: no Hydra for a page of help."""
    from mcsim.conf_dir import group_options

    rows = [f"  {group:22} {', '.join(names)}" for group, names in group_options().items()]
    return "groups and their options (docs/configuration.md says what each holds):\n" + "\n".join(rows)
