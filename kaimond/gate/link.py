"""A connection to one gate.

libzmq maintains the connection: it retries until the gate exists, answers heartbeats on a thread of
its own on both sides, and reconnects after a break. The link adds what libzmq does not guarantee. A
message in flight when the transport breaks is lost, so requests have deadlines, and whoever waits
for a result requests it again when `on_up` reports that the transport is back.

The transport is *up* only between ``HANDSHAKE_SUCCEEDED`` and ``DISCONNECTED``: the kernel accepts
connections for a stopped process, so ``CONNECTED`` proves nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from typing import TYPE_CHECKING, Final

import zmq
import zmq.asyncio
from zmq.utils.monitor import parse_monitor_message

from kaimond.errors import KaimonError
from kaimond.gate.frames import FrameError, Message, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_log = logging.getLogger("kaimond.gate")

# Milliseconds. With these, a stopped process is noticed after about two seconds.
_HEARTBEAT_INTERVAL: Final = 500
_HEARTBEAT_TIMEOUT: Final = 1500
_HEARTBEAT_TTL: Final = 3000
_RECONNECT: Final = 10
# A precompiled gate answers 0.3 s after its start, so a longer pause would be noticeable.
_RECONNECT_MAX: Final = 30

_EVENTS: Final = zmq.Event.HANDSHAKE_SUCCEEDED | zmq.Event.DISCONNECTED


class GateSilentError(KaimonError):
    """The gate did not answer in time, or can no longer answer."""


class LinkClosedError(GateSilentError):
    """The link was closed, because its process no longer belongs to a session."""


class GateLink:
    """A connection to the gate that listens, or will listen, at ``endpoint``.

    Args:
        context: the libzmq context that all links share.
        key: the session's key, for the log.
        endpoint: path of the gate's socket.
        on_message: called with every message that answers no pending `request`.
        on_up: called each time the transport comes up.
    """

    def __init__(
        self,
        context: zmq.asyncio.Context,
        key: str,
        endpoint: Path,
        on_message: Callable[[Message], None],
        on_up: Callable[[], None],
    ) -> None:
        self._key = key
        self._on_message = on_message
        self._on_up = on_up
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self._repeat: dict[str, list[bytes]] = {}
        self._ids = itertools.count(1)
        self._handshake = asyncio.Event()
        self.changed = time.monotonic()
        """When `up` last changed, on the monotonic clock."""
        self._socket = context.socket(zmq.DEALER)
        # The identity is constant, so that the gate's ROUTER hands over to the newest connection.
        self._socket.setsockopt(zmq.ROUTING_ID, b"kaimond")
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.SNDHWM, 0),
            (zmq.RCVHWM, 0),
            (zmq.HEARTBEAT_IVL, _HEARTBEAT_INTERVAL),
            (zmq.HEARTBEAT_TIMEOUT, _HEARTBEAT_TIMEOUT),
            (zmq.HEARTBEAT_TTL, _HEARTBEAT_TTL),
            (zmq.RECONNECT_IVL, _RECONNECT),
            (zmq.RECONNECT_IVL_MAX, _RECONNECT_MAX),
        ):
            self._socket.setsockopt(option, value)
        self._monitor = self._socket.get_monitor_socket(_EVENTS)
        self._tasks = [
            asyncio.create_task(self._watch(), name=f"monitor {key}"),
            asyncio.create_task(self._receive(), name=f"link {key}"),
        ]
        self._socket.connect(f"ipc://{endpoint}")

    @property
    def up(self) -> bool:
        """Whether the transport is up: a handshake succeeded and nothing has broken it since."""
        return self._handshake.is_set()

    async def wait_up(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for the transport; return whether it is up."""
        try:
            async with asyncio.timeout(timeout):
                await self._handshake.wait()
        except TimeoutError:
            return False
        return True

    def send(self, request: str, verb: str, fields: Iterable[tuple[str, str | bytes]] = ()) -> None:
        """Pass a message to libzmq, which delivers it if the transport stays up."""
        self._send(encode(request, verb, fields))

    def _send(self, frames: list[bytes]) -> None:
        if not self._socket.closed:
            # Without a high-water mark sending never blocks, so the future is always done.
            self._socket.send_multipart(frames, flags=zmq.DONTWAIT)

    async def request(
        self,
        verb: str,
        fields: Iterable[tuple[str, str | bytes]] = (),
        *,
        timeout: float,
        repeat: bool = False,
    ) -> Message:
        """Send a request and wait for its answer.

        Args:
            verb: the request's verb.
            fields: the request's fields.
            timeout: seconds to wait.
            repeat: send it again whenever the transport comes up; for requests that may be
                received twice, to a gate that may not be up yet.

        Raises:
            GateSilentError: no answer within ``timeout`` seconds.
            LinkClosedError: the link is closed.
        """
        if self._socket.closed:
            raise LinkClosedError("the connection to the gate was closed")
        if verb == "ping":
            # Linux may not let a process inspect one that is not its descendant, such as an adopted
            # session; the gate permits it to the daemon that it serves.
            fields = (*fields, ("daemon", str(os.getpid())))
        request = f"{verb}-{next(self._ids)}"
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[request] = future
        frames = encode(request, verb, fields)
        if repeat:
            self._repeat[request] = frames
        try:
            self._send(frames)
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            raise GateSilentError(f"no answer to {verb} within {timeout:g} s") from None
        finally:
            del self._waiting[request]
            self._repeat.pop(request, None)

    async def _receive(self) -> None:
        while True:
            frames = await self._socket.recv_multipart()
            try:
                message = decode(frames)
            except FrameError as error:
                _log.warning("unreadable message: %s", error, extra={"session": self._key})
                continue
            future = self._waiting.get(message.request)
            try:
                if future is None:
                    self._on_message(message)
                elif not future.done():
                    future.set_result(message)
            except Exception:  # noqa: BLE001 - one bad message must not make the session deaf
                _log.exception("handling %s failed", message.verb, extra={"session": self._key})

    async def _watch(self) -> None:
        while True:
            event = parse_monitor_message(await self._monitor.recv_multipart())["event"]
            if event == zmq.Event.HANDSHAKE_SUCCEEDED:
                self._handshake.set()
            else:
                self._handshake.clear()
            self.changed = time.monotonic()
            _log.debug("transport %s", "up" if self.up else "down", extra={"session": self._key})
            if self.up:
                for frames in self._repeat.values():
                    self._send(frames)
                try:
                    self._on_up()
                except Exception:  # noqa: BLE001 - the watch must go on
                    _log.exception("handling transport up failed", extra={"session": self._key})

    async def close(self) -> None:
        """Close the connection; pending requests fail at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket.closed:
            return
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(LinkClosedError("the connection to the gate was closed"))
        self._socket.disable_monitor()
        # The event loop keeps a reference to a socket that is not closed.
        self._monitor.close(linger=0)
        self._socket.close(linger=0)
