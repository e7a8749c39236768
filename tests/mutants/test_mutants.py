"""The list of mutants fits the code: it would say nothing of a line that has moved."""

from __future__ import annotations

import pytest

from tests.mutants import __main__ as mutants
from tests.mutants.__main__ import ROOT, Mutant, read_mutants


@pytest.mark.parametrize("mutant", read_mutants(), ids=str)
def test_mutant_fits_the_code(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text(encoding="utf-8").count(mutant.old) == 1
    assert mutant.new != mutant.old
    assert mutant.tests or mutant.equivalent
    assert all((ROOT / name.split("::")[0]).exists() for name in mutant.tests)


def test_a_word_that_no_mutant_names_runs_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Least of all every test there is, which pytest takes no name for."""
    monkeypatch.setattr("sys.argv", ["mutants", "--only", "no such word"])
    monkeypatch.setattr(mutants, "run_tests", lambda *_: pytest.fail("tests were run"))
    assert mutants.main() == 1
    assert "no mutant to run names 'no such word'" in capsys.readouterr().out
