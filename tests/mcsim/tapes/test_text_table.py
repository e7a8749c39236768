"""Tables as text: how CSV files are written, Parquet, and frames of other libraries."""

from __future__ import annotations

import datetime
import gzip
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xarray as xr

from mcsim.errors import InputError
from mcsim.tapes import text_table
from mcsim.tapes.table_mapping import TableMapping, read_mapping
from mcsim.tapes.text_table import of_frame, read_texts, table_csv
from tests.mcsim.tapes.tables import LOAN, load, write


def read(path: Path, content: bytes | str, **file: Any) -> text_table.TextTable:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_texts(path, read_mapping({"file": file}) if file else TableMapping())


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_ends_of_lines(tmp_path: Path, delimiter: str, end: str) -> None:
    text = end.join(delimiter.join(row) for row in (["a", "b c", "d"], ["1", '"x y"', " 3 "], ["4", "z", ""])) + end
    table = read(tmp_path / "t.csv", text)
    assert {name: column.tolist() for name, column in table.columns.items()} == {
        "a": ["1", "4"],
        "b c": ["x y", "z"],
        "d": ["3", ""],
    }


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-8", "cp1252"])
def test_encodings(tmp_path: Path, codec: str) -> None:
    table = read(tmp_path / "t.csv", "Crédit,Été\n1,Zoé\n".encode(codec))
    assert (table.names, table.columns["Été"].tolist()) == (("Crédit", "Été"), ["Zoé"])


def test_quotes_blank_lines_and_trailing_delimiters(tmp_path: Path) -> None:
    table = read(tmp_path / "t.csv", 'a,b,\n\n"1,000","say ""so""",\n,,\n2,"two\nlines",,\n')
    assert (table.columns["a"].tolist(), table.columns["b"].tolist()) == (["1,000", "2"], ['say "so"', "two\nlines"])
    assert (table.rows.tolist(), table.n_rows) == ([3, 6], 2)


def test_columns_behind_the_last_name(tmp_path: Path) -> None:
    table = read(tmp_path / "t.csv", "a,b,,\n1,2,,x\n3,4\n")
    assert {name: column.tolist() for name, column in table.columns.items()} == {
        "a": ["1", "3"],
        "b": ["2", "4"],
        "column 4": ["x", ""],
    }


