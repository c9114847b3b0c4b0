"""A file that is appended to and rotated, and that a full disk cannot break.

The standard library's rotating handler buffers: after a failed write, nobody knows how much of it
will still be written. Here each record is one `write` to the file itself, so a failure loses that
record only, and another process never reads half of one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class RotatingFile:
    """The owner of a log file's descriptor; not thread-safe.

    Rotation renames `name` to `name.1`, `name.1` to `name.2`, and so on.
    """

    def __init__(self, path: Path, max_bytes: int, backups: int) -> None:
        """Open nothing yet; the first write does.

        Args:
            path: the file; its directory is created if missing, closed to others.
            max_bytes: the most that the file grows to, except by a single larger record.
            backups: how many rotated files are kept.
        """
        self._path = path
        self._max_bytes = max_bytes
        self._backups = backups
        self._fd: int | None = None
        self._is_torn = False

    def write(self, record: bytes) -> None:
        """Append `record`, which ends with a newline.

        Raises:
            OSError: it is not in the file, or only in part. The next write tries again.
        """
        fd = self._ready(len(record))
        # A part of a record that the last failure left must not swallow the beginning of this one.
        rest = memoryview(b"\n" + record if self._is_torn else record)
        while rest:
            written = os.write(fd, rest)
            rest = rest[written:]
            self._is_torn = bool(rest)

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        if self._fd is not None:
            # Forget it before closing it: the number may belong to another file afterwards.
            fd, self._fd = self._fd, None
            os.close(fd)

    def _ready(self, size: int) -> int:
        fd = self._fd if self._fd is not None and self._is_current(self._fd) else self._open()
        if os.fstat(fd).st_size and os.fstat(fd).st_size + size > self._max_bytes:
            self._rotate()
            fd = self._open()
        return fd

    def _is_current(self, fd: int) -> bool:
        """Return whether the path still names our file; somebody may have removed or moved it."""
        try:
            return os.path.samestat(os.fstat(fd), os.lstat(self._path))
        except FileNotFoundError:
            return False

    def _open(self) -> int:
        self.close()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        # Non-blocking matters only for a FIFO in our place: opening it then fails and never hangs.
        self._fd = os.open(self._path, flags | os.O_NONBLOCK, 0o600)
        self._is_torn = False
        return self._fd

    def _rotate(self) -> None:
        if self._backups == 0:
            self._path.unlink(missing_ok=True)
            return
        for number in range(self._backups - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
