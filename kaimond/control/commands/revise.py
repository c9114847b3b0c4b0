"""revise: have a session read all its source files again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from kaimond.control.command import Command, SessionParams
from kaimond.sessions.reread import read_again
from kaimond.supervisor.view import choose

if TYPE_CHECKING:
    from kaimond.core import Core


async def run(core: Core, params: SessionParams) -> dict[str, Any]:
    """Have the files read, and report how the session then compares with the disk."""
    supervisor = core.supervisor
    item = choose(supervisor, params.session).reread("kaimonctl", lambda _: None)
    ended = await supervisor.history.finished(item.id)
    text, told = await read_again(supervisor.source, ended)
    return {"text": text, "source": dataclasses.asdict(told)}


COMMAND: Final = Command("revise", SessionParams, run)
