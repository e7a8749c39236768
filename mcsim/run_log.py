"""The log of a run: ``log.txt`` while it lasts, and every warning it gave, kept for its report and for ``run.warnings``."""

from __future__ import annotations

import json
import logging
import warnings
from types import TracebackType
from typing import Any

from mcsim import records, stopping
from mcsim.errors import McsimError, WriteError
from mcsim.files import NO_ROOM, write_error, write_whole
from mcsim.run_folder import RunFolder

log = logging.getLogger("mcsim")


class RunLog:
    """A context: inside it what ``mcsim`` logs, and what Python warns of, goes to the run's log.

    An ``OSError`` of a disk that is full leaves it as :class:`~mcsim.errors.WriteError`; whatever stops the run is its log's
    last line. Ends with :meth:`finish`, after which the log is closed.

    Parameters
    ----------
    folder : RunFolder
        Of the run; :meth:`move` says where it went.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._file = _File(folder.log, encoding="utf-8")
        self._file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._kept = _Kept(logging.WARNING)

    def move(self, folder: RunFolder) -> None:
        """The folder was given another name; the file that is open went with it."""
        self.folder = folder
        self._file.baseFilename = str(folder.log.absolute())
        stopping.log_file = folder.log

    def finish(self) -> None:
        """Write ``warnings.json`` and the last line. What is logged from here on is not in the record."""
        self._write_warnings()
        self._last_line(logging.INFO, "complete")
        self._detach()

    def __enter__(self) -> RunLog:
        stopping.log_file = self.folder.log
        self._level, self._show_warning = log.level, warnings.showwarning
        for handler in (self._file, self._kept):
            log.addHandler(handler)
        log.setLevel(logging.INFO)
        warnings.showwarning = self._warn  # type: ignore[assignment]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        raised = self._named(error) if isinstance(error, OSError) else error
        try:
            if isinstance(raised, McsimError):
                self._last_line(logging.ERROR, f"stopped: {raised}")
            elif isinstance(raised, KeyboardInterrupt):
                self._last_line(logging.ERROR, f"stopped: {raised if isinstance(raised, stopping.Stopped) else 'interrupted'}")
            elif isinstance(raised, Exception):
                raised.log_file = self.folder.log  # type: ignore[attr-defined]  # for the command line, where a traceback goes
            if error is not None:
                self._write_warnings()
        except WriteError:
            pass  # the first error is the one to tell of
        finally:
            self._detach()
        if raised is not error and raised is not None:
            raise raised from error

    def _named(self, error: OSError) -> OSError | WriteError:
        """An error of the disk, not of an input: with the file's name, or the folder's where the system gives none."""
        if error.errno in NO_ROOM or error.filename is None:
            return write_error(error.filename or self.folder.path, error)
        return error

    def _last_line(self, level: int, text: str) -> None:
        # Past the logger: the command line says it on the terminal.
        self._file.handle(log.makeRecord(log.name, level, "", 0, "%s", (text,), None))

    def _write_warnings(self) -> None:
        write_whole(self.folder.path / records.WARNINGS, json.dumps(self._kept.texts, indent=2) + "\n")

    def _warn(self, message: Warning | str, category: type[Warning], *where: Any) -> None:
        """A warning of Python: kept too, and shown as before."""
        self._kept.texts.append(f"{category.__name__}: {message}")
        self._show_warning(message, category, *where)

    def _detach(self) -> None:
        if stopping.log_file == self.folder.log:
            stopping.log_file = None
        for handler in (self._file, self._kept):
            log.removeHandler(handler)
        if warnings.showwarning == self._warn:
            warnings.showwarning = self._show_warning
        log.setLevel(self._level)
        self._file.close()


class _File(logging.FileHandler):
    """A log that cannot be written does not stop a run: a disk that is full stops it where a result is lost."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (the library's name)
        """Nothing: the handler of the standard library prints a traceback."""

    def close(self) -> None:
        """As the standard library's; what is left to flush may not fit either."""
        try:
            super().close()
        except OSError:
            pass


class _Kept(logging.Handler):
    """Texts of the warnings, in order, each once."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text not in self.texts:
            self.texts.append(text)
