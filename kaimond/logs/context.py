"""The session and the agent that a log line is about.

The session key and the agent id travel with the task (context variables), so code deep inside
need not be passed them only to log them.
"""

from __future__ import annotations

import contextlib
import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

NONE: Final = "-"
"""What a line shows if there is no session or no agent."""

_session: ContextVar[str] = ContextVar("kaimond_log_session", default=NONE)
_agent: ContextVar[str] = ContextVar("kaimond_log_agent", default=NONE)


@contextlib.contextmanager
def about(*, session: str | None = None, agent: str | None = None) -> Iterator[None]:
    """Put a session, an agent or both on every record of this task until the block ends.

    None leaves the value from outside the block.
    """
    session_token = _session.set(session) if session is not None else None
    agent_token = _agent.set(agent) if agent is not None else None
    try:
        yield
    finally:
        if session_token is not None:
            _session.reset(session_token)
        if agent_token is not None:
            _agent.reset(agent_token)


class ContextFilter(logging.Filter):
    """A filter that puts `session` and `agent` on each record.

    It must run where the record is made, because the thread that writes has another context. What
    a record was given with `extra=` is kept.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Complete `record`; let every record pass."""
        for name, variable in (("session", _session), ("agent", _agent)):
            if not hasattr(record, name):
                setattr(record, name, variable.get())
        return True
