"""The control server of tests/control, and tools that do what a test says."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client

from kaimond import wire
from kaimond.connections.connection import Connection
from kaimond.mcp.answer import Answer
from kaimond.mcp.streams import message_streams
from kaimond.mcp.tool import Arguments, Tool
from kaimond.mcp.tools import TOOLS
from tests.control.conftest import running, where

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kaimond.mcp.call import Call
    from tests.control.conftest import Running

__all__ = ["running", "where"]


class NoteArguments(Arguments):
    """Arguments of the scripted tool."""

    word: str = ""


class Scripted:
    """A tool whose calls wait for the test, or fail as it says."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.cancelled: list[bool] = []
        self.sentence = "under way"
        self.go = asyncio.Event()
        self.failure: Exception | None = None
        self.answer = Answer("done")

    async def run(self, call: Call, arguments: NoteArguments) -> Answer:
        self.begun.append(arguments.word)
        try:
            await call.say(self.sentence)
            await self.go.wait()
        finally:
            self.ended.append(arguments.word)
            self.cancelled.append(call.cancelled())
        if self.failure:
            raise self.failure
        return self.answer


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    made = Scripted()
    tool = Tool("scripted", "Scripted", "For tests.", NoteArguments, made.run)
    monkeypatch.setitem(TOOLS, "scripted", tool)
    return made


@asynccontextmanager
async def _transport(running: Running) -> AsyncIterator[Any]:
    reader, writer = await asyncio.open_unix_connection(running.where.control_socket)
    connection = Connection(reader, writer)
    await connection.send(wire.hello("mcp", agent="a" * 16))
    welcome = await connection.line()
    assert welcome
    wire.read_welcome(welcome, "mcp")
    async with message_streams(connection) as streams:
        yield streams
    await connection.close()


@asynccontextmanager
async def sdk_client(running: Running, mode: str) -> AsyncIterator[Client]:
    """The SDK's client, straight on the control socket."""
    async with Client(_transport(running), mode=mode) as client:
        yield client
