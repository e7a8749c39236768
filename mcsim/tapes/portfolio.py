"""From a portfolio's settings to its loans: read or draw, check, reject, sort."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mcsim import settings
from mcsim.data_files import find_file, written_out
from mcsim.errors import InputError, nearest
from mcsim.loans import Loans, make_loans
from mcsim.provenance import file_sha256
from mcsim.tapes.absee import read_absee
from mcsim.tapes.checks import Candidates, check
from mcsim.tapes.fannie import read_fannie_acquisition
from mcsim.tapes.generator import generate
from mcsim.tapes.marking import HomePriceRatio
from mcsim.tapes.notes import LINES_WITHOUT_A_LOAN, Note
from mcsim.tapes.rejects import Reject, limit_rejects, write_rejects

__all__ = ["SOURCES", "HomePriceRatio", "InputFile", "Reject", "Tape", "load_portfolio", "write_rejects"]

SOURCES = ("absee", "fannie_acquisition", "generator", "table")

FRAME = "<DataFrame>"
"""``portfolio.file`` of loans that were given from Python."""


@dataclass(frozen=True)
class InputFile:
    """What was read: path as given, SHA-256 of the bytes; of a tape its rows and how many of them were rejected."""

    path: str
    sha256: str
    rows: int | None = None
    rejects: int | None = None


@dataclass(frozen=True)
class Tape:
    """Loans of a portfolio, the rows it goes without, the files it came from (none for a generated pool), what was noted."""

    loans: Loans
    rejects: tuple[Reject, ...]
    inputs: tuple[InputFile, ...]
    notes: tuple[Note, ...] = ()


def load_portfolio(
    portfolio: settings.Portfolio,
    home_price_ratio: HomePriceRatio | None = None,
    rejects_file: str | Path | None = None,
    frame: Path | None = None,
) -> Tape:
    """Loans of ``portfolio``, checked.

    Parameters
    ----------
    portfolio : settings.Portfolio
        ``source`` is one of :data:`SOURCES`. ``cut_off`` is ``YYYY-MM-DD``; for ``absee`` it must be the end of the file's
        reporting period, or empty.
    home_price_ratio : callable, optional
        ``ratio(state, origination, cut_off)``: home-price index at the cut-off over that at origination. Marks the
        loan-to-value ratio of a residential tape to the cut-off. Commercial loans keep their appraised value, and a generated
        pool has its ratio at the cut-off already.
    rejects_file : path, optional
        Where :func:`write_rejects` puts every reject, also when there are too many to go on; with no reject, the header alone.
    frame : path, optional
        Of the loans that were given from Python, as the run keeps them; ``portfolio.file`` is then :data:`FRAME`.

    Raises
    ------
    InputError
        If the settings, the file or the layout is wrong, or more of the rows are rejected than
        ``portfolio.max_reject_share`` allows.
    """
    cut_off = _check_settings(portfolio)
    if portfolio.source == "generator":
        assert portfolio.generator is not None  # by _check_settings, as the asserts below
        assert cut_off is not None
        candidates, date = generate(portfolio.generator, cut_off, portfolio.servicing_rate), cut_off
        return _accept(portfolio, candidates, date, (), rejects_file)
    assert portfolio.file is not None
    path = _frame_file(frame) if portfolio.file == FRAME else find_file(portfolio.file, "portfolio.file")
    files = [(portfolio.file, path)]
    if portfolio.source == "absee":
        candidates, date = read_absee(path, cut_off, portfolio.servicing_rate)
        return _accept(portfolio, candidates, date, files, rejects_file)
    assert cut_off is not None
    if portfolio.source == "table":
        candidates = _read_table(portfolio, path, cut_off, home_price_ratio, files)
    else:
        candidates = read_fannie_acquisition(path, cut_off, portfolio.servicing_rate, home_price_ratio)
    return _accept(portfolio, candidates, cut_off, files, rejects_file)


def _read_table(
    portfolio: settings.Portfolio,
    path: Path,
    cut_off: datetime.date,
    home_price_ratio: HomePriceRatio | None,
    files: list[tuple[str, Path]],
) -> Candidates:
    """A table of one's own; the file of its mapping joins ``files``."""
    from mcsim.tapes.table import read_table
    from mcsim.tapes.table_mapping import read_mapping
    from mcsim.tapes.text_table import of_frame
    from mcsim.yaml_files import parse_yaml

    given, file = portfolio.mapping, None
    if isinstance(given, str) and written_out(given):
        given = parse_yaml(given, "portfolio.mapping")  # the section itself, on the command line
    elif isinstance(given, str):
        file = find_file(given, "portfolio.mapping")
        files.append((given, file))
    mapping = read_mapping(given, file)
    mapping = of_frame(mapping) if portfolio.file == FRAME else mapping
    return read_table(path, mapping, cut_off, portfolio.servicing_rate, home_price_ratio)


def _accept(
    portfolio: settings.Portfolio,
    candidates: Candidates,
    cut_off: datetime.date,
    files: Sequence[tuple[str, Path]],
    rejects_file: str | Path | None,
) -> Tape:
    rejects = check(candidates, cut_off)
    if rejects_file is not None:
        write_rejects(rejects, rejects_file)
    source = files[0][0] if files else portfolio.name
    noted = [str(note) for note in candidates.notes if note.subject == LINES_WITHOUT_A_LOAN]
    n_rejected = limit_rejects(rejects, candidates.n_rows, portfolio.max_reject_share, source, noted)
    good = ~np.isin(candidates.rows, [reject.row for reject in rejects])
    if not good.any():
        raise InputError(
            f"{source}: no loan is left of {candidates.n_rows:,} rows; {n_rejected:,} are rejected, others left out"
        )
    columns, extra = ({name: column[good] for name, column in some.items()} for some in (candidates.loans, candidates.extra))
    loans = make_loans(cut_off, columns, extra)
    inputs = [InputFile(name, file_sha256(path)) for name, path in files]
    if inputs:
        inputs[0] = replace(inputs[0], rows=candidates.n_rows, rejects=n_rejected)
    return Tape(loans, rejects, tuple(inputs), tuple(candidates.notes))


def _frame_file(frame: Path | None) -> Path:
    if frame is None or not frame.is_file():
        raise InputError(
            f"portfolio.file = {FRAME!r}: loans that were given from Python are kept in the run's own folder, and there "
            "are none; give them again: mcsim.run(loans=...)"
        )
    return frame


def _check_settings(portfolio: settings.Portfolio) -> datetime.date | None:
    """The cut-off; raises with every problem of the settings that this stage reads."""
    problems = []
    if portfolio.source not in SOURCES:
        problems.append(f"portfolio.source = {portfolio.source!r}: unknown{nearest(str(portfolio.source), SOURCES)}")
    elif portfolio.source == "generator" and portfolio.generator is None:
        problems.append("portfolio.generator is missing; portfolio.source = 'generator' draws the pool from it")
    elif portfolio.source != "generator" and not portfolio.file:
        problems.append(f"portfolio.file is missing; portfolio.source = {portfolio.source!r} reads it")
    if not 0 <= portfolio.max_reject_share <= 1:
        problems.append(f"portfolio.max_reject_share = {portfolio.max_reject_share!r}: expected a share, 0 to 1")
    cut_off = None
    if portfolio.cut_off or portfolio.source != "absee":
        try:
            cut_off = datetime.date.fromisoformat(str(portfolio.cut_off))
        except ValueError:
            problems.append(f"portfolio.cut_off = {portfolio.cut_off!r}: expected a date, YYYY-MM-DD")
    if problems:
        raise InputError(problems)
    return cut_off
