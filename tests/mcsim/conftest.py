"""What several files of tests look at: a finished run, or a copy of it to spoil, and a directory of options with a book."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import mcsim
from tests.mcsim.books import FILES, write
from tests.mcsim.small_runs import SMALL


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with its report. Not to be changed."""
    return mcsim.run(*SMALL, f"output.runs_dir={tmp_path_factory.mktemp('runs')}").path


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(finished, tmp_path / finished.name))


@pytest.fixture(scope="session")
def with_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's directory of options whose campaign ``mine`` is a book. Not to be changed."""
    return write(tmp_path_factory.mktemp("with_book"), FILES)
