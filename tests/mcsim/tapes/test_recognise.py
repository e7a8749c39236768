"""What a file is: containers within containers, encodings, layouts, and limits that hold before memory is asked for."""

from __future__ import annotations

import gzip
import io
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from mcsim.errors import InputError
from mcsim.tapes import containers, recognise
from mcsim.tapes.recognise import Recognised

XML = b'<?xml version="1.0" encoding="UTF-8"?>\n<assetData xmlns="http://www.sec.gov/edgar/document/absee/cmbs/assetdata"/>\n'
LINES = b"1|R|CA|3.5\n2|R|TX|4.0\n"
SUBMISSION = b"""<SEC-DOCUMENT>0-17-1.txt : 20171128
<SEC-HEADER>
CONFORMED SUBMISSION TYPE: ABS-EE
</SEC-HEADER>
<DOCUMENT>
<TYPE>ABS-EE
<FILENAME>cover.htm
<TEXT>
<html></html>
</TEXT>
</DOCUMENT>
<DOCUMENT>
<TYPE>EX-102
<SEQUENCE>2
<FILENAME>exh_102.xml
<TEXT>
<XML>
%s</XML>
</TEXT>
</DOCUMENT>
</SEC-DOCUMENT>
"""


def gzip_of(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            # A time of its own would make the name of a test differ between two processes.
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def look(tmp_path: Path, content: bytes) -> Recognised:
    path = tmp_path / "file"
    path.write_bytes(content)
    return recognise.recognise(path, "a tape")


@pytest.mark.parametrize(
    ("content", "container", "layout"),
    [
        (XML, (), "xml"),
        (gzip_of(XML), ("gzip",), "xml"),
        (gzip_of(XML[:40]) + gzip_of(XML[40:]), ("gzip",), "xml"),  # members of one gzip file follow each other
        (zipped({"a": XML}), ("zip",), "xml"),
        (zipped({"a": XML, "__MACOSX/._a": b"\0", "folder/": b""}), ("zip",), "xml"),
        (SUBMISSION % XML, ("submission",), "xml"),
        (b"-----BEGIN PRIVACY-ENHANCED MESSAGE-----\n\n" + SUBMISSION % XML, ("submission",), "xml"),
        (zipped({"a": gzip_of(SUBMISSION % XML)}), ("zip", "gzip", "submission"), "xml"),
        (LINES, (), "delimited"),
        (gzip_of(LINES), ("gzip",), "delimited"),
        (b"", (), "empty"),
        (b"\xef\xbb\xbf \r\n", (), "empty"),
        (gzip_of(b""), ("gzip",), "empty"),
        (b"<!DOCTYPE html>\n<html><head><title>No</title></head></html>", (), "html"),
        (b"  <!-- x --> <HTML>", (), "html"),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0"><html/>', (), "html"),
        (b'{"loans": []}', (), "json"),
        (b"[1, 2]\n", (), "json"),
        (b"%PDF-1.7\n", (), "pdf"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(8), (), "xls"),
        (zipped({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b""}), (), "xlsx"),
        (b"PAR1" + bytes(8) + b"PAR1", (), "parquet"),
        (XML.decode().encode("utf-16"), (), "utf-16"),
        (XML.decode().encode("utf-16-le"), (), "utf-16"),
        (XML.decode().encode("utf-32"), (), "utf-32"),
        (bytes(range(256)) * 8, (), "binary"),
    ],
)
def test_container_and_layout(tmp_path: Path, content: bytes, container: tuple[str, ...], layout: str) -> None:
    found = look(tmp_path, content)
    assert (found.container, found.layout) == (container, layout)
    if layout == "xml":
        assert (found.root, found.namespace) == ("assetData", "http://www.sec.gov/edgar/document/absee/cmbs/assetdata")
        assert found.content.strip() == XML.strip()
    if layout == "delimited":
        assert (found.content, found.delimiter, found.width, found.first) == (LINES, "|", 4, ("1", "R", "CA", "3.5"))
    message = str(found.refusal("a tape"))
    assert "\n" not in message
    assert "expected a tape" in message


@pytest.mark.parametrize(
    ("content", "encoding", "text"),
    [
        ("é|1\n".encode(), "utf-8", "é|1\n"),
        ("\ufeffé|1\n".encode(), "utf-8", "é|1\n"),
        ("é€|1\n".encode("cp1252"), "cp1252", "é€|1\n"),
        (b"\x81|1\n", "latin-1", "\x81|1\n"),
        (b'<?xml version="1.0" encoding="windows-1252"?><a>\xe9</a>', "cp1252", None),
        (b"<?xml version='1.0' encoding='ISO-8859-1' ?><a>\xe9</a>", "latin-1", None),
        (b"\xef\xbb\xbf\n  <a>1</a>", "utf-8", "<a>1</a>"),
    ],
)
def test_text_becomes_utf8(tmp_path: Path, content: bytes, encoding: str, text: str | None) -> None:
    found = look(tmp_path, content)
    assert found.encoding == encoding
    if text is None:
        assert "<a>é</a>" in found.content.decode()
    else:
        assert found.content.decode() == text


@pytest.mark.parametrize(
    ("line", "delimiter", "width"),
    [
        ("a,b,c", ",", 3),
        ("a;b;1,5", ";", 3),
        ("a\tb\t1,000", "\t", 3),
        ('"a,b","c"', ",", 2),
        ("Smith, J|CA|1", "|", 3),
        ("abc", "", 1),
    ],
)
def test_delimiter(tmp_path: Path, line: str, delimiter: str, width: int) -> None:
    found = look(tmp_path, f"\n{line}\r\n{line}\r\n".encode())
    assert (found.delimiter, found.width) == (delimiter, width)
    assert look(tmp_path, line.encode()).width == width  # one line without an end
    assert look(tmp_path, f"{line}\r{line}\r".encode()).content.count(b"\n") == 2  # the ends of old spreadsheets


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip_of(XML)[:-9], "damaged gzip"),
        (gzip_of(XML) + b"rubbish", "damaged gzip"),
        (b"\x1f\x8brubbish", "damaged gzip"),
        (zipped({"a": XML})[:60], "damaged zip"),
        (zipped({"a": XML, "b": XML}), r"2 files \(a, b\)"),
        (zipped({"folder/": b""}), "0 files"),
        (SUBMISSION % XML + SUBMISSION % XML, "2 exhibits EX-102"),
        (SUBMISSION.replace(b"EX-102", b"EX-103") % XML, r"0 exhibits EX-102 among 2 documents \(ABS-EE, EX-103\)"),
        (gzip_of(gzip_of(gzip_of(gzip_of(XML)))), "archives within archives"),
        (b'<?xml version="1.0" encoding="cp037"?><a/>', "declares the encoding 'cp037'"),
        (b'<?xml version="1.0" encoding="UTF-8"?>\n<a>\xe9</a>', "byte 0xe9 on line 2"),
        (b"1|2\n" + b"x" * 70_000 + b"\n", "line 2 has 70,000 bytes"),
    ],
)
def test_what_cannot_be_opened_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        look(tmp_path, content)
    assert len(caught.value.problems) == 1
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("pack", [gzip.compress, lambda content: zipped({"a": content})])
def test_unpacking_stops_at_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: object) -> None:
    """What unpacks to more than 100 times its size is made to. 64 MiB are free: here 1 MiB, of 64."""
    monkeypatch.setattr(containers, "_FREE_BYTES", 2**20)
    packed = pack(b"1|2\n" * 2**24)  # type: ignore[operator]
    tracemalloc.start()
    with pytest.raises(InputError, match="unpacks to larger than"):
        look(tmp_path, packed)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24 * 2**20  # the limit of 6.2 MiB, the pieces it came in, the packed bytes


def test_files_and_lines_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(LINES * 100)
    with pytest.raises(InputError, match="is larger than"):
        recognise.recognise(tmp_path / "file", "a tape", most_bytes=1000)
    monkeypatch.setattr(recognise, "MOST_LINES", 199)
    with pytest.raises(InputError, match="200 lines"):
        recognise.recognise(tmp_path / "file", "a tape")


def test_a_head_that_never_becomes_an_element_is_read_once(tmp_path: Path) -> None:
    start = time.perf_counter()
    for part in (b"<?a?>", b"<!-- -->", b"<!--", b"<?", b"<!DOCTYPE a [", b"<a b='", b"<"):
        look(tmp_path, part * 20_000)
    assert time.perf_counter() - start < 5  # milliseconds each; backtracking would take for ever
