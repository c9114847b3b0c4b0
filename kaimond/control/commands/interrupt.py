"""interrupt: what a session evaluates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kaimond.control.command import Command, SessionParams
from kaimond.supervisor.view import choose

if TYPE_CHECKING:
    from kaimond.core import Core


async def run(core: Core, params: SessionParams) -> dict[str, Any]:
    """Interrupt it, and tell what came of it."""
    record = choose(core.supervisor, params.session)
    item = core.supervisor.book.running(record.key)
    if item is None:
        return {"text": f"Session {record.key} evaluates nothing.", "outcome": "idle"}
    came = await core.supervisor.cancel(item, "it was interrupted with kaimonctl")
    return {"text": f"Eval {item.id} in session {record.key}: {came}.", "outcome": str(came)}


COMMAND: Final = Command("interrupt", SessionParams, run)
