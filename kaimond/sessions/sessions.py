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
    """The sessions of a daemon; one that ends goes from here by itself.

    Args:
        services: what they share.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self._sessions: dict[str, Session] = {}
        services.bus.subscribe(SessionChanged, self._changed)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._sessions.values()))

    def add(self, session: Session) -> None:
        """Take in a session that was born, or outlived the previous daemon."""
        self._sessions[session.key] = session

    def get(self, key: str) -> Session | None:
        """The session with this key, if it has not ended."""
        return self._sessions.get(key)

    def verified(self, key: str) -> Record | None:
        """A session's record, alive or not, after a look whether its process exists."""
        session = self._sessions.get(key)
        return session.verified if session else self.services.registry.get(key)

    def all_verified(self) -> list[Session]:
        """Every session that has not ended, each process checked at this moment."""
        return [session for session in self if session.verified.alive]

    def tidy(self) -> None:
        """Keep their logs small; called from time to time."""
        for session in self:
            session_log.rotate(self.services.paths.session_log(session.key))

    async def close(self) -> None:
        """Let go of all; processes that still run go on."""
        # First all, so that no end is taken in while the links are closed.
        held = [session.let_go() for session in self]
        for live in held:
            if live:
                await live.link.close()

    def _changed(self, event: SessionChanged) -> None:
        if event.state in ENDED:
            self._sessions.pop(event.session, None)
