"""All evals of all sessions: the queue of each, and what becomes of every one.

An eval is written to the store before the gate hears of it and again when it ends, so an eval that
was promised an answer has one after any crash: its result, asked for again by its id; or, if its
process image is gone, the word that it is lost.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
import sys
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from kaimond import failpoints
from kaimond.evals.eval import GATE_STATUS, Eval, Outcome, Status
from kaimond.evals.fair import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaimond.evals.spool import Output, Spool
    from kaimond.gate.frames import Message
    from kaimond.gate.link import Link
    from kaimond.registry.store import Store

_log = logging.getLogger("kaimond.evals")

ROWS: Final = "40"
COLUMNS: Final = "120"
"""How large a screen values are shown for."""

KEEP: Final = 200
"""Finished evals remembered for each session."""

PARTIAL: Final = 2**15
"""Bytes kept from each end of the output of an eval that was cut short."""

_META: Final = ("status", "elapsed", "output")


MOST_WAITING: Final = 1000
"""Evals in the queue of one session."""


class QueueFullError(Exception):
    """A session's queue takes no more evals."""


@dataclass
class _Desk:
    """What one session has to evaluate: at most one eval is with the gate, the others wait.

    Attributes:
        why: why somebody interrupts what runs; goes into its outcome.
        turns: whose eval is next.
    """

    link: Link
    spool: Spool
    boot_id: str
    running: str = ""
    waiting: deque[str] = field(default_factory=deque)
    why: str = ""
    turns: Turns = field(default_factory=Turns)


