"""Instruments, one file each; the file's name is the instrument's. It says what streams a kind of exposure yields."""

from __future__ import annotations

import importlib
import pkgutil

from mcsim.instruments.instrument import Instrument

INSTRUMENTS: dict[str, Instrument] = {
    name: module.INSTRUMENT
    for _, name, _ in pkgutil.iter_modules(__path__)
    if hasattr(module := importlib.import_module(f"{__name__}.{name}"), "INSTRUMENT")
}
