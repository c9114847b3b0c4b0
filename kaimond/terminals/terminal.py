"""A person's terminal in a session: a pseudo-terminal and the client that displays it."""

from __future__ import annotations

import asyncio
import base64
import secrets
from typing import TYPE_CHECKING, Any, Final, Protocol

from kaimond.terminals.outbox import Outbox
from kaimond.terminals.pty import Pty

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHUNK: Final = 2**14
"""Maximum bytes of output in one notification."""

INTERRUPT: Final = b"\x03"


class Receiver(Protocol):
    """The client that displays a terminal."""

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification; wait until most of it has been taken.

        Raises:
            ConnectionError: the client is gone.
        """


class Terminal:
    """An attached terminal.

    Args:
        key: the session's key.
        term: the person's TERM.
        receiver: the client that displays it.
        on_interrupt: called with this terminal on a ^C that means an interrupt.

    Attributes:
        id: 8 hexadecimal digits; interrupts of input that was entered here use it.
        heard: number of chunks of output from the session.
        told: id of the eval that the person was last told to wait for.
        shown: the latest output of the session, to search for Julia's messages.

    Raises:
        OSError: the system has no pseudo-terminal left.
    """

    def __init__(
        self, key: str, term: str, receiver: Receiver, on_interrupt: Callable[[Terminal], None]
    ) -> None:
        self.id = secrets.token_hex(4)
        self.key = key
        self.term = term
        self.heard = 0
        self.told = ""
        self.shown = b""
        self._receiver = receiver
        self._on_interrupt = on_interrupt
        self._outbox = Outbox()
        self._more = asyncio.Event()
        self._ending: Mapping[str, Any] | None = None
        self.pty = Pty(self._output)
        self._pump = asyncio.create_task(self._send(), name=f"terminal {self.id}")

    @property
    def ended(self) -> bool:
        """Whether the client has been told of the end, or is about to be."""
        return self._ending is not None or self._pump.done()

    def type(self, data: bytes) -> None:
        """Handle typed bytes; a ^C during an evaluation becomes a safe interrupt."""
        while data:
            typed, interrupt, after = data, b"", b""
            if INTERRUPT in data and self.pty.cooked:
                typed, interrupt, after = data.partition(INTERRUPT)
            if typed and not self.pty.write(typed):
                self.say(f"{len(typed)} bytes of input left out: the session does not read them")
            if interrupt:
                self._on_interrupt(self)
            data = after

    def say(self, text: str) -> None:
        """Show a line from the daemon."""
        self._put(f"\r\n[kaimond] {text}\r\n".encode())

    def end(self, kind: str, text: str, *, again: bool = False) -> None:
        """Close the terminal and tell the client why, after all remaining output.

        Args:
            kind: for programs: ``left``, ``session-ended``, ``refused`` or ``daemon-ends``.
            text: a sentence for the person.
            again: whether the client should attach again.
        """
        if self.ended:
            return
        self._ending = {"terminal": self.id, "kind": kind, "text": text, "again": again}
        self.pty.drain()
        self.pty.close()
        self._more.set()

    def close(self) -> None:
        """Close the terminal after its client has gone."""
        self.pty.close()
        self._pump.cancel()

    async def drained(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds until the client has been told of the end."""
        await asyncio.wait([self._pump], timeout=timeout)

    def _output(self, data: bytes) -> None:
        self.heard += 1
        self.shown = (self.shown + data)[-CHUNK:]
        self._put(data)

    def _put(self, data: bytes) -> None:
        self._outbox.put(data)
        self._more.set()

    async def _send(self) -> None:
        try:
            while True:
                await self._more.wait()
                self._more.clear()
                while len(self._outbox):
                    data = base64.b64encode(self._outbox.take(CHUNK)).decode()
                    await self._receiver.notify(
                        "attach.output", {"terminal": self.id, "data": data}
                    )
                if self._ending is not None:
                    await self._receiver.notify("attach.ended", self._ending)
                    return
        except ConnectionError:
            self.pty.close()
