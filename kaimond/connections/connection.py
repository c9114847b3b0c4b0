"""A client of the control socket: lines in, lines out."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from typing import TYPE_CHECKING, Final

from kaimond import platform, wire
from kaimond.errors import KaimonError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_CHUNK: Final = 2**16


class StrangerError(KaimonError):
    """An error about a client that is not a process of this user."""


class Connection:
    """A stream of lines to and from one client.

    Writing waits for the client to read. A client that reads slowly therefore delays only those
    who write to it, and its own requests (`wire.MAX_LINE` is the most that it can make us hold).
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._splitter = wire.LineSplitter()
        self._ready: deque[bytes] = deque()
        self._sending = asyncio.Lock()
        self.pid = 0
        self.answered = asyncio.Event()
        """Set while no request of the client waits for an answer."""
        self.answered.set()

    def check_peer(self) -> None:
        """Check that the other end is a process of this user.

        Raises:
            StrangerError: it is not, or the system does not say.
        """
        sock = self._writer.get_extra_info("socket")
        try:
            uid, self.pid = platform.peer_user(sock)
        except OSError as error:
            raise StrangerError(f"the peer's user is unknown: {error}") from None
        if uid != os.getuid():
            raise StrangerError(f"user {uid} (process {self.pid})")

    async def line(self) -> bytes | None:
        """Return the next line, or None at the end of the stream.

        Raises:
            wire.WireError: the client sent a line that is too long.
        """
        while not self._ready:
            try:
                data = await self._reader.read(_CHUNK)
            except ConnectionError:
                return None
            if not data:
                return None
            self._ready.extend(self._splitter.feed(data))
        line = self._ready.popleft()
        if self._ready:
            # One chunk can hold a great many lines; between them other tasks get their turn.
            await asyncio.sleep(0)
        return line

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield each further line, without its newline, until the client hangs up."""
        while (line := await self.line()) is not None:
            yield line

    async def send(self, line: bytes) -> None:
        """Write one line and wait until the client has taken most of it.

        Raises:
            ConnectionError: the client is gone.
        """
        async with self._sending:
            self._writer.write(line)
            await self._writer.drain()

    def abort(self) -> None:
        """Close the connection at once; what was not sent yet is dropped."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close the connection; what was written arrives if the client reads within a second."""
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self._writer.wait_closed()
            return
        self._writer.transport.abort()
