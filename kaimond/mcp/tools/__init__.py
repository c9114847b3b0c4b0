"""All tools, in the order in which agents see them, one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kaimond.mcp.tools import (
    call_tool,
    cancel_eval,
    check_eval,
    ex,
    investigate_environment,
    list_evals,
    list_session_tools,
    manage_repl,
    ping,
    server_log,
    session_log,
    start_session,
)

if TYPE_CHECKING:
    from kaimond.mcp.tool import Tool

TOOLS: Final[dict[str, Tool[Any]]] = {
    tool.name: tool
    for tool in (
        start_session.TOOL,
        ex.TOOL,
        check_eval.TOOL,
        cancel_eval.TOOL,
        list_evals.TOOL,
        manage_repl.TOOL,
        ping.TOOL,
        investigate_environment.TOOL,
        list_session_tools.TOOL,
        call_tool.TOOL,
        session_log.TOOL,
        server_log.TOOL,
    )
}

ALIASES: Final = {"list_jobs": "list_evals"}
"""Names of the existing system that are answered but not listed."""
