"""``mcsim run --multirun``: Hydra's own sweep, so that its sweepers and launchers (submitit is one) work as elsewhere.

Every run of a sweep by Hydra's basic sweeper is checked before the first one starts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import hydra
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from mcsim.conf_dir import CONFIG_NAME, config_dir, extra_dir
from mcsim.configuration import HYDRA_VERSION, load_settings, settings_from
from mcsim.errors import InputError
from mcsim.overrides import opened, parse_overrides


def run_many(overrides: Sequence[str], extra: str | None = None) -> None:
    """One run for each combination of the values in ``overrides``.

    Parameters
    ----------
    overrides : sequence of str
        Hydra overrides; ``rates.sigma=0.006,0.008`` and ``seed=range(1,5)`` sweep.
    extra : str, optional
        A directory of the user's own options.

    Raises
    ------
    InputError
        What is wrong with any of the runs, before the first one starts.
    """
    check_all(overrides, extra)
    words = [word for override in parse_overrides(overrides) for word in opened(override)]
    words += ["--multirun", *(["--config-dir", str(extra_dir(extra))] if extra else [])]
    with _as_main(words):
        hydra.main(version_base=HYDRA_VERSION, config_path=str(config_dir()), config_name=CONFIG_NAME)(_job)()


def check_all(overrides: Sequence[str], extra: str | None = None) -> list[list[str]]:
    """The overrides of every run of the sweep, each of them checked.

    Empty where another sweeper decides: it does not know all its runs beforehand.
    """
    parsed = parse_overrides(overrides)
    if any(o.key_or_group == "hydra/sweeper" or o.key_or_group.startswith("hydra.sweeper") for o in parsed):
        return []
    runs = [list(run) for batch in BasicSweeper.split_arguments(parsed, max_batch_size=None) for run in batch]
    problems: list[str] = []
    for run in runs:
        try:
            load_settings([word for word in run if not word.startswith(("hydra.", "hydra/"))], extra)
        except InputError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise InputError(problems)
    return runs


def _job(config: DictConfig) -> None:
    """One run of the sweep: Hydra calls it, here or in a job of a cluster."""
    from mcsim.console import log_to_stderr, run_and_show

    hydra_config = HydraConfig.get()
    settings = settings_from(config, campaign=hydra_config.runtime.choices.get("campaign"))
    with log_to_stderr():
        run_and_show(settings, list(hydra_config.overrides.task))


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
