"""Files that are written whole or not at all, and what is said where the disk does not take them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mcsim.errors import WriteError

PARTIAL = ".partial"
"""Ending of a file that is still being written."""

NO_ROOM = {
    errno.ENOSPC: "free space there",
    errno.EDQUOT: "free space within the quota",
    errno.EFBIG: "raise the limit on the size of a file (`ulimit -f`)",
    errno.EROFS: "take a directory that may be written",
    errno.EIO: "check the disk",
}
"""Errors of a disk that no other input would cure, with what to do."""


def reason(error: OSError) -> str:
    """What the system says of an error, without the name of a class or a number."""
    return error.strerror or str(error) or type(error).__name__


def write_error(path: str | Path, error: OSError) -> WriteError:
    """The error of a file that could not be written: its name, the cause, what to do."""
    what = NO_ROOM.get(error.errno or 0, "look at the directory")
    return WriteError(f"{path} cannot be written: {reason(error)}; {what}, or give another output.runs_dir, and run again")


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Makes an ``OSError`` of what is done inside a :class:`~mcsim.errors.WriteError`, of ``path`` if it names no file."""
    try:
        yield
    except OSError as error:
        raise write_error(error.filename or path, error) from error


def write_whole(path: Path, content: str | bytes, *, flush: bool = False) -> None:
    """Write a file beside its place and move it there: a reader never sees half of it, and a failure leaves none.

    Parameters
    ----------
    path : Path
        The file.
    content : str or bytes
        Text is UTF-8; what the system could not decode of a name that the user gave goes out as it came in.
    flush : bool
        Have it on the disk before it takes its place.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    partial = path.with_name(path.name + PARTIAL)
    with writing(path):
        try:
            with partial.open("wb") as file:
                file.write(data)
                if flush:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise
