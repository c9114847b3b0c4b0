"""A bounded buffer of output for one terminal, so that a slow client holds up nobody.

Julia blocks when it writes to a pseudo-terminal that nobody reads, and a session must never wait
for a person's screen. So the pseudo-terminal is read at once, and what does not fit in a slow
client's buffer is replaced by a note.
"""

from __future__ import annotations

from typing import Final

LIMIT: Final = 2**16
"""Maximum bytes that wait for a client."""

_PLAIN: Final = b"\x1b[0m"
"""Resets colours that the dropped bytes may have left on."""


class Outbox:
    """Bytes waiting for one client, oldest first.

    Args:
        limit: maximum number of waiting bytes; newer bytes push out older ones.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._waiting = bytearray()
        self._left_out = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, data: bytes) -> None:
        """Add bytes, dropping the oldest beyond the limit."""
        self._waiting += data
        excess = len(self._waiting) - self._limit
        if excess > 0:
            del self._waiting[:excess]
            self._left_out += excess

    def take(self, most: int) -> bytes:
        """Return the next bytes, at most ``most`` plus a note about dropped bytes."""
        gap = b""
        if self._left_out:
            gap = _PLAIN + b"\r\n[... %d bytes left out: this terminal is slow ...]\r\n" % (
                self._left_out
            )
            self._left_out = 0
        data = bytes(self._waiting[:most])
        del self._waiting[:most]
        return gap + data
