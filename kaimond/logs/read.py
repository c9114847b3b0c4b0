"""Reads the last records of the server log, and new ones as they are written."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from kaimond.logs import files
from kaimond.logs.parse import Line, Wanted, join, parse_line, with_continuation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

_DISORDER: Final = timedelta(minutes=1)
"""How far records may be out of order, because of threads or a clock set back a little."""
_LONGEST_WAIT: Final = 1.0
"""Seconds after which the file is looked at even if no change was reported."""


def tail(
    path: Path,
    count: int,
    level: str | None = None,
    session: str | None = None,
    since: datetime | None = None,
) -> list[Line]:
    """Return the last `count` records that match, oldest first.

    Only as much of the log is read as is needed, back through its rotated files.

    Args:
        path: the server log; if it does not exist, it counts as empty.
        count: how many records at most.
        level: the least level, one of `kaimond.logs.parse.LEVELS`, in upper or lower case.
        session: a session key; only records about it are returned.
        since: the earliest time (aware).

    Raises:
        ValueError: `level` is not a level.
        OSError: a file of the log cannot be read.
    """
    wanted = Wanted(level, session, since)
    with files.opened(path) as found:
        return _last(found, count, wanted)


def follow(
    path: Path,
    count: int = 0,
    level: str | None = None,
    session: str | None = None,
    since: datetime | None = None,
    *,
    stop: threading.Event | None = None,
) -> Iterator[Line]:
    """Yield the last `count` matching records, then each new one as it is written, for ever.

    No record is lost or repeated between the two, nor when the log is rotated. The log need not
    exist yet. Close the generator, or set `stop` from another thread, to end it.

    Raises:
        ValueError: `level` is not a level.
        OSError: a file of the log cannot be read.
    """
    wanted = Wanted(level, session, since)
    follower = _Follower(path)
    try:
        yield from follower.begin(count, wanted)
        for _ in _wakeups(path.parent, stop or threading.Event()):
            yield from filter(wanted.matches, join(follower.new_texts()))
    finally:
        follower.close()


def _last(found: list[files.OpenFile], count: int, wanted: Wanted) -> list[Line]:
    if count <= 0:
        return []
    lines = list(islice(_backwards(found, wanted), count))
    lines.reverse()
    return lines


def _backwards(found: list[files.OpenFile], wanted: Wanted) -> Iterator[Line]:
    below: list[str] = []
    for text in (text for file in found for text in file.backwards()):
        record = parse_line(text)
        if record is None:
            below.append(text)
            continue
        line = with_continuation(record, below[::-1])
        below = []
        if wanted.since and record.time and record.time < wanted.since - _DISORDER:
            return
        if wanted.matches(line):
            yield line
    yield from filter(wanted.matches, join(below[::-1]))


class _Follower:
    """A reader of a log that continues where it stopped, across rotations.

    It owns one descriptor: that of its current file, which may have been renamed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        self._identity = (0, 0)
        self._position = 0
        self._rest = b""  # the beginning of a line that is not complete yet

    def begin(self, count: int, wanted: Wanted) -> list[Line]:
        """Go to the end of the log; return its last records."""
        with files.opened(self._path) as found:
            if not found:
                return []
            newest = found[0]
            end = newest.complete_size()
            self._enter(newest, end)
            found[0] = files.OpenFile(newest.fd, end, newest.identity)
            return _last(found, count, wanted)

    def new_texts(self) -> Iterator[str]:
        """Yield every line written since the last call, up to the end of the newest file."""
        yield from self._read_on()
        while self._is_left_behind():
            # The writer may have added to our file between our last look and the rotation.
            yield from self._read_on()
            if self._rest:
                yield files.decode(self._rest)
            if not self._enter_next():
                return
            yield from self._read_on()

    def close(self) -> None:
        """Close the descriptor."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def _enter(self, file: files.OpenFile, position: int) -> None:
        self.close()
        self._fd = os.dup(file.fd)
        self._identity, self._position, self._rest = file.identity, position, b""

    def _enter_next(self) -> bool:
        """Go to the file after ours, or the oldest if ours is gone; return whether there is one."""
        with files.opened(self._path) as found:
            newer: list[files.OpenFile] = []
            for file in found:
                if self._fd is not None and file.identity == self._identity:
                    break
                newer.append(file)
            if not newer:
                return False
            self._enter(newer[-1], 0)
            return True

    def _is_left_behind(self) -> bool:
        try:
            status = self._path.stat()
        except FileNotFoundError:  # between two steps of a rotation, or removed
            return False
        return self._fd is None or (status.st_dev, status.st_ino) != self._identity

    def _read_on(self) -> Iterator[str]:
        if self._fd is None:
            return
        if os.fstat(self._fd).st_size < self._position:  # someone emptied it
            self._position, self._rest = 0, b""
        while block := os.pread(self._fd, files.BLOCK, self._position):
            self._position += len(block)
            *lines, self._rest = (self._rest + block).split(b"\n")
            yield from (files.decode(line) for line in lines if line)


def _wakeups(directory: Path, stop: threading.Event) -> Iterator[None]:
    """Yield at once, then whenever something may have changed in `directory`, until `stop`."""
    yield
    watch = _watcher()
    while not stop.is_set():
        if watch is not None and directory.is_dir():
            try:
                for _ in watch(directory, stop):
                    yield
            except OSError:  # removed meanwhile, or no watches left
                watch = None
        else:
            stop.wait(_LONGEST_WAIT)
            yield


def _watcher() -> Callable[[Path, threading.Event], Iterator[object]] | None:
    try:
        from watchfiles import watch  # noqa: PLC0415 - slow to import, and needed only here
    except ImportError:
        return None

    def changes(directory: Path, stop: threading.Event) -> Iterator[object]:
        return watch(
            directory,
            stop_event=stop,
            watch_filter=None,
            recursive=False,
            debounce=200,
            step=50,
            rust_timeout=int(_LONGEST_WAIT * 1000),
            yield_on_timeout=True,
        )

    return changes
