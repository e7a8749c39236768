"""What is no file where one should be, and what the Python interface is given that it cannot take: refused at once, named."""

from __future__ import annotations

import errno
import os
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mcsim
from mcsim import cli, records
from mcsim.conf_dir import config_dir
from mcsim.errors import IncompleteRunError, InputError, StoreError
from tests.mcsim.small_runs import SMALL

VERBS = ("info", "price", "report", "verify")
POOL = "store.zarr/collateral/prime_jumbo/pool/loss/c/0/0/0"


def answer(verb: str, run: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and message."""
    return cli.main([verb, str(run)]), capsys.readouterr().err


def irregular(path: Path, kind: str) -> None:
    """Something without an end in the place of a file."""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(3_000_000_000)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "hole"])
@pytest.mark.parametrize("name", ["COMPLETE", "config.yaml", "overrides.txt", POOL])
def test_what_is_no_file_is_damage_at_once(copied: Path, capsys: pytest.CaptureFixture[str], name: str, kind: str) -> None:
    irregular(copied / name, kind)
    before = time.monotonic()
    for verb in VERBS:
        code, message = answer(verb, copied, capsys)
        assert code == 4 and name in message and len(message.splitlines()) == 1
    assert time.monotonic() - before < 2  # a marker of 3 GB took 5 to 9 s, a pipe never ended


@pytest.mark.parametrize("name", ["overrides.txt", "env.json", "inputs.json", "warnings.json", "rejects.csv"])
@pytest.mark.parametrize("kind", ["pipe", "device", "hole"])
def test_a_record_of_an_unfinished_run_that_is_no_file(copied: Path, name: str, kind: str) -> None:
    (copied / "COMPLETE").unlink()
    irregular(copied / name, kind)
    with pytest.raises(StoreError, match=name):
        records.read_text(copied, name)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "hole"])
def test_a_report_that_is_no_file(copied: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    irregular(copied / "report.html", kind)
    code, message = answer("verify", copied, capsys)
    assert code == 4 and "take it away, `mcsim report` writes it again" in message
    code, message = answer("report", copied, capsys)
    if kind != "folder":
        assert (code, answer("verify", copied, capsys)) == (0, (0, ""))
    else:
        assert code == 3 and "report.html cannot be written: Is a directory; take the folder away" in message
        assert "runs_dir" not in message


def test_a_folder_in_the_way_of_a_file_that_is_being_written(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copied / "report.html.partial").mkdir()
    code, message = answer("report", copied, capsys)
    assert code == 3 and "report.html.partial cannot be written: Is a directory; take the folder away" in message


def test_an_unfinished_run_is_not_priced(copied: Path) -> None:
    (copied / "COMPLETE").unlink()
    with pytest.raises(IncompleteRunError, match="did not finish"):
        mcsim.open_run(copied, complete=False).price()


@pytest.mark.parametrize(
    "spread", ["0.02", [0.1], True, 10**400, {"default": "x"}, {"default": 10**400}, {5: 0.01}, {10**5000: 0.01}]
)
def test_a_spread_that_is_no_number(finished: Path, spread: Any) -> None:
    with pytest.raises(InputError, match="spread"):
        mcsim.open_run(finished).price(spread=spread)


@pytest.mark.parametrize("deal", [5, [], b"pass_through", True])
def test_a_deal_of_another_kind(finished: Path, deal: Any) -> None:
    with pytest.raises(InputError, match="deal = .*expected the name of an option, the path of a YAML file, or a mapping"):
        mcsim.open_run(finished).price(deal=deal)


def test_a_path_is_a_deal_and_any_real_number_a_spread(finished: Path, tmp_path: Path) -> None:
    file, run = tmp_path / "mine.yaml", mcsim.open_run(finished)
    file.write_text((config_dir() / "deal" / "pass_through.yaml").read_text())
    of_path, of_name = run.price(file, np.float32(0.5)), run.price("pass_through", {"default": Fraction(1, 2)})
    assert of_path.value.equals(of_name.value)


@pytest.mark.parametrize("which", [None, 5, b"latest", ["latest"]])
def test_a_run_or_a_folder_of_runs_of_another_kind(which: Any) -> None:
    with pytest.raises(InputError, match="RUN = .*expected a path or text"):
        mcsim.open_run(which)
    with pytest.raises(InputError, match="runs_dir = .*expected a path or text"):
        mcsim.open_run("latest", which)


@pytest.mark.parametrize("word", [5, None, b"paths=2", ["paths=2"], {"paths": 2}])
@pytest.mark.parametrize("loans", [None, {"balance": [1.0]}])
def test_an_override_of_another_kind(word: Any, loans: Any) -> None:
    with pytest.raises(InputError, match="an override is text"):
        mcsim.run(word, loans=loans)


def test_a_mapping_of_another_kind() -> None:
    with pytest.raises(InputError, match="mapping = 5: expected the path of a YAML file, or a mapping"):
        mcsim.run(*SMALL[:1], loans={"balance": [1.0]}, mapping=5)  # type: ignore[arg-type]


@pytest.mark.parametrize(("loan", "path", "said"), [(1, 0, "as text"), (None, 0, "as text"), ("x", "0", "no path '0'")])
def test_a_loan_or_path_of_another_kind(finished: Path, loan: Any, path: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        mcsim.open_run(finished).regenerate(loan, path)


def test_a_file_that_may_not_be_read_is_not_damaged(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To restore it would not help; by the digest, for whoever runs the tests as root may read everything."""

    def denied(path: Path) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr("mcsim.store.marker._digest", denied)
    code, message = answer("info", copied, capsys)
    assert code == 4 and "config.yaml: cannot be read: Permission denied; allow reading it" in message
    assert "restore" not in message


def test_a_run_may_still_be_on(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copied / "COMPLETE").unlink()
    for verb in ("price", "report", "verify"):
        code, message = answer(verb, copied, capsys)
        assert code == 3 and "Wait if it is still on, or run it again" in message
    assert cli.main(["info", str(copied)]) == 3 and "or is still on; wait" in capsys.readouterr().out
