"""Ends sessions that have been idle for their project's `idle_timeout`.

Idle means that neither an agent's eval nor a person's input runs. Pings, status and health checks
do not count as use. Each session with a timeout has one timer, set to when the session would be due
if nothing happens; evals do not touch it. When it fires, the session is ended or the timer reset.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from kaimond.config import projects
from kaimond.errors import SessionError
from kaimond.registry.state import USABLE, State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from kaimond.registry.registry import Registry
    from kaimond.sessions.sessions import Sessions

_log = logging.getLogger("kaimond.sessions")

ASK_AGAIN: Final = 60.0
"""Seconds until a gate that did not answer is asked again; it may be evaluating for a person."""

_WHOLE: Final = 10
"""Seconds from which on a timeout is shown without a fraction."""


@dataclass(frozen=True)
class Use:
    """How a session is being used, as far as known.

    Attributes:
        since: seconds since the last eval, or since the process became ready.
        evaluating: whether an eval runs or waits, or a person's input is being evaluated.
    """

    since: float
    evaluating: bool


def left(timeout: float, use: Use) -> float:
    """Return the seconds until a session is due if nothing happens; 0 if it is due now."""
    if use.evaluating:
        return timeout
    # If the clock was set back, do not wait longer than the timeout.
    return max(0.0, timeout - max(0.0, use.since))


def reason(timeout: float) -> str:
    """Return the reason for ending a session, as a clause for its record."""
    seconds = f"{timeout:.0f}" if timeout >= _WHOLE else f"{timeout:g}"
    return f"it was ended after {seconds} s without an eval (idle_timeout)"


class LiveFacts:
    """The facts about the sessions of a running daemon.

    Args:
        projects_file: the file whose `session_prefs` have the timeouts; read at each use.
        registry: the records of all sessions.
        sessions: the sessions that have not ended.
        clock: returns seconds since the epoch.
    """

    def __init__(
        self,
        projects_file: Path,
        registry: Registry,
        sessions: Sessions,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._projects_file = projects_file
        self._registry = registry
        self._sessions = sessions
        self._clock = clock

    def timeouts(self) -> dict[str, float]:
        """Return the idle timeout of each session that has one, in seconds.

        A REPL that a person started is never ended for being idle.
        """
        alive = [
            record
            for record in self._registry.alive()
            if record.state in USABLE and record.spawned_by != "user"
        ]
        if not alive:
            return {}
        read = projects.load(self._projects_file)
        spans = {
            record.key: read.preferences(Path(record.project)).idle_timeout for record in alive
        }
        return {key: span for key, span in spans.items() if span is not None}

    def use(self, key: str) -> Use:
        """Return how a live session is being used, as far as the daemon knows."""
        record = self._registry.get(key)
        assert record is not None, "sessions that live are known"
        return Use(
            since=self._clock() - max(record.last_eval, record.ready),
            # A session is also busy while a person's input is evaluated.
            evaluating=record.state is State.BUSY or self._queued(key) > 0,
        )

    async def asked(self, key: str) -> Use | None:
        """Return the use after asking the gate; None if the gate or its main thread is silent."""
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
    """A timer that can be cancelled."""

    def cancel(self) -> None:
        """Cancel the timer."""


class Facts(Protocol):
    """What `IdleWatch` needs to know about sessions."""

    def timeouts(self) -> dict[str, float]:
        """Return the idle timeout of each session that has one, in seconds."""

    def use(self, key: str) -> Use:
        """Return how a live session is being used, as far as the daemon knows."""

    async def asked(self, key: str) -> Use | None:
        """Return the use after asking the gate; None if the gate is silent."""


class IdleWatch:
    """The idle timers of all sessions.

    Args:
        facts: the facts about sessions.
        end: ends a session, given its key, the reason and a function that says whether it is still
            due; may raise `SessionError`.
        background: runs a coroutine in the background.
        later: starts a timer, given the seconds and a callback; by default the event loop's.
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
        """Set the timer of every session according to the current preferences."""
        timeouts = self._facts.timeouts()
        for key in self._timers.keys() - timeouts.keys():
            self._timers.pop(key).cancel()
        for key, timeout in timeouts.items():
            if key not in self._asking:
                self._set(key, left(timeout, self._facts.use(key)))

    def close(self) -> None:
        """Cancel all timers."""
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
