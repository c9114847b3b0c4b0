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
    running = f"kaimond {__version__} is running (pid {os.getpid()}, up {span(uptime)})."
    lines = [
        f"{running} {_count(len(sessions))}",
        *_skew(call.agent.shim),
        *(describe(seen) for seen in sessions),
    ]
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


def _count(sessions: int) -> str:
    if not sessions:
        return "No sessions; ex or start_session starts one."
    return f"{sessions} session{'s' if sessions > 1 else ''}:"


def describe(seen: View) -> str:
    """Return a few lines about a session: first how it is, then where, then what is not well."""
    head = (
        f"{_MARKS[seen.health_word]} {seen.key} {seen.title}: {seen.condition}. "
        f"Julia {seen.julia or 'unknown'}, pid {seen.pid}, generation {seen.generation}, "
        f"up {span(seen.uptime)}, started by {seen.spawned_by}"
    )
    lines = [head, f"project {seen.project}"]
    if seen.pwd and seen.pwd != seen.project:
        lines.append(f"pwd {seen.pwd}")
    if seen.tainted:
        lines.append("tainted: C code may have been ended by force; restart it when you can")
    if seen.tracked:
        lines.append(seen.tracked)
    lines += [f"STALE {what}" for what in seen.stale]
    if seen.changed:
        lines.append(f"changed, taken up by the next eval: {', '.join(seen.changed)}")
    lines += seen.remarks
    if seen.health_word in ("busy", "mute", "frozen") and seen.memory_bytes is not None:
        lines.append(f"CPU {seen.cpu_percent:.0f} %, memory {seen.memory_bytes / 2**20:.0f} MiB")
    return "\n  ".join(lines)


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
