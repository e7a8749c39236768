"""What a run stood on: versions, machine, commit, inputs. Enough to run it again, and nothing about who ran it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from kernels.processor import vectors

PACKAGES = (
    "numpy",
    "numba",
    "llvmlite",
    "numba-cuda",
    "cupy-cuda13x",
    "cupy-cuda12x",
    "scipy",
    "xarray",
    "zarr",
    "numcodecs",
    "hydra-core",
    "omegaconf",
    "polars",
    "pyyaml",
    "lxml",
    "QuantLib",
    "matplotlib",
    "jinja2",
)
"""Distributions that numbers pass through on their way; those that are not installed are left out of the record."""

_SOURCE = Path(__file__).resolve().parents[1]
_HASH_PIECE = 1 << 20
_GIT_SECONDS = 10.0
"""A repository on a slow network disk must not hold up a run."""


def version() -> str:
    """Version of the installed mcsim; ``0+unknown`` where it runs from a tree that was never installed."""
    try:
        return importlib.metadata.version("mcsim")
    except importlib.metadata.PackageNotFoundError:
        return "0+unknown"


def environment() -> dict[str, Any]:
    """The contents of ``env.json``.

    Returns
    -------
    dict
        ``mcsim``, ``python``, ``packages`` (name → version), ``platform``, ``cpu`` (model, logical cores, what LLVM
        compiles for: :func:`kernels.processor.vectors`), ``devices``
        (each with model and driver; empty without an accelerator), ``git`` (commit, dirty; see :func:`git_state`).
        Host name, user and paths are left out on purpose.
    """
    return {
        "mcsim": version(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": package_versions(),
        "platform": {"system": platform.system(), "release": platform.release(), "machine": platform.machine()},
        "cpu": {"model": cpu_model(), "cores": os.cpu_count(), **vectors()},
        "devices": devices(),
        "git": git_state(),
    }


def store_attributes(config: Mapping[str, Any], seed: int, backend: str, precision: str) -> dict[str, Any]:
    """Attributes of the store: what :func:`mcsim.store.create_store` is given.

    Parameters
    ----------
    config : mapping
        The resolved configuration; stored as JSON text under ``config``, for attributes should stay short to look at.
    seed : int
        Seed of the run.
    backend, precision : str
        Target that ran (not the one asked for) and its precision.
    """
    git = git_state()
    return {
        "title": "mcsim run",
        "mcsim_version": version(),
        "config": json.dumps(plain(config), sort_keys=True),
        "config_sha256": config_hash(config),
        "seed": int(seed),
        "backend": backend,
        "precision": precision,
        "versions": json.dumps(package_versions()),
        "python": platform.python_version(),
        "git_commit": git["commit"],
        "git_dirty": git["dirty"],
        **({"git_reason": git["reason"]} if "reason" in git else {}),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def plain(value: Any) -> Any:
    """``value`` with numpy scalars, arrays, tuples, dates and paths turned into what JSON and YAML know.

    Raises
    ------
    TypeError
        On anything else: a record must not hold the repr of an object.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"cannot record a {type(value).__name__}: {value!r}")


def config_hash(config: Mapping[str, Any]) -> str:
    """SHA-256 of the resolved configuration, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(plain(config), sort_keys=True).encode()).hexdigest()


def identity(config: Mapping[str, Any], inputs: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 of everything that went into a run: its configuration, and the contents of its inputs whatever their order.

    Parameters
    ----------
    config : mapping
        The resolved configuration.
    inputs : iterable of mapping
        Of :func:`input_records`.
    """
    digests = sorted(str(record["sha256"]) for record in inputs)
    return hashlib.sha256(json.dumps([config_hash(config), digests]).encode()).hexdigest()


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file, hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(_HASH_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def input_records(inputs: Iterable[Any]) -> list[dict[str, Any]]:
    """The contents of ``inputs.json``: path as the user gave it, SHA-256, size, rows, rejects.

    Parameters
    ----------
    inputs : iterable
        Objects with ``path`` and ``sha256`` and, for tapes, ``rows`` and ``rejects`` (``mcsim.tapes`` ``InputFile``), or pairs
        ``(path, sha256)`` (``Curve.input``); ``None`` is passed over. What an input does not have is left out: ``rows`` and
        ``rejects`` of what is no tape, ``size`` of what is no file.
    """
    records = []
    for item in inputs:
        if item is None:
            continue
        path, sha256 = item if isinstance(item, tuple) else (item.path, item.sha256)
        file = Path(path)
        record: dict[str, Any] = {"path": _shown(file), "sha256": sha256}
        if file.is_file():
            record["size"] = file.stat().st_size
        record |= {name: found for name in ("rows", "rejects") if (found := getattr(item, name, None)) is not None}
        records.append(record)
    return records


def _shown(file: Path) -> str:
    """The path as the user gave it; a file that ships with mcsim without the folder it is installed in."""
    package = Path(__file__).resolve().parent
    return str(file.resolve().relative_to(package.parent)) if package in file.resolve().parents else str(file)


def package_versions() -> dict[str, str]:
    """Installed versions of :data:`PACKAGES`."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def cpu_model() -> str:
    """Model name of the processor, or the architecture where the system does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match.group(1).strip() if match else platform.machine()


def devices(proc: Path = Path("/proc/driver/nvidia")) -> list[dict[str, str]]:
    """NVIDIA devices and their driver, as the kernel module tells them: no process is started, no device is woken."""
    try:
        driver = (proc / "version").read_text(encoding="utf-8", errors="replace")
        folders = sorted((proc / "gpus").iterdir())
    except OSError:
        return []
    match = re.search(r"Kernel Module.*?\s(\d+(?:\.\d+)+)", driver)
    found = []
    for folder in folders:
        try:
            text = (folder / "information").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        model = re.search(r"^Model:\s*(.+)$", text, re.MULTILINE)
        found.append(
            {"model": model.group(1).strip() if model else "unknown", "driver": match.group(1) if match else "unknown"}
        )
    return found


def git_state(source: Path = _SOURCE) -> dict[str, Any]:
    """Commit of the source tree and whether it changed since; where one is not known, None and the ``reason``."""
    root, why = _git(source, "rev-parse", "--show-toplevel")
    # An installed mcsim may lie inside somebody else's repository (a virtual environment in a project).
    if root is None or Path(root).resolve() != source.resolve():
        return {"commit": None, "dirty": None, "reason": why or "mcsim does not run from its own git checkout"}
    commit, why = _git(source, "rev-parse", "--verify", "HEAD")
    status, no_status = _git(source, "status", "--porcelain")
    state = {"commit": commit, "dirty": None if status is None else bool(status)}
    found = "; ".join(dict.fromkeys(text for text in (why, no_status) if text))
    return {**state, "reason": found} if found else state


def _git(folder: Path, *arguments: str) -> tuple[str | None, str]:
    """What git answers, or None and why there is no answer."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None, f"git did not answer in {_GIT_SECONDS:g} s"
    except (OSError, ValueError, subprocess.SubprocessError):
        return None, "git is not there"
    if done.returncode:
        return None, "no commit yet" if "HEAD" in arguments else "mcsim does not run from its own git checkout"
    return done.stdout.strip(), ""
