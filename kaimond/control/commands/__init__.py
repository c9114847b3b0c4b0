"""All commands of the control socket, one file each, named as in ``kaimonctl``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kaimond.control.commands import (
    attach,
    events,
    interrupt,
    reload,
    restart,
    revise,
    session,
    sessions,
    shutdown,
    start,
    status,
    stop,
    version,
)
from kaimond.control.commands import eval as evaluate

if TYPE_CHECKING:
    from kaimond.control.command import Command, StreamCommand

COMMANDS: Final[dict[str, Command[Any]]] = {
    command.name: command
    for command in (
        status.COMMAND,
        sessions.COMMAND,
        session.COMMAND,
        start.COMMAND,
        interrupt.COMMAND,
        restart.COMMAND,
        revise.COMMAND,
        reload.COMMAND,
        shutdown.COMMAND,
        version.COMMAND,
        stop.COMMAND,
    )
}

STREAM_COMMANDS: Final[dict[str, StreamCommand[Any]]] = {
    command.name: command for command in (attach.COMMAND, evaluate.COMMAND, events.COMMAND)
}
