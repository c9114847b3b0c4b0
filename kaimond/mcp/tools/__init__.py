"""All tools, in the order in which agents see them. One file each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kaimond.mcp.tools import ex, manage_repl, ping, server_log, session_log, start_session

if TYPE_CHECKING:
    from kaimond.mcp.tool import Tool

TOOLS: Final[dict[str, Tool[Any]]] = {
    tool.name: tool
    for tool in (
        start_session.TOOL,
        ex.TOOL,
        manage_repl.TOOL,
        ping.TOOL,
        session_log.TOOL,
        server_log.TOOL,
    )
}
