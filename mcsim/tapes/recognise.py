"""What a file is, before anyone reads it: its container, its encoding, its layout.

A reader calls :func:`recognise` and gets plain UTF-8 text, bounded in size, with what was found. It accepts the layouts it can
read and refuses the others with :meth:`Recognised.refusal`: one line that says what was found, what was expected, what to do.
"""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mcsim.errors import InputError
from mcsim.tapes.containers import CONTAINERS, shorten, unpack

MOST_BYTES = 256 * 2**20  # the largest quarter of Fannie Mae acquisitions is of 1.5 million lines of 110 bytes
MOST_LINE = 64 * 2**10  # bytes; 108 columns are under 1 KiB
MOST_LINES = 10_000_000  # as many as a portfolio may have loans
_HEAD = 64 * 2**10  # bytes that are looked at to tell a layout

SIGNATURES = (
    (b"%PDF-", "pdf"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"), (b"PAR1", "parquet"), (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstandard"), (b"7z\xbc\xaf\x27\x1c", "7-zip"), (b"Rar!\x1a\x07", "rar"),
    (b"\x89PNG", "binary"), (b"\xff\xd8\xff", "binary"), (b"\x7fELF", "binary"), (b"ARROW1", "arrow"),
)  # fmt: skip

LAYOUTS = {
    "empty": ("an empty file", "fetch it again"),
    "html": ("an HTML page", "fetch the file itself: a page answers a request that was turned away, or shows the file"),
    "xml": ("an XML document", "give the file that holds the loans"),
    "json": ("a JSON document", "give the file that holds the loans, as text with one line a loan"),
    "delimited": ("delimited text", "give a file of the layout that the source reads"),
    "parquet": ("a Parquet file", "set portfolio.source to the one that reads tables"),
    "arrow": ("an Arrow file", "save it as Parquet or CSV"),
    "pdf": ("a PDF document", "give the data file, not the document about it"),
    "xls": ("an Excel workbook (xls)", "save the sheet as CSV"),
    "xlsx": ("an Excel workbook (xlsx)", "save the sheet as CSV"),
    "bzip2": ("a bzip2 archive", "unpack it"), "xz": ("an xz archive", "unpack it"),
    "zstandard": ("a Zstandard archive", "unpack it"), "7-zip": ("a 7-zip archive", "unpack it"),
    "rar": ("a RAR archive", "unpack it"), "tar": ("a tar archive", "unpack it and give the one file"),
    "utf-16": ("UTF-16 text", "save it as UTF-8"), "utf-32": ("UTF-32 text", "save it as UTF-8"),
    "binary": ("binary data", "give the data file as text"),
}  # fmt: skip
"""Name of a layout → what it is in words, and what to do where another was expected."""

# Encodings of which ASCII is a part: a declaration of a document type cannot hide from a search in any of them.
_DECLARED = {"utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "ascii": "ascii", "iso-8859-1": "latin-1",
             "latin-1": "latin-1", "latin1": "latin-1", "windows-1252": "cp1252", "cp1252": "cp1252"}  # fmt: skip
_DELIMITERS = "|,\t;"
_SAMPLE = 20  # lines that show the delimiter


