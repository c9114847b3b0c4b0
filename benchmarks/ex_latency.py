"""How long a warm ``ex`` of 1 + 1 takes, beside what MCP itself takes.

Run it as ``python -m benchmarks.ex_latency [--rounds 500]``. Three things are asked in turn by the
MCP SDK's own client over stdio: ``ex``; ``ping`` of MCP, which takes the same way through the shim
but starts nothing; and a tool of a bare server made with the same SDK that gives back its argument.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from typing import TYPE_CHECKING, Final

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from benchmarks.soak_common import Soak, rounds
from tests.support.agent import agent, text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PEER: Final = """
import anyio, mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

async def tools(context, params):
    return types.ListToolsResult(tools=[types.Tool(name="echo", input_schema={"type": "object"})])

async def call(context, params):
    said = types.TextContent(type="text", text=str(params.arguments["e"]))
    return types.CallToolResult(content=[said])

async def main():
    server = Server("peer", on_list_tools=tools, on_call_tool=call)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

anyio.run(main)
"""


async def timed(asked: Callable[[], Awaitable[object]]) -> float:
    """Return the seconds that a request takes."""
    began = time.perf_counter()
    await asked()
    return time.perf_counter() - began


def _milliseconds(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    high = ordered[int(len(ordered) * 0.99)]
    return f"median {1000 * statistics.median(ordered):.2f} ms, p99 {1000 * high:.2f} ms"


async def run(soak: Soak, count: int) -> list[tuple[str, str]]:
    """Make all kinds of requests in turn; return the figures."""
    await asyncio.to_thread(soak.home.start_daemon)
    peer = StdioServerParameters(command=sys.executable, args=["-c", PEER])
    async with (
        agent(soak.home) as one,
        Client(stdio_client(peer), mode="legacy") as other,
    ):
        await one.start(soak.home.project("Latency"))

        async def evaluate() -> None:
            result = await one.call("ex", e="1 + 1", q=False)
            if text(result) != "2":
                soak.lose("answers", text(result))

        questions: dict[str, Callable[[], Awaitable[object]]] = {
            "ex of 1 + 1": evaluate,
            "MCP's ping, same way": one.client.send_ping,
            "echo of a bare SDK server": lambda: other.call_tool("echo", {"e": "1 + 1"}),
        }
        for asked in questions.values():
            for _ in range(20):
                await asked()
        times: dict[str, list[float]] = {name: [] for name in questions}
        for _ in range(count):
            for name, asked in questions.items():
                times[name].append(await timed(asked))
    return [(name, _milliseconds(seconds)) for name, seconds in times.items()]


if __name__ == "__main__":
    options = rounds(str(__doc__), rounds=500)
    with Soak.opened() as running:
        figures = asyncio.run(run(running, options.rounds))
    sys.exit(running.report("Warm latency", figures))
