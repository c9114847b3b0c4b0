"""The answers that a client gets while there is no daemon.

They keep the client going: a failed handshake marks a server as failed for the rest of a client's
life, so ``initialize`` succeeds and says what is wrong, and a tool call fails in words that the
model can act on.
"""

from __future__ import annotations

import json

from kaimond import __version__
from kaimond.shim.request import UNAVAILABLE, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from kaimond.shim.request import Request

_VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
_OLDEST_PROTOCOL: Final = "2024-11-05"
_LISTS: Final = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}
_CURE: Final = "`kaimonctl doctor` in a terminal says more."


def answer(request: Request, trouble: str) -> bytes:
    """Return the answer to ``request``, as a line without newline.

    Args:
        request: the client's request.
        trouble: why there is no daemon, in sentences.
    """
    params = json.loads(request.line).get("params")
    if not isinstance(params, dict):
        params = {}
    result = _result(request, params, trouble)
    reply: dict[str, Any] = {"jsonrpc": "2.0", "id": request.id}
    if result is None:
        reply["error"] = {"code": UNAVAILABLE, "message": _situation(request, trouble)}
    else:
        meta = params.get("_meta")
        if isinstance(meta, dict) and _VERSION_KEY in meta:
            result["resultType"] = "complete"
            if request.method in _LISTS:
                result |= {"ttlMs": 0, "cacheScope": "private"}
        reply["result"] = result
    return encode(reply)


def _result(request: Request, params: dict[str, Any], trouble: str) -> dict[str, Any] | None:
    if request.method == "initialize":
        version = params.get("protocolVersion")
        return {
            "protocolVersion": version if isinstance(version, str) else _OLDEST_PROTOCOL,
            # All that the daemon will serve: a client asks for nothing else later.
            "capabilities": {
                "tools": {"listChanged": True},
                "resources": {},
                "prompts": {},
                "completions": {},
            },
            "serverInfo": {"name": "kaimon", "version": __version__},
            "instructions": f"Kaimon has no tools at the moment. {trouble} {_CURE} The tools "
            "appear as soon as the daemon runs; this client need not be restarted.",
        }
    if request.method in _LISTS:
        return {_LISTS[request.method]: []}
    if request.method == "ping":
        return {}
    if request.method == "tools/call":
        text = _situation(request, trouble)
        return {"content": [{"type": "text", "text": text}], "isError": True}
    return None


def _situation(request: Request, trouble: str) -> str:
    if request.sent:
        now = (
            "The request had reached the daemon, so it may have been acted on. Julia sessions "
            "outlive the daemon; look at their state before you repeat it."
        )
    else:
        now = "Nothing was run."
    return (
        f"Kaimon's daemon cannot be reached. {trouble} {now} Connecting goes on by itself. {_CURE}"
    )
