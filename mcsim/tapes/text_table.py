"""A table as columns of text, whatever it came as: CSV, Parquet, a frame of another library. :mod:`mcsim.tapes.table` reads it on.

A frame is first written as CSV (:func:`table_csv`), which a run keeps in its folder: what was given is on record, and the run can
be read again.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mcsim.errors import InputError
from mcsim.tapes.cells import numbers
from mcsim.tapes.recognise import MOST_LINES, recognise
from mcsim.tapes.rejects import Reject
from mcsim.tapes.table_mapping import TableMapping

EXPECTED = "a table of loans, CSV or Parquet"
MOST_COLUMNS = 2_000
MOST_CELLS = 200_000_000  # of a Parquet file: two million loans of a hundred columns; its size says nothing of what it holds
_SHOWN = 80
_MOST_LINES_OF_A_CELL = 20  # names and remarks of some lines are met
_MOST_TITLES = 10  # lines above the names of the columns
_FEW = 3  # delimiters that a line of a remark may have
_SEP = re.compile(r"\ufeff?\"?sep=(?P<sep>[^\r\n])\"?(?=\r?\n)", re.I)


@dataclass(frozen=True)
class TextTable:
    """Columns by name, each an array of str without blanks around; ``rows`` their numbers in the source, from 1.

    ``n_rows`` counts those that could not be split into columns too, which are in ``rejects``.
    """

    columns: dict[str, np.ndarray]
    rows: np.ndarray
    rejects: list[Reject]
    n_rows: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)


def read_texts(path: Path, mapping: TableMapping) -> TextTable:
    """The table in the file ``path``.

    Raises
    ------
    InputError
        A file that is no table, without rows, or with names that are missing or stand twice.
    """
    found = recognise(path, EXPECTED)
    if found.layout == "parquet":
        if mapping.delimiter or mapping.names:
            raise InputError(
                f"{path}: the mapping has file.delimiter or file.names, which are of a text file; this is Parquet; remove them"
            )
        return _parquet(path, found.content)
    if found.layout != "delimited":
        raise found.refusal(EXPECTED)
    text = found.content.decode("utf-8")
    # A spreadsheet's own way to name the delimiter, in a line before the table: left blank, so that lines keep their number.
    said = _SEP.match(text)
    delimiter = mapping.delimiter or (said["sep"] if said else found.delimiter) or ","
    return _csv(path, text[said.end() :] if said else text, delimiter, mapping.names)


def of_frame(mapping: TableMapping) -> TableMapping:
    """The mapping of a frame, which is read as :func:`table_csv` writes it; one that says how a text file is written is refused."""
    if mapping.delimiter or mapping.names or mapping.decimal != ".":
        raise InputError("mapping: file is of a text file, these loans were given from Python; remove the section")
    return replace(mapping, delimiter=",")


def _csv(path: Path, text: str, delimiter: str, names: tuple[str, ...]) -> TextTable:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    kept: list[list[str]] = []
    rows: list[int] = []
    rejects: list[Reject] = []
    named = len(names)  # columns that a line must have; those behind have no name, and may be left out
    line, before, header = 0, 0, list[str]()
    try:
        for record in reader:
            line, before = reader.line_num, line
            if line > before + _MOST_LINES_OF_A_CELL:
                raise InputError(f"{path}: {_open_quote(before + 1, line)}")
            if not any(cell.strip() for cell in record):
                continue
            if not names:
                names, named = _header(path, record, delimiter)
                header = record
                continue
            if header:
                _refuse_title(path, header, record)
                header = header if len(kept) + len(rejects) < _MOST_TITLES else []
            reason = _misfit(record, len(names), named, delimiter, (before + 1, line))
            if reason:
                rejects.append(Reject(line, record[0][:40], "line", delimiter.join(record)[:_SHOWN], reason))
                continue
            kept.append(record + [""] * (len(names) - len(record)))
            rows.append(line)
    except csv.Error as error:
        hint = f"; {_open_quote(line + 1, reader.line_num)}?" if reader.line_num > line + 1 else ""
        raise InputError(f"{path}: line {reader.line_num}: {error}; expected {EXPECTED}{hint}") from None
    if not kept:
        _refuse_unread(path, len(names), rejects, (before + 1, line))
    columns = {name: np.array([record[i].strip() for record in kept], dtype=object) for i, name in enumerate(names)}
    filled = {name: column for i, (name, column) in enumerate(columns.items()) if i < named or (column != "").any()}
    return TextTable(filled, np.array(rows, dtype=np.int64), rejects, len(rows) + len(rejects))


def _misfit(record: Sequence[str], n_names: int, named: int, delimiter: str, lines: tuple[int, int]) -> str:
    """Why a row does not fit the names of the columns; empty where it does. Columns behind the last name may be left out."""
    inner = [line for cell in record for line in cell.splitlines()[1:]] if lines[1] > lines[0] else []
    if any(line.count(delimiter) >= max(named - 1, _FEW) for line in inner):  # a cell that holds a whole row
        return _open_quote(*lines)
    if len(record) >= named and not any(cell.strip() for cell in record[n_names:]):
        return ""
    reason = f"{len(record)} columns; expected {n_names} delimited by {delimiter!r}"
    return reason if lines[1] == lines[0] else f"{_open_quote(*lines)} ({reason})"


def _refuse_unread(path: Path, n_names: int, rejects: Sequence[Reject], last: tuple[int, int]) -> None:
    """Raise where not one row could be cut into the columns."""
    if last[1] > last[0]:
        raise InputError(f"{path}: {_open_quote(*last)}")
    if rejects:
        raise InputError(
            f"{path}: the header names {n_names} columns, and no line has so many ({rejects[0].reason.partition(';')[0]} in line "
            f"{rejects[0].row}); which column is which does not show; complete the header"
        )


def _open_quote(first: int, last: int) -> str:
    return f"a row runs from line {first} to line {last}: a quote that opens there is not closed; close it, or take it out"


def _refuse_title(path: Path, header: Sequence[str], record: Sequence[str]) -> None:
    """A title above the names of the columns is not the names: the line below fills twice as many cells, all with words."""
    filled, below = ([cell.strip() for cell in cells if cell.strip()] for cells in (header, record))
    if 2 * len(filled) <= len(below) and not np.isfinite(numbers(below)[0]).any():
        raise InputError(
            f"{path}: the first line ({' '.join(filled)[:_SHOWN]!r}) does not name the columns, a line below it does "
            f"({', '.join(below)[:_SHOWN]!r}); take out what stands above that"
        )


def _header(path: Path, record: Sequence[str], delimiter: str) -> tuple[tuple[str, ...], int]:
    """Names of the columns, and how many of them there are up to the last that the header names."""
    cells = [cell.strip() for cell in record]
    named = max(i for i, cell in enumerate(cells, start=1) if cell)
    values, _ = numbers(cells[:named])
    if 2 * int(np.isfinite(values).sum()) >= named:
        raise InputError(
            f"{path}: the first line holds numbers ({delimiter.join(cells)[:_SHOWN]!r}); expected the names of the columns; "
            "give them in the mapping: file: {names: [loan_id, balance, ...]}"
        )
    return _checked_names(path, cells), named


def _checked_names(path: Path | str, cells: Sequence[str]) -> tuple[str, ...]:
    names = [name or f"column {i}" for i, name in enumerate(cells, start=1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError([f"{path}: column {name!r} stands {names.count(name)} times; expected once" for name in twice[:10]])
    if len(names) > MOST_COLUMNS:
        raise InputError(f"{path}: {len(names):,} columns; expected at most {MOST_COLUMNS:,}")
    return tuple(names)


def _parquet(path: Path, content: bytes) -> TextTable:
    import polars as pl

    try:
        scan = pl.scan_parquet(io.BytesIO(content))
        n_columns, n_rows = len(scan.collect_schema()), int(scan.select(pl.len()).collect().item())
        if n_rows > MOST_LINES or n_rows * n_columns > MOST_CELLS:
            raise InputError(
                f"{path}: {n_rows:,} rows of {n_columns:,} columns; expected at most {MOST_LINES:,} rows and {MOST_CELLS:,} cells; "
                "leave out columns, or split it"
            )
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        raise InputError(f"{path}: not a Parquet file that can be read: {str(error).splitlines()[0][:200]}") from None
    columns = {name: _texts(cells) for name, cells in _columns(frame).items()}
    rows = np.arange(1, n_rows + 1, dtype=np.int64)
    return TextTable(dict(zip(_checked_names(path, list(columns)), columns.values(), strict=True)), rows, [], n_rows)


def table_csv(loans: Any) -> bytes:
    """A frame as CSV in UTF-8: numbers with all their digits, dates in ISO form, nothing for what is missing.

    Parameters
    ----------
    loans : object
        A pandas, polars or pyarrow table, an xarray dataset, a structured array, a mapping of columns, or a list of mappings.

    Raises
    ------
    InputError
        It is none of these, or its columns are not of one length.
    """
    columns = _columns(loans)
    lengths = {name: len(cells) for name, cells in columns.items()}
    if not columns or len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {n}" for name, n in list(lengths.items())[:10]) or "none"
        raise InputError(f"loans: columns of different lengths or none ({found}); expected one entry a loan in each")
    names = _checked_names("loans", list(columns))
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*(_texts(cells) for cells in columns.values()), strict=True))
    return stream.getvalue().encode("utf-8", "backslashreplace")


def _columns(loans: Any) -> dict[str, list[Any]]:
    """Columns of anything that has some, as lists; told by what it offers, so that no library is imported for it."""
    if hasattr(loans, "collect_schema") and hasattr(loans, "collect"):  # a lazy frame
        loans = loans.collect()
    if isinstance(loans, Mapping) and not hasattr(loans, "data_vars"):
        pairs: Iterable[tuple[Any, Any]] = loans.items()
    elif hasattr(loans, "data_vars"):
        pairs = [(name, values.values) for name, values in loans.variables.items() if values.ndim == 1]
    elif hasattr(loans, "column_names") and hasattr(loans, "column"):
        pairs = [(name, loans.column(i)) for i, name in enumerate(loans.column_names)]  # a name may stand twice
    elif hasattr(loans, "columns") and hasattr(loans, "iloc"):
        pairs = [*_index(loans), *((name, loans.iloc[:, i]) for i, name in enumerate(loans.columns))]
    elif hasattr(loans, "columns") and hasattr(loans, "__getitem__"):
        pairs = [(name, loans[name]) for name in loans.columns]
    elif isinstance(loans, np.ndarray) and loans.dtype.names:
        pairs = [(name, loans[name]) for name in loans.dtype.names]
    elif isinstance(loans, list | tuple) and loans and all(isinstance(row, Mapping) for row in loans):
        pairs = [(name, [row.get(name) for row in loans]) for name in {key: None for row in loans for key in row}]
    else:
        raise InputError(
            f"loans: {type(loans).__name__}; expected a table (pandas, polars, pyarrow, xarray), a mapping of columns, "
            "a list of mappings, or the path of a CSV or Parquet file"
        )
    named: dict[str, list[Any]] = {}
    for name, values in pairs:
        if str(name) in named:
            raise InputError(f"loans: column {str(name)!r} stands twice; expected once")
        named[str(name)] = _cells(str(name), values)
    return named


def _index(frame: Any) -> list[tuple[Any, Any]]:
    """Levels of the index of a pandas frame that have a name, and are no columns as well: columns like the others."""
    names = [(i, name) for i, name in enumerate(frame.index.names) if name is not None and name not in frame.columns]
    return [(name, frame.index.get_level_values(i)) for i, name in names]


def _cells(name: str, values: Any) -> list[Any]:
    if isinstance(values, Set | Mapping):
        raise InputError(
            f"loans: column {name!r} is a {type(values).__name__}, which is not told row by row; expected a list or an array, "
            "one entry a loan in the order of the others"
        )
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise InputError(f"loans: column {name!r} is one {type(values).__name__}; expected one entry a loan")
    if isinstance(values, np.ndarray):
        values = values.astype("datetime64[D]") if values.dtype.kind == "M" else values
        return list(values.tolist())
    return list(
        values.to_pylist() if hasattr(values, "to_pylist") else values.tolist() if hasattr(values, "tolist") else values
    )


def _texts(cells: Iterable[Any]) -> np.ndarray:
    return np.array([_text(cell) for cell in cells], dtype=object)


def _text(cell: Any) -> str:
    """A cell as CSV has it; what is no single value is no text, and such a column is read by nobody."""
    if isinstance(cell, np.generic):
        cell = cell.item()
    if cell is None or type(cell).__name__ in ("NAType", "NaTType") or (isinstance(cell, float) and cell != cell):
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    if isinstance(cell, bytes | bytearray):  # text of old writers
        return bytes(cell).decode("utf-8", "backslashreplace").strip()
    if hasattr(cell, "isoformat"):
        return str(cell.isoformat())
    return str(cell).strip()
