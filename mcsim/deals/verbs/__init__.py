"""Verbs of the deal language, one file each; the file's name is the verb's. Only where no instruction does what a verb needs is
there an instruction of :mod:`kernels.waterfall_machine` to add.
"""

from __future__ import annotations

import importlib
import pkgutil

from mcsim.deals.verbs.verb import Verb

VERBS: dict[str, Verb] = {
    name: module.VERB
    for _, name, _ in pkgutil.iter_modules(__path__)
    if hasattr(module := importlib.import_module(f"{__name__}.{name}"), "VERB")
}
