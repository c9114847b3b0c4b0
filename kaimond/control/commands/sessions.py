"""sessions: all sessions, on request with those that have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kaimond.control.command import Command, Params
from kaimond.supervisor.view import views

if TYPE_CHECKING:
    from kaimond.core import Core


class SessionsParams(Params):
    """Parameters of sessions."""

    ended: bool = False


async def run(core: Core, params: SessionsParams) -> dict[str, Any]:
    """Measure and describe all sessions now."""
    found = await views(core.supervisor, ended=params.ended)
    return {"sessions": [seen.to_json() for seen in found]}


COMMAND: Final = Command("sessions", SessionsParams, run)
