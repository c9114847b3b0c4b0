"""Runs the evals of one process image: from the queue to the gate and back.

An eval is stored before it is sent to the gate, and its end is stored before the gate may drop it.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from kaimond import failpoints
from kaimond.evals.eval import GATE_STATUS, Eval, Outcome, Status
from kaimond.evals.eval_queue import MOST_WAITING, EvalQueue, QueueFullError
from kaimond.evals.notes import Notes
from kaimond.registry.state import Event, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kaimond.evals.eval_queue import Turn
    from kaimond.evals.spool import Spool
    from kaimond.gate.frames import Message
    from kaimond.gate.link import GateLink
    from kaimond.sessions.services import Services

ROWS: Final = "24"
COLUMNS: Final = "100"
"""Screen size for which values are displayed: small, as a model pays for each character."""

_UNSTORED: Final = Outcome(
    Status.LOST, reason="it had ended, but its result could not be stored before the daemon ended"
)

_UNENCODABLE: Final = Outcome(
    Status.FAILED, parts=(("error", b"nothing was evaluated: the code is not UTF-8"),)
)

_META: Final = ("status", "elapsed", "output")

_OF_THE_SESSION: Final = ("sources", "reviser", "package", "file", "untracked", "remark")
"""Fields of a result that describe the session's source; too large to store with the eval."""


