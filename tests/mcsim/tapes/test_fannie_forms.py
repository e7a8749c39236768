"""The forms in which an acquisition file comes: all read as the plain one; other files are called by their name."""

from __future__ import annotations

import contextlib
import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mcsim.errors import InputError
from mcsim.loans import COLUMNS
from mcsim.settings import Portfolio
from mcsim.tapes.fannie_forms import LAYOUT, READ
from mcsim.tapes.portfolio import Tape, load_portfolio
from tests.mcsim.tapes.test_fannie import line

HEADER = (
    "LOAN_ID|ORIG_CHN|SELLER.NAME|ORIG_RT|ORIG_AMT|ORIG_TRM|ORIG_DTE|FRST_DTE|OLTV|OCLTV|NUM_BO|DTI|CSCORE_B|FTHB_FLG|PURPOSE|"
    "PROP_TYP|NUM_UNIT|OCC_STAT|STATE|ZIP_3|MI_PCT|Product.Type|CSCORE_C|MI_TYPE|RELOCATION_FLG"
)
"""As R packages that read the file name its columns."""
PLAIN = "\n".join([line(), line(loan_id="2", state="TX", upb="150000"), line(loan_id="3", property_type="CO")]) + "\n"


def load(path: Path) -> Tape:
    return load_portfolio(Portfolio("f", "fannie_acquisition", str(path), "2007-06-30", 0.0, 0.0025, 12, "none"))


def same(one: Tape, other: Tape) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one.loans, name), getattr(other.loans, name), err_msg=name)


def quoted(text: str) -> str:
    return "\n".join("|".join(f'"{cell}"' for cell in row.split("|")) for row in text.splitlines())


def reordered(text: str) -> str:
    rows = [HEADER.split("|"), *(row.split("|") for row in text.splitlines())]
    return "\n".join("|".join(reversed(row)) for row in rows)


