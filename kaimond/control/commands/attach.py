"""attach: a terminal for the live REPL of a session, one per connection.

After the answer the daemon sends ``attach.output`` (``data`` in base64) and, last,
``attach.ended`` (``kind``, ``text``, ``again``); the client sends ``attach.input`` (``data`` in
base64) and ``attach.resize`` (``rows``, ``columns``). Each of these notifications names the
``terminal``. Closing the connection detaches.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from kaimond.control.command import SessionParams, StreamCommand
from kaimond.errors import ErrorKind, SessionError
from kaimond.registry.state import USABLE
from kaimond.supervisor.view import choose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kaimond.control.caller import Caller
    from kaimond.core import Core
    from kaimond.sessions.session import Session
    from kaimond.supervisor.supervisor import Supervisor
    from kaimond.terminals.terminal import Terminal
    from kaimond.terminals.terminals import Terminals

_MOST: Final = 10_000
"""Most rows or columns; a kernel takes up to 65,535."""

Size = Annotated[int, Field(ge=1, le=_MOST)]


class AttachParams(SessionParams):
    """What the person's terminal is like."""

    rows: Size = 24
    columns: Size = 80
    term: Annotated[str, Field(pattern=r"^[!-~]{1,64}$")] = "dumb"


async def run(core: Core, params: AttachParams, caller: Caller) -> dict[str, Any]:
    """Open a terminal; its prompt comes as output, as soon as the session is free."""
    session = await _usable(core.supervisor, params.session)
    terminals = session.terminals
    terminal = terminals.open((params.rows, params.columns), params.term, caller)
    caller.listen("attach.input", lambda said: _type(terminals, terminal, said))
    caller.listen("attach.resize", lambda said: _resize(terminal, said))
    caller.when_gone(lambda: terminals.close(terminal))
    return {
        "terminal": terminal.id,
        "session": session.key,
        "title": session.record.title,
        "generation": session.record.generation,
    }


async def _usable(supervisor: Supervisor, key: str) -> Session:
    """Return the session, once the operation that is under way on it has ended."""
    session = choose(supervisor, key)
    record = session.record
    if record.joined:
        raise SessionError(
            ErrorKind.OWN_TERMINAL,
            f"Session {record.key} ({record.title}) is a REPL that somebody started, with a "
            f"terminal of its own (process {record.pid}); go there. `kaimonctl attach` is for "
            "sessions that kaimond starts.",
        )
    if record.state not in USABLE:
        await supervisor.settled(session.key)
        session = choose(supervisor, session.key)
    return session


def _type(terminals: Terminals, terminal: Terminal, said: Mapping[str, Any]) -> None:
    data = said.get("data")
    if said.get("terminal") == terminal.id and isinstance(data, str):
        try:
            typed = base64.b64decode(data, validate=True)
        except binascii.Error:
            return
        terminals.type(terminal, typed)


def _resize(terminal: Terminal, said: Mapping[str, Any]) -> None:
    size = (said.get("rows"), said.get("columns"))
    rows, columns = (each if isinstance(each, int) and 0 < each <= _MOST else 0 for each in size)
    if said.get("terminal") == terminal.id and rows and columns:
        terminal.pty.resize(rows, columns)


COMMAND: Final = StreamCommand("attach", AttachParams, run)
