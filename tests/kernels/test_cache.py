"""The compile cache: what is loaded is what was compiled, whatever happened to the files since."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels import cache
from kernels.cache import _said, cached_njit, is_cached, read_sealed, write_sealed

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") == "1", reason="nothing is compiled, so nothing is kept"
)
ONE = np.ones(1)


def add_one(out: Any) -> None:
    out[0] += 1


def add_two(out: Any) -> None:
    out[0] += 2


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own, and a process that has said nothing yet."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    cache._said.cache_clear()
    yield tmp_path / "cache"
    cache._said.cache_clear()


def run(function: Callable[..., None], key: str) -> tuple[float, bool]:
    """Result of ``function`` in what is as good as a new process, and whether it came from the disk."""
    compiled: Any = cached_njit(function, key)
    out = ONE.copy()
    compiled(out)
    return float(out[0]), bool(sum(compiled.stats.cache_hits.values()))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_compiled_once_then_loaded(folder: Path) -> None:
    assert [run(add_one, "one"), run(add_one, "one")] == [(2.0, False), (2.0, True)]
    assert len(files(folder)) == 1, "one file a kernel: no index beside it that could say something else"


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a bit of the seal": lambda path: flip(path, 3),
    "a bit of the code": lambda path: flip(path, path.stat().st_size // 2),
    "the last bit": lambda path: flip(path, -1),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "cut within the seal": lambda path: os.truncate(path, 10),
    "emptied": lambda path: os.truncate(path, 0),
    "one byte longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "text": lambda path: path.write_text("not a kernel"),
    "a pickle of something else": lambda path: path.write_bytes(b"cos\nsystem\n(S'exit 1'\ntR."),
    "removed": lambda path: path.unlink(),
    "sealed, but no kernel": lambda path: write_sealed(path, b"not a pickle"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_was_damaged_is_compiled_again_and_the_third_run_loads_it(damage: Callable[[Path], object], folder: Path) -> None:
    run(add_one, "one")
    damage(files(folder)[0])
    assert [run(add_one, "one"), run(add_one, "one")] == [(2.0, False), (2.0, True)]
    assert len(files(folder)) == 1


def test_one_kernels_file_in_anothers_place_is_a_miss(folder: Path) -> None:
    run(add_one, "one")
    one = files(folder)[0]
    run(add_two, "two")
    two = next(path for path in files(folder) if path != one)
    shutil.copyfile(two, one)
    assert run(add_one, "one") == (2.0, False)


def test_what_is_damaged_does_not_count_as_cached(folder: Path) -> None:
    """Else the process that compiles ahead would not be started."""
    assert not is_cached(add_one, "one")
    run(add_one, "one")
    assert is_cached(add_one, "one") and not is_cached(add_one, "two")
    flip(files(folder)[0], 100)
    assert not is_cached(add_one, "one")


@given(content=st.binary(max_size=200), at=st.integers(0, 231), bit=st.integers(0, 7))
def test_any_flipped_bit_is_seen(content: bytes, at: int, bit: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "sealed"
    write_sealed(path, content)
    assert read_sealed(path) == content
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1 << bit
    path.write_bytes(data)
    assert read_sealed(path) is None and not path.exists()


def test_writers_at_once_leave_one_sound_file(tmp_path: Path) -> None:
    path, contents = tmp_path / "sealed", [bytes([k]) * 100_000 for k in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_sealed(path, content), contents))
    assert read_sealed(path) in contents and files(tmp_path) == [path]


def test_a_full_disk_is_said_once_and_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(source: Any, target: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kernels.cache.os.replace", full)
    with caplog.at_level(logging.WARNING, "mcsim"):
        assert [run(add_one, "one"), run(add_two, "two")] == [(2.0, False), (3.0, False)]
    assert len(caplog.messages) == 1 and "No space left" in caplog.text and "NUMBA_CACHE_DIR" in caplog.text
    assert files(folder) == []


def test_no_folder_at_all_is_said_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])
    with caplog.at_level(logging.WARNING, "mcsim"):
        assert [run(add_one, "one"), run(add_two, "two")] == [(2.0, False), (3.0, False)]
    assert len(caplog.messages) == 1 and "no folder can be written" in caplog.text
    assert is_cached(add_one, "one"), "nothing that is compiled ahead could be kept"


def test_a_folder_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The user asked for it: the fallback is said, not taken in silence."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr("numba.core.caching.InTreeCacheLocator.get_cache_path", lambda self: str(tmp_path / "tree"))
    with caplog.at_level(logging.WARNING, "mcsim"):
        assert [run(add_one, "one"), run(add_one, "one")] == [(2.0, False), (2.0, True)]
    assert len(caplog.messages) == 1 and f"NUMBA_CACHE_DIR={tmp_path / 'file'} cannot be written" in caplog.text


def test_a_pipe_in_the_place_of_a_file_is_taken_away(folder: Path) -> None:
    """It would be waited for without end."""
    run(add_one, "pipe")
    (path,) = files(folder)
    path.unlink()
    os.mkfifo(path)
    assert run(add_one, "pipe") == (2.0, False)
    assert run(add_one, "pipe") == (2.0, True) and path.is_file()


def test_a_file_without_an_end_is_not_read(folder: Path) -> None:
    """A hole of 3 GB was read and hashed for half a minute before it was taken away."""
    run(add_one, "hole")
    (path,) = files(folder)
    os.truncate(path, 3_000_000_000)
    before = time.monotonic()
    assert read_sealed(path) is None and not path.exists()
    assert time.monotonic() - before < 1  # reading alone takes more


def test_a_folder_in_the_place_of_a_file_is_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(add_one, "folder")
    (path,) = files(folder)
    path.unlink()
    path.mkdir()
    _said().clear()
    assert run(add_one, "folder") == (2.0, False)
    [line] = [record.getMessage() for record in caplog.records if "could not be kept" in record.getMessage()]
    assert f"{path} could not be kept (Is a directory)" in line and ".tmp" not in line
