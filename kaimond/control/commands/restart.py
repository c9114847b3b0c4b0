"""restart: replace a session's Julia by a fresh one under the same key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kaimond.control.command import Command, SessionParams
from kaimond.supervisor.view import choose, view

if TYPE_CHECKING:
    from kaimond.core import Core


async def run(core: Core, params: SessionParams) -> dict[str, Any]:
    """Restart the session. A person may do so, whatever the preferences allow agents."""
    session = choose(core.supervisor, params.session)
    done = await session.restart("the session was restarted with kaimonctl")
    after = done.record
    seen = await view(core.supervisor, after)
    text = (
        f"Session {after.key} restarted in {done.seconds:.1f} s {done.way}: generation "
        f"{after.generation}, proved by boot id {after.boot_id}."
    )
    return {"text": text, "session": seen.to_json()}


COMMAND: Final = Command("restart", SessionParams, run)
