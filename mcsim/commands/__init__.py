"""Verbs of the command line, a file each: ``HELP``, ``add_arguments(parser)`` and ``answer(chosen)``, the exit code.

Nothing heavy is imported at the top of one, so that ``mcsim --help`` answers at once.
"""

from __future__ import annotations

from mcsim.commands import info, price, report, run, verify
from mcsim.commands.verb import Verb

VERBS: dict[str, Verb] = {"run": run, "price": price, "report": report, "info": info, "verify": verify}
"""By name, in the order of the help page."""
