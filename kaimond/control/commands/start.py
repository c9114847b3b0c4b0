"""start: the session of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from kaimond.control.command import Command, Params
from kaimond.supervisor.view import view

if TYPE_CHECKING:
    from kaimond.core import Core


class StartParams(Params):
    """Start the project's session, or find the one that runs."""

    path: str
    name: str = Field("", max_length=64, pattern=r"^[A-Za-z0-9_.-]*$")


async def run(core: Core, params: StartParams) -> dict[str, Any]:
    """Start it, or find the one that runs."""
    record, fresh = await core.supervisor.start(params.path, params.name, "ctl")
    seen = await view(core.supervisor, record)
    what = "started" if fresh else "already running for this project"
    return {"text": f"Session {record.key} {what}.", "session": seen.to_json()}


COMMAND: Final = Command("start", StartParams, run)