FORMS: dict[str, Callable[[str], str]] = {
    "crlf": lambda text: text.replace("\n", "\r\n"),
    "no last line end": str.rstrip,
    "bom": lambda text: "\ufeff" + text,
    "header": lambda text: HEADER + "\n" + text,
    "our names": lambda text: "|".join(LAYOUT) + "\n" + text,
    "another order": reordered,
    "quoted": quoted,
    "quoted, with a header": lambda text: quoted(HEADER + "\n" + text),
    "a quote in a name": lambda text: text.replace("OTHER", 'BANK "A" NA'),
    "commas": lambda text: text.replace("|", ","),
    "tabs": lambda text: text.replace("|", "\t"),
    "MMYYYY": lambda text: text.replace("12/2006", "122006").replace("02/2007", "022007"),
    "ISO": lambda text: text.replace("12/2006", "2006-12-01").replace("02/2007", "2007-02-01"),
    "YYYYMM": lambda text: text.replace("12/2006", "200612").replace("02/2007", "200702"),
    "ISO with a time": lambda text: text.replace("12/2006", "2006-12-01T00:00:00").replace("02/2007", "2007-02-01 00:00:00.0"),
    "YYYYMMDD": lambda text: text.replace("12/2006", "20061201").replace("02/2007", "20070201"),
    "YYYY/MM/DD": lambda text: text.replace("12/2006", "2006/12/01").replace("02/2007", "2007/02/01"),
    "month first": lambda text: text.replace("12/2006", "12/01/2006").replace("02/2007", "02/01/2007"),
    "day first": lambda text: text.replace("12/2006", "01/12/2006").replace("02/2007", "01/02/2007"),
    "two digits of the year": lambda text: text.replace("12/2006", "12/1/06").replace("02/2007", "2/1/07"),
    "words": lambda text: text.replace("12/2006", "Dec-06").replace("02/2007", "Feb-2007"),
    "spaces": lambda text: text.replace("|", " | "),
    "26 columns": lambda text: text.replace("\n", "|200612\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_reads_as_the_plain_file(tmp_path: Path, form: str) -> None:
    plain, other = tmp_path / "plain.txt", tmp_path / "other.txt"
    plain.write_text(PLAIN, encoding="utf-8", newline="")
    other.write_text(FORMS[form](PLAIN), encoding="utf-8", newline="")
    same(load(other), load(plain))


def test_a_column_of_row_numbers(tmp_path: Path) -> None:
    """As a frame is written with its index: a name is missing, and the others say which column is which."""
    plain, other = tmp_path / "plain.txt", tmp_path / "other.txt"
    plain.write_text(PLAIN, encoding="utf-8")
    rows = [f"{i}|{line}" for i, line in enumerate(PLAIN.splitlines())]
    other.write_text("\n".join(["|" + "|".join(LAYOUT), *rows]), encoding="utf-8")
    same(load(other), load(plain))


def test_a_header_alone_holds_no_loans(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("|".join(LAYOUT) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="holds no loans"):
        load(path)


@pytest.mark.parametrize(
    ("name", "divided"), [("orig_rate", 100), ("oltv", 100), ("orig_upb", 1000)]
)  # fmt: skip
def test_a_column_in_another_unit_is_refused(tmp_path: Path, name: str, divided: float) -> None:
    """6.5% as 0.065 is a rate of .065% to the layout, a ratio of 80 as .8 one of .8%, 200,000 in thousands a loan of 200 USD."""
    at, path = LAYOUT.index(name), tmp_path / "t.txt"
    rows = [line.split("|") for line in PLAIN.splitlines()]
    for row in rows:
        row[at] = f"{float(row[at]) / divided:g}"
    path.write_text("\n".join("|".join(row) for row in rows), encoding="utf-8")
    with pytest.raises(InputError, match=rf"{name} has a median of .*; expected (percent|USD), a median of at least"):
        load(path)


def test_archives(tmp_path: Path) -> None:
    plain, packed, archive = tmp_path / "plain.txt", tmp_path / "plain.txt.gz", tmp_path / "2006Q4.zip"
    plain.write_text(PLAIN, encoding="utf-8")
    packed.write_bytes(gzip.compress(PLAIN.encode()))
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("Acquisition_2006Q4.txt", PLAIN)
    same(load(packed), load(plain))
    same(load(archive), load(plain))


def test_an_archive_that_asks_for_too_much(tmp_path: Path) -> None:
    """300 MB of one character in 300 kB: refused when the limit of such a file is passed, not when memory is."""
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb") as stream:
        for _ in range(300):
            stream.write(b"1" * 2**20)
    assert path.stat().st_size < 400_000
    with pytest.raises(InputError, match="unpacks to larger than 64 MiB"):
        load(path)


def test_another_form_of_dates_is_said(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text(FORMS["MMYYYY"](PLAIN), encoding="utf-8")
    (note,) = load(path).notes
    assert str(note) == "dates: 3: of the form MMYYYY; the layout has MM/YYYY"


FREDDIE = (
    "740|202001|N|204912||000|1|P|80|35|200000|80|3.500|R|N|FRM|CA|SF|90000|F19Q40000001|P|360|01|Other|SERVICER|||9|N||N|N"
)
OTHERS = {
    "Freddie Mac's origination file": FREDDIE,
    "Freddie Mac's origination file (26 columns": "|".join(FREDDIE.split("|")[:26]),  # as released before 2017
    "Freddie Mac's monthly performance file": "F19Q40000001|202001|200000|0|0|360|" + "|" * 26,
    "Freddie Mac's multifamily loan performance file": "012345678|y94q1|100|" + "|" * 27,
    "Fannie Mae's combined file": "|900000000001|022017|R|OTHER|OTHER|" + "|" * 101,
    "Fannie Mae's monthly performance file": "900000000001|01/01/2020|OTHER|3.5|200000|1|359|" + "|" * 24,
}
"""Lines as the agencies' layouts have them, invented."""


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_of_the_agencies_are_called_by_their_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.txt"
    path.write_text(OTHERS[name] + "\n" + OTHERS[name] + "\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert f"found {name}" in problem
    assert "expected a Fannie Mae acquisition file" in problem
    assert "portfolio=table" in problem


@pytest.mark.parametrize("missing", READ)
def test_a_header_without_a_column(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "t.txt"
    path.write_text("|".join("other" if name == missing else name for name in LAYOUT) + "\n" + PLAIN, encoding="utf-8")
    with pytest.raises(InputError, match=rf"a header row \(.*without {missing} \(") as caught:
        load(path)
    assert len(caught.value.problems) == 1


# ---- small inputs that went wrong --------------------------------------------------------------------------------------------


def case(shared_file: Callable[[str], Path], name: str, cut_off: str = "2019-12-31") -> Tape:
    file = shared_file(f"cases/{name}")
    return load_portfolio(Portfolio("f", "fannie_acquisition", str(file), cut_off, 0.0, 0.0025, 12, "none"))


@pytest.mark.parametrize(
    "name",
    ["2019Q4.zip", "bom.txt", "crlf.txt", "header.txt", "iso.txt", "mmyyyy.txt", "plain.txt.gz", "quoted.txt"],
)
def test_forms_of_the_shared_case(shared_file: Callable[[str], Path], name: str) -> None:
    plain, other = (case(shared_file, f"07-fannie-forms/{file}") for file in ("plain.txt", name))
    same(other, plain)


def test_an_unknown_property_type_of_the_shared_case(shared_file: Callable[[str], Path]) -> None:
    tape = case(shared_file, "07-fannie-forms/prop_dpr.txt")
    assert sorted(tape.loans.property_type) == ["other", "single_family", "single_family"]
    (note,) = tape.notes
    assert (note.subject, note.count, note.balance, "DPR" in note.text) == ("property type not known", 1, 200_000, True)


def test_the_freddie_file_of_the_shared_case(shared_file: Callable[[str], Path]) -> None:
    with pytest.raises(InputError, match="found Freddie Mac's origination file"):
        case(shared_file, "07-fannie-forms/freddie.txt")


@pytest.mark.parametrize(
    ("name", "rate"), [("zero", 0.0), ("tiny12", 1e-12), ("tiny", 1e-7), ("small", 0.00125), ("norm", 0.035)]
)
def test_zero_and_tiny_rates(shared_file: Callable[[str], Path], name: str, rate: float) -> None:
    loans = case(shared_file, f"08-zero-and-tiny-rate/{name}.txt").loans
    np.testing.assert_allclose(loans.note_rate, rate, rtol=1e-15)  # a division by 100
    assert loans.balance.tolist() == [200_000, 200_000]


@pytest.mark.parametrize(
    "name", ["a b", "[1]", "(1)", "#2", "${HOME}", "50%_pool", "A&B, 2017", "Crédit", "O'Hare", "a:b|c", "x=y", '"q"']
)
def test_a_path_is_literal_text(tmp_path: Path, name: str) -> None:
    plain, other = tmp_path / "plain.txt", tmp_path / f"{name}.txt"
    for path in (plain, other):
        path.write_text(PLAIN, encoding="utf-8")
    same(load(other), load(plain))


@pytest.mark.parametrize(
    "cell",
    ['BANK "A" \r NA', '"BANK\rNA', '"' + 200_000 * "A", '"A\x00B"', '"A"\r"B"'],
    ids=["carriage return", "open quote", "long", "nul", "quotes around a carriage return"],
)
def test_a_line_that_quotes_cannot_be_read_from(tmp_path: Path, cell: str) -> None:
    """The line is refused or its cell is kept; the lines beside it are read."""
    path = tmp_path / "t.txt"
    path.write_text(PLAIN + line(loan_id="4", seller=cell) + "\n", encoding="utf-8", newline="")
    with contextlib.suppress(InputError):  # the whole file, where it says why
        portfolio = Portfolio("f", "fannie_acquisition", str(path), "2007-06-30", 0.5, 0.0025, 12, "none")
        assert len(load_portfolio(portfolio).loans.balance) >= 3
