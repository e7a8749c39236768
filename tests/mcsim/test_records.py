"""Records of a run folder: whatever stands in them, the answer is damage, named; never a fault of mcsim."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcsim import cli, records
from mcsim.configuration import load_settings
from mcsim.errors import StoreError
from mcsim.run_folder import RunFolder

READERS: dict[str, Callable[[Path], Any]] = {
    "config.yaml": records.read_config,
    "overrides.txt": records.read_overrides,
    "env.json": records.read_environment,
    "inputs.json": records.read_inputs,
    "rejects.csv": records.read_rejects,
    "warnings.json": records.read_warnings,
}
WRONG = [
    ("config.yaml", "[1, 2]"), ("config.yaml", "portfolio: [1]"), ("config.yaml", "behaviour: 3"), ("config.yaml", "a: *b"),
    ("config.yaml", "!!python/object:os.system {}"), ("env.json", "[]"), ("env.json", "null"), ("env.json", '"text"'),
    ("env.json", '{"packages": ["numpy"]}'), ("env.json", '{"devices": ["GPU"]}'), ("env.json", '{"git": "abc"}'),
    ("env.json", "[" * 100_000), ("inputs.json", "{}"), ("inputs.json", "null"), ("inputs.json", "[3]"),
    ("inputs.json", '[{"path": 3}]'), ("inputs.json", '[{"path": "a", "rows": "many"}]'), ("inputs.json", "[{}]"),
    ("rejects.csv", "a,b\n1,2\n"), ("rejects.csv", "row,loan_id,column,value,reason\n1,2\n"),
    ("rejects.csv", "row,loan_id,column,value,reason\n1,2,3,4,5,6\n"), ("rejects.csv", 'row,loan_id,column,value,reason\n"1'),
    ("warnings.json", "{}"), ("warnings.json", "[[]]"), ("warnings.json", "null"),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that has begun."""
    folder = RunFolder.create(tmp_path_factory.mktemp("runs"), "one", load_settings([]).raw, ["paths=3"])
    for name in ("inputs.json", "warnings.json"):
        (folder.path / name).write_text("[]")
    folder.rejects.write_text("row,loan_id,column,value,reason\n")
    return folder


@pytest.fixture
def folder(made: RunFolder, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(made.path, tmp_path / made.run_id))


def test_what_a_run_writes_is_read(folder: Path) -> None:
    assert records.read_overrides(folder) == ["paths=3"]
    assert [READERS[name](folder) for name in ("inputs.json", "rejects.csv", "warnings.json")] == [[], [], []]
    assert records.read_environment(folder)["cpu"] and records.read_config(folder)["campaign"]


@pytest.mark.parametrize(("name", "text"), WRONG)
def test_another_shape_is_named(folder: Path, name: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / name).write_text(text)
    with pytest.raises(StoreError, match=name.replace(".", r"\.")) as caught:
        READERS[name](folder)
    assert len(str(caught.value)) < 600 and len(str(caught.value).splitlines()) == 1
    if name != "rejects.csv":  # which `info` does not read
        assert cli.main(["info", str(folder)]) == 4
        assert name in capsys.readouterr().err


@pytest.mark.parametrize("name", READERS)
def test_what_is_no_text_or_cannot_be_read(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\xff\xfe\x00\x81")
    if name != "overrides.txt":  # holds what the user typed, in whatever coding
        with pytest.raises(StoreError, match=name.replace(".", r"\.")):
            READERS[name](folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(StoreError, match=name.replace(".", r"\.")):
        READERS[name](folder)


def test_a_record_that_is_not_there_yet(folder: Path) -> None:
    for name in READERS:
        (folder / name).unlink()
    assert [READERS[name](folder) for name in READERS if name != "config.yaml"] == [[], {}, [], [], []]
    with pytest.raises(StoreError):
        records.read_config(folder)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = (
    "portfolio",
    "behaviour",
    "rates",
    "deal",
    "pricing",
    "packages",
    "cpu",
    "git",
    "devices",
    "path",
    "rows",
    "prepayment",
)


@given(
    name=st.sampled_from(["config.yaml", "env.json", "inputs.json", "warnings.json"]),
    value=VALUES | st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4) | st.lists(VALUES, max_size=2),
)
def test_any_value_is_read_or_refused(made: RunFolder, name: str, value: Any) -> None:
    """Exit 3, for the run did not finish, or 4."""
    path = made.path / name
    before = path.read_bytes()
    try:
        path.write_text(json.dumps(value))  # which is YAML too
        assert cli.main(["info", str(made.path)]) in (3, 4)
    finally:
        path.write_bytes(before)


@given(data=st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(made: RunFolder, data: bytes) -> None:
    for name in READERS:
        path = made.path / name
        before = path.read_bytes()
        try:
            path.write_bytes(data)
            assert cli.main(["info", str(made.path)]) in (3, 4)
        finally:
            path.write_bytes(before)
