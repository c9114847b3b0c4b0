"""A session whose REPL a person started.

Its process belongs to that person, so it is asked for things and never forced. Nothing here kills
it; if it does not do what it was asked, the error describes the situation.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

from kaimond.errors import ErrorKind, SessionError
from kaimond.evals.eval import Status
from kaimond.gate.link import GateSilentError
from kaimond.interrupts.interrupt import LIMIT, interrupt
from kaimond.julia_process.live import FOR_EVER, LOOK_TIMEOUT
from kaimond.registry.state import USABLE, Event, State
from kaimond.sessions.restart import Restarted, execute_anew, new_image
from kaimond.sessions.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaimond.gate.frames import Message
    from kaimond.julia_process.live import LiveProcess
    from kaimond.registry.record import Record

_HOOKS: Final = 30.0
"""Seconds for a process to exit, as it may run exit hooks of the person's own."""


class JoinedSession(Session):
    """A session whose process a person started."""

    # Restart

    async def _restart(self, reason: str, *, idle_only: bool = False) -> Restarted:
        """Have the process execute Julia anew."""
        began = time.monotonic()
        async with self.lock:
            record, live = self.to_restart()
            if idle_only:
                self._require_idle()
            after = await self._replaced(record, live, reason)
        way = f"in place (the same process {after.pid} and terminal)"
        return Restarted(after, way, time.monotonic() - began)

    async def _replaced(self, record: Record, live: LiveProcess, reason: str) -> Record:
        await self._freed(live, reason)
        if self.live is not live:
            raise SessionError(
                ErrorKind.NOT_READY, f"Session {self.key} ended before it was restarted."
            )
        self.services.registry.apply(self.key, Event.RESTART, reason, proving=record.generation + 1)
        self.close_evals(Status.INTERRUPTED, reason)
        deadline = self.services.settings.start_timeout
        pong, refusal = await execute_anew(
            live, (("nonce", secrets.token_hex(8)),), _proves(record), deadline
        )
        if pong:
            return self._arrived(live, pong)
        if refusal:
            self._stays()
            raise SessionError(
                ErrorKind.RESTART_FAILED,
                f"Session {self.key} was not restarted: {refusal}. Its process goes on with its "
                "state; what agents evaluated there has ended.",
            )
        now = self.verify()
        if not now.alive:
            raise SessionError(
                ErrorKind.RESTART_FAILED, f"Session {self.key} ended in its restart. {now.ending}"
            )
        self.watch(self.await_image())
        raise SessionError(
            ErrorKind.RESTART_FAILED,
            f"Session {self.key} was asked to execute Julia anew, and its process {record.pid} has "
            f"not opened its gate again within {deadline:g} s. It was left alone, because a person "
            "started it. When the gate opens, the session is usable again under the same key; "
            "until then it is listed as restarting. Look at its terminal.",
        )

    async def _freed(self, live: LiveProcess, reason: str) -> None:
        """Interrupt the running eval, and check that the gate answers.

        Raises:
            SessionError: it does not answer; nothing but queued evals has ended.
        """
        self.dismiss_evals(reason)
        running = self.running
        if running:
            await interrupt(live, running.id, LIMIT)
        try:
            await live.link.request("ping", timeout=LOOK_TIMEOUT)
        except GateSilentError:
            raise SessionError(
                ErrorKind.NOT_READY,
                f"Session {self.key} was not restarted: its gate does not answer, because code "
                "runs there that cannot be interrupted or that is not an agent's. It is left "
                "alone, because a person started it. Try again when that code has ended.",
            ) from None

    def _arrived(self, live: LiveProcess, pong: Message) -> Record:
        """Make the session ready after a new process image has proved itself."""
        registry = self.services.registry
        nonce = pong.get("nonce")
        registry.apply(self.key, Event.SPAWNED, "the new image answered", nonce=nonce)
        registry.note(self.key, started=time.time(), ready=0.0)
        return self.answered(live, pong)

    def _stays(self) -> None:
        """Make the session ready again after a restart that kept the old process image."""
        record, apply = self.record, self.services.registry.apply
        why = "the old image goes on"
        apply(self.key, Event.SPAWNED, why, proving=record.generation)
        apply(self.key, Event.ANSWERED, why)
        self.opened(record.boot_id)

    # Adoption

    async def await_answer(self) -> None:
        """Continue with a session that had not answered when the previous daemon ended."""
        live = self.live
        if live is None:
            return
        pong = await live.ask("ping", timeout=FOR_EVER, repeat=True)
        if pong is None:
            return
        async with self.lock:
            if self.verify().state is State.STARTING:
                self.answered(live, pong)

    # Changes by the process itself

    async def restarts_itself(self) -> None:
        """Handle an announced restart, by the person or as requested before."""
        async with self.lock:
            record = self.verify()
            if record.state not in USABLE:
                return
            reason = "its user restarted it"
            self.services.registry.apply(
                self.key, Event.RESTART, reason, proving=record.generation + 1
            )
            self.dismiss_evals(reason)
            self.close_evals(Status.INTERRUPTED, reason)
        self.watch(self.await_image())

    async def stays(self) -> None:
        """Handle an announced restart that failed."""
        async with self.lock:
            if self.verify().state is State.RESTARTING:
                self._stays()

    async def await_image(self) -> None:
        """Wait without a limit for the new process image of a restart."""
        live = self.live
        if live is None:
            return
        try:
            pong = await new_image(live, _proves(self.record))
        except GateSilentError:
            # The process ended or was taken back.
            return
        async with self.lock:
            now = self.verify()
            if now.state is State.RESTARTING and now.boot_id != pong.get("boot"):
                self._arrived(live, pong)

    async def taken_back(self, ending: str) -> None:
        """End the session because its announcement is gone although its process is not."""
        async with self.lock:
            record = self.verify()
            if record.alive and record.state is not State.STOPPING:
                self.left(ending)

    # End

    def _left_in_order(self) -> bool:
        # An orderly exit removes the announcement.
        return not self.services.paths.announcement(self.key).exists()

    async def _end_process(self, live: LiveProcess, reason: str) -> None:
        """Ask the process to exit."""
        rung = self.services.settings.stop_timeout
        self.dismiss_evals(reason)
        running = self.running
        if running and live.link.up:
            await interrupt(live, running.id, LIMIT)
        self.close_evals(Status.INTERRUPTED, reason)
        try:
            await live.link.request("exit", timeout=rung)
            await live.process.wait(max(rung, _HOOKS))
        except GateSilentError:
            pass
        if live.process.running:
            raise SessionError(
                ErrorKind.NOT_GONE,
                f"Session {self.key} was asked to exit, and its process {live.process.pid} has not "
                "so far: code that is not an agent's runs there, or its own exit hooks. It exits "
                "when that has ended, and its key is not used again. It is not killed, because a "
                "person started it.",
            )


def _proves(before: Record) -> Callable[[Message], bool]:
    def proves(pong: Message) -> bool:
        same = pong.get("session") == before.key and pong.get("pid") == str(before.pid)
        return same and pong.get("boot") != before.boot_id

    return proves
