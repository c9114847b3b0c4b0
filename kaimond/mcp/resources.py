"""What clients can read without a tool: the sessions, their logs, the output of evals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import mcp_types as types

from kaimond.errors import ErrorKind, KaimonError
from kaimond.evals.spool import Spool
from kaimond.mcp.eval_answer import find_eval
from kaimond.mcp.output_page import page
from kaimond.mcp.text import MOST_OUTPUT, readable
from kaimond.mcp.tools import ping, session_log

if TYPE_CHECKING:
    from kaimond.core import Core
    from kaimond.mcp.call import Call

TYPE: Final = "text/plain"
"""The MIME type of all of them."""

LOG_LINES: Final = 500
"""Most lines of a log."""

_SESSIONS: Final = "kaimon://sessions"
_LOG: Final = "kaimon://session/{key}/log"
_OUTPUT: Final = "kaimon://eval/{id}/output"

# Some clients put a slash behind an address.
_ADDRESS: Final = re.compile(
    r"kaimon://(?:sessions"
    r"|session/(?P<key>[^/?#]+)/log"
    r"|eval/(?P<eval>[^/?#]+)/output(?:\?offset=(?P<offset>\d{1,18}))?)/?"
)

TEMPLATES: Final = (
    types.ResourceTemplate(
        uri_template=_LOG,
        name="session_log",
        title="Log of a session",
        description=f"The last {LOG_LINES} lines that a session has written, also after its end.",
        mime_type=TYPE,
    ),
    types.ResourceTemplate(
        uri_template=_OUTPUT + "{?offset}",
        name="eval_output",
        title="Output of an evaluation",
        description=f"All that an evaluation has printed, {MOST_OUTPUT} bytes at a time: what is "
        "longer begins with a line that names the address of what comes after.",
        mime_type=TYPE,
    ),
)
"""Addresses with parts that the reader fills in."""


class UnknownResourceError(KaimonError):
    """An error about an address that names no resource."""

    kind = ErrorKind.REFUSED


def listed(core: Core) -> list[types.Resource]:
    """Return the resources that there are now: sessions that live, evals that have not ended."""
    found = [
        types.Resource(
            uri=_SESSIONS,
            name="sessions",
            title="Julia sessions",
            description="All sessions as they are now, as ping shows them.",
            mime_type=TYPE,
        )
    ]
    found += [
        types.Resource(
            uri=_LOG.format(key=session.key),
            name=f"log of session {session.key}",
            description=readable(f"What the session of {session.project} has written."),
            mime_type=TYPE,
        )
        for session in core.supervisor.sessions.all_verified()
    ]
    found += [
        types.Resource(
            uri=_OUTPUT.format(id=item.id),
            name=f"output of eval {item.id}",
            description=f"What an eval in session {item.session} has printed so far.",
            mime_type=TYPE,
        )
        for item in core.supervisor.history.all_open()
    ]
    return found


async def read(call: Call, address: str) -> str:
    """Return the text of a resource.

    Args:
        call: who reads.
        address: its URI.

    Raises:
        UnknownResourceError: there is no such resource.
        kaimond.errors.KaimonError: its session or its eval is not there.
    """
    found = _ADDRESS.fullmatch(address)
    if not found:
        raise UnknownResourceError(
            f"There is no resource {address!r}. There are {_SESSIONS}, "
            f"{_LOG.format(key='KEY')} and {_OUTPUT.format(id='ID')}?offset=BYTES."
        )
    if found["key"]:
        of = session_log.SessionLogArguments(session=found["key"], ses="", lines=LOG_LINES)
        return readable((await session_log.run(call, of)).text)
    if found["eval"]:
        return _output(call, found["eval"], int(found["offset"] or 0))
    return readable((await ping.run(call, ping.PingArguments())).text)


def _output(call: Call, eval_id: str, offset: int) -> str:
    item = find_eval(call, eval_id)
    spool = Spool(call.core.paths.session_spool(item.session))
    part = page(item, spool, MOST_OUTPUT, offset)
    if part.last and not offset:
        return part.text or "(It has printed nothing.)"
    words = part.where(tail=False)
    if not part.last:
        words += f" {_OUTPUT.format(id=item.id)}?offset={part.end} shows what comes after."
    return f"{words}\n{part.text}"
