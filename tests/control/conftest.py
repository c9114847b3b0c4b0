"""A control server in this process, over a socket of its own, with a core that tests may fill."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from kaimond import paths, wire
from kaimond.config.settings import Settings
from kaimond.control.listener import DaemonLock, listen
from kaimond.control.server import ControlServer
from kaimond.core import Core
from kaimond.events import Bus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator

SOON = 60.0


@pytest.fixture
def where() -> Iterator[paths.Paths]:
    home = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    yield paths.resolve({"HOME": str(home), "KAIMON_RUNTIME_DIR": str(home / "run")})
    shutil.rmtree(home)


class Client:
    """The other end of a connection: says what a test says, hears what comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self) -> dict[str, Any]:
        """The next message; {} when the server has hung up."""
        async with asyncio.timeout(SOON):
            line = await self.reader.readline()
        return cast("dict[str, Any]", json.loads(line)) if line else {}

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        message = {"jsonrpc": "2.0", "id": method, "method": method, "params": params}
        await self.say(wire.encode(message))
        return await self.hear()

    async def hung_up(self) -> bool:
        """Whether the server has ended the connection without another word."""
        async with asyncio.timeout(SOON):
            try:
                return not await self.reader.read()
            except ConnectionError:
                return True

    async def close(self) -> None:
        self.writer.transport.abort()
        with contextlib.suppress(OSError):  # the server hung up first
            await self.writer.wait_closed()


class NoSessions:
    """What is asked of a supervisor, and of its sessions, where there are none but a test's own."""

    def __init__(self) -> None:
        self.sessions = self
        self.tasks = self
        self.known: list[Any] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def all_verified(self) -> list[Any]:
        return self.known

    def watch(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Running:
    """A server and the way to it."""

    def __init__(self, where: paths.Paths, core: Core) -> None:
        self.where = where
        self.core = core
        self.server = ControlServer(core)
        self.clients: list[Client] = []

    async def connect(self, first: bytes | None = None) -> Client:
        """A client; with ``first`` as its first bytes instead of a hello of ctl."""
        reader, writer = await asyncio.open_unix_connection(
            self.where.control_socket, limit=wire.MAX_LINE
        )
        client = Client(reader, writer)
        self.clients.append(client)
        await client.say(wire.hello("ctl") if first is None else first)
        if first is None:
            assert (await client.hear())["ok"] is True
        return client

    async def works(self) -> None:
        """A well-behaved client is served."""
        client = await self.connect()
        assert (await client.ask("version"))["result"]["protocol"] == wire.PROTOCOL
        await client.close()


@pytest.fixture
async def running(where: paths.Paths) -> AsyncIterator[Running]:
    lock = DaemonLock(where)
    nothing = cast("Any", None)
    supervisor = cast("Any", NoSessions())
    core = Core(
        where,
        Settings(),
        store=nothing,
        supervisor=supervisor,
        bus=Bus(),
        stopping=asyncio.Event(),
    )
    made = Running(where, core)
    await made.server.start(listen(lock, where.control_socket))
    yield made
    for client in made.clients:
        await client.close()
    await made.server.close()
    assert not socket_listens(where.control_socket)
    assert not core.agents
    lock.release()


def socket_listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(str(path))
        except OSError:
            return False
    return True
