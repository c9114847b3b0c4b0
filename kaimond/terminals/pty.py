"""A pseudo-terminal whose two ends the daemon holds; the gate opens the slave by its path.

Both ends close when the daemon dies, which the session's line editor takes for a hang-up, so it
ends. The daemon keeps the slave open so that the pair outlives a restart of the session.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK: Final = 2**16

_MOST_READS: Final = 64
"""Limit on reads at the end, in case the session keeps writing."""

INPUT_LIMIT: Final = 2**18
"""Maximum bytes of input that wait while the session does not read; more is refused."""

_LOCAL_FLAGS: Final = 3
"""Index of the local modes in the result of `termios.tcgetattr`."""


class Pty:
    """A pseudo-terminal whose output is always read at once.

    Args:
        on_output: called with the bytes that the session wrote.

    Attributes:
        path: the slave's path.

    Raises:
        OSError: the system has no pseudo-terminal left.
    """

    def __init__(self, on_output: Callable[[bytes], None]) -> None:
        self._on_output = on_output
        self._master, self._slave = os.openpty()
        try:
            self.path = os.ttyname(self._slave)
            os.set_blocking(self._master, False)
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._master, self._readable)
        except BaseException:
            os.close(self._master)
            os.close(self._slave)
            raise
        self._input = bytearray()

    @property
    def open(self) -> bool:
        """Whether the pseudo-terminal is open."""
        return self._master >= 0

    @property
    def cooked(self) -> bool:
        """Whether ^C means an interrupt rather than a key; the line editor sets raw mode."""
        with contextlib.suppress(OSError, termios.error):
            if self.open:
                return bool(termios.tcgetattr(self._slave)[_LOCAL_FLAGS] & termios.ISIG)
        return False

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the terminal in the session."""
        if self.open:
            size = struct.pack("HHHH", rows, columns, 0, 0)
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def write(self, data: bytes) -> bool:
        """Send input to the session; return whether there was room for it."""
        if not self.open:
            return True
        if len(self._input) + len(data) > INPUT_LIMIT:
            return False
        self._input += data
        self._writable()
        return True

    def forget_input(self) -> None:
        """Discard input that has not been read yet."""
        self._input.clear()
        if self.open:
            termios.tcflush(self._slave, termios.TCIFLUSH)

    def drain(self) -> None:
        """Read what the session has written so far."""
        for _ in range(_MOST_READS):
            if not (self.open and self._readable()):
                return

    def close(self) -> None:
        """Close both ends."""
        if not self.open:
            return
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1

    def _readable(self) -> bool:
        try:
            data = os.read(self._master, _CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            # No hang-up is possible while the slave is open here, but if one came it must not loop.
            data = b""
        if data:
            self._on_output(data)
        else:
            self._loop.remove_reader(self._master)
        return bool(data)

    def _writable(self) -> None:
        try:
            written = os.write(self._master, self._input) if self._input else 0
        except BlockingIOError:
            written = 0
        except OSError:
            self._input.clear()
            written = 0
        del self._input[:written]
        if self._input:
            self._loop.add_writer(self._master, self._writable)
        else:
            self._loop.remove_writer(self._master)
