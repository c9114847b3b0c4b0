"""What must hold whatever dies, as plain data and comparisons; no input or output.

The run tells the model what it asked, what it was answered and whom it killed, each with the time.
The model complains, in sentences, about whatever could not have happened in a system that keeps the
invariants N1 (keys), N4 (evals) and N5 (answers).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

BOUND: Final = 75.0
"""Seconds in which a request must be answered: a start after a restart after a queue of evals, each
on a machine that others load as well."""

LATE: Final = 5.0
"""Seconds after which an answer to a cancelled request cannot have been on its way already."""

NEVER_RAN: Final = (
    "nothing was evaluated",
    "No session has the key",
    "There is no session",
    "There are several sessions",
    " ended at ",
    "had not begun",
    "Nothing was run",
)
"""Phrases that promise that the code did not run at all."""


@dataclass
class Request:
    """One request of one agent.

    Attributes:
        agent: number of the agent.
        ident: its id, unique within a shim's life.
        tool: that it calls.
        step: of the run in which it was made.
        sent: when, on the monotonic clock, as all times here.
        answers: when each of its answers came.
        text: of the first answer.
        failed: whether that was an error.
        structured: content of the first answer.
        eval_id: that the answer names.
        cancelled: when it was cancelled, or None.
        orphaned: whether its own shim was killed before the answer.
    """

    agent: int
    ident: int
    tool: str
    step: int
    sent: float
    answers: list[float] = field(default_factory=list)
    text: str = ""
    failed: bool = False
    structured: dict[str, Any] = field(default_factory=dict)
    eval_id: str = ""
    cancelled: float | None = None
    orphaned: bool = False

    def wants_daemon(self, since: float) -> bool:
        """Whether a daemon had to be started for it after ``since``, when the last one died.

        A request that the shim had answered in words by then wants none any more.
        """
        if self.orphaned or self.cancelled is not None:
            return False
        return self.sent >= since or not self.answers

    def complaints(self, now: float) -> list[str]:
        """What is wrong with its answers (N5)."""
        said = []
        name = f"step {self.step}: request {self.ident} ({self.tool}) of agent {self.agent}"
        if len(self.answers) > 1:
            said.append(f"{name} was answered {len(self.answers)} times")
        if self.cancelled is not None:
            if self.answers and self.answers[-1] > self.cancelled + LATE:
                said.append(f"{name} was answered although it had been cancelled")
        elif not self.orphaned:
            took = (self.answers[0] if self.answers else now) - self.sent
            if took > BOUND:
                what = "was answered only after" if self.answers else "has had no answer for"
                said.append(f"{name} {what} {took:.1f} s")
        return said


@dataclass
class Evaluation:
    """One eval with a number that its side effects carry.

    Attributes:
        number: of it, unique in the run.
        request: that asked for it.
        lines: of ``seq=`` that it prints.
        throws: whether it ends with an exception of its own.
        image: token of the process image in which it was done, as its answer says.
    """

    number: int
    request: Request
    lines: int = 0
    throws: bool = False
    image: str = ""

    @property
    def verdict(self) -> str:
        """What its answer claims: done, background, refused (never ran), cut, or unknown."""
        request = self.request
        if not request.answers:
            return "unknown"
        if not request.failed:
            return "background" if " goes on in the background " in request.text else "done"
        if self.throws and f"boom {self.number}" in request.text:
            return "done"
        if any(phrase in request.text for phrase in NEVER_RAN):
            return "refused"
        if " was interrupted" in request.text or " is lost" in request.text:
            return "cut"
        if "InterruptException" in request.text:
            return "cut"
        if "cannot be reached" in request.text:
            return "unknown"
        return "strange"

    def answered(self) -> list[str]:
        """Look at its answer, once it is there."""
        name, text = self._name(), self.request.text
        if self.verdict == "strange":
            return [f"{name} was answered with: {text[:400]}"]
        said = []
        if self.verdict == "background":
            return []
        if not self.request.failed:
            found = re.search(r'done (\d+) ([0-9.]+)"', text)
            if not found or int(found[1]) != self.number:
                return [f"{name} got the wrong answer: {text[:400]}"]
            self.image = found[2]
            if sequence(text) != list(range(1, self.lines + 1)):
                said.append(f"{name} printed {self.lines} lines, its answer has {sequence(text)}")
        elif self.verdict == "cut" and sequence(text) != list(range(1, len(sequence(text)) + 1)):
            said.append(f"{name}: the output has a hole: {sequence(text)}")
        return said

    def effect(self, count: int) -> list[str]:
        """Compare its answer with how often its side effect happened (N4)."""
        name, verdict = self._name(), self.verdict
        if count > 1:
            return [f"{name} ran {count} times; its answer was {verdict}"]
        if verdict == "done" and count != 1:
            return [f"{name} was said to be done and never ran: {self.request.text[:200]}"]
        if verdict == "refused" and count:
            return [f"{name} ran although its answer says no: {self.request.text[:300]}"]
        return []

    def _name(self) -> str:
        return f"step {self.request.step}: eval {self.number} of agent {self.request.agent}"


def sequence(text: str) -> list[int]:
    """The numbers of the ``seq=`` lines in a text, in its order."""
    return [int(number) for number in re.findall(r"^seq=(\d{6})$", text, re.MULTILINE)]


@dataclass
class Key:
    """What was seen of one session's key.

    Attributes:
        project: of the session.
        acknowledged: whether a start or a restart named it to an agent.
        generation: the highest that was seen.
        seen: when that was known.
        dead: when it was first known to have ended, or None.
        boots: boot id and pid of each generation.
    """

    project: str
    acknowledged: bool = False
    generation: int = 0
    seen: float = 0.0
    dead: float | None = None
    boots: dict[int, tuple[str, int]] = field(default_factory=dict)


class Keys:
    """The life of every key, from the views that anybody was given (N1)."""

    def __init__(self) -> None:
        self.known: dict[str, Key] = {}
        self.killed: set[str] = set()

    def observe(
        self, view: dict[str, Any], sent: float, answered: float, *, acknowledged: bool = False
    ) -> list[str]:
        """Take in a view that was asked for at ``sent`` and given at ``answered``."""
        name, generation = view["key"], view["generation"]
        key = self.known.setdefault(name, Key(view["project"]))
        key.acknowledged = key.acknowledged or acknowledged
        said = []
        if key.project != view["project"]:
            said.append(f"key {name} moved from {key.project} to {view['project']}")
        ended = bool(view["ended"])
        if key.dead is not None and key.dead < sent and not ended:
            said.append(f"key {name} was dead and is {view['state']} again")
        if ended:
            key.dead = answered if key.dead is None else min(key.dead, answered)
            if not view["ending"]:
                said.append(f"key {name} ended without a word why")
            if view["state"] == "crashed" and key.acknowledged and name not in self.killed:
                said.append(f"session {name} crashed and nobody killed it: {view['ending']}")
            return said
        if generation < key.generation and key.seen < sent:
            said.append(f"key {name} fell from generation {key.generation} to {generation}")
        if generation > key.generation:
            key.generation, key.seen = generation, answered
        if view["state"] in ("ready", "busy"):
            said += self._image(name, key, generation, (view["boot_id"], view["pid"]))
        return said

    @staticmethod
    def _image(name: str, key: Key, generation: int, image: tuple[str, int]) -> list[str]:
        known = key.boots.setdefault(generation, image)
        if known != image:
            return [f"key {name}, generation {generation} was {known} and is {image}"]
        twins = [g for g, (boot, _) in key.boots.items() if boot == image[0] and g != generation]
        if twins:
            return [f"key {name}: generations {twins} and {generation} have one boot id {image[0]}"]
        return []

    def missing(self, present: Iterable[str]) -> list[str]:
        """Acknowledged keys of which nothing is known any more."""
        left = {name for name, key in self.known.items() if key.acknowledged} - set(present)
        return [f"key {name} was acknowledged and is forgotten" for name in sorted(left)]


def variables(done: Iterable[Evaluation], seen: list[int], image: str) -> list[str]:
    """Compare what a session's own variable counted with what was said to be done in its image."""
    said = [
        f"image {image} counted eval {number} {seen.count(number)} times"
        for number in sorted(set(seen))
        if seen.count(number) > 1
    ]
    lost = [one.number for one in done if one.image == image and one.number not in seen]
    if lost:
        said.append(f"image {image} has lost the variables of evals {lost}")
    return said
