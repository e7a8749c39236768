"""The folder of a run: how it is named, made, found again and vouched for.

::

    runs/<run id>/  config.yaml  overrides.txt  env.json  inputs.json  rejects.csv  warnings.json  log.txt  store.zarr/
                    COMPLETE  report.html; loans.csv, where the loans were given from Python; rejects.<name>.csv of each
                    collateral, where there are several
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mcsim import provenance, records
from mcsim.errors import IncompleteRunError, InputError, StoreError, nearest, shown
from mcsim.files import reason, write_whole, writing
from mcsim.paths import expanded, path_problem
from mcsim.store.layout import STORE_NAME
from mcsim.store.marker import REPORT_NAME, is_complete, mark_complete, read_manifest, unfinished
from mcsim.yaml_files import dump_yaml

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_RUN_ID = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[A-Za-z0-9._-]+-[0-9a-f]{8}")
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_CAMPAIGN_LENGTH = 34
"""What 64 characters leave after the time stamp (20), the hash (8) and two dashes."""

LARGEST_CONFIG = 20_000_000
"""Bytes of a run's ``config.yaml``, one value a line: several times what its option files may have."""


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run. Make with :meth:`create`, find with :meth:`open`."""

    path: Path

    @property
    def run_id(self) -> str:
        """Name of the folder: UTC time to the millisecond, campaign, first 8 digits of the SHA-256 of all that went in.

        That of the configuration alone until the inputs were read: see :meth:`identify`.
        """
        return self.path.name

    @property
    def config_file(self) -> Path:
        """The resolved configuration, YAML."""
        return self.path / records.CONFIG

    @property
    def overrides_file(self) -> Path:
        """What the user gave on the command line, one override a line."""
        return self.path / records.OVERRIDES

    @property
    def env_file(self) -> Path:
        """:func:`mcsim.provenance.environment`, JSON."""
        return self.path / records.ENVIRONMENT

    @property
    def inputs_file(self) -> Path:
        """:func:`mcsim.provenance.input_records`, JSON."""
        return self.path / records.INPUTS

    @property
    def rejects(self) -> Path:
        """Rows of the tape that were turned away, CSV; of a book of several collaterals see :meth:`rejects_of`."""
        return self.path / records.REJECTS

    def rejects_of(self, collaterals: Collection[str]) -> Callable[[str], Path]:
        """Where each collateral's are: ``rejects.csv`` of one, ``rejects.<name>.csv`` of several."""
        return lambda name: self.path / (records.REJECTS if len(collaterals) == 1 else records.rejects_name(name))

    @property
    def frame(self) -> Path:
        """Loans that were given from Python, CSV; only there where they were."""
        return self.path / "loans.csv"

    @property
    def log(self) -> Path:
        """The run's log."""
        return self.path / records.LOG

    @property
    def store(self) -> Path:
        """The zarr store."""
        return self.path / STORE_NAME

    @property
    def report(self) -> Path:
        """The report."""
        return self.path / REPORT_NAME

    @property
    def complete(self) -> bool:
        """Whether the run was finished."""
        return is_complete(self.path)

    @classmethod
    def create(
        cls, runs_dir: str | Path, campaign: str, config: Mapping[str, Any], overrides: Sequence[str] = ()
    ) -> RunFolder:
        """Make a folder that no other run has, with ``config.yaml``, ``overrides.txt`` and ``env.json`` in it.

        Parameters
        ----------
        runs_dir : path
            Where runs are kept; made if missing.
        campaign : str
            Name of the campaign: letters, digits, ``.``, ``_``, ``-``, at most 64; the run id keeps the first 34.
        config : mapping
            The resolved configuration.
        overrides : sequence of str
            Overrides as the user gave them.

        Raises
        ------
        InputError
            If the campaign's name does not fit or the folder cannot be made.
        WriteError
            If the disk does not take the records.
        """
        if not NAME.fullmatch(campaign):
            raise InputError(
                f"campaign {campaign!r}: expected 1 to 64 letters, digits, '.', '_' or '-', for it names the run folder"
            )
        folder = cls(_make_unique(Path(runs_dir), campaign, provenance.config_hash(config)[:8]))
        write_whole(folder.config_file, dump_yaml(provenance.plain(config)))
        write_whole(folder.overrides_file, override_lines(overrides))
        _write_json(folder.env_file, provenance.environment())
        return folder

    @classmethod
    def open(cls, path: str | Path, runs_dir: str | Path = "runs", *, complete: bool = True) -> RunFolder:
        """Find a run.

        Parameters
        ----------
        path : path or str
            A folder; or a run id, the beginning of one, or ``latest`` (the newest, finished or not) under ``runs_dir``.
        runs_dir : path
            Where runs are kept.
        complete : bool
            Insist on the COMPLETE marker.

        Raises
        ------
        InputError
            No such run, or a beginning that several share (exit code 2).
        StoreError
            The folder is no run folder, or a file of a finished run is missing, cut short or not the run's (exit code 4).
        IncompleteRunError
            The run did not finish (exit code 3).
        """
        name, runs_dir = _path_text("RUN", path), expanded(_path_text("runs_dir", runs_dir))
        folder = cls(_find(name, Path(runs_dir)))
        manifest = read_manifest(folder.path)
        if manifest is not None:
            manifest.check_listing()
        elif not folder.config_file.is_file():
            raise StoreError(f"{folder.path} is not a run folder: it holds no config.yaml")
        elif complete:
            raise folder._incomplete(Path(runs_dir))
        return folder

    def read_config(self) -> dict[str, Any]:
        """:func:`mcsim.records.read_config`."""
        return records.read_config(self.path)

    def identify(self, config: Mapping[str, Any], inputs: Iterable[Any]) -> RunFolder:
        """Write ``inputs.json`` and give the folder the name that tells what went in, contents of the inputs included.

        Parameters
        ----------
        config : mapping
            The resolved configuration.
        inputs : iterable
            See :func:`mcsim.provenance.input_records`.

        Returns
        -------
        RunFolder
            The folder at its new place; this one is no more.
        """
        found = provenance.input_records(inputs)
        _write_json(self.inputs_file, found)
        stamp, rest = self.run_id.split("-", 1)
        when = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
        name = f"{rest.rpartition('-')[0]}-{provenance.identity(config, found)[:8]}"
        with writing(self.path):
            return RunFolder(_take_name(self.path.parent, when, name, lambda target: _rename(self.path, target)))

    @contextmanager
    def kept_unless_refused(self) -> Iterator[Callable[[RunFolder], None]]:
        """A context: an input that is refused inside leaves no folder behind, or one with the rows that were turned away.

        Gives the function that takes the folder under another name. Where the folder goes, what is said names no file in it.
        """
        held = [self]
        try:
            yield held.append
        except InputError as error:
            folder = held[-1]
            rejected = any(len(path.read_bytes().splitlines()) > 1 for path in records.rejects_files(folder.path))
            if rejected or folder.store.exists():  # from the store on there are results to keep
                raise
            shutil.rmtree(folder.path, ignore_errors=True)
            said = [problem.replace(str(self.frame), "the loans given") for problem in error.problems]
            raise InputError(said) from error

    def mark_complete(self) -> None:
        """Flush the folder to the disk, take every file's digest, write the marker: the last thing that a run records."""
        mark_complete(self.path)

    def _incomplete(self, runs_dir: Path) -> IncompleteRunError:
        finished = [run.run_id for run in list_runs(runs_dir) if run.complete]
        hint = f"; the newest finished run is {finished[-1]}" if finished else ""
        return IncompleteRunError(unfinished(self.path) + hint)


