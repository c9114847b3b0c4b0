"""session_log: the end of a session's log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field

from kaimond.mcp.answer import Answer
from kaimond.mcp.session_choice import chosen
from kaimond.mcp.text import clean, shorten
from kaimond.mcp.tool import SessionArguments, Tool
from kaimond.sessions import session_log
from kaimond.supervisor.view import known

if TYPE_CHECKING:
    from kaimond.mcp.call import Call

_LIMIT: Final = 20_000


class SessionLogArguments(SessionArguments):
    """Arguments of session_log."""

    lines: int = Field(50, ge=1, le=500, description="How many of the last lines.")


async def run(call: Call, arguments: SessionLogArguments) -> Answer:
    """Read the end of the log, also if the session has ended."""
    key = arguments.key()
    # The log of an ended session can be read, too.
    record = known(call.core.supervisor, key) if key else (await chosen(call, "")).session.record
    log = call.core.paths.session_log(record.key)
    text = clean(session_log.tail(log, arguments.lines).encode())
    shown = shorten(text, _LIMIT, f"all of it: {log}") or "(it has not written anything)"
    return Answer(f"Session {record.key} ({record.title}, {record.state}):\n{shown}")


TOOL: Final = Tool(
    name="session_log",
    title="Output of a session",
    description=(
        "The last lines that a session's Julia process has written: its start, the output of "
        "evals, background tasks and crashes. Works for ended sessions as well."
    ),
    arguments=SessionLogArguments,
    run=run,
    read_only=True,
    idempotent=True,
)
