"""Settings of a run over loans that were given from Python."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mcsim import yaml_files
from mcsim.composition import compose
from mcsim.configuration import load_settings, settings_of
from mcsim.errors import InputError, shown
from mcsim.layouts import is_book
from mcsim.settings import Settings
from mcsim.tapes.portfolio import FRAME
from mcsim.tapes.table_mapping import as_texts
from mcsim.tapes.text_table import table_csv


def settings_with_loans(
    overrides: Sequence[str],
    loans: Any = None,
    mapping: str | Path | Mapping[str, Any] | None = None,
    config_dir: str | Path | None = None,
) -> tuple[Settings, bytes | None]:
    """Settings, and the loans as CSV; None where they are in a file.

    Parameters
    ----------
    overrides : sequence of str
        As on the command line. ``portfolio=table`` is chosen where they choose no portfolio.
    loans : object, optional
        What :func:`mcsim.tapes.text_table.table_csv` takes, or the path of a file.
    mapping : path or mapping, optional
        Of its columns. That of a frame is written out in the configuration, so that the run can be read without it.
    config_dir : path, optional
        A directory of the user's own options.

    Raises
    ------
    InputError
        As :func:`~mcsim.configuration.load_settings`, for loans that are no table, and for a book, whose collaterals have files.
    """
    if loans is None and mapping is None:
        return load_settings(overrides, config_dir), None
    if is_book(compose(overrides, config_dir).tree):
        word = "mapping" if loans is None else "loans"
        raise InputError(
            f"{word}=: is of a campaign with one portfolio, and this is a book; give each of its collaterals its own file, "
            "collaterals.NAME.portfolio=table and collaterals.NAME.portfolio.file=FILE, and .mapping"
        )
    given: list[Any] = list(overrides)
    in_file = isinstance(loans, str | os.PathLike)
    frame = None if loans is None or in_file else table_csv(loans)
    if not any(isinstance(word, str) and word.startswith("portfolio=") for word in given):
        given.insert(0, "portfolio=table")
    _check_given_once(given, {"portfolio.file": ("loans", loans), "portfolio.mapping": ("mapping", mapping)})
    portfolio: dict[str, Any] = {}
    if loans is not None:
        given.append("portfolio.file=loans")  # any name will do: a path may hold what an override cannot
        portfolio["file"] = os.fspath(loans) if in_file else FRAME
    if isinstance(mapping, Mapping):
        portfolio["mapping"] = as_texts(mapping)
    elif mapping is not None and not isinstance(mapping, str | os.PathLike):
        raise InputError(f"mapping = {shown(mapping)}: expected the path of a YAML file, or a mapping")
    elif mapping is not None:
        portfolio["mapping"] = os.fspath(mapping) if frame is None else as_texts(yaml_files.read_mapping(mapping))
    settings = load_settings(given, config_dir)
    source = settings.only_collateral.portfolio.source
    if source != "table" and not (in_file and mapping is None):
        what = "loans" if mapping is None else "mapping"
        raise InputError(f"{what}: portfolio.source={source} does not read it; choose portfolio=table")
    return settings_of({**settings.raw, "portfolio": {**settings.raw["portfolio"], **portfolio}}), frame


def _check_given_once(overrides: Sequence[Any], arguments: Mapping[str, tuple[str, Any]]) -> None:
    """An override and an argument that say the same thing twice are refused: one of them would be passed over."""
    keys = {word.partition("=")[0].lstrip("+"): word for word in overrides if isinstance(word, str)}
    twice = [
        f"{keys[key]}: {name}= is given too, which takes its place; keep one of them"
        for key, (name, value) in arguments.items()
        if key in keys and value is not None
    ]
    if twice:
        raise InputError(twice)
