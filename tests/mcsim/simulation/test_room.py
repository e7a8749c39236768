"""A run that cannot fit is refused before it starts, and one that stops says why in its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcsim.cli import main
from mcsim.configuration import load_settings
from mcsim.errors import InputError, StoreError
from mcsim.repricing import reprice
from mcsim.results import Run
from mcsim.simulation.plan import Size, check_room, store_size
from tests.mcsim.whole_runs import TINY, make_run

FORTY = {"prime_jumbo": Size(40, 372)}


def test_more_than_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcsim.simulation.plan._available_memory", lambda: 10_000_000)
    settings = load_settings(["output=loan_paths"])
    with pytest.raises(InputError, match="memory: the run needs .* are available"):
        check_room(settings, FORTY, 17, tmp_path)


def test_more_than_the_disk_is_refused(tmp_path: Path) -> None:
    settings = load_settings(["paths=4294967295"])
    with pytest.raises(InputError, match="disk: the store takes up to"):
        check_room(settings, FORTY, 17, tmp_path)


def test_store_size_grows_with_paths() -> None:
    few, many = (store_size(load_settings([f"paths={paths}"]), {"prime_jumbo": Size(100, 360)}, 5) for paths in (256, 512))
    assert many == 2 * few


def test_spreads_of_another_deal_stop_the_run_before_it_simulates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "runs"
    assert main(["run", *TINY, "deal=pass_through", "pricing=senior_subordinate", f"output.runs_dir={runs}"]) == 2
    assert "mcsim: pricing.spreads.A1" in capsys.readouterr().err
    assert not list(runs.iterdir()), "nothing was simulated: nothing is left"


def test_a_changed_configuration_is_not_priced(tmp_path: Path) -> None:
    run = make_run(tmp_path, *TINY, "backend=numpy")
    text = run.folder.config_file.read_text()
    run.folder.config_file.write_text(text.replace("default: 0.0389", "default: 0.0"))
    assert text != run.folder.config_file.read_text()
    with pytest.raises(StoreError, match="config.yaml: .* the run wrote"):
        reprice(Run(run.path))
