"""revise: have a session read all its source files again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from kaimond.control.command import Command, SessionParams
from kaimond.supervisor.view import choose

if TYPE_CHECKING:
    from kaimond.core import Core


async def run(core: Core, params: SessionParams) -> dict[str, Any]:
    """Do it, and tell what a comparison with the disk shows afterwards."""
    record = choose(core.supervisor, params.session)
    freshness = core.supervisor.sessions.freshness
    item = freshness.reread(record, "kaimonctl", lambda _: None)
    text, told = await freshness.reread_told(await core.supervisor.book.finished(item.id))
    return {"text": text, "source": dataclasses.asdict(told)}


COMMAND: Final = Command("revise", SessionParams, run)
