"""Operations on one session of either kind.

What differs between the kinds is in `kaimond.sessions.managed_session` and
`kaimond.joined.joined_session`.
"""

from __future__ import annotations

import abc
import contextlib
from typing import TYPE_CHECKING, Final

from kaimond.errors import ErrorKind, SessionError
from kaimond.evals.eval import Status
from kaimond.evals.eval_queue import QueueFullError
from kaimond.evals.notes import Notes
from kaimond.gate.gate_version import require_spoken
from kaimond.gate.link import GateSilentError
from kaimond.interrupts.cancel import Cancelled, cancel
from kaimond.julia_process.live import FOR_EVER, LOOK_TIMEOUT, LiveProcess
from kaimond.registry.state import USABLE, Event, State
from kaimond.runtime import UnsafeDirectoryError
from kaimond.sessions.lifecycle import Lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaimond.evals.eval import Eval
    from kaimond.julia_process.health import Seen
    from kaimond.registry.record import Record
    from kaimond.sessions.restart import Restarted

_READ_AGAIN: Final = "nothing # all source files are read again"
"""Code of an eval whose only purpose is the source update that precedes every eval."""

_OURSELVES: Final = "kaimond"
"""Agent name of evals that kaimond itself submits."""


class SessionBusyError(SessionError):
    """A restart was allowed only while the session is idle, but it is evaluating."""

    def __init__(self, key: str) -> None:
        super().__init__(
            ErrorKind.BUSY, f"Session {key} evaluates something; it was not restarted."
        )


