"""The last line of a report: its own SHA-256, and which finished run it shows."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mcsim.files import IrregularError, read_regular, reason
from mcsim.store.marker import REPORT_NAME, require_manifest

_AGAIN = "`mcsim report` writes it again"
_LARGEST = 1_000_000_000
"""Bytes of a page: a hundred times one of a deal of fifty classes."""


def sealed(text: str, run_dir: Path) -> bytes:
    """The page with its last line: the SHA-256 of all bytes before that line, and of the run's COMPLETE."""
    body = text.rstrip("\n").encode("utf-8", "surrogateescape") + b"\n"
    return body + _line(body, require_manifest(run_dir).digest)


def report_problem(run_dir: Path) -> str | None:
    """What is wrong with the report of a finished run; None where it is sound, or is not there."""
    path = run_dir / REPORT_NAME
    try:
        data = read_regular(path, _LARGEST)
    except FileNotFoundError:
        return None
    except IrregularError as error:
        return f"{path}: {reason(error)}; take it away, {_AGAIN}"
    except OSError as error:
        return f"{path}: cannot be read: {reason(error)}; {_AGAIN}"
    body = data[: data.rstrip(b"\n").rfind(b"\n") + 1]
    if body + _line(body, require_manifest(run_dir).digest) == data:
        return None
    return f"{path}: not what was written for this run; {_AGAIN}"


def _line(body: bytes, run_digest: str) -> bytes:
    return f"<!-- sha256 {hashlib.sha256(body).hexdigest()} of the above, run {run_digest} -->\n".encode()
