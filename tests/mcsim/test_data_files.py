"""The one finder of data files: what ships, what is the user's, and that the working directory decides nothing unasked."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mcsim import data_files
from mcsim.data_files import DATA, find_file, read_rows
from mcsim.errors import InputError

SHIPPED = "treasury_par_curve.csv"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a file of a shipped name in it and one of another."""
    for name in (SHIPPED, "tape.xml"):
        (tmp_path / name).write_text("mine\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_shipped_name_is_the_shipped_file_and_the_other_is_told(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "mcsim"):
        assert find_file(SHIPPED, "rates.curve_file") == DATA / SHIPPED
    assert caplog.messages == [
        f"rates.curve_file: {SHIPPED} is the file that ships; to read the one of that name here give ./{SHIPPED}"
    ]


def test_no_word_where_there_is_no_other(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.chdir(DATA)
    with caplog.at_level(logging.WARNING, "mcsim"):
        assert find_file(SHIPPED, "rates.curve_file") == DATA / SHIPPED
    assert not caplog.messages


def test_a_users_file_is_read_where_it_says(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (f"./{SHIPPED}", "tape.xml", "./tape.xml", str(here / SHIPPED), f"../{here.name}/{SHIPPED}"):
        # `Path` drops "./": what is compared is the file.
        assert find_file(name, "portfolio.file").resolve() == here / Path(name).name, name
    monkeypatch.setenv("HOME", str(here))
    assert find_file("~/tape.xml", "portfolio.file") == here / "tape.xml"


@pytest.mark.parametrize(
    "name", ["a b.xml", "tape[1].xml", "cut=2017.xml", "A&B, 2017.xml", "${HOME}.xml", "a:b|c.xml", "é#", "~x"]
)
def test_a_name_is_literal_text(here: Path, name: str) -> None:
    (here / name).write_text("mine\n")
    assert find_file(name, "portfolio.file").resolve() == here / name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("treasury_par_curv.csv", "'treasury_par_curv.csv': no such file; .*did you mean 'treasury_par_curve.csv'"),
        ("../data/PROVENANCE.md", "no such file"),
        (".", "no such file, it is a directory"),
        ("~nobody-of-that-name/x", "no such file"),
        ("nul\0l", "no such file"),
        ("x" * 5000, "no such file"),
        ("", "no such file: expected a path"),
    ],
)
def test_what_is_not_there_is_named_with_its_setting(here: Path, name: str, expected: str) -> None:
    with pytest.raises(InputError, match=expected) as error:
        find_file(name, "portfolio.file")
    assert str(error.value).startswith("portfolio.file = ") and "\n" not in str(error.value)


def test_rows_are_bounded_and_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"\xef\xbb\xbfa, b\r\n\r\n1,2\r\n")
    assert read_rows(path) == [["a", "b"], ["1", "2"]]
    monkeypatch.setattr(data_files, "LARGEST_TABLE", 5)
    with pytest.raises(InputError, match="expected at most 5 bytes"):
        read_rows(path)
    with pytest.raises(InputError, match="no such file"):
        read_rows(tmp_path / "gone.csv")
