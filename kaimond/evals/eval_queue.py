"""What one session has to evaluate: at most one eval is with its gate, the others wait."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from kaimond import failpoints
from kaimond.evals.eval import GATE_STATUS, PERSON, Eval, Outcome, Status
from kaimond.evals.fair import Turns
from kaimond.evals.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kaimond.evals.history import Archive
    from kaimond.evals.spool import Spool
    from kaimond.gate.frames import Message
    from kaimond.gate.link import Link

ROWS: Final = "40"
COLUMNS: Final = "120"
"""How large a screen values are shown for."""

_META: Final = ("status", "elapsed", "output")

_OF_THE_SESSION: Final = ("sources", "reviser", "package", "file", "untracked", "remark")
"""What a result tells of the session's source; not kept, as it is much and no part of the eval."""


class SourceBook(Protocol):
    """Knows what source sessions run."""

    def fields(self, item: Eval) -> Iterable[tuple[str, str]]:
        """What the gate is told about source when it is given an eval."""

    def heard(self, item: Eval, message: Message) -> None:
        """The gate's result of an eval; called before anybody is answered."""


@dataclass(frozen=True)
class Office:
    """What all desks share.

    Attributes:
        archive: of evals.
        on_busy: called with a key when its session begins to evaluate.
        on_idle: called with a key when its session has nothing more to evaluate.
        sources: of what the results say about source; it is not kept with the evals.
        mirrored: tells of a key whether persons at that session see what agents evaluate.
    """

    archive: Archive
    on_busy: Callable[[str], None]
    on_idle: Callable[[str], None]
    sources: SourceBook | None
    mirrored: Callable[[str], bool]


