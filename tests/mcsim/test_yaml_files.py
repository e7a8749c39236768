"""YAML that is read: what comes out, what is refused by its name, and that no file takes long."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mcsim import yaml_files
from mcsim.errors import InputError
from mcsim.yaml_files import DEEPEST, LARGEST_FILE, dump_yaml, parse_yaml, read_mapping, read_yaml

SECONDS = 5.0
"""Each takes under .5 s where nothing else runs; 100,000 brackets took 62."""


def refused(text: str) -> str:
    """The one line with which ``text`` is refused."""
    with pytest.raises(InputError) as error:
        parse_yaml(text, "mine.yaml")
    assert len(error.value.problems) == 1 and str(error.value).startswith("mine.yaml: ")
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-7", -7), ("1_000", 1000), ("0", 0), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("-1.", -1.0),
        ("true", True), ("FALSE", False), ("null", None), ("~", None), ("", None), (".inf", math.inf), ("1e999", math.inf),
        ("yes", "yes"), ("NO", "NO"), ("010", "010"), ("0x1F", "0x1F"), ("1:30", "1:30"), ("2020-12-31", "2020-12-31"),
        ("'1'", "1"), ('"a\\nb"', "a\nb"), ("nan", "nan"), ("<<", "<<"), ("tape (1).xml", "tape (1).xml"),
    ],
)  # fmt: skip
def test_a_scalar_is_what_it_looks_like(text: str, value: Any) -> None:
    found = parse_yaml(f"a: {text}", "f")["a"]
    assert found == value and type(found) is type(value)


def test_keys_are_text_as_it_stands() -> None:
    assert parse_yaml("1: a\nNO: b\n2020-01-01: c\nnull: d\n1.50: e", "f") == dict(
        zip(("1", "NO", "2020-01-01", "null", "1.50"), "abcde", strict=True)
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &b 1", "line 1: &b: an anchor"),
        ("a: 1\nb: *a", "line 2: *a: an alias"),
        ("a: !!python/object:os.system {}", "a tag"),
        ("a: !!str 1", "a tag"),
        ("%TAG ! tag:x\n---\na: 1", "a tag directive"),
        ("a: 1\n---\nb: 1", "line 2: a second document"),
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' a second time"),
        ("{[1, 2]: 3}", "a key that is no name"),
        ("? {a: 1}\n: 2", "a key that is no name"),
        (f"a: {'9' * 5000}", "a number of 5,000 characters"),
        (f"a: 1.{'9' * 5000}", "a number of 5,002 characters"),
        ("\ta: 1", "cannot be read as YAML"),
        ("a: [1, 2\nb: 3\n", "line 2, column 2: cannot be read as YAML"),
        ("a: b: c", "line 1, column 5: cannot be read as YAML"),
        ("a: \x00", "cannot be read as YAML"),
        ("a: '\x1b[31m'", "cannot be read as YAML"),
    ],
)
@pytest.mark.parametrize("parser", ["fast", "plain"])
def test_what_is_not_taken_is_named(text: str, reason: str, parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if parser == "plain":  # where PyYAML was built without libyaml
        monkeypatch.setattr(yaml_files, "_PARSER", yaml.SafeLoader)
    if parser == "plain" and "line 2, column 2" in reason:
        reason = "line 2, column 2: cannot be read as YAML"
    assert reason in refused(text)


_BOMBS = {
    "brackets": "[" * 100_000,
    "brackets on lines": "[\n" * 100_000,
    "braces": "{a: " * 100_000,
    "dashes": "- " * 100_000,
    "indentation": "\n".join(f"{' ' * i}a:" for i in range(1300)),
    "closed within quotes": "[']'," * 50_000,
    "aliases": "\n".join(["a0: &a0 [1]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30))]),
}


@pytest.mark.parametrize("name", _BOMBS)
@pytest.mark.parametrize("parser", ["fast", "plain"])
def test_depth_and_growth_are_refused_at_once(name: str, parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if parser == "plain":
        monkeypatch.setattr(yaml_files, "_PARSER", yaml.SafeLoader)
    started = time.perf_counter()
    assert "levels" in refused(_BOMBS[name]) or "anchor" in refused(_BOMBS[name])
    assert time.perf_counter() - started < SECONDS


def test_what_is_as_deep_as_it_may_be_is_read() -> None:
    found = parse_yaml("[" * DEEPEST + "1" + "]" * DEEPEST, "f")
    for _ in range(DEEPEST):
        found = found[0]
    assert found == 1


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_pipe, "a pipe or device"),
        (_device, "a pipe or device"),
        (_loop, "cannot be read"),
        (Path.mkdir, "a folder"),
        (lambda path: None, "no such file"),
        (lambda path: path.write_bytes(b"a: 1\nb: \xff\n"), "line 2: expected text in UTF-8; byte 0xff"),
        (lambda path: path.write_bytes("a: 1\n".encode("utf-16")), "line 1: expected text in UTF-8"),
        (lambda path: path.write_bytes(b"#" * (LARGEST_FILE + 1)), "at most 1,000,000 bytes"),
    ],
)
def test_what_is_no_yaml_file_is_one_line_and_does_not_hang(make: Callable[[Path], Any], reason: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    make(path)
    started = time.perf_counter()
    with pytest.raises(InputError) as error:
        read_yaml(path)
    assert reason in str(error.value) and len(error.value.problems) == 1
    assert time.perf_counter() - started < SECONDS


def test_a_file_with_a_byte_order_mark_and_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    assert read_yaml(path) == {"a": 1}
    path.write_text("# nothing yet\n")
    assert read_yaml(path) is None and read_mapping(path) == {}
    path.write_text("- 1\n")
    with pytest.raises(InputError, match="expected a mapping of keys"):
        read_mapping(path)


_SCALARS = st.none() | st.booleans() | st.integers(-(10**39), 10**39) | st.floats(allow_nan=False) | st.text(max_size=12)
_TEXTS = st.sampled_from(
    ["1e3", "010", "NO", "nan", ".inf", "1:30", "~", "", "2020-01-01", "0x1F", "1_0", "<<", "=", "é\n'\"#"]
)
_VALUES = st.recursive(
    _SCALARS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS | st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(_VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    """Every text, number and key, whatever other YAML readers would take it for."""
    try:
        found = parse_yaml(dump_yaml(value), "f")
    except InputError as error:
        assert "levels" in str(error) or any(0xD800 <= ord(c) < 0xE000 for c in repr(value)), value
    else:
        assert found == value and repr(found) == repr(value)


@given(st.text(alphabet="abc:-[]{}#&*!|>'\"%@`?,. \n\t01eE+~<=", max_size=60) | st.text(max_size=30))
def test_no_text_makes_anything_but_a_value_or_one_line(text: str) -> None:
    try:
        parse_yaml(text, "f")
    except InputError as error:
        assert len(error.problems) == 1 and "\n" not in str(error)
