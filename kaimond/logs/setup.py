"""Writes the server log, from the first line of the program to its last.

Records are formatted where they are made and queued; one thread writes them, so neither a slow
disk nor a stopped terminal holds up the event loop. No failure to write can reach the daemon: lost
lines are counted, and one line reports them once writing works again.

    early()          at program start: records are kept, whatever their level
    configure(...)   once the settings are known, after any fork: kept records are written
    close()          at the end: everything queued is written, the thread ends
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from kaimond.logs.context import ContextFilter
from kaimond.logs.format import LineFormatter
from kaimond.logs.rotating import RotatingFile

if TYPE_CHECKING:
    from pathlib import Path

    from kaimond.config.settings import LogSettings

KEPT_EARLY: Final = 1000
"""Most records that are kept before `configure`; the oldest are dropped first."""
MOST_QUEUED: Final = 50_000
"""Most records that wait for the writer; when it falls further behind, new ones are dropped."""
CLOSE_TIMEOUT: Final = 5.0
"""Seconds that `close` waits for the writer, which a stopped terminal may block for ever."""

_log = logging.getLogger("kaimond.logs")


def early() -> None:
    """Start to keep records; call this before anything is logged. A second call does nothing."""
    _server_log.begin()


def configure(path: Path, settings: LogSettings, *, foreground: bool) -> None:
    """Write to the file `path` from now on, beginning with the kept records.

    Threads do not survive a fork, so this comes after the daemon has detached itself. A second
    call only changes the level.

    Args:
        path: the server log; its directory is created if missing.
        settings: level and rotation.
        foreground: whether records go to standard error as well.
    """
    _server_log.begin()
    _server_log.configure(path, settings, sys.stderr if foreground else None)


def close() -> None:
    """Write out what is queued and stop.

    If `configure` was never called, kept warnings and errors go to standard error.
    """
    _server_log.close()


class _Sink(Protocol):
    """A destination of finished lines. It may raise OSError or ValueError, which lose one line."""

    def write(self, record: bytes) -> None: ...
    def close(self) -> None: ...


class _Terminal:
    """Standard error, as a sink."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, record: bytes) -> None:
        encoding = self._stream.encoding or "ascii"
        showable = record.decode().encode(encoding, "backslashreplace").decode(encoding)
        self._stream.write(showable)
        self._stream.flush()

    def close(self) -> None:
        """Leave it open: it belongs to the program."""


class _Guarded:
    """A sink that never fails; it counts lost lines and reports them when writing works again."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self._lost = 0
        self._reason = ""

    def write(self, line: str) -> None:
        try:
            if self._lost:
                self._sink.write(_own_line(f"{self._lost} lines were lost: {self._reason}"))
                self._lost = 0
            self._sink.write(line.encode(errors="backslashreplace") + b"\n")
        except (OSError, ValueError) as error:  # ValueError: a stream that was closed
            self._lost += 1
            self._reason = str(error)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sink.close()


def _own_line(message: str) -> bytes:
    """Return a warning about the log itself, which cannot go through the queue."""
    record = _log.makeRecord(_log.name, logging.WARNING, "", 0, message, (), None)
    return f"{LineFormatter().format(record)}\n".encode()


class _Writer:
    """The thread that writes. `put` takes lines from any thread."""

    def __init__(self, sinks: list[_Guarded]) -> None:
        # A SimpleQueue may be re-entered by its own thread, as happens when a destructor logs in
        # the midst of `put`; a Queue would deadlock. It is unbounded, so `put` checks its size.
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._dropped = 0
        self._sinks = sinks
        self._thread = threading.Thread(target=self._run, name="kaimond-log", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        if self._queue.qsize() >= MOST_QUEUED:
            self._dropped += 1
        else:
            self._queue.put(line)

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join(CLOSE_TIMEOUT)

    def _run(self) -> None:
        while (line := self._queue.get()) is not None:
            self._write(line)
            if self._dropped and self._queue.qsize() < MOST_QUEUED // 2:
                dropped, self._dropped = self._dropped, 0
                message = f"{dropped} lines were dropped: they came faster than can be written"
                self._write(_own_line(message).decode().rstrip("\n"))
        for sink in self._sinks:
            sink.close()

    def _write(self, line: str) -> None:
        for sink in self._sinks:
            sink.write(line)


class _Handler(logging.Handler):
    """A handler that formats each record at once and keeps it until there is a writer."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(ContextFilter())
        self.setFormatter(LineFormatter())
        self._kept: deque[tuple[int, str, str]] = deque(maxlen=KEPT_EARLY)
        self._writer: _Writer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        if self._writer is None:
            self._kept.append((record.levelno, record.name, line))
        else:
            self._writer.put(line)

    def attach(self, writer: _Writer) -> None:
        """Send the kept lines that the levels now set let pass, and everything that follows."""
        with self.lock or threading.RLock():
            for level, name, line in self._kept:
                if logging.getLogger(name).isEnabledFor(level):
                    writer.put(line)
            self._kept.clear()
            self._writer = writer

    def take_kept(self) -> list[str]:
        """Return the kept warnings and errors; forget everything kept."""
        lines = [line for level, _, line in self._kept if level >= logging.WARNING]
        self._kept.clear()
        return lines


class _ServerLog:
    """The state behind this module's functions; a process has one logging anyway."""

    def __init__(self) -> None:
        self._handler: _Handler | None = None
        self._writer: _Writer | None = None
        self._levels_before = (logging.WARNING, logging.NOTSET)

    def begin(self) -> None:
        if self._handler is not None:
            return
        root, ours = logging.getLogger(), logging.getLogger("kaimond")
        self._levels_before = (root.level, ours.level)
        self._handler = _Handler()
        root.addHandler(self._handler)
        ours.setLevel(logging.DEBUG)
        logging.captureWarnings(capture=True)

    def configure(self, path: Path, settings: LogSettings, stream: TextIO | None) -> None:
        level = logging.getLevelNamesMapping()[settings.level.upper()]
        logging.getLogger("kaimond").setLevel(level)
        # Libraries log at INFO what is DEBUG to us, and some of them even the data they handle.
        logging.getLogger().setLevel(max(level, logging.WARNING))
        if self._writer is None and self._handler is not None:
            file = RotatingFile(path, settings.max_bytes, settings.backups)
            sinks = [_Guarded(file)]
            if stream is not None:
                sinks.append(_Guarded(_Terminal(stream)))
            self._writer = _Writer(sinks)
            self._handler.attach(self._writer)

    def close(self) -> None:
        handler, self._handler = self._handler, None
        writer, self._writer = self._writer, None
        if handler is None:
            return
        logging.captureWarnings(capture=False)
        root, ours = logging.getLogger(), logging.getLogger("kaimond")
        root.removeHandler(handler)
        root.setLevel(self._levels_before[0])
        ours.setLevel(self._levels_before[1])
        handler.close()
        if writer is not None:
            writer.close()
            return
        terminal = _Guarded(_Terminal(sys.stderr))
        for line in handler.take_kept():
            terminal.write(line)


_server_log: Final = _ServerLog()