def test_lines_of_another_width_are_rejects(tmp_path: Path) -> None:
    table = read(tmp_path / "t.csv", "a,b,c\n1,2,3\n1,2\n1,2,3,4\n1,2,3,\n")
    assert ([reject.row for reject in table.rejects], table.rows.tolist(), table.n_rows) == ([3, 4], [2, 5], 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"), (b"\n\n", "an empty file"), (b"1,2,3\n4,5,6\n", "the first line holds numbers"),
        (b"a,b\n1,2,3\n4,5,6\n", "the header names 2 columns, and no line has so many"),
        (b"a,b,a\n1,2,3\n", "column 'a' stands 2 times"), (b"<html><title>No</title></html>", "an HTML page"),
        (b"<a><b/></a>", "an XML document"), (b'[{"a": 1}]', "a JSON document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "xls"),
        (b"PAR1" + b"\0" * 50 + b"PAR1", "not a Parquet file"), (b"a,b\n" + b"x" * 70_000 + b",1\n", "line 2 has 70,002 bytes"),
        (("," * 2_500 + "\n1\n").encode(), "columns"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_one_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load(path)
    assert len(caught.value.problems) == 1


def test_a_header_alone_holds_no_loans(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(",".join(LOAN) + "\n")
    with pytest.raises(InputError, match="holds no loans"):
        load(path)


def test_names_for_a_table_without_any(tmp_path: Path) -> None:
    table = read(tmp_path / "t.csv", "1,2\n3,4\n", names=["a", "b"])
    assert (table.columns["b"].tolist(), table.rows.tolist()) == (["2", "4"], [1, 2])


def test_a_delimiter_and_a_decimal_comma_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    row = LOAN | {"balance": "200.000,50", "note_rate": "0,06", "ltv": "0,7"}
    path.write_text(";".join(row) + "\n" + ";".join(row.values()) + "\n")
    loans = load(path, {"file": {"decimal": ","}}).loans
    assert (loans.balance[0], loans.note_rate[0], loans.ltv[0]) == (200_000.5, 0.06, 0.7)
    assert read(path, "a~b\n1,5~2\n", delimiter="~").columns["a"].tolist() == ["1,5"]


def test_compressed_tables(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.csv", LOAN)
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    np.testing.assert_array_equal(load(packed).loans.balance, load(plain).loans.balance)


# ---- frames ------------------------------------------------------------------------------------------------------------------

NUMBERS: dict[str, list[Any]] = {
    "loan_id": ["a", "b", "c"], "balance": [1e5 / 3, 2e5, 3e5], "note_rate": [0.06, 0.045, 0.1 + 0.2 - 0.25],
    "remaining_term": [300, 299, 298], "age": [60, 61, 62], "ltv": [0.7, 0.8, 2 / 3], "state": ["CA", "NY", "TX"],
    "score": [700, None, 720], "adjustable": [False, False, False],
    "maturity_date": [datetime.date(2045, 12, 1), None, datetime.date(2045, 10, 1)],
}  # fmt: skip


class Chunked(list[Any]):
    """A column of pyarrow, as far as it is used."""

    def to_pylist(self) -> list[Any]:
        return list(self)


def frames() -> dict[str, Any]:
    polars = pl.DataFrame(NUMBERS)
    pandas = pd.DataFrame(NUMBERS).assign(
        maturity_date=pd.to_datetime(pd.Series(NUMBERS["maturity_date"])),
        state=lambda frame: frame["state"].astype("category"),
    )
    return {
        "polars": polars,
        "lazy": polars.lazy(),
        "pandas": pandas,
        "pandas nullable": pandas.convert_dtypes(),
        "mapping": NUMBERS,
        "arrays": {name: np.array(cells) for name, cells in NUMBERS.items()},
        "rows": [dict(zip(NUMBERS, row, strict=True)) for row in zip(*NUMBERS.values(), strict=True)],
        "structured": np.array(
            list(zip(*NUMBERS.values(), strict=True)),
            dtype=[(name, "O" if name not in ("balance", "ltv") else "f8") for name in NUMBERS],
        ),
        "xarray": xr.Dataset({name: ("loan", np.array(cells)) for name, cells in NUMBERS.items()}),
        # As a pyarrow table looks from outside.
        "arrow": SimpleNamespace(column_names=list(NUMBERS), column=lambda i: Chunked([*NUMBERS.values()][i])),
        "pandas index": pandas.set_index("loan_id"),
        "pandas levels": pandas.set_index(["state", "loan_id"]),
        "pandas index and column": pandas.set_index("loan_id", drop=False),
        "bytes": NUMBERS | {name: [text.encode() for text in NUMBERS[name]] for name in ("loan_id", "state")},
    }


@pytest.mark.parametrize("kind", list(frames()))
def test_every_frame_is_the_same_table(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "loans.csv"
    path.write_bytes(table_csv(frames()[kind]))
    loans = load(path).loans
    at = np.argsort(loans.loan_id)
    for name, cells in (("balance", NUMBERS["balance"]), ("note_rate", NUMBERS["note_rate"]), ("ltv", NUMBERS["ltv"])):
        np.testing.assert_array_equal(getattr(loans, name)[at], cells)  # every digit
    assert loans.score[at][[0, 2]].tolist() == [700, 720]
    assert np.isnan(loans.score[at][1])
    assert loans.region[at].tolist() == NUMBERS["state"]


def test_polars_and_pandas_give_the_same_bytes() -> None:
    found = {kind: table_csv(frames()[kind]) for kind in ("polars", "lazy", "mapping", "rows", "structured", "arrow")}
    assert len(set(found.values())) == 1


@pytest.mark.parametrize(
    "loans", [7, None, [], [1, 2], {}, {"a": 1}, {"a": "text"}, {"a": [1], "b": [1, 2]}, object(), np.zeros(3)],
)  # fmt: skip
def test_what_is_no_frame(loans: Any) -> None:
    with pytest.raises(InputError):
        table_csv(loans)


@pytest.mark.parametrize(
    "loans",
    [pd.DataFrame([[1, 2]], columns=["a", "a"]), SimpleNamespace(column_names=["a", "a"], column=lambda i: Chunked([i]))],
)
def test_a_frame_with_a_column_twice(loans: Any) -> None:
    with pytest.raises(InputError, match="column 'a' stands twice"):
        table_csv(loans)


@pytest.mark.parametrize("cells", [{"CA", "NY", "TX"}, pd.DataFrame(NUMBERS).to_dict()["state"], dict.fromkeys("abc").keys()])
def test_cells_that_are_in_no_order_are_refused(cells: Any) -> None:
    """A set pairs states and loans by chance; of ``to_dict()`` a list would be the numbers of the rows."""
    with pytest.raises(InputError, match="column 'state' is a .*expected a list or an array"):
        table_csv(NUMBERS | {"state": cells})


def test_a_frame_is_not_written_as_a_text_file() -> None:
    with pytest.raises(InputError, match="file is of a text file"):
        of_frame(read_mapping({"file": {"delimiter": ";"}}))


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame(NUMBERS).with_columns(nested=pl.lit([1, 2])).write_parquet(path)
    loans = load(path).loans
    assert sorted(loans.balance) == sorted(NUMBERS["balance"])
    with pytest.raises(InputError, match=r"file\.delimiter"):
        load(path, {"file": {"delimiter": ";"}})


def test_parquet_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": pl.repeat(0, 100_000, eager=True)}).write_parquet(path)  # a few hundred bytes
    assert path.stat().st_size < 5_000
    monkeypatch.setattr(text_table, "MOST_CELLS", 99_999)
    with pytest.raises(InputError, match="100,000 rows of 1 columns; expected at most"):
        load(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="not a Parquet file"):
        load(path)


@pytest.mark.parametrize("first", ["sep=,", "SEP=,", '"sep=,"'])
def test_a_line_that_names_the_delimiter(tmp_path: Path, first: str) -> None:
    table = read(tmp_path / "t.csv", f"{first}\r\na,b\r\n1;5,2\r\n3,4\r\n")
    assert {name: column.tolist() for name, column in table.columns.items()} == {"a": ["1;5", "3"], "b": ["2", "4"]}
    assert table.rows.tolist() == [3, 4]


@pytest.mark.parametrize("rows", [3, 60, 20_000])
@pytest.mark.parametrize("opens", [0, 1, 2])
def test_a_quote_that_is_not_closed(tmp_path: Path, rows: int, opens: int) -> None:
    """In the header, the first row or the second: the line is named, whatever it swallowed."""
    lines = ["a,b,c"] + [f"{i},2,3" for i in range(rows)]
    lines[opens] = f'"{lines[opens]}'
    path = tmp_path / "t.csv"
    if opens == 2 and rows == 3:
        (reject,) = read(path, "\n".join(lines)).rejects
        text = reject.reason
    else:
        with pytest.raises(InputError) as caught:
            read(path, "\n".join(lines))
        text = str(caught.value)
    assert f"a row runs from line {opens + 1} to line" in text and "is not closed" in text


def test_a_title_above_the_names(tmp_path: Path) -> None:
    for title in ("Loan tape of the pool", "Loan tape,,,", "Loan tape,As of December,,,"):
        with pytest.raises(InputError, match=r"the first line \('Loan tape.*take out what stands above"):
            read(tmp_path / "t.csv", f"{title}\na,b,c,d\n1,2,3,4\n")
    assert read(tmp_path / "t.csv", "a,,,\n1,2,3,x\n").names == ("a", "column 2", "column 3", "column 4")


@pytest.mark.parametrize("below", ["", "\n\nConfidential", "\nAs of December\nUSD\nDraft", ",,\nConfidential,,"])
def test_several_titles_above_the_names(below: str, tmp_path: Path) -> None:
    """Seven fields were said to have no column."""
    with pytest.raises(InputError, match=r"the first line \('Loan tape'.*a line below it does \('id, balance"):
        read(tmp_path / "t.csv", f"Loan tape{below}\nid,balance,note_rate,state\na,1,2,CA\nb,1,2,CA\n")


def test_an_open_quote_in_a_few_rows_is_named(tmp_path: Path) -> None:
    """It ended with the file, or within some lines: the row was blamed for its state."""
    found = read(tmp_path / "t.csv", 'a,b,c,state\n1,2,3,CA\n2,2,3,"CA\n3,2,3,CA\n4,2,3,CA\n')
    (reject,) = found.rejects
    assert "a row runs from line 3 to line 5: a quote that opens there is not closed" in reject.reason


def test_a_remark_of_some_lines_is_one_cell(tmp_path: Path) -> None:
    found = read(tmp_path / "t.csv", 'a,remark\n1,"one, two\nthree, four, five"\n2,none\n')
    assert not found.rejects and found.columns["a"].tolist() == ["1", "2"]
