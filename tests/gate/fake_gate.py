"""A gate in Python: a ROUTER that does what a test tells it to."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import zmq
import zmq.asyncio

from kaimond.gate.frames import Message, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class FakeGate:
    """Listens at an endpoint from `bind` on."""

    def __init__(self, context: zmq.asyncio.Context, endpoint: Path) -> None:
        self._context = context
        self._endpoint = endpoint
        self._socket: zmq.asyncio.Socket | None = None
        self._peer = b""

    def bind(self) -> None:
        """Begin to listen, as a process image that just came up."""
        self._endpoint.unlink(missing_ok=True)
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self._socket.bind(f"ipc://{self._endpoint}")

    def end(self) -> None:
        """Go away without a word."""
        if self._socket:
            self._socket.close(linger=0)
            self._socket = None

    async def hear(self) -> Message:
        """The next message."""
        assert self._socket
        self._peer, *frames = await self._socket.recv_multipart()
        return decode(frames)

    async def say(
        self, request: str, verb: str, fields: Iterable[tuple[str, str | bytes]] = ()
    ) -> None:
        """Send a message to whoever spoke last."""
        await self.say_raw(encode(request, verb, fields))

    async def say_raw(self, frames: list[bytes]) -> None:
        """Send any frames to whoever spoke last."""
        assert self._socket
        await self._socket.send_multipart([self._peer, *frames])

    async def answer_pings(self) -> None:
        """Answer whatever comes with a pong, until cancelled."""
        with contextlib.suppress(zmq.ZMQError):
            while True:
                message = await self.hear()
                await self.say(message.request, "pong", (("asked", message.verb),))
