"""A restart, proved by the boot id of a new process image, or refused."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kaimond import failpoints
from kaimond.errors import SessionError
from kaimond.gate.gate_version import unspoken
from kaimond.gate.link import GateSilentError
from kaimond.registry.state import USABLE, Event, State
from kaimond.sessions.end import end_leftovers, end_process, quiet
from kaimond.sessions.start import FOR_EVER, Booter, not_gone

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from kaimond.config.settings import SessionSettings
    from kaimond.gate.frames import Message
    from kaimond.julia_process.live import Live
    from kaimond.registry.record import Record
    from kaimond.registry.registry import Registry
    from kaimond.sessions.live_sessions import LiveSessions
    from kaimond.toolchain.start_plan import Plan, Planner


@dataclass(frozen=True)
class Restarted:
    """A restart that was proved.

    Attributes:
        record: of the session, with its new generation and boot id.
        way: how it was done, a phrase.
        seconds: that it took.
    """

    record: Record
    way: str
    seconds: float


class Restarter:
    """Restarts sessions, and finishes what a daemon that is gone had begun.

    Args:
        deadlines: settings of sessions.
        registry: of sessions.
        sessions: holder of the processes.
        planner: reads the configuration.
        booter: boots processes.
        locks: of the sessions, shared with whoever stops them.
    """

    def __init__(
        self,
        deadlines: SessionSettings,
        registry: Registry,
        sessions: LiveSessions,
        planner: Planner,
        booter: Booter,
        locks: Mapping[str, asyncio.Lock],
    ) -> None:
        self._deadlines = deadlines
        self._registry = registry
        self._sessions = sessions
        self._planner = planner
        self._booter = booter
        self._locks = locks

    async def restart(self, key: str, reason: str) -> Restarted:
        """Replace a session's process image by a new one under the same key.

        The plan is made before anything is given up, so a broken configuration costs nothing. The
        image is replaced in place where that is possible; else, or if no new boot id proves it in
        time, the process is ended and another one spawned.

        Args:
            key: of the session.
            reason: a clause for the log and for the evals that it ends.

        Raises:
            SessionError: it was not restarted; the message says what is true now.
        """
        began = time.monotonic()
        async with self._locks[key]:
            record, live = to_restart(self._sessions, key)
            try:
                plan = await self._planner.plan(self._planner.project(record.project))
            except SessionError as error:
                raise SessionError(
                    error.kind,
                    f"Session {key} was not restarted and is as it was. {error.message}",
                ) from None
            if self._sessions.get(key) is not live:
                raise SessionError("not-ready", f"Session {key} ended before it was restarted.")
            self._registry.apply(key, Event.RESTART, reason, proving=record.generation + 1)
            free = await quiet(key, live, self._sessions.book, reason)
            self._sessions.terminals.image_gone(key)
            after, way = await self._replaced(record, live, plan, in_place=free)
        return Restarted(after, way, time.monotonic() - began)

    async def _replaced(
        self, record: Record, live: Live, plan: Plan, *, in_place: bool
    ) -> tuple[Record, str]:
        key = record.key
        spoken = not unspoken(record.protocol, record.gate)
        if in_place and spoken and plan.digest() == record.plan:
            pong = await self._booter.replace_image(key, live, plan)
            if pong:
                failpoints.passing("restart.after-proof")
                self._registry.apply(key, Event.SPAWNED, "the new process image answered")
                after = self._booter.answered(key, live, pong)
                return after, f"in place (the same process {after.pid})"
        # It may still answer while it ends; the next daemon must not take that for a proof.
        self._registry.note(key, nonce="")
        failpoints.passing("restart.before-end")
        if not await end_process(key, live, self._deadlines.stop_timeout):
            raise self._stuck(key, live)
        failpoints.passing("restart.before-respawn")
        self._begin_respawn(key)
        after = await self._booter.boot(key, plan)
        return after, f"by a new process {after.pid} (the old one, {record.pid}, is gone)"

    def _begin_respawn(self, key: str) -> None:
        # Without a pid, the next daemon sees that the new process was not there yet.
        self._registry.apply(key, Event.SPAWNED, "the old process is gone", pid=0, process_start="")

    async def confirm(self, record: Record, live: Live) -> None:
        """Make sure that an adopted process still runs the image that the record tells of."""
        try:
            pong = await live.link.request("ping", timeout=FOR_EVER, repeat=True)
        except GateSilentError:
            # It ended before it answered; nothing is left to be confirmed.
            return
        live.pong = pong
        if pong.get("boot") == record.boot_id:
            return
        async with self._locks[record.key]:
            now = self._sessions.verified(record.key)
            if now is None or now.state not in USABLE or now.boot_id != record.boot_id:
                return
            reason = "it executed Julia anew, unasked"
            self._registry.apply(record.key, Event.RESTART, reason, proving=record.generation + 1)
            self._sessions.book.closed(record.key, reason)
            self._registry.apply(
                record.key, Event.SPAWNED, "a new boot id answered", nonce=pong.get("nonce")
            )
            self._booter.answered(record.key, live, pong)

    async def finish(self, record: Record, live: Live | None) -> None:
        """Bring a restart to its end that the previous daemon had begun.

        Only a new image that was told this restart's nonce is its proof. An old image that answers
        may have the request to execute Julia anew still before it, so it is ended.
        """
        key = record.key
        async with self._locks[key]:
            if live:
                pong = await self._answer(live) if record.nonce else None
                fresh = pong and pong.get("boot") != record.boot_id
                if pong and fresh and pong.get("nonce") == record.nonce:
                    self._registry.apply(key, Event.SPAWNED, "the new image answered")
                    self._booter.answered(key, live, pong)
                    return
                self._registry.note(key, nonce="")
                if not await end_process(key, live, self._deadlines.stop_timeout):
                    raise self._stuck(key, live)
            await end_leftovers(key, record.pid)
            if record.state is State.RESTARTING:
                self._begin_respawn(key)
            try:
                plan = await self._planner.plan(self._planner.project(record.project))
            except SessionError as error:
                self._sessions.never_ran(key, f"its restart could not be finished: {error}")
            else:
                await self._booter.boot(key, plan)

    def _stuck(self, key: str, live: Live) -> SessionError:
        """A process survives SIGKILL: nothing restarts while it is there."""
        reason = "it was to be restarted, but its process did not go away"
        self._sessions.will_end(key, reason)
        self._registry.apply(key, Event.STOP, reason)
        return not_gone(key, live, "was not restarted")

    async def _answer(self, live: Live) -> Message | None:
        try:
            timeout = self._deadlines.restart_timeout
            return await live.link.request("ping", timeout=timeout, repeat=True)
        except GateSilentError:
            return None


def to_restart(sessions: LiveSessions, key: str) -> tuple[Record, Live]:
    """The record and the process of a session that can be restarted now.

    Raises:
        SessionError: it cannot; the message says in which state it is.
    """
    record, live = sessions.verified(key), sessions.get(key)
    if record is None or live is None or record.state not in USABLE:
        state = record.state if record else "unknown"
        raise SessionError("not-ready", f"Session {key} is {state}; it was not restarted.")
    return record, live
