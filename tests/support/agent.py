"""A real agent: the MCP SDK's client connected through a real `kaimon-mcp`."""

from __future__ import annotations

import os
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from kaimond.mcp.answer import FACTS
from tests.support.home import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.client.session import ElicitationFnT, ListRootsFnT, MessageHandlerFnT

    from tests.support.home import Home

_PROMOTED = re.compile(r"Eval ([0-9a-f]{8}) goes on in the background")


class Agent:
    """A client that calls tools and checks their answers."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, **arguments: Any) -> types.CallToolResult:
        """Call a tool and return the answer, whatever it is."""
        result = await self.client.call_tool(tool, arguments)
        assert isinstance(result, types.CallToolResult)
        return result

    async def ok(self, tool: str, **arguments: Any) -> str:
        """Call a tool that must succeed; return its text."""
        result = await self.call(tool, **arguments)
        assert not result.is_error, text(result)
        return text(result)

    async def refused(self, tool: str, **arguments: Any) -> str:
        """Call a tool that must fail; return its text."""
        result = await self.call(tool, **arguments)
        assert result.is_error, text(result)
        return text(result)

    async def value(self, code: str, **arguments: Any) -> str:
        """Evaluate code and return the displayed value."""
        return await self.ok("ex", e=code, q=False, **arguments)

    async def promoted(self, code: str) -> str:
        """Start an eval, wait briefly, and return its id while it goes on."""
        said = await self.ok("ex", e=code, q=False, timeout=0.5)
        found = _PROMOTED.search(said)
        assert found, said
        return found[1]

    async def told(self, words: str, **arguments: Any) -> bool:
        """Return whether the answer of `check_eval` contains these words now."""
        return words in await self.ok("check_eval", **arguments)

    async def start(self, project: object, **arguments: Any) -> str:
        """Start a session and return its key."""
        result = await self.call("start_session", project_path=str(project), **arguments)
        assert not result.is_error, text(result)
        return str(facts(result)["key"])

    async def sessions(self) -> list[dict[str, Any]]:
        """Return the sessions that `ping` reports."""
        result = await self.call("ping")
        found: list[dict[str, Any]] = facts(result)["sessions"]
        return found


def last_line(answer: str) -> str:
    """Return the value of an answer; before it, Julia 1.11 and newer report precompilation."""
    return answer.splitlines()[-1]


def facts(result: types.CallToolResult) -> dict[str, Any]:
    """What an answer tells programs."""
    found: dict[str, Any] = (result.meta or {})[FACTS]
    return found


def text(result: types.CallToolResult) -> str:
    """Return the text of an answer."""
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))


@asynccontextmanager
async def agent(
    home: Home,
    *,
    mode: str = "legacy",
    cwd: Path | None = None,
    on_message: MessageHandlerFnT | None = None,
    person: ElicitationFnT | None = None,
    roots: ListRootsFnT | None = None,
) -> AsyncIterator[Agent]:
    """Connect an agent that starts its own shim in a home.

    Args:
        home: the home that it runs in.
        cwd: the shim's working directory; by default the home.
        on_message: called with each unsolicited message of the server.
        person: answers questions to the person at the client; without it the client cannot ask.
        roots: names the client's directories, if it does that.
        mode: `legacy` for clients that send `initialize`, `auto` for the newest protocol.
    """
    parameters = StdioServerParameters(
        command=str(PROGRAMS / "kaimon-mcp"), args=[], env=home.env, cwd=str(cwd or home.path)
    )
    with Path(os.devnull).open("w") as nowhere:  # noqa: ASYNC230 - opening it never blocks
        transport = stdio_client(parameters, errlog=nowhere)
        async with Client(
            transport,
            mode=mode,
            message_handler=on_message,
            elicitation_callback=person,
            list_roots_callback=roots,
        ) as client:
            yield Agent(client)
