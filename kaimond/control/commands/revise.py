"""revise: have a session read all its source files again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from kaimond.control.command import Command, SessionParams
from kaimond.evals.book import QueueFullError
from kaimond.evals.eval import Status
from kaimond.reload.finding import read_again
from kaimond.supervisor.errors import SessionError
from kaimond.supervisor.view import choose

if TYPE_CHECKING:
    from kaimond.core import Core


async def run(core: Core, params: SessionParams) -> dict[str, Any]:
    """Do it, and tell what a comparison with the disk shows afterwards."""
    record = choose(core.supervisor, params.session)
    key = record.key
    try:
        item = core.supervisor.sessions.freshness.reread(key, "kaimonctl", lambda _: None)
    except (KeyError, QueueFullError):
        raise SessionError(
            "not-ready",
            f"Session {key} is {record.state} and takes no more evals now, so its files were not "
            "read again.",
        ) from None
    outcome = (await core.supervisor.book.finished(item.id)).outcome
    assert outcome is not None
    if outcome.status is not Status.DONE:
        why = outcome.reason or outcome.text("error")
        raise SessionError("not-revised", f"Reading the files of session {key} ended: {why}.")
    told = await core.supervisor.sessions.keeper.now(key)
    return {
        "text": read_again(key, outcome.text("reloaded"), told),
        "source": dataclasses.asdict(told),
    }


COMMAND: Final = Command("revise", SessionParams, run)
