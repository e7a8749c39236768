"""``mcsim report`` on a store that lost a byte or a file: a message that names it, and exit code 4."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import mcsim
from mcsim import cli, store
from mcsim.errors import StoreError
from mcsim.reports import report
from mcsim.results import Run


@pytest.fixture(scope="module")
def sound_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three loans of two years on 32 paths; on numpy, which compiles nothing."""
    overrides = (
        "campaign=prime_jumbo", "paths=32", "portfolio.generator.loans=3", "portfolio.generator.term=24",
        "portfolio.generator.age_mean=0", "backend=numpy", "output.report=false",
    )  # fmt: skip
    return mcsim.run(*overrides, f"output.runs_dir={tmp_path_factory.mktemp('runs')}").path


@pytest.fixture
def folder(sound_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound_folder, tmp_path / sound_folder.name))


def shard(folder: Path, variable: str) -> Path:
    [place] = (folder / store.STORE_NAME).rglob(f"{variable}/c")
    [found] = [path for path in place.rglob("*") if path.is_file()]
    return found


def flip(path: Path) -> None:
    """One bit of the first chunk's bytes."""
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = cli.main(["report", str(folder)])
    return code, capsys.readouterr().err


def test_a_sound_store_reports(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(folder, capsys) == (0, "")
    assert (folder / "report.html").is_file()


@pytest.mark.parametrize("variable", ["pool/loss", "tranches/collections", "scenarios/discount_factor", "prices/value"])
def test_a_flipped_byte(folder: Path, capsys: pytest.CaptureFixture[str], variable: str) -> None:
    flip(shard(folder, variable))
    code, said = answer(folder, capsys)
    assert code == StoreError.exit_code == 4
    assert variable in said
    assert "Traceback" not in said
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize("variable", ["pool/loss", "scenarios/short_rate"])
def test_a_missing_shard(folder: Path, capsys: pytest.CaptureFixture[str], variable: str) -> None:
    """Even one that the report does not read: a run that has lost a part is not sound."""
    shard(folder, variable).unlink()
    code, said = answer(folder, capsys)
    assert code == StoreError.exit_code
    assert variable in said
    assert not (folder / "report.html").exists()


def test_a_fault_of_ours_is_not_called_damage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(run: Any) -> None:
        raise ValueError("ours")

    monkeypatch.setattr(report, "collect", fail)
    with pytest.raises(ValueError, match="ours"):
        report.write_report(Run(folder))
