"""Restarts and ends a process that a person started.

It is asked and never made to: it is somebody's work. So nothing here sends a signal, and where the
process does not do what it was asked to, the answer says what is true.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any, Final

from kaimond.errors import SessionError
from kaimond.gate.frames import Message
from kaimond.gate.link import GateSilentError
from kaimond.interrupts.interrupt import LIMIT, interrupt
from kaimond.julia_process.live import LOOK_TIMEOUT
from kaimond.registry.state import USABLE, Event, State
from kaimond.sessions.restart import Restarted, to_restart
from kaimond.sessions.start import FOR_EVER, new_image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kaimond.config.settings import SessionSettings
    from kaimond.julia_process.live import Live
    from kaimond.registry.record import Record
    from kaimond.registry.registry import Registry
    from kaimond.sessions.live_sessions import LiveSessions
    from kaimond.sessions.start import Booter

_log = logging.getLogger("kaimond.sessions")

_HOOKS: Final = 30.0
"""Seconds that a process gets to exit: its person's own hooks are run."""


class JoinedSessions:
    """The operations on joined sessions.

    Args:
        deadlines: settings of sessions.
        registry: of sessions.
        sessions: holder of the processes.
        booter: knows what follows a gate's first answer.
        locks: of the sessions, shared with whoever restarts and stops them.
    """

    def __init__(
        self,
        deadlines: SessionSettings,
        registry: Registry,
        sessions: LiveSessions,
        booter: Booter,
        locks: Mapping[str, asyncio.Lock],
    ) -> None:
        self._deadlines = deadlines
        self._registry = registry
        self._sessions = sessions
        self._booter = booter
        self._locks = locks
        self.on_arrival: Callable[[str], None] = lambda _key: None
        """Called with a key when a new process image has proved itself."""

    # Restart

    async def restart(self, key: str, reason: str) -> Restarted:
        """Have the process execute Julia anew.

        Args:
            key: of the session.
            reason: a clause for the log and for the evals that it ends.

        Raises:
            SessionError: no new process image has proved itself; the message says what is true.
        """
        began = time.monotonic()
        async with self._locks[key]:
            record, live = to_restart(self._sessions, key)
            after = await self._restart(record, live, reason)
        way = f"in place (the same process {after.pid} and terminal)"
        return Restarted(after, way, time.monotonic() - began)

    async def _restart(self, record: Record, live: Live, reason: str) -> Record:
        key = record.key
        await self._freed(record, live, reason)
        if self._sessions.get(key) is not live:
            raise SessionError("not-ready", f"Session {key} ended before it was restarted.")
        self._registry.apply(key, Event.RESTART, reason, proving=record.generation + 1)
        self._sessions.book.interrupted(key, reason)
        deadline = self._deadlines.start_timeout
        fields = (("nonce", secrets.token_hex(8)),)
        asked = asyncio.create_task(live.link.request("restart", fields, timeout=deadline))
        proof = asyncio.create_task(_new_image(live, record))
        either: list[asyncio.Future[Any]] = [asked, proof, live.process.exited]
        await asyncio.wait(either, timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
        for task in (asked, proof):
            task.cancel()
        said, pong = await asyncio.gather(asked, proof, return_exceptions=True)
        if isinstance(pong, Message):
            return self._arrived(key, live, pong)
        if isinstance(said, Message):
            self._goes_on(key)
            raise SessionError(
                "restart-failed",
                f"Session {key} was not restarted: {said.get('reason')}. Its process goes on with "
                "its state; what agents evaluated there has ended.",
            )
        after_all = self._sessions.verified(key)
        if after_all is None or not after_all.alive:
            ending = after_all.ending if after_all else ""
            raise SessionError("restart-failed", f"Session {key} ended in its restart. {ending}")
        self._sessions.watch(self.await_image(key))
        raise SessionError(
            "restart-failed",
            f"Session {key} was asked to execute Julia anew, and its process {record.pid} has not "
            f"opened its gate again within {deadline:g} s. It was left alone, because a person "
            "started it. When the gate opens, the session is usable again under the same key; "
            "until then it is listed as restarting. Look at its terminal.",
        )

    async def _freed(self, record: Record, live: Live, reason: str) -> None:
        """Interrupt what agents evaluate, and make sure that the gate listens.

        Raises:
            SessionError: it does not; nothing but queued evals has ended.
        """
        key, book = record.key, self._sessions.book
        book.ending(key, reason)
        running = book.running(key)
        if running:
            await interrupt(live, running.id, LIMIT)
        try:
            await live.link.request("ping", timeout=LOOK_TIMEOUT)
        except GateSilentError:
            raise SessionError(
                "not-ready",
                f"Session {key} was not restarted: its gate does not answer, because code runs "
                "there that cannot be interrupted or that is not an agent's. It is left alone, "
                "because a person started it. Try again when that code has ended.",
            ) from None

    def _arrived(self, key: str, live: Live, pong: Message) -> Record:
        """A new process image has proved itself: the session is ready again."""
        self._registry.apply(key, Event.SPAWNED, "the new image answered", nonce=pong.get("nonce"))
        self._registry.note(key, started=time.time(), ready=0.0)
        after = self._booter.answered(key, live, pong)
        self.on_arrival(key)
        return after

    def _goes_on(self, key: str) -> None:
        """The old process image stays."""
        record = self._registry.get(key)
        assert record is not None
        self._registry.apply(key, Event.SPAWNED, "the old image goes on", proving=record.generation)
        self._registry.apply(key, Event.ANSWERED, "the old image goes on")
        self._sessions.opened(key, record.boot_id)

    # Adoption

    def adopted(self, record: Record, live: Live) -> None:
        """Go on with a session that was between two states when the previous daemon ended."""
        if record.state is State.RESTARTING:
            self._sessions.watch(self.await_image(record.key))
        else:
            self._sessions.watch(self._await_answer(record.key, live))

    async def _await_answer(self, key: str, live: Live) -> None:
        try:
            pong = await live.link.request("ping", timeout=FOR_EVER, repeat=True)
        except GateSilentError:
            return
        async with self._locks[key]:
            record = self._sessions.verified(key)
            if record and record.state is State.STARTING:
                self._booter.answered(key, live, pong)

    # What the process does by itself

    async def restarts_itself(self, key: str) -> None:
        """Its person restarts it, or a restart that was asked for is under way."""
        async with self._locks[key]:
            record = self._sessions.verified(key)
            if record is None or record.state not in USABLE:
                return
            reason = "its user restarted it"
            self._registry.apply(key, Event.RESTART, reason, proving=record.generation + 1)
            self._sessions.book.ending(key, reason)
            self._sessions.book.interrupted(key, reason)
        self._sessions.watch(self.await_image(key))

    async def stays(self, key: str) -> None:
        """The restart that it began came to nothing."""
        async with self._locks[key]:
            record = self._sessions.verified(key)
            if record and record.state is State.RESTARTING:
                self._goes_on(key)

    async def await_image(self, key: str) -> None:
        """Wait as long as it takes for the new process image of a restart."""
        record, live = self._registry.get(key), self._sessions.get(key)
        if record is None or live is None:
            return
        try:
            pong = await _new_image(live, record)
        except GateSilentError:
            # It ended, or was taken back.
            return
        async with self._locks[key]:
            now = self._sessions.verified(key)
            if now and now.state is State.RESTARTING and now.boot_id != pong.get("boot"):
                self._arrived(key, live, pong)

    async def taken_back(self, key: str, ending: str) -> None:
        """Its announcement is gone, and its process is not."""
        async with self._locks[key]:
            record = self._sessions.verified(key)
            if record and record.alive and record.state is not State.STOPPING:
                self._sessions.left(key, ending)

    # The end

    async def stop(self, record: Record, live: Live, reason: str, rung: float) -> None:
        """Ask the process to exit; its record is ``stopping``.

        Raises:
            SessionError: it has not, so far.
        """
        key, book = record.key, self._sessions.book
        book.ending(key, reason)
        running = book.running(key)
        if running and live.link.up:
            await interrupt(live, running.id, LIMIT)
        book.interrupted(key, reason)
        try:
            await live.link.request("exit", timeout=rung)
            await live.process.wait(max(rung, _HOOKS))
        except GateSilentError:
            pass
        if live.process.running:
            raise SessionError(
                "not-gone",
                f"Session {key} was asked to exit, and its process {record.pid} has not so far: "
                "code that is not an agent's runs there, or its own exit hooks. It exits when that "
                "has ended, and its key is not used again. It is not killed, because a person "
                "started it.",
            )


async def _new_image(live: Live, before: Record) -> Message:
    def proves(pong: Message) -> bool:
        same = pong.get("session") == before.key and pong.get("pid") == str(before.pid)
        return same and pong.get("boot") != before.boot_id

    return await new_image(live, proves)
