"""ping: the present state of the daemon and of all sessions."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from pydantic import Field

from kaimond import __version__
from kaimond.mcp.answer import Answer
from kaimond.mcp.tool import Arguments, Tool
from kaimond.spans import span
from kaimond.supervisor.view import View, views

if TYPE_CHECKING:
    from kaimond.mcp.call import Call

_MARKS: Final = {"ok": "●", "busy": "●", "mute": "◑", "frozen": "◑", "none": "◐"}


class PingArguments(Arguments):
    """Arguments of ping."""

    extended: bool = Field(default=False, description="More about the daemon itself.")


async def run(call: Call, arguments: PingArguments) -> Answer:
    """Measure and report every session now."""
    core = call.core
    sessions = await views(core.supervisor)
    uptime = time.time() - core.started
    lines = [
        f"kaimond {__version__} is running (pid {os.getpid()}, up {span(uptime)}).",
        *_skew(call.agent.shim),
        f"Sessions: {len(sessions)}",
        *(describe(seen) for seen in sessions),
    ]
    if not sessions:
        lines.append("  none; start_session starts one")
    if arguments.extended:
        lines += [
            f"Agents connected: {len(core.agents)}; you are {call.agent.short}",
            f"Control socket: {core.paths.control_socket}",
            f"Server log: {core.paths.server_log}",
        ]
    facts = {
        "version": __version__,
        "pid": os.getpid(),
        "uptime": round(uptime, 3),
        "agents": len(core.agents),
        "sessions": [seen.to_json() for seen in sessions],
    }
    return Answer("\n".join(lines), facts=facts)


def _skew(shim: str) -> list[str]:
    if shim in ("", __version__):
        return []
    text = (
        f"That is not your version: your kaimon-mcp is {shim}. They work together. To run one "
        "version, the user runs `kaimonctl reload` (sessions go on) and restarts this MCP client."
    )
    return [text]


def describe(seen: View) -> str:
    """Return one or two lines about a session."""
    line = (
        f"  {_MARKS[seen.health_word]} {seen.key} {seen.title} ({seen.state}, {seen.health}, "
        f"up {span(seen.uptime)}, generation {seen.generation}, pid {seen.pid}, "
        f"Julia {seen.julia or 'unknown'}, started by {seen.spawned_by})\n"
        f"      project {seen.project}"
    )
    if seen.pwd and seen.pwd != seen.project:
        line += f"\n      pwd {seen.pwd}"
    if seen.tainted:
        line += "\n      tainted: C code may have been ended by force; restart it when you can"
    if seen.tracked:
        line += f"\n      {seen.tracked}"
    line += "".join(f"\n      STALE {what}" for what in seen.stale)
    if seen.changed:
        line += f"\n      changed, taken up by the next eval: {', '.join(seen.changed)}"
    line += "".join(f"\n      {what}" for what in seen.remarks)
    if seen.health_word in ("busy", "mute", "frozen") and seen.memory_bytes is not None:
        line += f"\n      CPU {seen.cpu_percent:.0f} %, memory {seen.memory_bytes / 2**20:.0f} MiB"
    return line


TOOL: Final = Tool(
    name="ping",
    title="Status of Kaimon",
    description=(
        "Show whether the daemon runs and all Julia sessions, each checked at this moment: key, "
        "project, state, health, uptime, generation (+1 at each proved restart), pid, pwd."
    ),
    arguments=PingArguments,
    run=run,
    read_only=True,
    idempotent=True,
)