class EvalBook:
    """Keeps every eval that has not ended, and finds those that have.

    Args:
        store: where evals are kept.
        on_busy: called with a key when its session begins to evaluate.
        on_idle: called with a key when its session has nothing more to evaluate.
        on_finished: called with every eval that ended.
    """

    def __init__(
        self,
        store: Store,
        on_busy: Callable[[str], None],
        on_idle: Callable[[str], None],
        on_finished: Callable[[Eval], None],
    ) -> None:
        self._store = store
        self._on_busy = on_busy
        self._on_idle = on_idle
        self._on_finished = on_finished
        self._desks: dict[str, _Desk] = {}
        self._open: dict[str, Eval] = {}
        self._ends: dict[str, asyncio.Future[Eval]] = {}
        for data in store.unfinished_evals():
            item = Eval.from_json(data)
            self._open[item.id] = item
            self._ends[item.id] = asyncio.get_running_loop().create_future()

    # Sessions come and go

    def opened(self, key: str, link: Link, spool: Spool, boot_id: str) -> None:
        """A session can evaluate from now on."""
        self._desks[key] = _Desk(link, spool, boot_id)

    def adopted(self, key: str, link: Link, spool: Spool, boot_id: str) -> None:
        """A session outlived the previous daemon; its evals go on."""
        desk = _Desk(link, spool, boot_id)
        self._desks[key] = desk
        for item in [item for item in self._open.values() if item.session == key]:
            if item.boot_id != boot_id:
                self._end(item.id, Outcome(Status.LOST, reason="the session was restarted"))
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
        return {item.session for item in self._open.values()} - set(self._desks)

    def abandoned(self, key: str, spool: Spool, reason: str) -> None:
        """A session has ended, or will, that was not taken up again."""
        for item in [item for item in self._open.values() if item.session == key]:
            if item.began:
                self._cut_short(spool, item.id, Status.LOST, reason)
            else:
                self._not_begun(item.id, reason)

    def closed(self, key: str, reason: str) -> None:
        """A process image is gone, and with it the evals that it had."""
        desk = self._desks.pop(key, None)
        if desk is None:
            return
        if desk.running:
            self._cut_short(desk.spool, desk.running, Status.LOST, reason)
        for eval_id in desk.waiting:
            self._not_begun(eval_id, reason)

    def ending(self, key: str, reason: str) -> None:
        """The process image is about to be ended on purpose: what waits does not begin."""
        desk = self._desks.get(key)
        if desk is None:
            return
        desk.why = reason
        while desk.waiting:
            self._not_begun(desk.waiting.popleft(), reason)

    def _not_begun(self, eval_id: str, reason: str) -> None:
        self._end(eval_id, Outcome(Status.INTERRUPTED, reason=f"it had not begun: {reason}"))

    def interrupted(self, key: str, reason: str) -> None:
        """The process image was ended on purpose: by a restart or a shutdown."""
        desk = self._desks.pop(key, None)
        if desk is None:
            return
        if desk.running:
            self._cut_short(desk.spool, desk.running, Status.INTERRUPTED, reason)
        for eval_id in desk.waiting:
            self._not_begun(eval_id, reason)

    def _cut_short(self, spool: Spool, eval_id: str, status: Status, reason: str) -> bool:
        # The spool goes with the process image, so what the eval had printed is kept here.
        printed = spool.read(eval_id, sys.maxsize, PARTIAL, PARTIAL)
        size = len(printed.head) + printed.omitted + len(printed.tail)
        return self._end(eval_id, Outcome(status, output=size, parts=_ends(printed), reason=reason))

    def keep_output(self, spool: Spool) -> None:
        """A session's spool will go: keep both ends of what its finished evals have printed.

        An agent that lost its connection may still ask for the result.
        """
        for item in [self.get(eval_id) for eval_id in spool.evals()]:
            outcome = item.outcome if item else None
            if item and outcome and outcome.output and not outcome.kept:
                printed = spool.read(item.id, outcome.output, PARTIAL, PARTIAL)
                parts = (*outcome.parts, *_ends(printed))
                self._stored(replace(item, outcome=replace(outcome, parts=parts)))

    # Evals come and go

    def withdraw(self, eval_id: str, reason: str) -> bool:
        """Take an eval out of the queue; tell whether it was still there."""
        item = self._open.get(eval_id)
        desk = self._desks.get(item.session) if item else None
        if desk is None or eval_id not in desk.waiting:
            return False
        desk.waiting.remove(eval_id)
        self._not_begun(eval_id, reason)
        return True

    def interrupting(self, key: str, reason: str) -> None:
        """Somebody interrupts what runs; ``reason`` is for whoever waits for it."""
        if key in self._desks:
            self._desks[key].why = reason

    def submit(
        self, key: str, code: str, agent: str, *, quiet: bool, journal: Callable[[str], None]
    ) -> Eval:
        """Queue code for a session that is open.

        Args:
            key: of the session.
            code: to evaluate.
            agent: who asks, for people.
            quiet: the value is not wanted.
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
            submitted=time.time(),
            waited_for=desk.running,
        )
        failpoints.passing("eval.before-journal")
        journal(item.id)
        failpoints.passing("eval.after-journal")
        self._store.save_eval(item.id, item.session, item.finished, item.to_json())
        self._open[item.id] = item
        failpoints.passing("eval.after-save")
        self._ends[item.id] = asyncio.get_running_loop().create_future()
        desk.waiting.append(item.id)
        self._next(key)
        return self._open[item.id]

    def _next(self, key: str) -> None:
        desk = self._desks[key]
        if desk.running:
            return
        if not desk.waiting:
            self._on_idle(key)
            return
        chosen = desk.turns.choose((each, self._open[each].agent) for each in desk.waiting)
        desk.waiting.remove(chosen)
        item = replace(self._open[chosen], began=time.time())
        desk.running = item.id
        self._open[item.id] = item
        # If this cannot be stored, the next daemon takes it for queued and hands it over a second
        # time; the gate runs an id once.
        self._stored(item)
        self._on_busy(key)
        self._hand_over(desk, item)
        failpoints.passing("eval.after-handover")

    def _hand_over(self, desk: _Desk, item: Eval) -> None:
        desk.link.send(
            item.id,
            "eval",
            (
                ("code", item.code),
                ("spool", str(desk.spool.path(item.id))),
                ("quiet", "1" if item.quiet else "0"),
                ("rows", ROWS),
                ("columns", COLUMNS),
            ),
        )

    def _stored(self, item: Eval) -> bool:
        """Write an eval down; a disk that is full must not stop the queue or who waits."""
        try:
            if item.finished:
                failpoints.passing("eval.before-end-saved")
            self._store.save_eval(item.id, item.session, item.finished, item.to_json())
            if item.finished:
                failpoints.passing("eval.after-end-saved")
                self._store.forget_evals(item.session, KEEP)
        except (sqlite3.Error, OSError) as error:
            _log.error(
                "eval %s could not be stored as %s: %s",
                item.id,
                item.status,
                error,
                extra={"session": item.session},
            )
            return False
        return True

    def _end(self, eval_id: str, outcome: Outcome) -> bool:
        """End an eval; tell whether that is stored. Who waits is answered in any case."""
        item = self._open.pop(eval_id).ended(outcome, time.time())
        stored = self._stored(item)
        _log.info(
            "eval %s %s after %.3f s",
            item.id,
            item.status,
            outcome.elapsed,
            extra={"session": item.session, "agent": item.agent},
        )
        try:
            self._on_finished(item)
        except Exception:  # noqa: BLE001 - who waits is answered whatever goes wrong beside it
            _log.exception("noting the end of eval %s failed", item.id)
        future = self._ends.pop(eval_id, None)
        if future and not future.done():
            future.set_result(item)
        return stored

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
        elif message.verb == "unknown" and message.get("eval") == desk.running:
            # It never arrived, or its acknowledged result was lost with us. The gate runs an id
            # once at most, so sending it again is safe.
            self._hand_over(desk, self._open[desk.running])
        elif message.verb == "refused" and message.request == desk.running:
            running, desk.running = desk.running, ""
            reason = f"the gate refused it: {message.get('reason')}"
            self._end(running, Outcome(Status.LOST, reason=reason))
            self._next(key)

    def _concluded(self, desk: _Desk, message: Message) -> bool:
        running, desk.running = desk.running, ""
        why, desk.why = desk.why, ""
        outcome = _outcome(message)
        if why and outcome.status is Status.INTERRUPTED:
            return self._cut_short(desk.spool, running, Status.INTERRUPTED, why)
        return self._end(running, outcome)

    def transport_up(self, key: str) -> None:
        """Ask again for the result that may have been in flight when the transport broke."""
        desk = self._desks.get(key)
        if desk and desk.running:
            desk.link.send("again", "result", (("eval", desk.running),))

    # Readers

    def running(self, key: str) -> Eval | None:
        """The eval that a session evaluates now."""
        desk = self._desks.get(key)
        return self._open.get(desk.running) if desk else None

    def waiting(self, key: str) -> int:
        """How many evals wait in a session's queue."""
        desk = self._desks.get(key)
        return len(desk.waiting) if desk else 0

    def recent(self, session: str, limit: int) -> list[Eval]:
        """The newest evals, of one session or ("") of all, the newest first."""
        return [Eval.from_json(data) for data in self._store.recent_evals(session, limit)]

    def get(self, eval_id: str) -> Eval | None:
        """The eval with this id, ended or not."""
        if eval_id in self._open:
            return self._open[eval_id]
        data = self._store.load_eval(eval_id)
        return Eval.from_json(data) if data else None

    async def finished(self, eval_id: str) -> Eval:
        """Wait for an eval's end. Being cancelled here does nothing to the eval.

        Raises:
            KeyError: there is no such eval.
        """
        future = self._ends.get(eval_id)
        if future is not None:
            return await asyncio.shield(future)
        item = self.get(eval_id)
        if item is None:
            raise KeyError(eval_id)
        return item


def _ends(printed: Output) -> tuple[tuple[str, bytes], ...]:
    return (("output:head", printed.head), ("output:tail", printed.tail))


def _outcome(message: Message) -> Outcome:
    return Outcome(
        status=GATE_STATUS.get(message.get("status"), Status.FAILED),
        elapsed=message.number("elapsed"),
        output=int(message.number("output")),
        parts=tuple((name, value) for name, value in message.fields if name not in _META),
    )