def override_lines(overrides: Iterable[str]) -> str:
    """The contents of ``overrides.txt``: one override a line, a line break within a path as ``\\n``."""
    return "".join("\\n".join(text.splitlines()) + "\n" for text in overrides)


def list_runs(runs_dir: str | Path = "runs") -> list[RunFolder]:
    """The runs under a folder, oldest first; other folders are passed over."""
    root = Path(runs_dir)
    if not os.path.isdir(root):
        return []
    return [RunFolder(path) for path in sorted(root.iterdir()) if _RUN_ID.fullmatch(path.name) and path.is_dir()]


def _make_unique(runs_dir: Path, campaign: str, digest: str) -> Path:
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        return _take_name(runs_dir, datetime.now(UTC), f"{campaign[:_CAMPAIGN_LENGTH]}-{digest}", os.mkdir)
    except OSError as error:
        raise InputError(
            f"cannot make a run folder under {runs_dir}: {reason(error)}; give another output.runs_dir"
        ) from error


def _take_name(runs_dir: Path, when: datetime, name: str, take: Callable[[Path], None]) -> Path:
    """``take`` decides between runs that start in the same millisecond; the one that loses takes the next."""
    while True:
        path = runs_dir / f"{when:%Y%m%dT%H%M%S}.{when.microsecond // 1000:03d}Z-{name}"
        try:
            take(path)
        except FileExistsError:
            when += timedelta(milliseconds=1)
        else:
            return path


def _rename(source: Path, target: Path) -> None:
    """Never over another run: a rename replaces an empty folder in silence."""
    if source == target:
        return
    os.mkdir(target)
    os.rename(source, target)


def _path_text(what: str, given: Any) -> str:
    """A path as text, whether or not something is there."""
    problem = path_problem(str(given)) if isinstance(given, str | Path) else "expected a path or text"
    if problem:
        raise InputError(f"{what} = {shown(given)}: {problem}")
    return str(given)


def _find(name: str, runs_dir: Path) -> Path:
    runs = {run.run_id: run.path for run in list_runs(runs_dir)}
    if name == "latest":
        if not runs:
            raise InputError(f"no runs under {runs_dir}; start one with `mcsim run`")
        return runs[max(runs)]
    if name in runs:
        return runs[name]
    if os.path.isdir(expanded(name)):
        return Path(expanded(name))
    if NAME.fullmatch(name) and name not in (".", "..") and (runs_dir / name).is_dir():
        return runs_dir / name
    starts = [run_id for run_id in runs if run_id.startswith(name)]
    if len(starts) == 1:
        return runs[starts[0]]
    if starts:
        raise InputError(f"{shown(name)} begins {len(starts)} runs: {', '.join(starts[:5])}; give more of the id")
    hint = nearest(name, runs) if runs else f"; there are no runs under {runs_dir}"
    raise InputError(
        f"no run {shown(name)}: expected a run folder, a run id under {runs_dir}, its beginning, or 'latest'{hint}"
    )


def _write_json(path: Path, value: Any) -> None:
    write_whole(path, json.dumps(value, indent=2) + "\n")
