"""What a file is wrapped in: gzip, zip, the full text of an EDGAR submission. Unpacked within limits, or refused in one line."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO

from mcsim.errors import InputError

MOST_RATIO = 100  # text of loans compresses 5 to 30 times; what unpacks to more is made to
_FREE_BYTES = 64 * 2**20  # what may be unpacked whatever the ratio: repeated lines of a small pool compress very well
_PIECE = 2**20  # bytes of one read
_HEAD = 64 * 2**10  # bytes in which the tags of a submission are looked for
_DEPTH = 3  # a submission in a gzip in a zip
_NAMES = 5  # shown in a message
_TEXT = 60  # characters of the file's own text in a message

CONTAINERS = {"gzip": "a gzip file", "zip": "a zip archive", "submission": "an EDGAR submission"}


def shorten(text: str, most: int = _TEXT) -> str:
    """``text`` for a message: blanks and line ends as one blank, cut where it is longer than ``most`` characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."


def unpack(path: Path, expected: str, most: int) -> tuple[bytes, tuple[str, ...], str]:
    """Content of ``path`` without its wrappings, their names of :data:`CONTAINERS` from the outside in, the innermost file's name.

    Parameters
    ----------
    path : Path
        An existing file.
    expected : str
        What the reader wants, in words, for the messages.
    most : int
        Bytes, of the file and of what is unpacked from it: unpacking stops there, no more memory is asked for.

    Raises
    ------
    InputError
        If the file cannot be read, is damaged, is larger than its limit or holds several files.
    """
    content = _read(path, most, expected)
    containers: tuple[str, ...] = ()
    member = ""
    while (outer := _container(content)) is not None:
        if len(containers) == _DEPTH:
            raise InputError(f"{path}: found archives within archives; expected {expected}; unpack it")
        content, inner = _UNPACK[outer](path, content, most, expected)
        member = inner or member
        containers = (*containers, outer)
    return content, containers, member


def _read(path: Path, most: int, expected: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            content = _take(stream, most)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    return _bounded(path, content, most, expected)


def _take(stream: IO[bytes] | gzip.GzipFile, limit: int) -> bytes:
    """What ``stream`` holds, up to one byte more than ``limit``: by pieces, as one read would ask for all of its memory first."""
    pieces, left = [], limit + 1
    while left and (piece := stream.read(min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _bounded(path: Path, content: bytes, most: int, expected: str, how: str = "is") -> bytes:
    if len(content) > most:
        raise InputError(
            f"{path}: {how} larger than {most / 2**20:g} MiB; expected {expected}; split it, or give the right file"
        )
    return content


def _container(content: bytes) -> str | None:
    if content.startswith(b"\x1f\x8b"):
        return "gzip"
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")) and not _is_workbook(content):
        return "zip"
    return "submission" if _SUBMISSION.match(content[:_HEAD]) else None


_SUBMISSION = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:-----BEGIN PRIVACY-ENHANCED|<SEC-DOCUMENT>|<SUBMISSION>|<SEC-HEADER>|<DOCUMENT>)"
)


def _is_workbook(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "[Content_Types].xml" in archive.namelist()
    except (zipfile.BadZipFile, ValueError, OverflowError, RuntimeError):
        return False


def _unpacked_limit(packed: int, most: int) -> int:
    return min(most, max(_FREE_BYTES, MOST_RATIO * packed))


def _gunzip(path: Path, content: bytes, most: int, expected: str) -> tuple[bytes, str]:
    limit = _unpacked_limit(len(content), most)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            inner = _take(stream, limit)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: a damaged gzip file ({shorten(str(error))}); expected {expected}; fetch it again") from None
    return _bounded(path, inner, limit, expected, "unpacks to"), ""


def _unzip(path: Path, content: bytes, most: int, expected: str) -> tuple[bytes, str]:
    limit = _unpacked_limit(len(content), most)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [i.filename for i in archive.infolist() if not i.is_dir() and not _is_litter(i.filename)]
            if len(names) != 1:
                shown = ", ".join(shorten(n) for n in names[:_NAMES]) + (", ..." if len(names) > _NAMES else "")
                many = f"a zip archive of {len(names)} files" + (f" ({shown})" if names else "")
                raise InputError(f"{path}: found {many}; expected {expected}; extract the one you mean and give its path")
            with archive.open(names[0]) as stream:
                inner = _take(stream, limit)
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise InputError(
            f"{path}: a damaged zip archive ({shorten(str(error))}); expected {expected}; fetch it again"
        ) from None
    except RuntimeError as error:  # encrypted, or a method of compression that zlib has not
        raise InputError(
            f"{path}: a zip archive that cannot be unpacked ({shorten(str(error))}); unpack it yourself"
        ) from None
    return _bounded(path, inner, limit, expected, "unpacks to"), names[0]


def _is_litter(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


def _exhibit(path: Path, content: bytes, most: int, expected: str) -> tuple[bytes, str]:
    """The one exhibit 102 of the full text of an EDGAR submission."""
    documents = [(_tag(part, b"TYPE"), _tag(part, b"FILENAME"), part) for part in content.split(b"<DOCUMENT>")[1:]]
    exhibits = [(name, part) for kind, name, part in documents if kind.upper().startswith("EX-102")]
    if len(exhibits) != 1:
        kinds = ", ".join(shorten(kind) or "?" for kind, _, _ in documents[:_NAMES]) + (
            ", ..." if len(documents) > _NAMES else ""
        )
        raise InputError(
            f"{path}: found an EDGAR submission with {len(exhibits)} exhibits EX-102 among {len(documents)} documents ({kinds}); "
            f"expected {expected}; extract the one exhibit and give its path"
        )
    name, part = exhibits[0]
    body = part.partition(b"<TEXT>")[2].partition(b"</TEXT>")[0]
    if b"<XML>" in body[:_HEAD]:
        body = body.partition(b"<XML>")[2].rpartition(b"</XML>")[0]
    return body, name


def _tag(part: bytes, name: bytes) -> str:
    """Value of an SGML header line ``<NAME>value``: the header ends with ``<TEXT>``."""
    found = re.search(rb"<" + name + rb">([^\r\n<]*)", part.partition(b"<TEXT>")[0][:_HEAD])
    return found[1].decode("latin-1").strip() if found else ""


_UNPACK = {"gzip": _gunzip, "zip": _unzip, "submission": _exhibit}
