"""Overrides in Hydra's grammar: read, prepared, and what is wrong with one, with the nearest known key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from kernels.behaviour import KINDS
from mcsim.conf_dir import group_options
from mcsim.errors import InputError, nearest

OPEN_MAPPINGS = ("pricing.spreads", "portfolio.generator.states")
"""Sections whose keys are the user's own: class names, states. An override may add one without Hydra's ``+``."""

MODEL_SECTIONS = tuple(f"behaviour.{kind}" for kind in KINDS)
"""Sections that hold a model and its parameters. Two models share no parameters, so a new model replaces the section."""

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


def opened(override: Override) -> list[str]:
    """The override as Hydra needs it.

    One that adds to an open mapping gets its ``++``. A mapping with a model becomes two: Hydra would merge it into the section,
    and leave there the parameters of the model before; one without a model is merged.

    Raises
    ------
    InputError
        A sweep of mappings some of which name a model: one deletion cannot serve both.
    """
    line, key = str(override.input_line), override.key_or_group
    if override.is_add() or override.is_force_add() or override.is_delete():
        return [line]
    if key in MODEL_SECTIONS:
        values = list(override.sweep_iterator()) if override.is_discrete_sweep() else [override.value()]
        named = [isinstance(value, dict) and "model" in value for value in values]
        if all(named):
            return [f"~{key}", f"++{line}"]
        if any(named):
            raise InputError(f"{line}: some of the values name a model and some do not; give every one its model")
    return [f"++{line}" if key.startswith(tuple(f"{mapping}." for mapping in OPEN_MAPPINGS)) else line]


def option_problem(override: Override, options: Sequence[str]) -> str:
    """What to say of a group's option that is not there; a file is not one."""
    group, name = override.key_or_group, str(override.value())
    if not name.endswith((".yaml", ".yml")):
        return f"{override.input_line}: no such option{nearest(name, options)}"
    stem = PurePath(name).stem
    return (
        f"{override.input_line}: a run takes an option by its name, not a file; keep it as DIR/{group}/{stem}.yaml "
        f"and give --config-dir DIR {group}={stem}"
    )


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