class Session(Lifecycle):
    """A session that has not ended."""

    async def look(self) -> Seen | None:
        """Measure the session's health; return None if it has no process.

        If the process turns out to be gone, the session may end during the call.
        """
        if self.live is None:
            return None
        return await self.live.look(LOOK_TIMEOUT, self._busy_since)

    def _busy_since(self) -> float | None:
        return self._evals.queue.busy_since if self._evals else None

    # Evals

    @property
    def queued(self) -> int:
        """The number of waiting evals."""
        return self._evals.queue.waiting if self._evals else 0

    @property
    def evaluates(self) -> bool:
        """Whether the session currently accepts evals."""
        return self._evals is not None

    def notes_of(self, eval_id: str) -> Notes:
        """Return the notes of a running eval; empty notes if it is not running."""
        return self._evals.notes_of(eval_id) if self._evals else Notes()

    def evaluate(
        self,
        code: str,
        agent: str,
        *,
        journal: Callable[[str], None],
        quiet: bool = False,
        silent: bool = False,
        thorough: bool = False,
        call: tuple[tuple[str, str], ...] = (),
    ) -> Eval:
        """Queue code or a tool call (arguments: see `EvalRunner.submit`).

        Raises:
            SessionError: the session accepts no evals now or its queue is full; nothing was queued.
            kaimond.runtime.UnsafeDirectoryError: there is no safe place for its output.
        """
        require_spoken(self.record)
        if self._evals is None or self.record.state not in USABLE:
            raise SessionError(
                ErrorKind.NOT_READY,
                f"Session {self.key} is {self.record.state}, so nothing was evaluated. "
                "Wait a moment; ping shows when it is ready.",
            )
        try:
            return self._evals.submit(
                code,
                agent,
                journal=journal,
                quiet=quiet,
                silent=silent,
                thorough=thorough,
                call=call,
            )
        except QueueFullError as full:
            told = f"{full} Nothing was queued. Try again later."
            raise SessionError(ErrorKind.QUEUE_FULL, told) from None

    def reread(self, agent: str, journal: Callable[[str], None]) -> Eval:
        """Queue an eval that reads all source files again, even if they look unchanged.

        Raises:
            SessionError: the session cannot evaluate now, or its queue is full.
            kaimond.runtime.UnsafeDirectoryError: there is no safe place for its output.
        """
        try:
            return self.evaluate(
                _READ_AGAIN, agent, journal=journal, quiet=True, silent=True, thorough=True
            )
        except SessionError as error:
            raise SessionError(
                error.kind,
                f"The source files of session {self.key} were not read again. {error.message}",
            ) from None

    async def read_again(self) -> None:
        """Have all source files read again, if that is possible now."""
        with contextlib.suppress(SessionError, UnsafeDirectoryError):
            item = self.reread(_OURSELVES, lambda _: None)
            await self.services.history.finished(item.id)

    async def cancel(self, item: Eval, reason: str) -> Cancelled:
        """Withdraw a queued eval, or interrupt a running one safely (`kaimond.interrupts`).

        Args:
            item: one of the session's evals, in any state.
            reason: a clause that begins with "it", for whoever waits for the eval.
        """
        # If abandoned between sending a SIGINT and its delivery, the signal could arrive too late.
        return await self.services.tasks.to_its_end(self._cancel(item, reason))

    async def _cancel(self, item: Eval, reason: str) -> Cancelled:
        if self._evals is None:
            return Cancelled.ENDED
        came, broke_c = await cancel(self._evals, self.services.history, self.live, item, reason)
        if broke_c:
            self.taint(f"eval {item.id} was interrupted by force")
        return came

    # Restart and stop

    async def restart(self, reason: str) -> Restarted:
        """Replace the process image and keep the key.

        Args:
            reason: a clause for the log and for the evals that the restart ends.

        Raises:
            SessionError: the restart failed; the message describes the current situation.
        """
        # Half a restart would leave the session without an image that anybody waits for.
        return await self.services.tasks.to_its_end(self._restart(reason))

    @abc.abstractmethod
    async def _restart(self, reason: str, *, idle_only: bool = False) -> Restarted:
        """Restart; with ``idle_only`` raise `SessionBusyError` rather than end an eval."""

    def _require_idle(self) -> None:
        if self.running or self.queued or self.turn.terminal:
            raise SessionBusyError(self.key)

    async def restart_if_idle(self, reason: str) -> Restarted | None:
        """Restart the session, or return None if it is evaluating once the lock is held.

        Raises:
            SessionError: see `restart`.
        """
        with contextlib.suppress(SessionBusyError):
            return await self.services.tasks.to_its_end(self._restart(reason, idle_only=True))
        return None

    def to_restart(self) -> tuple[Record, LiveProcess]:
        """Return the record and process of a session that can be restarted now.

        Raises:
            SessionError: it cannot be restarted; the message names its state.
        """
        record = self.verify()
        if self.live is None or record.state not in USABLE:
            raise SessionError(
                ErrorKind.NOT_READY, f"Session {self.key} is {record.state}; it was not restarted."
            )
        return record, self.live

    async def stop(self, reason: str) -> Record:
        """End the session for good; return once its process is gone.

        Args:
            reason: a clause that begins with "it", for the record.

        Raises:
            SessionError: the process does not exit.
        """
        return await self.services.tasks.to_its_end(self._stop_in_turn(reason, lambda: True))

    async def stop_if(self, reason: str, still: Callable[[], bool]) -> None:
        """End the session, unless ``still`` returns False once the lock is held.

        Raises:
            SessionError: the process does not exit.
        """
        await self.services.tasks.to_its_end(self._stop_in_turn(reason, still))

    async def _stop_in_turn(self, reason: str, still: Callable[[], bool]) -> Record:
        if self.record.state is State.STARTING:
            # A start may hold the lock until its deadline, and must be stoppable before.
            return await self._stop(reason)
        async with self.lock:
            return await self._stop(reason) if still() else self.record

    async def _stop(self, reason: str) -> Record:
        record = self.verify()
        if not record.alive:
            return record
        self.will_end(reason)
        if record.state is not State.STOPPING:
            self.services.registry.apply(self.key, Event.STOP, reason)
        if self.live is None:
            self.never_ran(reason)
        else:
            await self._end_process(self.live, reason)
        return self.verify()

    @abc.abstractmethod
    async def _end_process(self, live: LiveProcess, reason: str) -> None:
        """End the process of a session that is ``stopping``.

        Raises:
            SessionError: the process does not exit.
        """

    async def confirm(self) -> None:
        """Check that the process still runs the image named in the record."""
        before, live = self.record, self.live
        try:
            pong = await live.ask("ping", timeout=FOR_EVER, repeat=True) if live else None
        except GateSilentError:
            pong = None
        if live is None or pong is None:
            # The process ended before it answered, so there is nothing to confirm.
            return
        live.pong = pong
        if pong.get("boot") == before.boot_id:
            return
        async with self.lock:
            now = self.verify()
            if now.state not in USABLE or now.boot_id != before.boot_id:
                return
            reason = "it executed Julia anew, unasked"
            apply = self.services.registry.apply
            apply(self.key, Event.RESTART, reason, proving=now.generation + 1)
            self.close_evals(Status.LOST, reason)
            apply(self.key, Event.SPAWNED, "a new boot id answered", nonce=pong.get("nonce"))
            self.answered(live, pong)
