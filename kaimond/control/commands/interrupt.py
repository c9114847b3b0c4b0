"""interrupt: interrupt what a session evaluates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kaimond.control.command import Command, SessionParams
from kaimond.supervisor.view import choose

if TYPE_CHECKING:
    from kaimond.core import Core
    from kaimond.sessions.session import Session


async def run(core: Core, params: SessionParams) -> dict[str, Any]:
    """Interrupt the eval or terminal input that runs, and report the outcome."""
    session = choose(core.supervisor, params.session)
    item = session.running
    if item is None:
        return await _persons(session)
    came = await session.cancel(item, "it was interrupted with kaimonctl")
    return {"text": f"Eval {item.id} in session {session.key}: {came}.", "outcome": str(came)}


async def _persons(session: Session) -> dict[str, Any]:
    """Interrupt what somebody has entered at a terminal, which may have ended already."""
    key = session.key
    free = await session.terminals.interrupt()
    if free is None:
        return {"text": f"Session {key} evaluates nothing.", "outcome": "idle"}
    what = f"What was entered at a terminal of session {key}"
    if free:
        return {"text": f"{what}: interrupted.", "outcome": "interrupted"}
    return {
        "text": f"{what}: it still runs, because it swallows interrupts or is in a place that they "
        f"do not reach. `kaimonctl restart {key}` ends it, and its variables.",
        "outcome": "stubborn",
    }


COMMAND: Final = Command("interrupt", SessionParams, run)
