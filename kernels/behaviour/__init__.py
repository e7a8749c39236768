"""Behavioural models by kind and name. A new model is one new file in the folder of its kind, with a ``MODEL``."""

from __future__ import annotations

import importlib
import pkgutil

from kernels.behaviour import default, prepayment, severity
from kernels.behaviour.model import Model

KINDS: dict[str, dict[str, Model]] = {
    folder.__name__.rpartition(".")[2]: {
        name: importlib.import_module(f"{folder.__name__}.{name}").MODEL
        for _, name, _ in pkgutil.iter_modules(folder.__path__)
    }
    for folder in (prepayment, default, severity)
}
"""By the names of the folders, and in each by the names of its files."""

PREPAYMENT, DEFAULT, SEVERITY = KINDS["prepayment"], KINDS["default"], KINDS["severity"]
