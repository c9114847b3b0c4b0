"""The lock that keeps SIGINTs from a session but while its gate runs code that may get one.

The gate holds it otherwise. Whoever sends a SIGINT takes it before, and keeps it until Julia has
delivered the signal; then no late one can hit what runs after the eval.
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
    """The lock of one gate.

    Args:
        path: of its file, which the gate makes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextlib.contextmanager
    def taken(self) -> Iterator[bool]:
        """Whether a SIGINT may be sent now; if so, the gate's code goes no further meanwhile."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            # Without its file the gate cannot say that it runs code that may get one.
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
