"""A person's terminal in a session: a pseudo-terminal, and the client that shows it."""

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
"""Bytes of output in one notification."""

INTERRUPT: Final = b"\x03"


class Receiver(Protocol):
    """The client."""

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Tell it something; wait until it has taken most of it.

        Raises:
            ConnectionError: it is gone.
        """


class Terminal:
    """One attached terminal.

    Args:
        key: of the session.
        term: the person's TERM.
        receiver: who shows it.
        on_interrupt: called with this terminal on a ^C that means an interrupt.

    Attributes:
        id: 8 hexadecimal digits; what is entered here is interrupted by it.
        heard: counts what came from the session.
        told: id of the eval that the person was last told to wait for.
        shown: the last of what came from the session, to recognise words of Julia's in it.

    Raises:
        OSError: there is no pseudo-terminal to be had.
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
        """Whether the client has been told the end, or is about to be."""
        return self._ending is not None or self._pump.done()

    def type(self, data: bytes) -> None:
        """What the person typed. A ^C goes the safe way while the session evaluates."""
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
        """A line of the daemon's own."""
        self._put(f"\r\n[kaimond] {text}\r\n".encode())

    def end(self, kind: str, text: str, *, again: bool = False) -> None:
        """Hang up and tell the client why, after everything else that it has to show.

        Args:
            kind: a word for programs: ``left``, ``session-ended``, ``refused`` or ``daemon-ends``.
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
        """The client is gone."""
        self.pty.close()
        self._pump.cancel()

    async def drained(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds until the client knows the end."""
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
