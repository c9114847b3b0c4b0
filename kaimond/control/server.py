"""Accepts clients and hands each to the code that speaks its role.

Each client has a task of its own, and nothing that a client does reaches beyond that task: what it
sends is bounded, what it does not read waits in its own connection, and its errors end there.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from typing import TYPE_CHECKING, Final

from kaimond import wire
from kaimond.connections.connection import Connection, StrangerError
from kaimond.connections.hello import Hello, read_hello, refusal, welcome
from kaimond.control.rpc import serve_rpc

if TYPE_CHECKING:
    import socket

    from kaimond.core import Core
    from kaimond.mcp.server import Agents

_log = logging.getLogger("kaimond.control")

HELLO_TIMEOUT: Final = 10.0
"""Seconds allowed for a client's hello."""

SHORT_TURN: Final = 0.0005
"""Python's switch interval, in seconds, while the MCP SDK is loaded."""


class ControlServer:
    """The server on the control socket."""

    def __init__(self, core: Core) -> None:
        self._core = core
        # Loading the MCP SDK takes longer than the rest of the start (0.5 s), so it runs beside
        # it: meanwhile sessions are adopted and kaimonctl is answered; agents wait for it.
        self._agents = asyncio.create_task(self._load_agents(), name="loading MCP")
        self._clients: dict[asyncio.Task[None], Connection] = {}
        self._server: asyncio.Server | None = None

    async def _load_agents(self) -> Agents:
        usual = sys.getswitchinterval()
        # The loading thread is always busy, so each answer meanwhile waits for its time slices.
        sys.setswitchinterval(SHORT_TURN)
        try:
            module = await asyncio.to_thread(importlib.import_module, "kaimond.mcp.server")
        finally:
            sys.setswitchinterval(usual)
        agents: Agents = module.Agents(self._core)
        return agents

    async def start(self, listener: socket.socket) -> None:
        """Start to accept connections."""
        self._server = await asyncio.start_unix_server(self._accepted, sock=listener)

    async def answered(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds until every client has its answers."""
        waiting = [
            asyncio.create_task(connection.answered.wait()) for connection in self._clients.values()
        ]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=timeout)
            for task in late:
                task.cancel()

    async def close(self) -> None:
        """Accept no more connections and close all that are open.

        The connections go first: a cancelled request must not be answered with an error now, since
        its client asks the next daemon again and must get exactly one answer.
        """
        if self._server:
            self._server.close()
        for task, connection in self._clients.items():
            connection.abort()
            task.cancel()
        await asyncio.gather(self._agents, *self._clients, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        task = asyncio.create_task(self._client(connection), name="client")
        self._clients[task] = connection
        task.add_done_callback(self._clients.pop)

    async def _client(self, connection: Connection) -> None:
        try:
            connection.check_peer()
            hello = await self._hello(connection)
            if hello:
                await connection.send(welcome())
                await self._serve(connection, hello)
        except StrangerError as stranger:
            _log.warning("refused a connection of %s", stranger)
        except wire.WireError as error:
            _log.warning("hung up on process %d: %s", connection.pid, error)
        except ConnectionError:
            _log.debug("process %d is gone", connection.pid)
        except Exception:  # noqa: BLE001 - one client's failure must stay its own
            _log.exception("serving process %d failed", connection.pid)
        finally:
            await connection.close()

    async def _hello(self, connection: Connection) -> Hello | None:
        try:
            async with asyncio.timeout(HELLO_TIMEOUT):
                line = await connection.line()
            if line is None:
                return None
            return read_hello(line)
        except TimeoutError:
            _log.info("process %d said nothing for %g s", connection.pid, HELLO_TIMEOUT)
        except wire.WireError as error:
            _log.warning("refused process %d: %s", connection.pid, error)
            await connection.send(refusal(error.code, error.message))
        return None

    async def _serve(self, connection: Connection, hello: Hello) -> None:
        if hello.role == "mcp":
            agents = await asyncio.shield(self._agents)
            await agents.serve(connection, hello)
        else:
            await serve_rpc(self._core, connection)
