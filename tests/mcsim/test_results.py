"""The Python object of a run, and the package's front door."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from types import ModuleType

import numpy as np
import pytest

import mcsim
from mcsim import provenance, store
from mcsim.errors import IncompleteRunError, InputError, StoreError
from mcsim.reports.seal import sealed
from mcsim.results import Run
from mcsim.run_folder import RunFolder
from mcsim.variables import GROUPS

CONFIG = {"campaign": "tiny", "seed": 5, "paths": 4}
COORDS = {
    "scenarios": {"region": ["CA"], "month": range(3), "path": range(4)},
    "collateral/homes/pool": {"group": ["all"], "month": [1, 2], "path": range(4)},
    "deals/first/tranches": {
        "tranche": ["A<1>", "B"],
        "fee": ["trustee"],
        "account": ["reserve"],
        "month": [1, 2],
        "path": range(4),
    },
    "deals/first/prices": {"tranche": ["A<1>", "B"]},
}


def fill(folder, groups):
    store.create_store(folder.store, provenance.store_attributes(CONFIG, 5, "cpu", "float32"))
    for group in groups:
        store.create_group(folder.store, group, COORDS[group], 4)
        sizes = {dim: len(labels) for dim, labels in COORDS[group].items()}
        arrays = {n: np.full([sizes[d] for d in v.dims], 1.5) for n, v in variables(group).items()}
        store.write_block(folder.store, group, 0, arrays)


def variables(group):
    return GROUPS[group.rsplit("/", 1)[-1]]


@pytest.fixture
def folder(tmp_path):
    made = RunFolder.create(tmp_path / "runs", "tiny", CONFIG)
    fill(made, COORDS)
    made.mark_complete()
    made.report.write_bytes(sealed("<html></html>", made.path))
    return made


@pytest.fixture
def fake_run_module(monkeypatch):
    module = ModuleType("mcsim.run")
    monkeypatch.setitem(sys.modules, "mcsim.run", module)
    return module


def test_groups_are_lazy_and_have_units(folder):
    run = mcsim.open_run(folder.path)
    for group in COORDS:
        data = getattr(run, group.rsplit("/", 1)[-1])
        assert list(data) == list(variables(group))
        name = next(iter(data))
        assert data[name].attrs["units"] == variables(group)[name].units
        assert not data[name].variable._in_memory
        assert getattr(run, group.rsplit("/", 1)[-1]) is data
    assert run.config == CONFIG
    assert run.attributes["precision"] == "float32"
    assert run.verify() > 0


def test_a_group_that_was_not_kept(folder):
    run = Run(folder)
    with pytest.raises(InputError, match=r"kept no loans: it holds .*output\.loans=mean"):
        _ = run.loans


def test_loans_are_the_paths_where_they_were_kept(folder):
    store.create_group(folder.store, "collateral/homes/loan_paths", {"loan": ["7"], "month": [1, 2], "path": range(4)}, 4)
    store.write_block(
        folder.store, "collateral/homes/loan_paths", 0, {name: np.zeros((1, 2, 4)) for name in GROUPS["loan_paths"]}
    )
    folder.mark_complete()
    assert Run(folder).loans.balance.dims == ("loan", "month", "path")


def test_repr_is_short_and_says_what_matters(folder):
    text = repr(Run(folder))
    for part in (folder.run_id, "seed     5", "cpu, float32", "path 4", "tranche 2", "A<1>", "1.5", "± s.e."):
        assert part in text
    assert len(text.splitlines()) <= 12
    assert "A&lt;1&gt;" in Run(folder)._repr_html_()


def test_html_is_well_formed(folder):
    open_tags = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attrs):
            open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Parser().feed(Run(folder)._repr_html_())
    assert open_tags == []


def test_an_unfinished_run_can_be_looked_at_when_asked(tmp_path):
    made = RunFolder.create(tmp_path / "runs", "tiny", CONFIG)
    with pytest.raises(IncompleteRunError):
        Run(made)
    fill(made, ["collateral/homes/pool"])
    run = mcsim.open_run(made.path, complete=False)
    assert run.complete is False and Run(made, complete=False).complete is False
    text = repr(run)
    assert "(incomplete)" in text
    assert "± s.e." not in text


def test_verify_sees_damage(folder):
    shard = folder.store / "collateral/homes/pool/loss/c/0/0/0"
    data = bytearray(shard.read_bytes())
    data[3] ^= 4
    shard.write_bytes(data)
    with pytest.raises(StoreError, match="collateral/homes/pool/loss/c/0/0/0"):
        Run(folder).verify()


def test_price_and_report_go_to_their_modules(folder, monkeypatch):
    repricing, written = ModuleType("mcsim.repricing"), []
    repricing.reprice = lambda run, deal, spread, config_dir, name: (run, deal, spread, config_dir)
    monkeypatch.setitem(sys.modules, "mcsim.repricing", repricing)
    monkeypatch.setattr("mcsim.reports.report.write_report", written.append)
    run = Run(folder)
    assert run.price(deal="conduit", spread=0.02) == (run, "conduit", 0.02, None)
    assert run.price(deal="mine", config_dir="own") == (run, "mine", None, "own")
    assert run.report() == folder.report
    assert written == []
    folder.report.write_text(folder.report.read_text().replace("<html>", "<html >"))
    assert run.report() == folder.report
    folder.report.unlink()
    assert run.report() == folder.report
    assert written == [run, run]


def test_run_composes_the_settings_and_runs_them(fake_run_module, monkeypatch):
    own_loans = ModuleType("mcsim.own_loans")
    own_loans.settings_with_loans = lambda overrides, loans, mapping, config_dir: ((config_dir, mapping, *overrides), loans)
    monkeypatch.setitem(sys.modules, "mcsim.own_loans", own_loans)
    fake_run_module.run_campaign = lambda settings, overrides, frame: (settings, overrides, frame)
    given = ("campaign=tiny", "paths=4")
    assert mcsim.run(*given) == ((None, None, *given), given, None)
    assert mcsim.run(*given, config_dir="own", loans=b"a", mapping="m") == (("own", "m", *given), given, b"a")


def test_run_stays_a_function_when_the_module_of_its_name_is_imported():
    code = "import mcsim; f = mcsim.run; from mcsim.run import run_campaign; assert callable(run_campaign) and mcsim.run is f"
    subprocess.run([sys.executable, "-W", "error::ImportWarning", "-c", code], check=True)


def test_front_door():
    assert mcsim.__version__ == provenance.version()
    assert mcsim.Run is Run
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mcsim.nothing


def test_import_is_cheap():
    """`mcsim --help` has one second: the package must not bring in arrays, the store or the compiler."""
    code = "import sys, mcsim; print([m for m in ('numpy', 'xarray', 'zarr', 'numba', 'hydra') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
