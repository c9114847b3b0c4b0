"""Limits how many requests of one client are served at a time.

`MOST_OPEN` are served. The next ones wait here, and are refused if they are too large to hold: a
client is always read, since it must be able to cancel what it waits for.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from typing import Final

import mcp_types as types
from mcp.shared.message import ServerMessageMetadata, SessionMessage

from kaimond.mcp.call import Standing

MOST_OPEN: Final = 256
"""Most requests of one client that are served at a time."""

MOST_HELD: Final = 2**20
"""Most bytes of requests that are held for one client until others are answered."""

TOO_MANY: Final = -32000
"""The code of the error that refuses a request; JSON-RPC leaves it to servers."""


class Window:
    """The unanswered requests of one client.

    An id can stand for several requests, because a client may use one for many.

    Args:
        all_answered: set while there are none.
    """

    def __init__(self, all_answered: asyncio.Event) -> None:
        self._all_answered = all_answered
        self._open: defaultdict[types.RequestId, list[Standing]] = defaultdict(list)
        self._held: deque[tuple[types.JSONRPCRequest, int]] = deque()
        self._held_bytes = 0
        self._changed = asyncio.Event()

    def came(self, message: types.JSONRPCMessage, size: int) -> SessionMessage | bytes | None:
        """Take in a message of ``size`` bytes from the client.

        Returns:
            What the server gets, or the line that the client gets, or None for now.
        """
        if isinstance(message, types.JSONRPCRequest):
            if not self._held and not self._full:
                return self._opened(message)
            if self._held_bytes + size > MOST_HELD:
                return _refusal(message)
            self._held.append((message, size))
            self._held_bytes += size
            self._all_answered.clear()
            return None
        request = _cancelled(message)
        if request is not None and self._withdrawn(request):
            return None
        return SessionMessage(message)

    async def next_held(self) -> SessionMessage:
        """Wait until a held request may be served; return what the server gets."""
        while self._full or not self._held:
            self._changed.clear()
            await self._changed.wait()
        message, size = self._held.popleft()
        self._held_bytes -= size
        return self._opened(message)

    def answered(self, message: types.JSONRPCMessage) -> None:
        """Note that a message has been sent to the client."""
        if isinstance(message, types.JSONRPCResponse | types.JSONRPCError):
            request = message.id
            if request is not None and request in self._open:
                self._closed(request, 0)

    @property
    def _full(self) -> bool:
        return sum(map(len, self._open.values())) >= MOST_OPEN

    def _opened(self, message: types.JSONRPCRequest) -> SessionMessage:
        standing = Standing()
        self._open[message.id].append(standing)
        self._all_answered.clear()
        return SessionMessage(message, ServerMessageMetadata(request_context=standing))

    def _withdrawn(self, request: types.RequestId) -> bool:
        """Cancel a request; return whether it was still held, so that no server knows it."""
        for held in self._held:
            if held[0].id == request:
                self._held.remove(held)
                self._held_bytes -= held[1]
                self._settled()
                return True
        if request in self._open:
            # Of several with one id, the server ends the newest, which is never answered.
            self._open[request][-1].cancelled = True
            self._closed(request, -1)
        return False

    def _closed(self, request: types.RequestId, which: int) -> None:
        self._open[request].pop(which)
        if not self._open[request]:
            del self._open[request]
        self._settled()

    def _settled(self) -> None:
        self._changed.set()
        if not self._open and not self._held:
            self._all_answered.set()


def _cancelled(message: types.JSONRPCMessage) -> types.RequestId | None:
    """Return the id of the request that a message cancels, or None if it cancels none."""
    if (
        not isinstance(message, types.JSONRPCNotification)
        or message.method != "notifications/cancelled"
    ):
        return None
    request = (message.params or {}).get("requestId")
    return request if isinstance(request, str | int) else None


def _refusal(message: types.JSONRPCRequest) -> bytes:
    said = (
        f"This request was not begun: {MOST_OPEN} requests of this connection are unanswered and "
        "many more wait. Wait for answers, or cancel some requests, and send it again."
    )
    error = {"jsonrpc": "2.0", "id": message.id, "error": {"code": TOO_MANY, "message": said}}
    return json.dumps(error).encode() + b"\n"
