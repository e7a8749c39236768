"""The list of mutants fits the code: it would say nothing of a line that has moved."""

from __future__ import annotations

import pytest

from tests.mutants.__main__ import ROOT, Mutant, read_mutants


@pytest.mark.parametrize("mutant", read_mutants(), ids=str)
def test_mutant_fits_the_code(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text(encoding="utf-8").count(mutant.old) == 1
    assert mutant.new != mutant.old
    assert mutant.tests or mutant.equivalent
    assert all((ROOT / name.split("::")[0]).exists() for name in mutant.tests)