@dataclass(frozen=True)
class Recognised:
    """A file and what it is.

    Attributes
    ----------
    path : Path
        As given.
    container : tuple of str
        From the outside in: ``gzip``, ``zip``, ``submission`` (the full text of an EDGAR submission); empty for a plain file.
    layout : str
        One of :data:`LAYOUTS`.
    content : bytes
        UTF-8 without a byte order mark, with ``\\n`` or ``\\r\\n`` between lines, for text; the bytes themselves for the rest.
        An XML document still declares the encoding that it had: its parser is told that it is UTF-8.
    encoding : str
        ``utf-8``, ``cp1252``, ``latin-1`` or ``ascii``, before it became UTF-8; empty where it is no text.
    member : str
        Name of the file inside the archive or submission.
    root, namespace : str
        Of an XML document's first element; empty where there is none.
    delimiter : str
        ``|``, ``,``, tab or ``;``; empty where each line is one field.
    width : int
        Fields of the first line that is not blank, quotes observed; 0 where there is none.
    first : tuple of str
        Those fields, without their quotes.
    title : str
        Of an HTML page.
    """

    path: Path
    container: tuple[str, ...]
    layout: str
    content: bytes
    encoding: str = ""
    member: str = ""
    root: str = ""
    namespace: str = ""
    delimiter: str = ""
    width: int = 0
    first: tuple[str, ...] = ()
    title: str = ""

    @property
    def found(self) -> str:
        """In words: ``an HTML page titled '...' in a zip archive``."""
        words = LAYOUTS[self.layout][0]
        if self.title:
            words += f" titled {shorten(self.title)!r}"
        if self.layout == "xml":
            words += f" of root element {shorten(self.root)!r}" if self.root else " without an element"
            words += f" in {shorten(self.namespace)!r}" if self.namespace else ""
        if self.layout == "delimited":
            by = {"": "", "\t": " delimited by tabs"}.get(self.delimiter, f" delimited by {self.delimiter}")
            words += f" of {self.width} column{'s' * (self.width != 1)}{by}"
        if self.container:
            words += f" in {' in '.join(CONTAINERS[name] for name in reversed(self.container))}"
        return words

    def refusal(self, expected: str, advice: str = "") -> InputError:
        """The error of a reader that cannot take this layout: found, expected, what to do."""
        return InputError(f"{self.path}: found {self.found}; expected {expected}; {advice or LAYOUTS[self.layout][1]}")


def recognise(path: Path, expected: str, most_bytes: int = MOST_BYTES) -> Recognised:
    """Open ``path``, unpack it, tell its encoding and its layout.

    Parameters
    ----------
    path : Path
        An existing file.
    expected : str
        What the reader wants, in words, for the messages: ``"a Fannie Mae acquisition file"``.
    most_bytes : int
        Limit on the file and on what is unpacked from it. Unpacking stops there: no more memory is asked for.

    Raises
    ------
    InputError
        One line, if the file cannot be read, is damaged, is larger than its limit, holds several files, is not in the encoding
        that it declares, has lines longer than :data:`MOST_LINE` or more than :data:`MOST_LINES` of them. A layout is not
        refused here: its reader knows.
    """
    content, containers, member = unpack(path, expected, most_bytes)
    where = Recognised(path, containers, "empty", b"", member=member)
    layout = _layout_of_bytes(content)
    if layout is not None:
        return replace(where, layout=layout, content=content)
    content = content.removeprefix(codecs.BOM_UTF8)
    start = content[:_HEAD].lstrip() or content.lstrip()
    if not start:
        return where
    if start.startswith(b"<"):
        return _markup(where, content.lstrip(), expected)
    content, encoding = _as_utf8(content)
    if start.startswith((b"{", b"[")) and content.rstrip().endswith((b"}", b"]")):
        return replace(where, layout="json", content=content, encoding=encoding)
    return _delimited(replace(where, layout="delimited", content=_line_ends(content), encoding=encoding), expected)


def _layout_of_bytes(content: bytes) -> str | None:
    """The layout of what is no 8-bit text; None for text."""
    for signature, layout in SIGNATURES:
        if content.startswith(signature):
            return layout
    if content.startswith(b"PK\x03\x04"):
        return "xlsx"  # any other zip archive was unpacked
    if content[257:262] == b"ustar":
        return "tar"
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    head = content[:_HEAD]
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" not in head:
        return None
    # Western text in UTF-16 has a zero in every other byte, in UTF-32 in three of four.
    zeros = head.count(b"\0") / len(head)
    return "utf-32" if zeros > 0.7 else "utf-16" if 0.4 < zeros < 0.6 else "binary"


# Atomic groups: a comment or an instruction ends where it first can, so that a page of them is read once.
_PROLOGUE = rb"(?>\s+|<\?.*?\?>|<!--.*?-->)*+"
_HTML = re.compile(_PROLOGUE + rb"<(?:!doctype\s+html|html|head|body|title)[\s>]", re.I | re.S)
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.I | re.S)
_DECLARATION = re.compile(rb"<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]*)")
_ROOT = re.compile(
    _PROLOGUE
    + rb"(?><!DOCTYPE[^>\[]*(?:\[.*?\])?\s*>)?"
    + _PROLOGUE
    + rb"<([A-Za-z_][^\s/>]*)((?:[^>\"']|\"[^\"]*\"|'[^']*')*+)>",
    re.S,
)


