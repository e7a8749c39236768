"""Files that are read if they are files, written whole or not at all, and what is said where the disk does not take them."""

from __future__ import annotations

import errno
import os
import stat
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


_REMEDIES = NO_ROOM | {errno.EISDIR: "take the folder away", errno.EACCES: "allow writing there"}

RUN_AGAIN = "or give another output.runs_dir, and run again"
"""What helps where a file of a run that is on cannot be written."""


class IrregularError(OSError):
    """A folder, pipe or device where a file should be, or a file beyond any size that it could have."""


def read_regular(path: str | Path, largest: int) -> bytes:
    """The bytes of a regular file of at most ``largest``: a pipe would hang, and a device or a hole in a file has no end.

    Raises
    ------
    IrregularError
        If it is something else, or larger; with a reason for people.
    OSError
        If it is not there, or cannot be read.
    """
    # Not to wait for the other end of a pipe; without effect on a file.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            kind = "folder" if stat.S_ISDIR(found.st_mode) else "pipe or device"
            raise IrregularError(errno.EINVAL, f"a {kind}; expected a file")
        with open(handle, "rb", closefd=False) as file:
            data = b"" if found.st_size > largest else file.read(largest + 1)
        if max(len(data), found.st_size) > largest:
            raise IrregularError(errno.EFBIG, f"expected at most {largest:,} bytes")
    finally:
        os.close(handle)
    return data


def reason(error: OSError) -> str:
    """What the system says of an error, without the name of a class or a number."""
    return error.strerror or str(error) or type(error).__name__


def unreadable(error: OSError) -> str:
    """Why a file of a run cannot be read, and what to do."""
    allow = isinstance(error, PermissionError)
    return f"cannot be read: {reason(error)}; {'allow reading it' if allow else 'restore the file, or run again'}"


def write_error(path: str | Path, error: OSError, again: str = RUN_AGAIN) -> WriteError:
    """The error of a file that could not be written: its name, the cause, what to do; ``again`` what helps besides."""
    what = _REMEDIES.get(error.errno or 0, "look at the directory")
    return WriteError(f"{path} cannot be written: {reason(error)}; {what}, {again}")


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Makes an ``OSError`` of what is done inside a :class:`~mcsim.errors.WriteError`, of ``path`` if it names no file."""
    try:
        yield
    except OSError as error:
        raise write_error(error.filename or path, error) from error


def write_whole(path: Path, content: str | bytes, *, flush: bool = False, again: str = RUN_AGAIN) -> None:
    """Write a file beside its place and move it there: a reader never sees half of it, and a failure leaves none.

    Parameters
    ----------
    path : Path
        The file.
    content : str or bytes
        Text is UTF-8; what the system could not decode of a name that the user gave goes out as it came in.
    flush : bool
        Have it on the disk before it takes its place.
    again : str
        What to do where it cannot be written, besides what the cause suggests.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    partial = path.with_name(path.name + PARTIAL)
    try:
        with partial.open("wb") as file:
            file.write(data)
            if flush:
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            in_its_way = partial if error.errno == errno.EISDIR and partial.is_dir() else path
            raise write_error(in_its_way, error, again) from error
        raise
