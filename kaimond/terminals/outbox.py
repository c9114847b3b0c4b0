"""What a terminal still has to show: bounded, so that a slow one costs nobody anything.

The session must never wait for a person's screen: Julia blocks when it writes to a pseudo-terminal
that nobody reads. So everything is taken from the pseudo-terminal at once, and what a slow client
has no room for is left out, with a word in its place.
"""

from __future__ import annotations

from typing import Final

LIMIT: Final = 2**16
"""Bytes that wait for a client at most."""

_PLAIN: Final = b"\x1b[0m"
"""Ends the colours that a gap may have left open."""


class Outbox:
    """Bytes on their way to one client, oldest first.

    Args:
        limit: most bytes that wait; older ones make room for newer ones.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._waiting = bytearray()
        self._left_out = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, data: bytes) -> None:
        """Add bytes; if there are too many then, the oldest are left out."""
        self._waiting += data
        excess = len(self._waiting) - self._limit
        if excess > 0:
            del self._waiting[:excess]
            self._left_out += excess

    def take(self, most: int) -> bytes:
        """The next bytes, ``most`` of those that were put at most."""
        gap = b""
        if self._left_out:
            gap = _PLAIN + b"\r\n[... %d bytes left out: this terminal is slow ...]\r\n" % (
                self._left_out
            )
            self._left_out = 0
        data = bytes(self._waiting[:most])
        del self._waiting[:most]
        return gap + data
