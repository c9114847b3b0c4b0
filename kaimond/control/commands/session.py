"""session: which session a person means. Not a command of kaimonctl, but of use to many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kaimond.control.command import Command, Params
from kaimond.supervisor.persons_choice import meant
from kaimond.supervisor.view import known

if TYPE_CHECKING:
    from kaimond.core import Core


class SessionChoiceParams(Params):
    """What is known of the session.

    Attributes:
        session: its key, the beginning of it, or "".
        cwd: the person's working directory.
        careful: whether something is to be done to it that cannot be undone.
        ended: whether it may be one that has ended, if a beginning is given.
    """

    session: str = ""
    cwd: str = ""
    careful: bool = False
    ended: bool = False


async def run(core: Core, params: SessionChoiceParams) -> dict[str, Any]:
    """Choose the session; nothing is done to it."""
    if params.session and params.ended:
        record = known(core.supervisor, params.session)
    else:
        record = meant(
            core.supervisor,
            core.supervisor.projects.listed,
            params.session,
            params.cwd,
            careful=params.careful,
        )
    return {"session": record.key, "title": record.title, "project": record.project}


COMMAND: Final = Command("session", SessionChoiceParams, run)
