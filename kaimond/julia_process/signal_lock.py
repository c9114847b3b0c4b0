"""The lock that allows SIGINTs only while a gate runs code that may get one.

At all other times the gate holds it. The sender of a SIGINT takes it first and keeps it until
Julia has delivered the signal, so that no late signal can hit what runs after the eval.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class SignalLock:
    """The signal lock of one gate.

    Args:
        path: the lock file, which the gate creates.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextlib.contextmanager
    def taken(self) -> Iterator[bool]:
        """Yield whether a SIGINT may be sent; if so, the gate waits after the current code."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            # Without its file the gate cannot show that it runs code that may be interrupted.
            yield False
            return
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(file)
