"""Cuts a stream of bytes into lines without ever holding more than one line of bounded length.

Unlike `wire.LineSplitter`, which gives up a stream at its first line that is too long, this one
finds the next line again: the stream belongs to a client whose other requests still count.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_END: Final = 4096
_ID = rb'"id"\s*:\s*(-?\d{1,18}|"[^"\\]{1,200}")'
_SPACE = rb"[ \t\r]*"
_FIRST = _SPACE + rb"\{" + _SPACE + rb'(?:"jsonrpc"\s*:\s*"2\.0"\s*,' + _SPACE + rb")?" + _ID
_LAST = rb"," + _SPACE + _ID + _SPACE + rb"\}" + _SPACE + rb"\Z"


class TooLong:
    """A placeholder for a line that was longer than allowed and was not kept.

    Attributes:
        id: the message's id if the line's beginning or end shows it, else None.
    """

    __slots__ = ("id",)

    def __init__(self, head: bytes, tail: bytes) -> None:
        # An id that comes first, or last before the only closing brace, is the message's own.
        found = re.match(_FIRST, head) or re.search(_LAST, tail)
        text = found[1].decode(errors="replace") if found else ""
        self.id = text.strip('"') if text.startswith('"') else int(text) if text else None


class Lines:
    """A splitter that cuts a stream of bytes into lines of at most ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._length = 0
        self._head: bytes | None = None

    def feed(self, data: bytes) -> list[bytes | TooLong]:
        """Take in bytes; return the lines complete now, without newlines and empty lines."""
        *complete, rest = data.split(b"\n")
        lines: list[bytes | TooLong] = []
        for piece in complete:
            self._grow(piece)
            line = self.finish()
            if line:
                lines.append(line)
        if rest:
            self._grow(rest)
        return lines

    def finish(self) -> bytes | TooLong:
        """Return what has come since the last newline as a line."""
        kept = b"".join(self._parts)
        line: bytes | TooLong = kept if kept.strip() else b""
        if self._head is not None:
            line = TooLong(self._head, kept[-_END:])
        self._parts = []
        self._length = 0
        self._head = None
        return line

    def _grow(self, piece: bytes) -> None:
        self._parts.append(piece)
        self._length += len(piece)
        if self._head is None:
            if self._length <= self._limit:
                return
            self._head = b"".join(self._parts)[:_END]
        self._parts = [b"".join(self._parts)[-_END:]]
