"""Ends sessions that nobody has used for as long as their project's `idle_timeout` says.

Idle means: no eval of an agent or of a person. Being looked at (pings, status, health) is no use.
Each session with a timeout has one timer, set to the moment when it will be due if nothing happens;
an eval does not touch it. When it rings, the session is due or the timer is set anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from kaimond.errors import SessionError
from kaimond.registry.state import USABLE, State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from kaimond.config.current_projects import CurrentProjects
    from kaimond.registry.registry import Registry
    from kaimond.sessions.sessions import Sessions

_log = logging.getLogger("kaimond.sessions")

ASK_AGAIN: Final = 60.0
"""Seconds until a gate that did not answer is asked again: it may be evaluating for a person."""

_WHOLE: Final = 10
"""Seconds from which on fractions of them are not told."""


@dataclass(frozen=True)
class Use:
    """How a session is being used, as far as it is known.

    Attributes:
        since: seconds since the last eval, or since the process was ready.
        evaluating: whether an eval runs or waits, or a person's input is evaluated.
    """

    since: float
    evaluating: bool


def left(timeout: float, use: Use) -> float:
    """Return the seconds after which a session is due if nothing happens; 0 if it is due now."""
    if use.evaluating:
        return timeout
    # A clock that was set back makes nothing longer than the timeout.
    return max(0.0, timeout - max(0.0, use.since))


def reason(timeout: float) -> str:
    """Return why a session is ended, as a clause for its record."""
    seconds = f"{timeout:.0f}" if timeout >= _WHOLE else f"{timeout:g}"
    return f"it was ended after {seconds} s without an eval (idle_timeout)"


class LiveFacts:
    """The facts about the sessions of a running daemon.

    Args:
        projects: their preferences have the timeouts.
        registry: of sessions.
        sessions: that have not ended.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        projects: CurrentProjects,
        registry: Registry,
        sessions: Sessions,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._projects = projects
        self._registry = registry
        self._sessions = sessions
        self._clock = clock

    def timeouts(self) -> dict[str, float]:
        """Return the sessions that can become due, with the seconds that each may be idle.

        A REPL that a person has started is theirs: it is never ended for being idle.
        """
        alive = [
            record
            for record in self._registry.alive()
            if record.state in USABLE and record.spawned_by != "user"
        ]
        spans = {
            record.key: self._projects.preferences(Path(record.project)).idle_timeout
            for record in alive
        }
        return {key: span for key, span in spans.items() if span is not None}

    def use(self, key: str) -> Use:
        """Return how a session that lives is being used, as the daemon knows it."""
        record = self._registry.get(key)
        assert record is not None, "sessions that live are known"
        return Use(
            since=self._clock() - max(record.last_eval, record.ready),
            # Busy is also a session in which a person evaluates.
            evaluating=record.state is State.BUSY or self._queued(key) > 0,
        )

    async def asked(self, key: str) -> Use | None:
        """Ask the gate as well; None if it, or its main thread, is silent, so that nobody knows."""
        session = self._sessions.get(key)
        seen = await session.look() if session else None
        pong = session.live.pong if session and session.live else None
        if seen is None or pong is None or not seen.answered or seen.silent:
            return None
        known = self.use(key)
        return Use(known.since, known.evaluating or pong.get("state") == "busy")

    def _queued(self, key: str) -> int:
        session = self._sessions.get(key)
        return session.queued if session else 0


class Timer(Protocol):
    """Something that will ring unless it is cancelled."""

    def cancel(self) -> None:
        """Do not ring."""


class Facts(Protocol):
    """What the watch asks of sessions."""

    def timeouts(self) -> dict[str, float]:
        """Return the sessions that can become due, with the seconds that each may be idle."""

    def use(self, key: str) -> Use:
        """Return how a session that lives is being used, as the daemon knows it."""

    async def asked(self, key: str) -> Use | None:
        """Ask the gate as well; None if it is silent, so that nobody knows."""


class IdleWatch:
    """The timers of all sessions.

    Args:
        facts: about sessions.
        end: ends a session (key, reason), unless a last question says that it is in use; may raise
            `SessionError`.
        background: runs what a timer begins.
        later: sets a timer, with the seconds until it rings; the event loop's if not given.
    """

    def __init__(
        self,
        facts: Facts,
        end: Callable[[str, str, Callable[[], bool]], Awaitable[None]],
        background: Callable[[Coroutine[Any, Any, None]], None],
        later: Callable[[float, Callable[[], None]], Timer] | None = None,
    ) -> None:
        self._facts = facts
        self._end = end
        self._background = background
        self._later = later
        self._timers: dict[str, Timer] = {}
        self._asking: set[str] = set()

    def look(self) -> None:
        """Set every session's timer by what the preferences say now."""
        timeouts = self._facts.timeouts()
        for key in self._timers.keys() - timeouts.keys():
            self._timers.pop(key).cancel()
        for key, timeout in timeouts.items():
            if key not in self._asking:
                self._set(key, left(timeout, self._facts.use(key)))

    def close(self) -> None:
        """Ring no more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _set(self, key: str, seconds: float) -> None:
        if key in self._timers:
            self._timers[key].cancel()
        later = self._later or asyncio.get_running_loop().call_later
        self._timers[key] = later(seconds, lambda: self._ring(key))

    def _ring(self, key: str) -> None:
        del self._timers[key]
        timeout = self._facts.timeouts().get(key)
        if timeout is None:
            return
        seconds = left(timeout, self._facts.use(key))
        if seconds > 0:
            self._set(key, seconds)
        else:
            self._asking.add(key)
            self._background(self._due(key, timeout))

    async def _due(self, key: str, timeout: float) -> None:
        try:
            use = await self._facts.asked(key)
            seconds = ASK_AGAIN if use is None else left(timeout, use)
            if seconds == 0:
                await self._end(key, reason(timeout), lambda: self._still(key))
        except SessionError as error:
            _log.warning("could not be ended: %s", error, extra={"session": key})
            return
        finally:
            self._asking.discard(key)
        if key in self._facts.timeouts():
            self._set(key, seconds or left(timeout, self._facts.use(key)))

    def _still(self, key: str) -> bool:
        timeout = self._facts.timeouts().get(key)
        return timeout is not None and left(timeout, self._facts.use(key)) == 0