def _markup(where: Recognised, text: bytes, expected: str) -> Recognised:
    head = text[:_HEAD]
    if _HTML.match(head):
        title = _TITLE.search(head)
        return replace(where, layout="html", content=text, title=title[1].decode("utf-8", "replace") if title else "")
    declared = _DECLARATION.match(head)
    name = declared[1].decode("ascii").lower() if declared else "utf-8"
    if name not in _DECLARED:
        raise InputError(
            f"{where.path}: declares the encoding {shorten(name)!r}; expected {expected} in UTF-8, ISO-8859-1 or "
            "Windows-1252; save it as UTF-8"
        )
    try:
        content = text.decode(_DECLARED[name]).encode()
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{where.path}: not the encoding {name!r} that it declares: byte 0x{text[error.start]:02x} on line {line}; "
            f"expected {expected}; save it as UTF-8, or declare what it is (windows-1252?)"
        ) from None
    root = _ROOT.match(head)
    tag, attributes = (root[1].decode("utf-8", "replace"), root[2]) if root else ("", b"")
    prefix, _, local = tag.rpartition(":")
    space = re.search(
        rb"xmlns" + (b":" + re.escape(prefix.encode()) if prefix else b"") + rb"\s*=\s*[\"']([^\"']*)", attributes
    )
    namespace = space[1].decode("utf-8", "replace") if space else ""
    return replace(where, layout="xml", content=content, encoding=_DECLARED[name], root=local, namespace=namespace)


def _as_utf8(content: bytes) -> tuple[bytes, str]:
    """UTF-8 bytes and the encoding they were in: what is not UTF-8 is taken for Windows-1252, where that has the bytes."""
    for encoding in ("utf-8", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return (content if encoding == "utf-8" else text.encode()), encoding
    return content.decode("latin-1").encode(), "latin-1"


def _line_ends(content: bytes) -> bytes:
    """Lines that end with a carriage return alone, of old spreadsheets, end with a line feed."""
    return content if b"\n" in content[:MOST_LINE] else content.replace(b"\r", b"\n")


def _delimited(found: Recognised, expected: str) -> Recognised:
    lines = found.content.count(b"\n") + (not found.content.endswith(b"\n"))
    if lines > MOST_LINES:
        raise InputError(f"{found.path}: {lines:,} lines; expected {expected}, at most {MOST_LINES:,} lines; split it")
    longest, number = _longest_line(found.content)
    if longest > MOST_LINE:
        raise InputError(
            f"{found.path}: line {number} has {longest:,} bytes; expected {expected}, lines of at most {MOST_LINE:,}; "
            "give the data file as text with one line a loan"
        )
    head = found.content.lstrip(b"\r\n")[:_HEAD].decode("utf-8", "ignore").replace("\r\n", "\n").split("\n")
    # The last line of a head that is cut may be cut.
    whole = head[:-1] if len(head) > 1 and len(found.content) > _HEAD else head
    sample = [line for line in whole if line.strip()][:_SAMPLE] or [""]
    delimiter = _delimiter(sample)
    first = fields_of_line(sample[0], delimiter)
    return replace(found, delimiter=delimiter, width=len(first), first=tuple(first))


def _longest_line(content: bytes) -> tuple[int, int]:
    """Bytes of the longest line, and its number."""
    ends = np.flatnonzero(np.frombuffer(content, np.uint8) == ord("\n"))
    lengths = np.diff(ends, prepend=-1, append=len(content)) - 1
    longest = int(lengths.argmax())
    return int(lengths[longest]), longest + 1


def _delimiter(sample: list[str]) -> str:
    """The delimiter that cuts every line into more than one field, most lines into equally many; the more fields the better."""
    best, best_score = "", (0.0, 0)
    for delimiter in _DELIMITERS:
        widths = [len(fields_of_line(line, delimiter)) for line in sample]
        usual = max(set(widths), key=lambda w: (widths.count(w), w))
        score = (widths.count(usual) / len(widths), usual)
        if usual > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def fields_of_line(line: str, delimiter: str) -> list[str]:
    """Fields of one line; quotes hold delimiters, where the line is one that they can be read from."""
    if not delimiter:
        return [line.strip()]
    try:
        return [text.strip() for text in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return [text.strip() for text in line.split(delimiter)]
