"""An agent of the story: the MCP SDK's client over a real `kaimon-mcp`, telling what it does."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from stage import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from narrator import Narrator
    from stage import Stage


class Agent:
    """Calls tools and tells what comes back.

    Attributes:
        name: in the story.
        protocol: the version of MCP that was agreed upon.
    """

    def __init__(self, name: str, client: Client, narrator: Narrator) -> None:
        self.name = name
        self.protocol = client.protocol_version
        self._client = client
        self._narrator = narrator

    async def call(self, tool: str, **arguments: Any) -> types.CallToolResult:
        """Call a tool and show call and answer."""
        shown = ", ".join(f"{name}={_literal(value)}" for name, value in arguments.items())
        self._narrator.call(f"{self.name} >", f"{tool}({shown})")
        result = await self._client.call_tool(tool, arguments)
        assert isinstance(result, types.CallToolResult)
        self._narrator.answer(text(result))
        return result

    async def value(self, code: str, **arguments: Any) -> str:
        """Evaluate code and return what is shown."""
        return text(await self.call("ex", e=code, q=False, **arguments))


def facts(result: types.CallToolResult) -> dict[str, Any]:
    """What an answer tells programs beside its text; models do not see it."""
    return dict((result.meta or {}).get("kaimon/facts", {}))


def text(result: types.CallToolResult) -> str:
    """The text of an answer."""
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if '"' in str(value) else f'"{value}"'


@asynccontextmanager
async def agent(name: str, stage: Stage, narrator: Narrator, mode: str) -> AsyncIterator[Agent]:
    """An agent that starts its own `kaimon-mcp`, as every MCP client does.

    Args:
        name: in the story, and what it calls itself.
        stage: where it works.
        narrator: of its deeds.
        mode: `legacy` for a client that sends `initialize`, `auto` for the newest protocol.
    """
    server = StdioServerParameters(
        command=str(PROGRAMS / "kaimon-mcp"), args=[], env=stage.environment, cwd=str(stage.home)
    )
    who = types.Implementation(name=name.replace(" ", "-"), version="1.0")
    with Path(os.devnull).open("w") as nowhere:  # noqa: ASYNC230 - opening it never blocks
        transport = stdio_client(server, errlog=nowhere)
        async with Client(transport, mode=mode, client_info=who) as client:
            yield Agent(name, client, narrator)
