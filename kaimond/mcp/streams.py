"""Connects a client's connection and the MCP SDK's message streams.

The framing is that of MCP's stdio transport. What the SDK leaves to transports is done here: a line
that is not a message gets an answer, and the requests served at a time are limited (`window.py`).
"""

from __future__ import annotations

import contextlib
import json
import logging
from functools import partial
from typing import TYPE_CHECKING

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from kaimond import wire
from kaimond.mcp.window import Window

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from kaimond.connections.connection import Connection

    ReadStream = MemoryObjectReceiveStream[SessionMessage | Exception]
    WriteStream = MemoryObjectSendStream[SessionMessage]
    Received = MemoryObjectSendStream[SessionMessage | Exception]

_log = logging.getLogger("kaimond.mcp")


@contextlib.asynccontextmanager
async def message_streams(connection: Connection) -> AsyncIterator[tuple[ReadStream, WriteStream]]:
    """Provide the SDK's pair of streams over one connection, while the client is there.

    The server finds a `Standing` in the context of each request.
    """
    to_server, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, from_server = anyio.create_memory_object_stream[SessionMessage](0)
    window = Window(connection.answered)

    async with anyio.create_task_group() as group:

        async def until_gone(work: Callable[[], Awaitable[None]]) -> None:
            """Run one direction until the client or the server ends it."""
            try:
                await work()
            except wire.WireError as error:
                _log.warning("hung up: %s", error)
            except (ConnectionError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                _log.debug("the client is gone")
                # The other direction may wait for something that will not happen now.
                group.cancel_scope.cancel()

        group.start_soon(until_gone, partial(_receive, connection, window, to_server))
        group.start_soon(until_gone, partial(_hand_on, window, to_server))
        group.start_soon(until_gone, partial(_send, connection, window, from_server))
        yield read, write
        group.cancel_scope.cancel()


async def _receive(connection: Connection, window: Window, to_server: Received) -> None:
    async with to_server:
        async for line in connection.lines():
            message = _message(line)
            found = window.came(message, len(line)) if message else _not_a_message(line)
            if isinstance(found, bytes):
                await connection.send(found)
            elif found:
                await to_server.send(found)


async def _hand_on(window: Window, to_server: Received) -> None:
    """Pass the requests that had to wait to the server."""
    # Once the client has closed its end, no request begins any more.
    with contextlib.suppress(anyio.ClosedResourceError):
        while True:
            await to_server.send(await window.next_held())


async def _send(
    connection: Connection, window: Window, from_server: MemoryObjectReceiveStream[SessionMessage]
) -> None:
    async with from_server:
        async for item in from_server:
            data = item.message.model_dump_json(by_alias=True, exclude_unset=True)
            await connection.send(data.encode() + b"\n")
            window.answered(item.message)


def _message(line: bytes) -> types.JSONRPCMessage | None:
    try:
        return types.jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError:
        return None


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
