"""One evaluation, from its submission to its one end."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class Status(StrEnum):
    """Where an eval is. The last four are ends; an eval reaches exactly one of them."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """The code threw, or did not parse."""
    INTERRUPTED = "interrupted"
    LOST = "lost"
    """The process ended before the eval did; how far it got is unknown."""


ENDS: Final = frozenset({Status.DONE, Status.FAILED, Status.INTERRUPTED, Status.LOST})

GATE_STATUS: Final = {
    "ok": Status.DONE,
    "error": Status.FAILED,
    "interrupted": Status.INTERRUPTED,
}
"""What the gate's words mean here."""

KEPT: Final = "output:head"
"""The part that holds the beginning of what was printed, once the spool is gone."""

PERSON: Final = "person"
"""What an eval has waited for that was not handed over while a person's input was evaluated."""


@dataclass(frozen=True)
class Outcome:
    """How an eval ended.

    Attributes:
        status: one of `ENDS`.
        elapsed: seconds of evaluation, as the gate measured them.
        output: bytes of output that the eval produced.
        parts: what the gate sent beside: values, displays, errors, in its order.
        reason: for an eval that the session's end interrupted or lost, what happened.
    """

    status: Status
    elapsed: float = 0.0
    output: int = 0
    parts: tuple[tuple[str, bytes], ...] = ()
    reason: str = ""

    @property
    def kept(self) -> bool:
        """Whether the parts hold what was printed, because the spool is gone."""
        return any(name == KEPT for name, _ in self.parts)

    def part(self, name: str) -> bytes:
        """The first part with this name, nothing if there is none."""
        return next((value for key, value in self.parts if key == name), b"")

    def text(self, name: str) -> str:
        """Return the first part with this name, decoded as UTF-8."""
        return self.part(name).decode("utf-8", "replace")

    def to_json(self) -> dict[str, Any]:
        """Plain data for the store, without the parts."""
        return {
            "status": self.status,
            "elapsed": self.elapsed,
            "output": self.output,
            # The first versions kept them here, and still look.
            "parts": [],
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], parts: Iterable[tuple[str, bytes]] = ()) -> Outcome:
        """The outcome that `to_json` wrote, with its parts if they are given."""
        early = tuple((name, base64.b64decode(value)) for name, value in data["parts"])
        return cls(
            Status(data["status"]),
            data["elapsed"],
            data["output"],
            (*early, *parts),
            data["reason"],
        )


@dataclass(frozen=True)
class Eval:
    """One evaluation request.

    Attributes:
        id: 8 hex characters; also the gate's request id, which makes a repeat recognisable.
        session: key of the session that evaluates it.
        boot_id: of the process image that it was given to; another image knows nothing of it.
        code: what to evaluate; for the call of a tool, how it would be written.
        agent: who asked, for people.
        quiet: the value is not wanted.
        silent: nothing of it is shown in the session's terminal.
        thorough: all source files are read for it, however they look.
        call: fields that make it the call of a tool, nothing for code.
        submitted: when, in seconds since the epoch, as all times here.
        began: when it was handed to the gate, 0 before.
        finished: when its end was known, 0 before.
        waited_for: the eval that it was queued behind, `PERSON`, or "" if it began at once.
        outcome: its end, None before.
    """

    id: str
    session: str
    boot_id: str
    code: str
    agent: str
    submitted: float
    quiet: bool = False
    silent: bool = False
    thorough: bool = False
    call: tuple[tuple[str, str], ...] = ()
    began: float = 0.0
    finished: float = 0.0
    waited_for: str = ""
    outcome: Outcome | None = field(default=None, repr=False)

    @property
    def status(self) -> Status:
        """The present status."""
        if self.outcome:
            return self.outcome.status
        return Status.RUNNING if self.began else Status.QUEUED

    def ended(self, outcome: Outcome, now: float) -> Eval:
        """The same eval at its end."""
        return replace(self, outcome=outcome, finished=now)

    def to_json(self) -> dict[str, Any]:
        """Plain data for the store, without the parts of the outcome."""
        return {
            "id": self.id,
            "session": self.session,
            "boot_id": self.boot_id,
            "code": self.code,
            "agent": self.agent,
            "submitted": self.submitted,
            "quiet": self.quiet,
            "silent": self.silent,
            "thorough": self.thorough,
            "call": [list(field) for field in self.call],
            "began": self.began,
            "finished": self.finished,
            "waited_for": self.waited_for,
            "outcome": self.outcome.to_json() if self.outcome else None,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], parts: Iterable[tuple[str, bytes]] = ()) -> Eval:
        """The eval that `to_json` wrote; fields that this version does not know are ignored.

        Args:
            data: what was written.
            parts: of the outcome, if they are wanted.
        """
        known = {item.name for item in fields(cls)}
        values = {name: value for name, value in data.items() if name in known}
        outcome = values.pop("outcome")
        values["call"] = tuple((name, value) for name, value in values.get("call", ()))
        return cls(**values, outcome=Outcome.from_json(outcome, parts) if outcome else None)
