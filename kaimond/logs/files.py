"""A log file and its rotated predecessors, opened together and read backwards.

The writer may rotate at any moment. Rotation only ever moves a file to a higher number, so
opening them in rising order finds each at least once; one found twice is known by its inode.
An open file stays readable, whatever becomes of its name.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kaimond.logs.format import escape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK: Final = 65_536
_ROTATIONS_MEANWHILE: Final = 2  # at our sizes, more cannot happen while a few files are opened


@dataclass(frozen=True, slots=True)
class OpenFile:
    """One open file of the log. Whoever holds it closes `fd`.

    Attributes:
        fd: its descriptor.
        size: its size in bytes when it was opened.
        identity: its device and inode.
    """

    fd: int
    size: int
    identity: tuple[int, int]

    def backwards(self) -> Iterator[str]:
        """Yield the lines up to `size`, the last one first, without empty ones."""
        position, rest = self.size, b""
        while position > 0:
            length = min(BLOCK, position)
            position -= length
            rest, *lines = (os.pread(self.fd, length, position) + rest).split(b"\n")
            yield from (decode(line) for line in reversed(lines) if line)
        if rest:
            yield decode(rest)

    def complete_size(self) -> int:
        """Return the size up to and including the last newline."""
        position = self.size
        while position > 0:
            length = min(BLOCK, position)
            position -= length
            found = os.pread(self.fd, length, position).rfind(b"\n")
            if found >= 0:
                return position + found + 1
        return 0


def open_one(path: Path) -> OpenFile | None:
    """Open `path` for reading; return None if it does not exist.

    Raises:
        OSError: it exists and cannot be opened.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    status = os.fstat(fd)
    return OpenFile(fd, status.st_size, (status.st_dev, status.st_ino))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[list[OpenFile]]:
    """Open `path` and its rotated predecessors, the newest first; close them all at the end.

    Raises:
        OSError: one of them exists and cannot be opened.
    """
    with contextlib.ExitStack() as stack:
        found: dict[tuple[int, int], OpenFile] = {}
        for candidate in _names(path):
            file = open_one(candidate)
            if file is not None:
                stack.callback(os.close, file.fd)
                found.setdefault(file.identity, file)
        yield list(found.values())


def decode(line: bytes) -> str:
    """Return a line as text that is safe to show, even if it was not written by us."""
    return escape(line.decode(errors="backslashreplace"))


def _names(path: Path) -> Iterator[Path]:
    yield path
    prefix = f"{path.name}."
    try:
        suffixes = [name.removeprefix(prefix) for name in os.listdir(path.parent)]  # noqa: PTH208 - names are wanted
    except FileNotFoundError:
        return
    numbers = [int(suffix) for suffix in suffixes if suffix.isascii() and suffix.isdigit()]
    last = max(numbers, default=0) + _ROTATIONS_MEANWHILE
    yield from (path.with_name(f"{prefix}{number}") for number in range(1, min(last, 1002) + 1))
