"""The records beside a store, read: held against the run's marker, and of the shape that a run writes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mcsim import store
from mcsim.errors import InputError, StoreError
from mcsim.files import read_regular, unreadable
from mcsim.provenance import config_hash
from mcsim.store.marker import read_manifest
from mcsim.yaml_files import parse_yaml

CONFIG, OVERRIDES, ENVIRONMENT = "config.yaml", "overrides.txt", "env.json"
INPUTS, REJECTS, WARNINGS, LOG = "inputs.json", "rejects.csv", "warnings.json", "log.txt"

_LARGEST = 1_000_000_000
"""Bytes of a record: rejects of a tape of millions of loans, each with its reason."""

REJECT_COLUMNS = ["row", "loan_id", "column", "value", "reason"]
_PARTS = {"packages": dict, "platform": dict, "cpu": dict, "git": dict, "devices": list}
_SECTIONS = ("portfolio", "rates", "home_prices", "behaviour", "deal", "pricing", "output", "engine")


def read_config(folder: Path) -> dict[str, Any]:
    """The resolved configuration.

    Raises
    ------
    StoreError
        If ``config.yaml`` is not there, was changed since the run finished, or holds no configuration. So with every record.
    """
    with _shape(folder, CONFIG):
        config = parse_yaml(read_text(folder, CONFIG), CONFIG)
        _expect(config, dict)
        for name in _SECTIONS:
            _expect(config.get(name, {}), dict, name)
        return dict(config)


def recorded_config(folder: Path) -> dict[str, Any]:
    """:func:`read_config`, if it is the configuration that was run: its hash stands in the store.

    Raises
    ------
    StoreError
        As :func:`read_config`, and where the hash is another.
    """
    config = read_config(folder)
    if config_hash(config) != store.attributes(folder)["config_sha256"]:
        raise StoreError(f"{folder / CONFIG} is not the configuration of the run: its hash is not the one in the store")
    return config


def read_overrides(folder: Path) -> list[str]:
    """What the user gave, one override an entry."""
    return _optional(folder, OVERRIDES).splitlines()


def read_environment(folder: Path) -> dict[str, Any]:
    """:func:`mcsim.provenance.environment` of the run; empty where it was not written."""
    with _shape(folder, ENVIRONMENT):
        found = json.loads(_optional(folder, ENVIRONMENT) or "{}")
        _expect(found, dict)
        for name, kind in _PARTS.items():
            _expect(found.get(name) or kind(), kind, name)
        for device in found.get("devices") or []:
            _expect(device, dict, "devices")
        return dict(found)


def read_inputs(folder: Path) -> list[dict[str, Any]]:
    """:func:`mcsim.provenance.input_records` of the run; empty where none was written."""
    with _shape(folder, INPUTS):
        found = json.loads(_optional(folder, INPUTS) or "[]")
        _expect(found, list)
        for record in found:
            _expect(record, dict)
            _expect(record.get("path"), str, "path")
            for name in ("rows", "rejects"):
                _expect(record.get(name) or 0, int, name)
        return list(found)


def read_warnings(folder: Path) -> list[str]:
    """Every warning that the run gave, in order."""
    with _shape(folder, WARNINGS):
        found = json.loads(_optional(folder, WARNINGS) or "[]")
        _expect(found, list)
        for text in found:
            _expect(text, str)
        return list(found)


def rejects_name(collateral: str) -> str:
    """Of a book of several collaterals: a file each, of the layout that a run of one has, written while its tape is read."""
    return f"rejects.{collateral}.csv"


def rejects_files(folder: Path) -> list[Path]:
    """Those that are there."""
    return sorted(path for path in folder.glob("rejects*.csv") if path.is_file())


def read_rejects(folder: Path) -> list[dict[str, str]]:
    """Rows of the tapes that were turned away, by column; of several collaterals with ``collateral``, its name."""
    found = _rejects(folder, REJECTS)
    for path in rejects_files(folder):
        if path.name != REJECTS:
            name = path.name.removeprefix("rejects.").removesuffix(".csv")
            found += [{"collateral": name, **row} for row in _rejects(folder, path.name)]
    return found


def _rejects(folder: Path, name: str) -> list[dict[str, str]]:
    with _shape(folder, name):
        rows = csv.DictReader(io.StringIO(_optional(folder, name), newline=""), strict=True)
        found = list(rows)
        if rows.fieldnames is not None and list(rows.fieldnames) != REJECT_COLUMNS:
            raise ValueError(f"its columns are {', '.join(rows.fieldnames)[:80]}, expected {', '.join(REJECT_COLUMNS)}")
        if any(None in row or None in row.values() for row in found):
            raise ValueError("a row has another number of columns than the header")
        return found


def read_text(folder: Path, name: str) -> str:
    """A file of the run folder as text.

    Raises
    ------
    StoreError
        If it cannot be read, is no UTF-8, or the run finished and the file is not what it wrote.
    """
    manifest = read_manifest(folder)
    if manifest is not None:
        manifest.check(name)
    try:
        return read_regular(folder / name, _LARGEST).decode("utf-8", "surrogateescape" if name == OVERRIDES else "strict")
    except (OSError, UnicodeDecodeError) as error:
        no_text = "cannot be read: no UTF-8 at byte {}; restore the file, or run again"
        why = unreadable(error) if isinstance(error, OSError) else no_text.format(error.start)
        raise StoreError(f"{folder / name} {why}") from error


def setting(config: Any, *keys: str) -> Any:
    """A nested entry of a configuration; None where there is none."""
    for key in keys:
        config = config.get(key) if isinstance(config, dict) else None
    return config


def collateral_section(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """``portfolio`` and ``behaviour`` of a collateral: of a campaign of one each they stand at the top of its configuration."""
    return dict((setting(config, "collaterals") or {name: config}).get(name) or {})


def deal_section(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """``deal``, ``groups`` (group of the deal → collateral) and ``pricing`` of a deal, likewise."""
    found = dict((setting(config, "deals") or {name: config}).get(name) or {})
    alone = {str(setting(found, "deal", "group")): str(setting(found, "portfolio", "name"))}
    return {"groups": alone if "portfolio" in found else {}, **found}


def _optional(folder: Path, name: str) -> str:
    """:func:`read_text`; empty where the run did not write the file, or has not yet."""
    manifest = read_manifest(folder)
    return read_text(folder, name) if (folder / name).exists() or (manifest and name in manifest.files) else ""


def _expect(value: Any, kind: type, name: str = "") -> None:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        of = f"{name} is" if name else "it holds"
        raise ValueError(f"{of} a {type(value).__name__}, expected a {kind.__name__}")


@contextmanager
def _shape(folder: Path, name: str) -> Iterator[None]:
    """Whatever is wrong with the content of a record is damage, named."""
    try:
        yield
    except (ValueError, InputError, csv.Error, RecursionError) as error:
        raise StoreError(f"{folder / name} is not what a run writes: {error}; restore it, or run again") from error
