"""The queue of every session: which eval is with the gate, which ones wait, and whose is next."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from kaimond import failpoints
from kaimond.evals.archive import Archive
from kaimond.evals.eval import GATE_STATUS, PERSON, Eval, Outcome, Status
from kaimond.evals.fair import Turns
from kaimond.evals.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kaimond.config.settings import EvalSettings
    from kaimond.evals.spool import Spool
    from kaimond.gate.frames import Message
    from kaimond.gate.link import Link
    from kaimond.registry.store import Dropped, Store

ROWS: Final = "40"
COLUMNS: Final = "120"
"""How large a screen values are shown for."""

_META: Final = ("status", "elapsed", "output")

_OF_THE_SESSION: Final = ("sources", "reviser", "package", "file", "untracked", "remark")
"""What a result tells of the session's source; not kept, as it is much and no part of the eval."""

MOST_WAITING: Final = 1000
"""Evals in the queue of one session."""


class SourceBook(Protocol):
    """Knows what source sessions run."""

    def fields(self, item: Eval) -> Iterable[tuple[str, str]]:
        """What the gate is told about source when it is given an eval."""

    def heard(self, item: Eval, message: Message) -> None:
        """The gate's result of an eval; called before anybody is answered."""


class QueueFullError(Exception):
    """A session's queue takes no more evals."""


