"""Whatever words and directories of options a user gives: exit code 0 or 2, short lines, no traceback, no waiting."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mcsim.cli import main
from mcsim.conf_dir import group_options
from mcsim.configuration import load_settings
from mcsim.errors import LONGEST_LINE, MOST_PROBLEMS, McsimError
from mcsim.layouts import leaves
from mcsim.yaml_files import dump_yaml

SECONDS = 10.0
"""An answer takes a hundredth of a second; a machine under load a hundred times that."""

_KEYS = [
    *(name for name, _ in leaves()), *group_options(), "hydra.callbacks.x", "+hydra/callbacks", "hydra.searchpath", "rates",
    "deal.classes.A1", "pricing.spreads.A1", "behaviour.default.parameters", "portfolio.generator", "portfolio.generator.regions.CA",
    "nonsense", "a.b.c", "_target_",
]  # fmt: skip
_VALUES = [
    "1", "0.01", "-1", "1e999", "9" * 5000, "nan", "null", "true", "", "a,b", "[1,2]", "{a: 1}", "{a: {b: {c: {}}}}",
    "{model: psa, parameters: {multiple: 2}}", "[" * 1000, "{a: " * 500, "int(" * 300, "${rates.sigma}", "${oc.env:HOME}",
    "${" * 50, "flat", "absee", "generator", "../../x", "'a b'", "range(1,9)", "glob(*)", "x" * 30_000, "\x00", "é\n", "\x1b[31m",
    "_target_: os.system",
]  # fmt: skip
_SIGNS = st.sampled_from(["", "", "", "+", "++", "~"])
_WORD = st.builds(
    "{}{}={}".format, _SIGNS, st.sampled_from(_KEYS) | st.text(max_size=8), st.sampled_from(_VALUES) | st.text(max_size=20)
)


def answered(words: list[str]) -> int:
    """The exit code of the command line, whose answer is short, quick and no traceback."""
    out, err = io.StringIO(), io.StringIO()
    started = time.perf_counter()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    assert time.perf_counter() - started < SECONDS
    lines = err.getvalue().splitlines()
    assert code in (0, 2) and "Traceback" not in err.getvalue()
    assert len(lines) <= MOST_PROBLEMS + 8 and all(len(line) < 4 * LONGEST_LINE for line in lines)  # argparse's own, too
    assert code == 0 or lines
    return code


@settings(max_examples=150)
@given(st.lists(_WORD | st.text(max_size=20), max_size=4))
def test_no_words_of_a_run(words: list[str]) -> None:
    answered(["run", "--show", *words])


@settings(max_examples=60)
@given(st.lists(_WORD, min_size=1, max_size=3))
def test_no_words_of_a_sweep(words: list[str]) -> None:
    """Checked, not run: at least one run of each is refused."""
    answered(["run", "--multirun", "paths=0", *words])


@given(st.lists(_WORD, max_size=3))
def test_what_is_accepted_comes_back_from_its_record(words: list[str]) -> None:
    from mcsim.configuration import settings_of
    from mcsim.yaml_files import parse_yaml

    try:
        found = load_settings(words)
    except McsimError:
        return
    assert settings_of(parse_yaml(dump_yaml(found.raw), "config.yaml")) == found


_NODES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(_VALUES) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["defaults", "hydra", "_self_", "_target_", "model", "rates", "sigma", "name"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
_FILES = (
    st.binary(max_size=40)
    | st.text(alphabet="abc:-[]{}#&*!|>'\"%@ \n\t01", max_size=60).map(str.encode)
    | _NODES.map(lambda node: dump_yaml(node).encode())
)


@settings(max_examples=120)
@given(
    st.sampled_from(sorted(group_options())),
    _FILES,
    st.sampled_from(["", "# @package hydra\n", "# @package _global_\n", "\ufeff"]),
)
def test_no_option_file(group: str, content: bytes, head: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / group / "mine.yaml"
        file.parent.mkdir(parents=True)
        file.write_bytes(head.encode() + content)
        answered(["run", "--show", "--config-dir", folder, f"{group}=mine"])