class EvalRunner:
    """The evals of one process image.

    Args:
        key: the session's key.
        boot_id: the process image's boot id.
        link: the link to its gate.
        spool: where its evals write their output.
        turn: tracks whether input from one of the session's terminals is being evaluated.
        services: what all sessions share.
        mirrored: returns whether agents' evals are shown in the session's terminal.

    Attributes:
        boot_id: the process image's boot id; "" once it is closed.
        queue: decides which eval is next.
    """

    def __init__(
        self,
        key: str,
        boot_id: str,
        link: GateLink,
        spool: Spool,
        turn: Turn,
        services: Services,
        mirrored: Callable[[], bool],
    ) -> None:
        self.boot_id = boot_id
        self.queue = EvalQueue(turn)
        self._key = key
        self._link = link
        self._spool = spool
        self._history = services.history
        self._registry = services.registry
        self._source = services.source
        self._mirrored = mirrored
        self._notes = Notes()
        self._why = ""

    @property
    def running(self) -> Eval | None:
        """The eval that is currently with the gate."""
        return self._history.opened(self.queue.running)

    def notes_of(self, eval_id: str) -> Notes:
        """Return the notes of a running eval; empty notes if it is not running."""
        return self._notes if self.queue.running == eval_id else Notes()

    # Submitting

    def submit(
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
        """Queue code or a tool call.

        Args:
            code: the code to evaluate.
            agent: who asks, for display.
            journal: called with the new eval's id before anything is done; what it writes is stored
                in one transaction with the eval.
            quiet: whether to omit the value.
            silent: whether to show nothing of the eval in the session's terminal.
            thorough: whether to read all source files first, even if they look unchanged.
            call: fields that make this a tool call; `code` is then only for display.

        Raises:
            QueueFullError: too many evals are already waiting.
            sqlite3.Error: the eval cannot be stored, and was not queued.
            kaimond.runtime.UnsafeDirectoryError: there is no safe place for its output.
        """
        if self.queue.waiting >= MOST_WAITING:
            raise QueueFullError(f"Session {self._key} has {MOST_WAITING} evals waiting already.")
        self._spool.prepare()
        item = Eval(
            id=secrets.token_hex(4),
            session=self._key,
            boot_id=self.boot_id,
            code=code,
            agent=agent,
            quiet=quiet,
            silent=silent,
            thorough=thorough,
            call=call,
            submitted=time.time(),
            waited_for=self.queue.ahead,
        )
        self._history.add(item, journal, begins=self.queue.begins_next)
        self.queue.add(item)
        self.next()
        return self._history.get(item.id) or item

    def resume(self) -> None:
        """Continue with the evals that the previous daemon gave to this process image."""
        self._history.abandoned(
            self._key, self._spool, "the session was restarted", boot_id=self.boot_id
        )
        self.queue.resume(self._history.all_open(self._key))
        if self.queue.running:
            self._note_busy()
        else:
            self.next()

    def next(self) -> None:
        """Send the next eval to the gate if it is free, and record whether the session is busy."""
        chosen = self.queue.begin()
        if chosen:
            self._why = ""
            self._notes = Notes()
            item = self._history.begins(chosen.id)
            self._note_busy()
            self._hand_over(item)
            failpoints.passing("eval.after-handover")
        elif self.queue.busy_since is None and not self.queue.waiting:
            self._note_idle()
        elif self.queue.busy_since is not None:
            self._note_busy()

    def _note_busy(self) -> None:
        record = self._registry.get(self._key)
        if record and record.state is State.READY:
            self._registry.apply(self._key, Event.EVAL_BEGAN, "an eval began")

    def _note_idle(self) -> None:
        record = self._registry.get(self._key)
        if record and record.state is State.BUSY:
            self._registry.apply(
                self._key, Event.EVALS_ENDED, "no more evals", last_eval=time.time()
            )

    # Ending

    def withdraw(self, eval_id: str, reason: str) -> bool:
        """Remove an eval from the queue; return whether it was still waiting."""
        if not self.queue.withdraw(eval_id):
            return False
        self._history.not_begun(eval_id, reason)
        return True

    def interrupting(self, reason: str) -> None:
        """Record that the running eval is being interrupted.

        Args:
            reason: a clause for whoever waits for it; the first one given is kept.
        """
        self._why = self._why or reason

    @contextlib.contextmanager
    def pausing(self) -> Iterator[None]:
        """Let the running eval end, and start no other in the meantime."""
        self.queue.pause()
        try:
            yield
        finally:
            self.queue.go_on()
            if self.boot_id:
                self.next()

    def ending(self, reason: str) -> None:
        """Dismiss all waiting evals, because the process image is about to be ended on purpose."""
        self._why = reason
        for item in self.queue.dismiss():
            self._history.not_begun(item.id, reason)

    def close(self, status: Status, reason: str) -> None:
        """End the running eval with this status and dismiss the rest; the process image is gone."""
        if self.queue.running:
            outcome = Outcome(status, parts=self._notes.parts(), reason=reason)
            self._history.cut_short(self._spool, self.queue.end(), outcome)
        for item in self.queue.dismiss():
            self._history.not_begun(item.id, reason)
        for item in self._history.all_open(self._key):
            if item.boot_id == self.boot_id:
                self._history.cut_short(self._spool, item.id, _UNSTORED)
        self.boot_id = ""

    # Gate messages

    def _hand_over(self, item: Eval) -> None:
        fields = (
            # Another image must not run it, as the named one may have done so already.
            ("boot", item.boot_id),
            ("code", item.code),
            ("spool", str(self._spool.path(item.id))),
            ("quiet", "1" if item.quiet else "0"),
            ("silent", "0" if self._mirrored() and not item.silent else "1"),
            ("rows", ROWS),
            ("columns", COLUMNS),
            *self._source.fields(item),
            *item.call,
        )
        try:
            self._link.send(item.id, "eval", fields)
        except UnicodeEncodeError:
            self._history.end(self.queue.end(), _UNENCODABLE)
            self.next()

    def transport_up(self) -> None:
        """Request again the results that may have been lost when the transport broke."""
        for item in self._history.all_open(self._key):
            if item.began:
                self._link.send("again", "result", (("eval", item.id),))

    def heard(self, message: Message) -> None:
        """Handle a message from the gate that answers no pending request."""
        running = self.queue.running
        if message.verb == "result":
            stored = True
            if message.request == running:
                stored = self._concluded(message)
                self.next()
            elif self._ended_unstored(message.request):
                stored = self._history.end(message.request, _outcome(message))
            if stored:
                # Only now may the gate drop the result.
                self._link.send("ack", "ack", (("eval", message.request),))
        elif (message.verb, message.request) == ("notes", running) or (
            (message.verb, message.get("eval")) == ("pending", running)
        ):
            self._notes.take(message)
        elif message.verb == "unknown" and message.get("eval") == running:
            # The eval never arrived, or its acknowledged result was lost with the previous daemon.
            # The gate runs each id at most once, so sending it again is safe.
            item = self.running
            assert item, "what runs has not ended"
            self._hand_over(item)
        elif message.verb == "unknown" and self._ended_unstored(message.get("eval")):
            self._history.cut_short(self._spool, message.get("eval"), _UNSTORED)
        elif message.verb == "refused" and message.request == running:
            reason = f"the gate refused it: {message.get('reason')}"
            self._history.end(self.queue.end(), Outcome(Status.LOST, reason=reason))
            self.next()

    def _ended_unstored(self, eval_id: str) -> bool:
        """Return whether an eval ended before the running one, but its end was not stored.

        A previous daemon could not store it, and was killed before it could try again.
        """
        item = self._history.opened(eval_id)
        return bool(item and item.session == self._key and item.began)

    def _concluded(self, message: Message) -> bool:
        item = self.running
        ended = self.queue.end()
        why, self._why = self._why, ""
        if item:
            self._source.heard(item, message)
        outcome = _outcome(message)
        if why and outcome.status is Status.INTERRUPTED:
            return self._history.cut_short(self._spool, ended, replace(outcome, reason=why))
        return self._history.end(ended, outcome)


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
