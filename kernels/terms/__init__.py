"""How a loan's note rate and schedule come about, one file each; the file's name is that of the terms, which a loan gives.

A file holds ``TERMS``: :class:`~kernels.loan_terms.KnownBeforehand`, where the note rate follows from the loan's columns and the
month, or :class:`~kernels.loan_terms.ByPath`, where it follows the scenario.
"""

from __future__ import annotations

import importlib
import pkgutil

from kernels.loan_terms import ByPath, KnownBeforehand

TERMS: dict[str, KnownBeforehand | ByPath] = {
    name: importlib.import_module(f"{__name__}.{name}").TERMS for _, name, _ in pkgutil.iter_modules(__path__)
}
"""By the names of the folder's files."""
