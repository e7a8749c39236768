"""``mcsim run --multirun``: one run for each combination of values, here or, through a launcher of Hydra's, on a cluster.

All runs are checked before the first one starts. Hydra is told how many runs there are and how its launcher is set, and nothing
else: no text of a user's reaches it but numbers and names on the list below.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hydra
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from mcsim.conf_dir import group_options
from mcsim.configuration import load_settings
from mcsim.data_files import find_inputs
from mcsim.errors import InputError, nearest, shown
from mcsim.overrides import swept
from mcsim.run_folder import override_lines
from mcsim.settings import Settings

HYDRA_VERSION = "1.3"

LAUNCHER = "hydra/launcher"

_HERE = [f"{LAUNCHER}=basic"]  # Hydra's own, which runs one after another in this process

LAUNCHER_KEYS = (
    *("account", "constraint", "exclude", "gres", "name", "nodelist", "partition", "qos"),
    *("cpus_per_gpu", "cpus_per_task", "gpus_per_node", "gpus_per_task", "n_jobs", "nodes", "tasks_per_node"),
    *("array_parallelism", "max_num_timeout", "mem_gb", "mem_per_cpu", "mem_per_gpu", "timeout_min"),
)
"""What a launcher may be told: how much, how long and where. Left out is what runs code: ``setup``, ``python``, ``srun_args``."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\[\]-]{0,99}")


@dataclass(frozen=True)
class Job:
    """One run of a sweep: its overrides and its settings, checked."""

    overrides: list[str]
    settings: Settings


def run_many(overrides: Sequence[str], config_dir: str | Path | None = None) -> None:
    """One run for each combination of the values in ``overrides``.

    Parameters
    ----------
    overrides : sequence of str
        ``rates.sigma=0.006,0.008`` and ``seed=range(1,5)`` sweep; ``hydra/launcher=NAME`` and ``hydra.launcher.KEY=VALUE`` of
        :data:`LAUNCHER_KEYS` send the runs to a cluster.
    config_dir : path, optional
        A directory of the user's own options.

    Raises
    ------
    InputError
        What is wrong with any of the runs, before the first one starts.
    """
    from mcsim.checked_ahead import problems_ahead

    jobs, launcher = plan(overrides, config_dir)
    problems = problems_ahead([job.settings for job in jobs], here=launcher in ([], _HERE))
    if problems:
        raise InputError(problems)
    folder = _note(jobs, overrides)
    if launcher:
        _launch(jobs, launcher, folder)
        return
    for number in range(len(jobs)):
        _Sweep(jobs)({"run": number})


def plan(overrides: Sequence[str], config_dir: str | Path | None = None) -> tuple[list[Job], list[str]]:
    """The runs of a sweep, all of them checked, and the words for Hydra where a launcher starts them; raises as :func:`run_many`."""
    launcher = _launcher_words([word for word in overrides if _is_hydras(word)])
    jobs = check_all([word for word in overrides if not _is_hydras(word)], config_dir)
    place = str(Path(jobs[0].settings.output.runs_dir).absolute())
    if launcher and "${" in place:
        raise InputError(f"output.runs_dir = {shown(place)}: a launcher replaces ${{…}} in it; give another")
    return jobs, launcher


def check_all(overrides: Sequence[str], config_dir: str | Path | None = None) -> list[Job]:
    """Every run of the sweep, checked; raises :class:`InputError` with the problems of all of them."""
    problems: dict[str, None] = {}
    jobs = []
    for words in swept(overrides, group_options(config_dir)):
        try:
            jobs.append(Job(words, load_settings(words, config_dir)))
            find_inputs(jobs[-1].settings)
        except InputError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise InputError(problems)
    return jobs


def _is_hydras(word: Any) -> bool:
    return isinstance(word, str) and word.startswith(("hydra/", "hydra."))


def _launcher_words(words: Sequence[str]) -> list[str]:
    """Words for Hydra, all of them names and numbers from :data:`LAUNCHER_KEYS`."""
    problems, found = [], []
    for word in words:
        key, _, value = word.partition("=")
        name = key.removeprefix("hydra.launcher.")
        if key != LAUNCHER and name not in LAUNCHER_KEYS:
            hint = (
                nearest(name, LAUNCHER_KEYS)
                if name != key
                else f"; a sweep takes {LAUNCHER}=NAME and hydra.launcher.KEY=VALUE"
            )
            problems.append(f"{key}: refused, settings of Hydra's own could run code{hint}")
        elif not _WORD.fullmatch(value):
            problems.append(f"{key} = {shown(value)}: expected a number, or a name of letters, digits and _ . : - [ ]")
        else:
            found.append(f"{key}={value}" if key == LAUNCHER or _is_number(value) else f"{key}='{value}'")
    if found and not any(word.startswith(f"{LAUNCHER}=") for word in found):
        problems.append(f"{found[0]}: no launcher is chosen that would read it; add {LAUNCHER}=NAME, such as submitit_slurm")
    if problems:
        raise InputError(problems)
    return found


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) is not None


def _note(jobs: Sequence[Job], overrides: Sequence[str]) -> Path:
    """The folder that says what was swept: ``overrides.txt``, as in a run's folder. A launcher keeps its files there too."""
    folder = Path(jobs[0].settings.output.runs_dir) / "sweeps" / f"{datetime.now(UTC):%Y%m%dT%H%M%S_%f}"
    try:
        folder.mkdir(parents=True)
        (folder / "overrides.txt").write_text(override_lines(overrides), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}; give another output.runs_dir") from error
    return folder


class _Sweep:
    """What a launcher calls for each run, here or in a job of a cluster, to which it is sent whole."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = list(jobs)

    def __call__(self, config: DictConfig | dict[str, int]) -> None:
        from mcsim.console import log_to_stderr, run_and_show

        job = self._jobs[int(config["run"])]
        with log_to_stderr():
            run_and_show(job.settings, job.overrides)


def _launch(jobs: Sequence[Job], launcher: Sequence[str], folder: Path) -> None:
    place = QuotedString(str(folder.absolute()), Quote.single).with_quotes()
    words = [
        *launcher, f"+run=range(0,{len(jobs)})", "hydra.output_subdir=null", "hydra.sweep.subdir=.",
        f"hydra.sweep.dir={place}", "hydra/job_logging=none", "hydra/hydra_logging=none", "--multirun",
    ]  # fmt: skip
    try:
        with _as_main(words):
            hydra.main(version_base=HYDRA_VERSION, config_path=None, config_name=None)(_Sweep(jobs))()
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(
            f"{' '.join(launcher)}: no such launcher is installed, or it has no such setting; hydra-submitit-launcher brings "
            f"submitit_slurm, basic is always there ({str(error).splitlines()[0]})"
        ) from error


@contextmanager
def _as_main(words: list[str]) -> Iterator[None]:
    """The process as ``hydra.main`` expects it: its words in ``sys.argv``, and errors raised, not printed."""
    before, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = ["mcsim", *words], "1"
    try:
        yield
    finally:
        sys.argv = before
        if full is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full
