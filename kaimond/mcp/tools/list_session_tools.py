"""list_session_tools: the tools that code of sessions offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field

from kaimond.mcp.answer import Answer
from kaimond.mcp.session_tools import in_words
from kaimond.mcp.tool import SessionArguments, Tool
from kaimond.supervisor.view import choose

if TYPE_CHECKING:
    from kaimond.mcp.call import Call


class ListToolsArguments(SessionArguments):
    """Arguments of list_session_tools."""

    session: str = Field("", description="Key of one session; left out: all sessions.")


async def run(call: Call, arguments: ListToolsArguments) -> Answer:
    """List the tools of one session or of all."""
    key = arguments.key()
    session = choose(call.core.supervisor, key) if key else None
    found = in_words(call.core, session)
    if found:
        return Answer(
            f'{found}\ncall_tool(name="...", arguments={{...}}) calls one; `?` marks what may be '
            "left out."
        )
    who = f"Session {key}" if key else "No session"
    some = "no tools" if key else "tools"
    return Answer(
        f"{who} offers {some}. Code that a session runs offers a function with "
        '`using Kaimon; Gate.serve(tools=[GateTool("name", f)])`; after a restart it has to do so '
        "again."
    )


TOOL: Final = Tool(
    name="list_session_tools",
    title="Tools of sessions",
    description=(
        "The tools that the code of sessions offers, as they are now: names, first lines of their "
        "documentation, parameters with types. call_tool calls them, also where your client's own "
        "list of tools has them not."
    ),
    arguments=ListToolsArguments,
    run=run,
    read_only=True,
    idempotent=True,
)
