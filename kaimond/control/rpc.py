"""JSON-RPC 2.0 for ``kaimonctl`` and the terminal interface."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from kaimond import wire
from kaimond.control.caller import Caller
from kaimond.control.command import StreamCommand
from kaimond.control.commands import COMMANDS, STREAM_COMMANDS
from kaimond.errors import ErrorKind
from kaimond.failure import told

if TYPE_CHECKING:
    from kaimond.connections.connection import Connection
    from kaimond.core import Core

_log = logging.getLogger("kaimond.control")

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
REFUSED: Final = -32000
"""The error code of a request that was understood but refused; ``data.kind`` says why."""

MOST_OPEN: Final = 64
"""Most requests of one client that are worked on at a time."""


class RpcError(Exception):
    """An error that becomes the answer to a request."""

    def __init__(self, code: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.kind = kind


async def serve_rpc(core: Core, connection: Connection) -> None:
    """Answer a client's requests, several at a time, until it goes away.

    Raises:
        wire.WireError: the client sent a line that is too long.
    """
    caller = Caller(connection)
    try:
        await _serve(core, connection, caller)
    finally:
        caller.gone()


async def _serve(core: Core, connection: Connection, caller: Caller) -> None:
    room = asyncio.Semaphore(MOST_OPEN)
    under_way = 0

    async def answer(line: bytes) -> None:
        nonlocal under_way
        try:
            await connection.send(wire.encode(await _answer(core, caller, line)))
        except ConnectionError:
            _log.debug("process %d is gone", connection.pid)
        finally:
            room.release()
            under_way -= 1
            if not under_way:
                connection.answered.set()

    broken: wire.WireError | None = None
    async with asyncio.TaskGroup() as group:
        try:
            async for line in connection.lines():
                if caller.took(line):
                    continue
                await room.acquire()
                under_way += 1
                connection.answered.clear()
                group.create_task(answer(line))
        except wire.WireError as error:
            # The requests that came before it are answered first.
            broken = error
    if broken:
        raise broken


async def _answer(core: Core, caller: Caller, line: bytes) -> dict[str, Any]:
    request: str | int | None = None
    try:
        message = _decoded(line)
        request = message.get("id") if isinstance(message.get("id"), str | int) else None
        return {"jsonrpc": "2.0", "id": request, "result": await _run(core, caller, message)}
    except RpcError as error:
        failure = {"code": error.code, "message": str(error), "data": {"kind": error.kind}}
    except Exception as error:  # noqa: BLE001 - the client gets sentences, the log the cause
        answer = told(error, "This", "`kaimonctl status`", core.paths.server_log)
        if answer.logged:
            _log.exception("a request failed")
        code = INTERNAL_ERROR if answer.kind is ErrorKind.INTERNAL else REFUSED
        failure = {"code": code, "message": answer.message, "data": {"kind": answer.kind}}
    return {"jsonrpc": "2.0", "id": request, "error": failure}


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        return wire.decode(line)
    except wire.WireError as error:
        raise RpcError(PARSE_ERROR, error.code, error.message) from None


async def _run(core: Core, caller: Caller, message: dict[str, Any]) -> dict[str, Any]:
    method, params = message.get("method"), message.get("params", {})
    if not isinstance(method, str) or not isinstance(params, dict):
        raise RpcError(INVALID_REQUEST, "request", "this is no JSON-RPC 2.0 request")
    command = COMMANDS.get(method) or STREAM_COMMANDS.get(method)
    if command is None:
        known = ", ".join([*COMMANDS, *STREAM_COMMANDS])
        raise RpcError(
            METHOD_NOT_FOUND,
            "unknown-method",
            f"this kaimond knows no {method!r}. It knows: {known}. "
            "If your kaimonctl is newer, `kaimonctl reload` has the kaimond that is installed now "
            "take over, and Julia sessions go on.",
        )
    try:
        checked = command.params.model_validate(params)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise RpcError(
            INVALID_PARAMS, "params", f"{method}: `{name}`: {first['msg']}. Nothing was done."
        ) from None
    if isinstance(command, StreamCommand):
        return await command.run(core, checked, caller)
    return await command.run(core, checked)
