"""All sessions that have not ended, by key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaimond.events import SessionChanged
from kaimond.registry.state import ENDED
from kaimond.sessions import session_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaimond.registry.record import Record
    from kaimond.sessions.services import Services
    from kaimond.sessions.session import Session


class Sessions:
    """The live sessions of a daemon; a session is removed when it ends.

    Args:
        services: what the sessions share.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self._sessions: dict[str, Session] = {}
        services.bus.subscribe(SessionChanged, self._changed)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._sessions.values()))

    def add(self, session: Session) -> None:
        """Add a session that is new, or that outlived the previous daemon."""
        self._sessions[session.key] = session

    def get(self, key: str) -> Session | None:
        """Return the session with this key, or None if it has ended."""
        return self._sessions.get(key)

    def verify(self, key: str) -> Record | None:
        """Return a session's record, alive or not, after checking that its process exists."""
        session = self._sessions.get(key)
        return session.verify() if session else self.services.registry.get(key)

    def all_verified(self) -> list[Session]:
        """Return all sessions that have not ended, after checking each process."""
        return [session for session in self if session.verify().alive]

    def tidy(self) -> None:
        """Limit the size of the sessions' logs; called periodically."""
        for session in self:
            session_log.rotate(self.services.paths.session_log(session.key))

    async def close(self) -> None:
        """Release all sessions; their processes keep running."""
        # Release all of them first, so that no exit is handled while the links are being closed.
        held = [session.let_go() for session in self]
        for live in held:
            if live:
                await live.link.close()

    def _changed(self, event: SessionChanged) -> None:
        if event.state in ENDED:
            self._sessions.pop(event.session, None)
