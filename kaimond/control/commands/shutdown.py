"""shutdown: end a session for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kaimond.control.command import Command, SessionParams
from kaimond.supervisor.view import choose, view

if TYPE_CHECKING:
    from kaimond.core import Core


async def run(core: Core, params: SessionParams) -> dict[str, Any]:
    """End the session; the answer comes when its process has ended."""
    final = await choose(core.supervisor, params.session).stop("it was shut down with kaimonctl")
    seen = await view(core.supervisor, final)
    return {"text": f"Session {final.key} shut down. {final.ending}", "session": seen.to_json()}


COMMAND: Final = Command("shutdown", SessionParams, run)
