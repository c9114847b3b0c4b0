"""Joins a client's connection and the MCP SDK's message streams.

The framing is that of MCP's stdio transport. What the SDK leaves to transports is done here: a line
that is no message gets an answer, and a client cannot have more than `MOST_OPEN` unanswered
requests; until some are answered, its next line waits in its own connection.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from kaimond import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from kaimond.control.connection import Connection

    ReadStream = MemoryObjectReceiveStream[SessionMessage | Exception]
    WriteStream = MemoryObjectSendStream[SessionMessage]

_log = logging.getLogger("kaimond.mcp")

MOST_OPEN: Final = 256
"""Unanswered requests of one client."""


class _Window:
    """Counts unanswered requests and makes the reader wait when there are too many.

    They are counted and not just named, because a client may use one id for many.
    """

    def __init__(
        self, on_cancelled: Callable[[types.RequestId], None], all_answered: asyncio.Event
    ) -> None:
        self._on_cancelled = on_cancelled
        self._all_answered = all_answered
        self._open: Counter[types.RequestId] = Counter()
        self._room = asyncio.Event()
        self._room.set()

    async def opened(self, message: types.JSONRPCMessage) -> None:
        if isinstance(message, types.JSONRPCRequest):
            await self._room.wait()
            self._open[message.id] += 1
            self._all_answered.clear()
            if self._open.total() >= MOST_OPEN:
                self._room.clear()
        elif (
            isinstance(message, types.JSONRPCNotification)
            and message.method == "notifications/cancelled"
        ):
            request = (message.params or {}).get("requestId")
            if isinstance(request, str | int):
                self._on_cancelled(request)
                # A cancelled request is never answered.
                self._closed(request)

    def answered(self, message: types.JSONRPCMessage) -> None:
        if isinstance(message, types.JSONRPCResponse | types.JSONRPCError):
            self._closed(message.id)

    def _closed(self, request: types.RequestId | None) -> None:
        if request is not None and request in self._open:
            self._open[request] -= 1
            if not self._open[request]:
                del self._open[request]
        if self._open.total() < MOST_OPEN:
            self._room.set()
        if not self._open:
            self._all_answered.set()


@asynccontextmanager
async def message_streams(
    connection: Connection,
    on_cancelled: Callable[[types.RequestId], None] = lambda _: None,
) -> AsyncIterator[tuple[ReadStream, WriteStream]]:
    """The SDK's pair of streams over one connection, for as long as the client is there.

    Args:
        connection: to the client.
        on_cancelled: called with each request that the client cancels, before its handler is.
    """
    to_server, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, from_server = anyio.create_memory_object_stream[SessionMessage](0)
    window = _Window(on_cancelled, connection.answered)

    async def receive() -> None:
        async with to_server:
            async for line in connection.lines():
                try:
                    message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValidationError:
                    await connection.send(_not_a_message(line))
                    continue
                await window.opened(message)
                await to_server.send(SessionMessage(message))

    async def send() -> None:
        async with from_server:
            async for item in from_server:
                data = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                await connection.send(data.encode() + b"\n")
                window.answered(item.message)

    async with anyio.create_task_group() as group:

        async def until_gone(work: Callable[[], Awaitable[None]]) -> None:
            """Run one direction until the client or the server ends it."""
            try:
                await work()
            except wire.WireError as error:
                _log.warning("hung up: %s", error)
            except (ConnectionError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                _log.debug("the client is gone")
                # The other direction may wait for something that nobody will do now.
                group.cancel_scope.cancel()

        group.start_soon(until_gone, receive)
        group.start_soon(until_gone, send)
        yield read, write
        group.cancel_scope.cancel()


def _not_a_message(line: bytes) -> bytes:
    try:
        found = json.loads(line)
        request = found.get("id") if isinstance(found, dict) else None
        code, message = types.INVALID_REQUEST, "this is no JSON-RPC 2.0 message"
    except (ValueError, RecursionError):
        request, code, message = None, types.PARSE_ERROR, "this line is not JSON"
    if not isinstance(request, str | int):
        request = None
    error = {"jsonrpc": "2.0", "id": request, "error": {"code": code, "message": message}}
    return json.dumps(error).encode() + b"\n"