class Desk:
    """One session's evals, from the queue to the gate and back, for one process image.

    Args:
        office: what all desks share.
        key: of the session.
        link: to its gate.
        spool: where its evals print.
        boot_id: of the process image.

    Attributes:
        boot_id: of the process image.
        spool: where its evals print.
        why: why somebody interrupts what runs; goes into its outcome.
    """

    def __init__(self, office: Office, key: str, link: Link, spool: Spool, boot_id: str) -> None:
        self.boot_id = boot_id
        self.spool = spool
        self.why = ""
        self._office = office
        self._archive = office.archive
        self._key = key
        self._link = link
        self._running = ""
        self._waiting: deque[str] = deque()
        self._turns = Turns()
        self._notes = Notes()
        self._paused = 0
        self._held = False

    # The queue

    @property
    def running(self) -> Eval | None:
        """The eval that is with the gate."""
        return self._archive.opened(self._running)

    @property
    def waiting(self) -> int:
        """How many evals wait."""
        return len(self._waiting)

    @property
    def _free(self) -> bool:
        """Whether something could be handed to the gate now."""
        return not (self._running or self._held or self._paused)

    @property
    def ahead(self) -> str:
        """What an eval that comes now has to wait for: an eval's id, `PERSON`, or ""."""
        return self._running or (PERSON if self._held else "")

    def notes_of(self, eval_id: str) -> Notes:
        """What an eval has told of itself; empty ones if it does not run."""
        return self._notes if self._running == eval_id else Notes()

    def resume(self, items: Iterable[Eval]) -> None:
        """Go on with what this process image was given by the previous daemon."""
        for item in items:
            if item.began:
                self._running = item.id
            else:
                self._waiting.append(item.id)
        if self._running:
            self._office.on_busy(self._key)
        else:
            self.next()

    def take(self, item: Eval, journal: Callable[[str], None]) -> None:
        """Queue an eval.

        Args:
            item: the eval.
            journal: called with its id; what it writes is stored with the eval, or neither is.

        Raises:
            sqlite3.Error: it cannot be stored; nothing is known of it then.
        """
        begins = self._free and not self._waiting
        self._archive.add(item, journal, begins=begins)
        self._waiting.append(item.id)
        self.next()

    def withdraw(self, eval_id: str, reason: str) -> bool:
        """Take an eval out of the queue; tell whether it was still there."""
        if eval_id not in self._waiting:
            return False
        self._waiting.remove(eval_id)
        self._archive.not_begun(eval_id, reason)
        return True

    def dismiss(self, reason: str) -> None:
        """End all that waits."""
        while self._waiting:
            self._archive.not_begun(self._waiting.popleft(), reason)

    def close(self, status: Status, reason: str) -> None:
        """The process image is gone: end what ran with this status, and what waits."""
        if self._running:
            outcome = Outcome(status, parts=self._notes.parts(), reason=reason)
            self._archive.cut_short(self.spool, self._running, outcome)
        self.dismiss(reason)

    def pause(self) -> None:
        """Begin nothing until `go_on` has been called as often."""
        self._paused += 1

    def go_on(self) -> None:
        """Undo one `pause`; nothing begins before `next`."""
        self._paused -= 1

    def hold(self) -> None:
        """A person's input is evaluated."""
        self._held = True
        self._office.on_busy(self._key)

    def release(self) -> None:
        """A person's input has ended."""
        self._held = False
        self.next()

    def next(self) -> None:
        """Hand the next eval to the gate, if it is free."""
        if not self._free:
            return
        if not self._waiting:
            self._office.on_idle(self._key)
            return
        chosen = self._turns.choose((item.id, item.agent) for item in self._queue())
        self._waiting.remove(chosen)
        self._running = chosen
        self.why = ""
        self._notes = Notes()
        item = self._archive.begins(chosen)
        self._office.on_busy(self._key)
        self._hand_over(item)
        failpoints.passing("eval.after-handover")

    def _queue(self) -> list[Eval]:
        waiting = [self._archive.opened(eval_id) for eval_id in self._waiting]
        return [item for item in waiting if item]

    # The gate

    def _hand_over(self, item: Eval) -> None:
        sources, mirrored = self._office.sources, self._office.mirrored(self._key)
        self._link.send(
            item.id,
            "eval",
            (
                # If it arrives at another process image, this one may have run it already.
                ("boot", item.boot_id),
                ("code", item.code),
                ("spool", str(self.spool.path(item.id))),
                ("quiet", "1" if item.quiet else "0"),
                ("silent", "0" if mirrored and not item.silent else "1"),
                ("rows", ROWS),
                ("columns", COLUMNS),
                *(sources.fields(item) if sources else ()),
                *item.call,
            ),
        )

    def transport_up(self) -> None:
        """Ask again for the result that may have been in flight when the transport broke."""
        if self._running:
            self._link.send("again", "result", (("eval", self._running),))

    def heard(self, message: Message) -> None:
        """Take in a message of the gate that answers no waiting request."""
        if message.verb == "result":
            stored = True
            if message.request == self._running:
                stored = self._concluded(message)
                self.next()
            if stored:
                # Only now may the gate forget it.
                self._link.send("ack", "ack", (("eval", message.request),))
        elif (message.verb, message.request) == ("notes", self._running) or (
            (message.verb, message.get("eval")) == ("pending", self._running)
        ):
            self._notes.take(message)
        elif message.verb == "unknown" and message.get("eval") == self._running:
            # It never arrived, or its acknowledged result was lost with us. The gate runs an id
            # once at most, so sending it again is safe.
            item = self.running
            assert item, "what runs has not ended"
            self._hand_over(item)
        elif message.verb == "refused" and message.request == self._running:
            running, self._running = self._running, ""
            reason = f"the gate refused it: {message.get('reason')}"
            self._archive.end(running, Outcome(Status.LOST, reason=reason))
            self.next()

    def _concluded(self, message: Message) -> bool:
        item = self.running
        running, self._running = self._running, ""
        why, self.why = self.why, ""
        if self._office.sources and item:
            self._office.sources.heard(item, message)
        outcome = _outcome(message)
        if why and outcome.status is Status.INTERRUPTED:
            return self._archive.cut_short(self.spool, running, replace(outcome, reason=why))
        return self._archive.end(running, outcome)


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
