"""Overrides in Hydra's grammar: read, prepared, and what is wrong with one, with the nearest known key."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mcsim.conf_dir import group_options
from mcsim.errors import InputError, nearest

OPEN_MAPPINGS = ("pricing.spreads", "portfolio.generator.states")
"""Sections whose keys are the user's own: class names, states. An override may add one without Hydra's ``+``."""

RESOLVER = re.compile(r"\$\{\s*[\w.]+\s*:")
"""``${oc.env:HOME}``, ``${oc.decode:...}``, ``${now:...}``: interpolations that call a function."""


def parse_overrides(overrides: Sequence[str]) -> list[Override]:
    """The overrides, read; raises :class:`InputError` with every one that cannot be, or that reaches outside."""
    problems, parsed = [], []
    for text in overrides:
        if RESOLVER.search(text):
            problems.append(f"{text}: reads outside the configuration; write the value itself, or ${{section.key}}")
            continue
        try:
            override = OverridesParser.create().parse_override(text)
        except HydraException:
            override = None
        if override is not None and override.key_or_group:
            parsed.append(override)
        else:
            problems.append(
                f"{text}: cannot be read as an override; expected key=value, such as paths=4096 or rates.sigma=0.008"
            )
    if problems:
        raise InputError(problems)
    return parsed


def sweep_problem(override: Override) -> str:
    """What to say of ``rates.sigma=0.006,0.008`` where one run is asked for."""
    key, _, value = str(override.input_line).partition("=")
    return f"{key}={value}: several values are several runs; add --multirun, or give a list as {key}=[{value}]"


def opened(override: Override) -> str:
    """The override as Hydra needs it: one that adds to an open mapping gets its ``++``."""
    line = str(override.input_line)
    plain = not (override.is_add() or override.is_force_add() or override.is_delete())
    return f"++{line}" if plain and override.key_or_group.startswith(tuple(f"{m}." for m in OPEN_MAPPINGS)) else line


def has_key(tree: DictConfig, key: str) -> bool:
    """True where the configuration has the dotted ``key``."""
    parent, _, name = key.rpartition(".")
    try:
        node = OmegaConf.select(tree, parent) if parent else tree
    except OmegaConfBaseException:
        return False
    return isinstance(node, DictConfig) and name in node


def unknown_key(tree: DictConfig, key: str) -> str:
    """``key``'s problem, with the nearest known key beside it, or group at the top."""
    if "/" in key or "@" in key:
        return f"{key}: unknown group{nearest(key, group_options())}"
    parts = key.split(".")
    for depth in range(len(parts)):
        above, name = ".".join(parts[:depth]), parts[depth]
        node = OmegaConf.select(tree, above) if above else tree
        if not isinstance(node, DictConfig):
            return f"{key}: unknown key; {above} has no keys under it"
        if name not in node:
            known = [str(k) for k in node if k != "hydra"] + (["campaign"] if depth == 0 else [])
            return f"{key}: unknown key{nearest(name, known)}"
    return f"{key}: unknown key"
