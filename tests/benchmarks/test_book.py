"""The book of the start-up benchmark is one that can be run, with as many combinations of models as it says."""

from __future__ import annotations

from pathlib import Path

from benchmarks import book
from mcsim.configuration import load_settings


def test_six_collaterals_six_combinations(tmp_path: Path) -> None:
    book.write_options(tmp_path / "options")
    settings = load_settings([f"campaign={book.CAMPAIGN}", "backend=numpy"], tmp_path / "options")
    behaviours = [own.behaviour for own in settings.collaterals.values()]
    names = {(b.prepayment.model, b.default.model, b.severity.model, b.decrement) for b in behaviours}
    assert len(names) == len(settings.collaterals) == 6
    assert {own.portfolio.generator.loans for own in settings.collaterals.values() if own.portfolio.generator} == {book.LOANS}
    assert settings.paths == book.PATHS
    assert sum(b.default.model == Path(book.EDITED).stem for b in behaviours) == 2
