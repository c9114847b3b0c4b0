"""An eval, from its submission to its end."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class Status(StrEnum):
    """The state of an eval. The last four are final; an eval reaches exactly one of them."""

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
"""Maps the gate's words for the end of an eval to `Status`."""

KEPT: Final = "output:head"
"""Name of the part that holds the beginning of the output once the spool is gone."""

PERSON: Final = "person"
"""Value of `Eval.waited_for` if the eval had to wait for a person's input."""


@dataclass(frozen=True)
class Outcome:
    """How an eval ended.

    Attributes:
        status: one of `ENDS`.
        elapsed: seconds of evaluation, as measured by the gate.
        output: bytes of output that the eval produced.
        parts: what else the gate sent, in its order: values, displays, errors.
        reason: what happened, for an eval that was interrupted or lost with its session.
    """

    status: Status
    elapsed: float = 0.0
    output: int = 0
    parts: tuple[tuple[str, bytes], ...] = ()
    reason: str = ""

    @property
    def kept(self) -> bool:
        """Whether the parts include the output, because the spool is gone."""
        return any(name == KEPT for name, _ in self.parts)

    def part(self, name: str) -> bytes:
        """Return the first part with this name, or an empty value."""
        return next((value for key, value in self.parts if key == name), b"")

    def text(self, name: str) -> str:
        """Return the first part with this name, decoded as UTF-8."""
        return self.part(name).decode("utf-8", "replace")

    def to_json(self) -> dict[str, Any]:
        """Return plain data for the store, without the parts."""
        return {
            "status": self.status,
            "elapsed": self.elapsed,
            "output": self.output,
            # The first versions stored the parts here, and still read this key.
            "parts": [],
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], parts: Iterable[tuple[str, bytes]] = ()) -> Outcome:
        """Return the outcome that `to_json` wrote, with its parts if given."""
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
    """An evaluation request.

    Attributes:
        id: 8 hex characters; also the gate's request id, so that repeats are recognised.
        session: key of the session that evaluates it.
        boot_id: boot id of the process image it was given to; no other image knows it.
        code: the code to evaluate; for a tool call, its equivalent as code.
        agent: who asked, for display.
        quiet: whether the value is omitted.
        silent: whether nothing of it is shown in the session's terminal.
        thorough: whether all source files are read first, even if they look unchanged.
        call: fields that make it a tool call, empty for code.
        submitted: when it was submitted; all times here are in seconds since the epoch.
        began: when it was sent to the gate, 0 before that.
        finished: when its end was known, 0 before that.
        waited_for: the eval that it was queued behind, `PERSON`, or "" if it began at once.
        outcome: how it ended, None before that.
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
        """The current status."""
        if self.outcome:
            return self.outcome.status
        return Status.RUNNING if self.began else Status.QUEUED

    def ended(self, outcome: Outcome, now: float) -> Eval:
        """Return a copy of this eval that has ended."""
        return replace(self, outcome=outcome, finished=now)

    def to_json(self) -> dict[str, Any]:
        """Return plain data for the store, without the parts of the outcome."""
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
        """Return the eval that `to_json` wrote, ignoring fields unknown to this version.

        Args:
            data: the stored data.
            parts: the parts of the outcome, if needed.
        """
        known = {item.name for item in fields(cls)}
        values = {name: value for name, value in data.items() if name in known}
        outcome = values.pop("outcome")
        values["call"] = tuple((name, value) for name, value in values.get("call", ()))
        return cls(**values, outcome=Outcome.from_json(outcome, parts) if outcome else None)