@dataclass
class _Desk:
    """What one session has to evaluate: at most one eval is with the gate, the others wait.

    Attributes:
        why: why somebody interrupts what runs; goes into its outcome.
        turns: whose eval is next.
        notes: of what runs.
        paused: how many interrupts want nothing else to begin now.
        held: whether the gate evaluates what a person has entered at a terminal.
    """

    link: Link
    spool: Spool
    boot_id: str
    running: str = ""
    waiting: deque[str] = field(default_factory=deque)
    why: str = ""
    turns: Turns = field(default_factory=Turns)
    notes: Notes = field(default_factory=Notes)
    paused: int = 0
    held: bool = False


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
        self._on_busy = on_busy
        self._on_idle = on_idle
        self._sources = sources
        self._mirrored = mirrored
        self._desks: dict[str, _Desk] = {}

    # Sessions come and go

    def opened(self, key: str, link: Link, spool: Spool, boot_id: str) -> None:
        """A session can evaluate from now on."""
        self._desks[key] = _Desk(link, spool, boot_id)

    def adopted(self, key: str, link: Link, spool: Spool, boot_id: str) -> None:
        """A session outlived the previous daemon; its evals go on."""
        desk = _Desk(link, spool, boot_id)
        self._desks[key] = desk
        for item in self._open_in(key):
            if item.boot_id != boot_id:
                self._archive.end(item.id, Outcome(Status.LOST, reason="the session was restarted"))
            elif item.began:
                desk.running = item.id
            else:
                desk.waiting.append(item.id)
        if desk.running:
            self._on_busy(key)
        else:
            self._next(key)

    def stranded(self) -> set[str]:
        """Keys of sessions whose evals have not ended although nothing evaluates them.

        After an adoption these are the evals of sessions that had ended or were about to, in the
        moment between the two notes that the previous daemon could not take.
        """
        return {item.session for item in self._archive.all_open()} - set(self._desks)

    def abandoned(self, key: str, spool: Spool, reason: str) -> None:
        """A session has ended, or will, that was not taken up again."""
        for item in self._open_in(key):
            if item.began:
                self._archive.cut_short(spool, item.id, Outcome(Status.LOST, reason=reason))
            else:
                self._archive.not_begun(item.id, reason)

    def closed(self, key: str, reason: str) -> None:
        """A process image is gone, and with it the evals that it had."""
        desk = self._desks.pop(key, None)
        if desk is None:
            return
        if desk.running:
            self._cut_short(desk, Status.LOST, reason)
        for eval_id in desk.waiting:
            self._archive.not_begun(eval_id, reason)

    def ending(self, key: str, reason: str) -> None:
        """The process image is about to be ended on purpose: what waits does not begin."""
        desk = self._desks.get(key)
        if desk is None:
            return
        desk.why = reason
        while desk.waiting:
            self._archive.not_begun(desk.waiting.popleft(), reason)

    def interrupted(self, key: str, reason: str) -> None:
        """The process image was ended on purpose: by a restart or a shutdown."""
        desk = self._desks.pop(key, None)
        if desk is None:
            return
        if desk.running:
            self._cut_short(desk, Status.INTERRUPTED, reason)
        for eval_id in desk.waiting:
            self._archive.not_begun(eval_id, reason)

    def _cut_short(self, desk: _Desk, status: Status, reason: str) -> None:
        outcome = Outcome(status, parts=desk.notes.parts(), reason=reason)
        self._archive.cut_short(desk.spool, desk.running, outcome)

    # Evals come and go

    def withdraw(self, eval_id: str, reason: str) -> bool:
        """Take an eval out of the queue; tell whether it was still there."""
        item = self._archive.opened(eval_id)
        desk = self._desks.get(item.session) if item else None
        if desk is None or eval_id not in desk.waiting:
            return False
        desk.waiting.remove(eval_id)
        self._archive.not_begun(eval_id, reason)
        return True

    @contextlib.contextmanager
    def pausing(self, key: str) -> Iterator[None]:
        """Let what runs end, and begin nothing else meanwhile."""
        desk = self._desks.get(key)
        if desk is None:
            yield
            return
        desk.paused += 1
        try:
            yield
        finally:
            desk.paused -= 1
            if self._desks.get(key) is desk:
                self._next(key)

    def begun(self, item: Eval) -> bool:
        """Whether the gate has begun with an eval that it was given: it opens the spool then."""
        desk = self._desks.get(item.session)
        return desk is not None and desk.spool.path(item.id).exists()

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
            journal: called with the new eval's id before anything is done.

        Raises:
            KeyError: the session is not open.
            QueueFullError: it has too many evals waiting.
            kaimond.runtime.UnsafeDirectoryError: there is no safe place for its output.
        """
        desk = self._desks[key]
        if len(desk.waiting) >= MOST_WAITING:
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
            waited_for=desk.running or (PERSON if desk.held else ""),
        )
        failpoints.passing("eval.before-journal")
        journal(item.id)
        failpoints.passing("eval.after-journal")
        self._archive.add(item)
        desk.waiting.append(item.id)
        self._next(key)
        return self._archive.opened(item.id) or item

    def hold(self, key: str) -> None:
        """A person's input is evaluated; no eval is handed over meanwhile."""
        desk = self._desks.get(key)
        if desk:
            desk.held = True
            self._on_busy(key)

    def release(self, key: str) -> None:
        """A person's input has ended."""
        desk = self._desks.get(key)
        if desk:
            desk.held = False
            self._next(key)

    def _next(self, key: str) -> None:
        desk = self._desks[key]
        if desk.running or desk.held or desk.paused:
            return
        if not desk.waiting:
            self._on_idle(key)
            return
        chosen = desk.turns.choose((item.id, item.agent) for item in self._waiting(desk))
        desk.waiting.remove(chosen)
        desk.running = chosen
        desk.notes = Notes()
        item = self._archive.begins(chosen)
        self._on_busy(key)
        self._hand_over(desk, item)
        failpoints.passing("eval.after-handover")

    def _waiting(self, desk: _Desk) -> list[Eval]:
        waiting = [self._archive.opened(eval_id) for eval_id in desk.waiting]
        return [item for item in waiting if item]

    def _hand_over(self, desk: _Desk, item: Eval) -> None:
        desk.link.send(
            item.id,
            "eval",
            (
                # If it arrives at another process image, this one may have run it already.
                ("boot", item.boot_id),
                ("code", item.code),
                ("spool", str(desk.spool.path(item.id))),
                ("quiet", "1" if item.quiet else "0"),
                ("silent", "0" if self._mirrored(item.session) and not item.silent else "1"),
                ("rows", ROWS),
                ("columns", COLUMNS),
                *(self._sources.fields(item) if self._sources else ()),
                *item.call,
            ),
        )

    # The gate speaks

    def heard(self, key: str, message: Message) -> None:
        """Take in a message of a session's gate that answers no waiting request."""
        desk = self._desks.get(key)
        if desk is None:
            return
        if message.verb == "result":
            stored = True
            if message.request == desk.running:
                stored = self._concluded(desk, message)
                self._next(key)
            if stored:
                # Only now may the gate forget it.
                desk.link.send("ack", "ack", (("eval", message.request),))
        elif (message.verb, message.request) == ("notes", desk.running) or (
            (message.verb, message.get("eval")) == ("pending", desk.running)
        ):
            desk.notes.take(message)
        elif message.verb == "unknown" and message.get("eval") == desk.running:
            # It never arrived, or its acknowledged result was lost with us. The gate runs an id
            # once at most, so sending it again is safe.
            item = self._archive.opened(desk.running)
            assert item, "what runs has not ended"
            self._hand_over(desk, item)
        elif message.verb == "refused" and message.request == desk.running:
            running, desk.running = desk.running, ""
            reason = f"the gate refused it: {message.get('reason')}"
            self._archive.end(running, Outcome(Status.LOST, reason=reason))
            self._next(key)

    def _concluded(self, desk: _Desk, message: Message) -> bool:
        running, desk.running = desk.running, ""
        why, desk.why = desk.why, ""
        item = self._archive.opened(running)
        if self._sources and item:
            self._sources.heard(item, message)
        outcome = _outcome(message)
        if why and outcome.status is Status.INTERRUPTED:
            return self._archive.cut_short(desk.spool, running, replace(outcome, reason=why))
        return self._archive.end(running, outcome)

    def transport_up(self, key: str) -> None:
        """Ask again for the result that may have been in flight when the transport broke."""
        desk = self._desks.get(key)
        if desk and desk.running:
            desk.link.send("again", "result", (("eval", desk.running),))

    # Readers

    def running(self, key: str) -> Eval | None:
        """The eval that a session evaluates now."""
        desk = self._desks.get(key)
        return self._archive.opened(desk.running) if desk else None

    def notes(self, item: Eval) -> Notes:
        """What an eval has told of itself; empty ones if it does not run."""
        desk = self._desks.get(item.session)
        return desk.notes if desk and desk.running == item.id else Notes()

    def waiting(self, key: str) -> int:
        """How many evals wait in a session's queue."""
        desk = self._desks.get(key)
        return len(desk.waiting) if desk else 0

    def recent(self, session: str, limit: int) -> list[Eval]:
        """The newest evals, of one session or ("") of all, the newest first."""
        return self._archive.recent(session, limit)

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
        """Drop what has been kept long enough."""
        self._archive.tidy()

    def _open_in(self, key: str) -> list[Eval]:
        return [item for item in self._archive.all_open() if item.session == key]


def _outcome(message: Message) -> Outcome:
    return Outcome(
        status=GATE_STATUS.get(message.get("status"), Status.FAILED),
        elapsed=message.number("elapsed"),
        output=int(message.number("output")),
        parts=tuple(
            (name, value)
            for name, value in message.fields
            if name not in (*_META, *_OF_THE_SESSION)
        ),
    )
