"""Which session has which evals: the desk of every session, and what is kept of all of them."""

from __future__ import annotations

import contextlib
import secrets
import time
from typing import TYPE_CHECKING, Final

from kaimond.evals.eval import Eval, Outcome, Status
from kaimond.evals.eval_queue import Desk, Office
from kaimond.evals.history import Archive
from kaimond.evals.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kaimond.config.settings import EvalSettings
    from kaimond.evals.eval_queue import SourceBook
    from kaimond.evals.spool import Spool
    from kaimond.gate.frames import Message
    from kaimond.gate.link import Link
    from kaimond.store.database import Dropped, Store

MOST_WAITING: Final = 1000
"""Evals in the queue of one session."""


class QueueFullError(Exception):
    """A session's queue takes no more evals."""


class EvalBook:
    """Hands each session its evals, one after the other.

    Args:
        store: where evals are kept.
        on_busy: called with a key when its session begins to evaluate.
        on_idle: called with a key when its session has nothing more to evaluate.
        on_finished: called with every eval that ended.
        settings: for what is kept.
        sources: of what the results say about source; it is not kept with the evals.
        mirrored: tells of a key whether persons at that session see what agents evaluate.
    """

    def __init__(
        self,
        store: Store,
        on_busy: Callable[[str], None],
        on_idle: Callable[[str], None],
        on_finished: Callable[[Eval], None],
        settings: EvalSettings,
        sources: SourceBook | None = None,
        mirrored: Callable[[str], bool] = lambda _key: True,
    ) -> None:
        self._archive = Archive(store, on_finished, settings)
        self._office = Office(self._archive, on_busy, on_idle, sources, mirrored)
        self._desks: dict[str, Desk] = {}

    # Sessions come and go

    def opened(self, key: str, link: Link, spool: Spool, boot_id: str) -> None:
        """A session can evaluate from now on."""
        self._desks[key] = Desk(self._office, key, link, spool, boot_id)

    def adopted(self, key: str, link: Link, spool: Spool, boot_id: str) -> None:
        """A session outlived the previous daemon; its evals go on."""
        self.opened(key, link, spool, boot_id)
        items = self._open_in(key)
        for item in items:
            if item.boot_id != boot_id:
                self._lost(item, spool, "the session was restarted")
        self._desks[key].resume(item for item in items if item.boot_id == boot_id)

    def stranded(self) -> set[str]:
        """Keys of sessions whose evals have not ended although nothing evaluates them.

        After an adoption these are the evals of sessions that had ended or were about to, in the
        moment between the two notes that the previous daemon could not take.
        """
        return {item.session for item in self._archive.all_open()} - set(self._desks)

    def abandoned(self, key: str, spool: Spool, reason: str) -> None:
        """A session has ended, or will, that was not taken up again."""
        for item in self._open_in(key):
            self._lost(item, spool, reason)

    def _lost(self, item: Eval, spool: Spool, reason: str) -> None:
        if item.began:
            self._archive.cut_short(spool, item.id, Outcome(Status.LOST, reason=reason))
        else:
            self._archive.not_begun(item.id, reason)

    def closed(self, key: str, reason: str) -> None:
        """A process image is gone, and with it the evals that it had."""
        desk = self._desks.pop(key, None)
        if desk:
            desk.close(Status.LOST, reason)

    def ending(self, key: str, reason: str) -> None:
        """The process image is about to be ended on purpose: what waits does not begin."""
        desk = self._desks.get(key)
        if desk:
            desk.why = reason
            desk.dismiss(reason)

    def interrupted(self, key: str, reason: str) -> None:
        """The process image was ended on purpose: by a restart or a shutdown."""
        desk = self._desks.pop(key, None)
        if desk:
            desk.close(Status.INTERRUPTED, reason)

    # Evals come and go

    def withdraw(self, eval_id: str, reason: str) -> bool:
        """Take an eval out of the queue; tell whether it was still there."""
        item = self._archive.opened(eval_id)
        desk = self._desks.get(item.session) if item else None
        return desk is not None and desk.withdraw(eval_id, reason)

    @contextlib.contextmanager
    def pausing(self, key: str) -> Iterator[None]:
        """Let what runs end, and begin nothing else meanwhile."""
        desk = self._desks.get(key)
        if desk is None:
            yield
            return
        desk.pause()
        try:
            yield
        finally:
            desk.go_on()
            if self._desks.get(key) is desk:
                desk.next()

    def interrupting(self, key: str, reason: str) -> None:
        """Somebody interrupts what runs; ``reason`` is for whoever waits for it."""
        if key in self._desks:
            self._desks[key].why = reason

    def submit(
        self,
        key: str,
        code: str,
        agent: str,
        *,
        quiet: bool,
        journal: Callable[[str], None],
        silent: bool = False,
        thorough: bool = False,
        call: tuple[tuple[str, str], ...] = (),
    ) -> Eval:
        """Queue code, or the call of a tool, for a session that is open.

        Args:
            key: of the session.
            code: to evaluate.
            agent: who asks, for people.
            quiet: the value is not wanted.
            silent: nothing of it is shown in the session's terminal.
            thorough: all source files are read for it, however they look.
            call: fields that make it the call of a tool; `code` is for people then.
            journal: called with the new eval's id before anything is done; what it writes to the
                store is stored with the eval, or neither is.

        Raises:
            KeyError: the session is not open.
            QueueFullError: it has too many evals waiting.
            kaimond.runtime.UnsafeDirectoryError: there is no safe place for its output.
        """
        desk = self._desks[key]
        if desk.waiting >= MOST_WAITING:
            raise QueueFullError(f"Session {key} has {MOST_WAITING} evals waiting already.")
        desk.spool.prepare()
        item = Eval(
            id=secrets.token_hex(4),
            session=key,
            boot_id=desk.boot_id,
            code=code,
            agent=agent,
            quiet=quiet,
            silent=silent,
            thorough=thorough,
            call=call,
            submitted=time.time(),
            waited_for=desk.ahead,
        )
        desk.take(item, journal)
        return self._archive.opened(item.id) or item

    def hold(self, key: str) -> None:
        """A person's input is evaluated; no eval is handed over meanwhile."""
        desk = self._desks.get(key)
        if desk:
            desk.hold()

    def release(self, key: str) -> None:
        """A person's input has ended."""
        desk = self._desks.get(key)
        if desk:
            desk.release()

    # The gate speaks

    def heard(self, key: str, message: Message) -> None:
        """Take in a message of a session's gate that answers no waiting request."""
        desk = self._desks.get(key)
        if desk:
            desk.heard(message)

    def transport_up(self, key: str) -> None:
        """Ask again for the result that may have been in flight when the transport broke."""
        desk = self._desks.get(key)
        if desk:
            desk.transport_up()

    # Readers

    def running(self, key: str) -> Eval | None:
        """The eval that a session evaluates now."""
        desk = self._desks.get(key)
        return desk.running if desk else None

    def all_running(self) -> dict[str, Eval]:
        """The evals that sessions evaluate now, by id."""
        running = [desk.running for desk in self._desks.values()]
        return {item.id: item for item in running if item}

    def notes(self, item: Eval) -> Notes:
        """What an eval has told of itself; empty ones if it does not run."""
        desk = self._desks.get(item.session)
        return desk.notes_of(item.id) if desk else Notes()

    def waiting(self, key: str) -> int:
        """How many evals wait in a session's queue."""
        desk = self._desks.get(key)
        return desk.waiting if desk else 0

    def recent(self, session: str, limit: int, status: str = "") -> list[Eval]:
        """The newest evals of a session, or ("") of all (see `Archive.recent`)."""
        return self._archive.recent(session, limit, status)

    def get(self, eval_id: str) -> Eval | None:
        """The eval with this id, ended or not."""
        return self._archive.get(eval_id)

    def dropped(self, eval_id: str) -> Dropped | None:
        """What is known of an eval whose result is not kept any more."""
        return self._archive.dropped(eval_id)

    async def finished(self, eval_id: str) -> Eval:
        """Wait for an eval's end. Being cancelled here does nothing to the eval.

        Raises:
            KeyError: there is no such eval.
        """
        return await self._archive.finished(eval_id)

    def keep_output(self, spool: Spool) -> None:
        """A session's spool will go: keep both ends of what its finished evals have printed."""
        self._archive.keep_output(spool)

    def tidy(self) -> None:
        """Write ends that could not be written, and drop what has been kept long enough."""
        self._archive.tidy()

    def _open_in(self, key: str) -> list[Eval]:
        return [item for item in self._archive.all_open() if item.session == key]
