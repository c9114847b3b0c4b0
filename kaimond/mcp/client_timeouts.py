"""How long MCP clients wait for a call before they give it up or put it in the background.

A client gives its name when it connects (`clientInfo`), not its limit. A call that returns before
the limit gives the model an eval id; one that the client gave up gives it an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple


class _Client(NamedTuple):
    prefix: str
    limit: float


_USUAL: Final = 60.0
# The default of a request in the TypeScript SDK that most clients are made with; Claude Desktop,
# Cursor and VS Code keep it (Claude Desktop #22542).

_CLIENTS: Final = (
    # Moves a call to the background by itself after 2 minutes (its changelog, 2.1.212).
    _Client("claude-code", 120.0),
    # 300 s today (rmcp_client.rs), 60 s when the limit was introduced (openai/codex #3959).
    _Client("codex", 60.0),
)

_MARGIN: Final = 10.0
"""Seconds before the limit at which a call returns, enough for a busy machine."""


@dataclass(frozen=True)
class Patience:
    """How long a call waits for its eval.

    Attributes:
        seconds: how long to wait; 0 for as long as it takes.
        warning: what the agent should know about it, or "".
    """

    seconds: float
    warning: str = ""


def patience(asked: float | None, promote_after: float, client: str) -> Patience:
    """Decide how long a call waits.

    Args:
        asked: the timeout that the call gives, which is always obeyed; None if it gives none.
        promote_after: the user's setting.
        client: the MCP client's own name, "" if it has not given it.
    """
    limit = _limit(client)
    if asked is None:
        return Patience(min(promote_after, limit - _MARGIN))
    if 0 < asked < limit:
        return Patience(asked)
    who = client or "A client"
    return Patience(
        asked,
        f"({who} usually waits about {limit:g} s for a call, less than timeout={asked:g} allows. "
        "Should it give up first, the eval goes on; list_evals shows it.)",
    )


def _limit(client: str) -> float:
    name = client.lower()
    return next((known.limit for known in _CLIENTS if name.startswith(known.prefix)), _USUAL)
