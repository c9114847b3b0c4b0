"""An MCP client: raw JSON-RPC over the stdio of a real `kaimon-mcp`, with every answer counted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.chaos.model import BOUND, Request
from tests.support.home import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.home import Home

_PREFIX: Final = "io.modelcontextprotocol/"
_CLIENT: Final = {"name": "chaos", "version": "1"}
MODERN: Final = {
    f"{_PREFIX}protocolVersion": "2026-07-28",
    f"{_PREFIX}clientInfo": _CLIENT,
    f"{_PREFIX}clientCapabilities": {},
}
"""The fields of each request in the newest protocol, which has no handshake."""

LEGACY: Final = "2025-06-18"
_LINE: Final = 2**24


@dataclass(eq=False)
class Pending:
    """A request that was sent.

    Attributes:
        request: the model's record of it.
        over: set when nobody needs to wait for it any longer.
    """

    request: Request
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Agent:
    """A client that starts a new shim when its shim was killed.

    Args:
        home: the home directory.
        number: the agent's number; odd ones speak the newest protocol, even ones the one before.
        complain: called with a sentence about each violation.
    """

    def __init__(self, home: Home, number: int, complain: Callable[[str], None]) -> None:
        self.number = number
        self.requests: list[Request] = []
        self.shims = 0
        self._home = home
        self._complain = complain
        self._modern = number % 2 == 1
        self._waiting: dict[int, Pending] = {}
        self._answered: dict[int, Request] = {}
        self._ids = 0
        self._shim: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._killed = False
        self._ready = asyncio.Event()

    @property
    def pid(self) -> int:
        """The shim's pid, 0 while there is none."""
        return self._shim.pid if self._shim and self._ready.is_set() else 0

    async def start(self) -> None:
        """Start a shim and do the handshake."""
        self._killed = False
        self._ids = 0
        self.shims += 1
        self._answered = {}
        self._shim = await asyncio.create_subprocess_exec(
            str(PROGRAMS / "kaimon-mcp"),
            env=self._home.env,
            cwd=self._home.path,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LINE,
        )
        self._reader = asyncio.create_task(self._read(self._shim))
        self._ready.set()
        if not self._modern:
            params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": _CLIENT}
            request = await self.finish(self.ask("initialize", params, "initialize", 0))
            if request.answers and request.failed:
                self._complain(f"agent {self.number}: initialize failed: {request.text}")
            self._notify("notifications/initialized", {})

    async def stop(self) -> None:
        """Close the client's end; the shim must exit by itself."""
        shim, self._killed = self._shim, True
        if shim is None or shim.stdin is None:
            return
        shim.stdin.close()
        try:
            async with asyncio.timeout(20):
                await shim.wait()
        except TimeoutError:
            self._complain(f"agent {self.number}: its shim did not end when its client was gone")
            shim.kill()
            await shim.wait()
        if self._reader:
            await self._reader
        self._shim = None
        self._ready.clear()

    def kill(self) -> None:
        """Kill the shim with SIGKILL; `again` starts the next one."""
        if self._shim and self._shim.returncode is None:
            self._killed = True
            with contextlib.suppress(ProcessLookupError):
                self._shim.kill()

    def call(self, tool: str, step: int, **arguments: Any) -> Pending:
        """Send a tool call."""
        return self.ask("tools/call", {"name": tool, "arguments": arguments}, tool, step)

    def ask(self, method: str, params: dict[str, Any], tool: str, step: int) -> Pending:
        """Send a request."""
        self._ids += 1
        pending = Pending(Request(self.number, self._ids, tool, step, time.monotonic()))
        self.requests.append(pending.request)
        if self._killed:
            # There is no shim to read it, so nobody will answer.
            self._orphan(pending)
            return pending
        self._waiting[self._ids] = pending
        if self._modern:
            params = {**params, "_meta": MODERN}
        self._write({"jsonrpc": "2.0", "id": self._ids, "method": method, "params": params})
        return pending

    def cancel(self, pending: Pending) -> None:
        """Cancel a pending request and stop waiting for it."""
        if not pending.over.is_set():
            pending.request.cancelled = time.monotonic()
            ident = pending.request.ident
            self._notify("notifications/cancelled", {"requestId": ident, "reason": "chaos"})
            pending.over.set()

    async def finish(self, pending: Pending) -> Request:
        """Wait for the answer or the shim's death; complain if neither comes in time."""
        try:
            async with asyncio.timeout(BOUND):
                await pending.over.wait()
        except TimeoutError:
            for said in pending.request.complaints(time.monotonic()):
                self._complain(said)
        return pending.request

    @staticmethod
    def _orphan(pending: Pending) -> None:
        pending.request.orphaned = pending.request.cancelled is None
        pending.over.set()

    async def again(self) -> None:
        """Start a new shim if the present one was killed."""
        if self._killed:
            if self._reader:
                await self._reader
            await self.start()

    def _notify(self, method: str, params: dict[str, Any]) -> None:
        self._write({"jsonrpc": "2.0", "method": method, "params": params})

    def _write(self, message: dict[str, Any]) -> None:
        assert self._shim
        assert self._shim.stdin
        if not self._shim.stdin.is_closing():
            self._shim.stdin.write(json.dumps(message).encode() + b"\n")

    async def _read(self, shim: asyncio.subprocess.Process) -> None:
        assert shim.stdout
        while line := await shim.stdout.readline():
            self._heard(json.loads(line))
        code = await shim.wait()
        if not self._killed:
            self._complain(f"agent {self.number}: its shim ended by itself with code {code}")
            self._killed = True
        self._ready.clear()
        for pending in self._waiting.values():
            self._orphan(pending)
        self._waiting.clear()

    def _heard(self, message: dict[str, Any]) -> None:
        ident = message.get("id")
        if "method" in message or ident is None:
            if "error" in message:
                self._complain(f"agent {self.number}: an error without id: {message}")
            return
        now = time.monotonic()
        if ident in self._answered:
            self._answered[ident].answers.append(now)
            return
        if ident not in self._waiting:
            self._complain(f"agent {self.number}: an answer that nobody asked for: {message}")
            return
        pending = self._waiting.pop(ident)
        self._answered[ident] = pending.request
        pending.request.answers.append(now)
        _take(pending.request, message)
        pending.over.set()


def _take(request: Request, message: dict[str, Any]) -> None:
    error, result = message.get("error"), message.get("result", {})
    if error:
        request.failed, request.text = True, f"error {error['code']}: {error['message']}"
        return
    request.failed = bool(result.get("isError", False))
    blocks = result.get("content", [])
    request.text = "\n".join(block.get("text", "") for block in blocks)
    meta = result.get("_meta") or {}
    request.structured = meta.get("kaimon/facts") or {}
    request.eval_id = meta.get("kaimon/eval", "")
