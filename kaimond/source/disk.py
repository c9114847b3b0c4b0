"""What is on the disk: digests of files, read anew only when a file looks changed."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

SETTLED: Final = 2.0
"""Seconds after which another write must show in a file's times, also on coarse file systems."""


@dataclass(frozen=True)
class OnDisk:
    """A file as it was found.

    Attributes:
        digest: SHA-256 of its content, "" if it cannot be read.
        changed: when, in seconds since the epoch; of a file that is not there, its directory's
            last change. 0 if that is not there either.
    """

    digest: str
    changed: float


_Stamp = tuple[int, int, int, int]


class Disk:
    """Looks at files. One object may be used by one thread at a time."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[_Stamp, OnDisk]] = {}

    def look(self, paths: Iterable[str]) -> dict[str, OnDisk]:
        """The state of each file now. Blocks for as long as reading takes."""
        return {path: self._look(path) for path in paths}

    def _look(self, path: str) -> OnDisk:
        try:
            status = os.stat(path)  # noqa: PTH116 - hundreds at a time, and paths are text here
            stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            known = self._known.get(path)
            if known and known[0] == stamp:
                return known[1]
            now = time.time()
            with open(path, "rb") as file:  # noqa: PTH123
                found = OnDisk(hashlib.sha256(file.read()).hexdigest(), status.st_ctime)
        except OSError:
            self._known.pop(path, None)
            return OnDisk("", _last_change(os.path.dirname(path)))  # noqa: PTH120
        if now - max(status.st_mtime, status.st_ctime) > SETTLED:
            self._known[path] = (stamp, found)
        else:
            self._known.pop(path, None)
        return found


def _last_change(directory: str) -> float:
    try:
        return os.stat(directory).st_mtime  # noqa: PTH116
    except OSError:
        return 0.0
