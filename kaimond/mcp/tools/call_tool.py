"""call_tool: call a tool that the code of a session offers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BeforeValidator, Field

from kaimond.mcp.session_tools import call_session_tool
from kaimond.mcp.tool import ArgumentError, SessionArguments, Tool

if TYPE_CHECKING:
    from kaimond.mcp.answer import Answer
    from kaimond.mcp.call import Call

_CLIENT_PREFIX: Final = re.compile(r"^mcp__(?:plugin_kaimon_)?kaimon__")
"""What Claude Code and Codex put before our tools' names when they show them to the model."""


_NO_OBJECT: Final = "must be an object of the tool's own parameters"


def _object(value: Any) -> Any:
    """Return the object that is meant: some models write it as a JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else {}
        except (ValueError, RecursionError):
            raise ValueError(_NO_OBJECT) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        # pydantic reports no other exception as an error of the arguments.
        raise ValueError(_NO_OBJECT)  # noqa: TRY004
    return value


class CallToolArguments(SessionArguments):
    """Arguments of call_tool."""

    name: str = Field(description="Name of the tool, as list_session_tools shows it.")
    arguments: Annotated[dict[str, Any], BeforeValidator(_object)] = Field(
        default_factory=dict, description="The tool's own arguments."
    )
    session: str = Field(
        "", description="Key of the session; may be left out if only one offers the tool."
    )


async def run(call: Call, arguments: CallToolArguments) -> Answer:
    """Call the tool as if the client had called it by its name."""
    given = dict(arguments.arguments)
    key = arguments.key()
    if key and given.setdefault("session", key) != key:
        raise ArgumentError("call_tool: `session` was given twice, with different keys. Give one.")
    name = _CLIENT_PREFIX.sub("", arguments.name.strip(), count=1)
    return await call_session_tool(call, name, given, bare=True)


TOOL: Final = Tool(
    name="call_tool",
    title="Call a session's tool",
    description=(
        "Call a tool that the code of a session offers; list_session_tools shows them. The call is "
        "an evaluation like one of ex: what it prints and returns is shown, and it goes on in the "
        "background if it takes long."
    ),
    arguments=CallToolArguments,
    run=run,
    destructive=True,
    open_world=True,
)
