"""server_log: the end of the daemon's log."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from kaimond.logs import read
from kaimond.mcp.answer import Answer
from kaimond.mcp.text import shorten
from kaimond.mcp.tool import ArgumentError, Arguments, Tool

if TYPE_CHECKING:
    from kaimond.mcp.call import Call

_LIMIT: Final = 20_000
_LEVELS: Final = {"all": None, "info": "INFO", "warn": "WARNING", "error": "ERROR"}


class ServerLogArguments(Arguments):
    """Arguments of server_log."""

    lines: int = Field(50, ge=1, le=500, description="How many of the last lines.")
    level: Literal["all", "info", "warn", "error"] = Field(
        "all", description="The least level to show."
    )
    since: str = Field("", description="ISO 8601 time; nothing older is shown.")
    session: str = Field("", description="Only what concerns the session with this key.")


async def run(call: Call, arguments: ServerLogArguments) -> Answer:
    """Read the end of the server log."""
    log = call.core.paths.server_log
    found = await asyncio.to_thread(
        read.tail,
        log,
        arguments.lines,
        _LEVELS[arguments.level],
        arguments.session or None,
        _time(arguments.since),
    )
    text = "\n".join(line.text for line in found)
    return Answer(shorten(text, _LIMIT, f"all of it: {log}") or "(no such lines)")


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentError(
            f"server_log: `since` is {text!r}; give an ISO 8601 time such as 2026-01-31T12:00:00Z."
        ) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


TOOL: Final = Tool(
    name="server_log",
    title="Log of the daemon",
    description=(
        "The last lines of the daemon's own log: starts, restarts, ends of sessions with their "
        "causes, agents coming and going, warnings."
    ),
    arguments=ServerLogArguments,
    run=run,
    read_only=True,
    idempotent=True,
)
