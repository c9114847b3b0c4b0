"""Digests of files on the disk; a file is read again only if it looks changed."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

SETTLED: Final = 2.0
"""Seconds after which another write must change a file's times, even on coarse file systems."""


@dataclass(frozen=True)
class OnDisk:
    """The state in which a file was found.

    Attributes:
        digest: SHA-256 of its content, "" if it cannot be read.
        changed: when it last changed, in seconds since the epoch. For a missing file, when its
            directory last changed; 0 if that is missing, too.
    """

    digest: str
    changed: float


_Stamp = tuple[int, int, int, int]


class Disk:
    """Computes digests of files. An object may be used by only one thread at a time."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[_Stamp, OnDisk]] = {}

    def look(self, paths: Iterable[str]) -> dict[str, OnDisk]:
        """Return the current state of each file; blocks while files are read."""
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
