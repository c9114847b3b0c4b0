"""The invariants that must hold whatever dies, as plain data and comparisons; no input or output.

The run tells the model what was requested, answered and killed, and when. The model complains, in
sentences, about anything that is impossible in a system that keeps the invariants N1 (keys),
N4 (evals) and N5 (answers).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

BOUND: Final = 75.0
"""Seconds in which a request must be answered: a start after a restart after a queue of evals, each
on a machine with other load."""

LATE: Final = 5.0
"""Seconds after which an answer to a cancelled request can no longer have been under way."""

NEVER_RAN: Final = (
    "nothing was evaluated",
    "No session has the key",
    "There is no session",
    "There are several sessions",
    " ended at ",
    "had not begun",
    "Nothing was run",
)
"""Phrases that promise that the code did not run."""


@dataclass
class Request:
    """A request of an agent.

    Attributes:
        agent: the agent's number.
        ident: its id, unique within a shim's life.
        tool: the tool that it calls.
        step: the step of the run in which it was made.
        sent: when it was sent, on the monotonic clock, like all times here.
        answers: the times of its answers.
        text: the text of the first answer.
        failed: whether the first answer was an error.
        structured: the structured content of the first answer.
        eval_id: the eval id in the answer.
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
        """Return whether a daemon had to be started for it after the last one died at ``since``.

        A request that was answered by then needs no daemon.
        """
        if self.orphaned or self.cancelled is not None:
            return False
        return self.sent >= since or not self.answers

    def complaints(self, now: float) -> list[str]:
        """Return what is wrong with its answers (N5)."""
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
    """An eval with a number that its side effects carry.

    Attributes:
        number: its number, unique in the run.
        request: the request that started it.
        lines: the number of ``seq=`` lines that it prints.
        throws: whether it ends with an exception of its own.
        image: token of the process image in which it ran, according to its answer.
    """

    number: int
    request: Request
    lines: int = 0
    throws: bool = False
    image: str = ""

    @property
    def verdict(self) -> str:
        """The answer's claim: done, background, refused (never ran), cut, or unknown."""
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
        """Check its answer, if there is one, and return complaints."""
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
        """Compare its answer with the number of times its side effect happened (N4)."""
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
    """Return the numbers of the ``seq=`` lines in a text, in order."""
    return [int(number) for number in re.findall(r"^seq=(\d{6})$", text, re.MULTILINE)]


@dataclass
class Key:
    """What is known about the key of one session.

    Attributes:
        project: the session's project.
        acknowledged: whether a start or a restart reported it to an agent.
        generation: the highest generation that was seen.
        seen: when that generation was seen.
        dead: when it was first seen to have ended, or None.
        boots: boot id and pid of each generation.
    """

    project: str
    acknowledged: bool = False
    generation: int = 0
    seen: float = 0.0
    dead: float | None = None
    boots: dict[int, tuple[str, int]] = field(default_factory=dict)


class Keys:
    """The life of every key, according to the views in answers (N1)."""

    def __init__(self) -> None:
        self.known: dict[str, Key] = {}
        self.killed: set[str] = set()

    def observe(
        self, view: dict[str, Any], sent: float, answered: float, *, acknowledged: bool = False
    ) -> list[str]:
        """Record a view requested at ``sent`` and received at ``answered``; return complaints."""
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
        """Return complaints about acknowledged keys that are no longer known."""
        left = {name for name, key in self.known.items() if key.acknowledged} - set(present)
        return [f"key {name} was acknowledged and is forgotten" for name in sorted(left)]


def variables(done: Iterable[Evaluation], seen: list[int], image: str) -> list[str]:
    """Compare a session's own counter variable with the evals reported done in its image."""
    said = [
        f"image {image} counted eval {number} {seen.count(number)} times"
        for number in sorted(set(seen))
        if seen.count(number) > 1
    ]
    lost = [one.number for one in done if one.image == image and one.number not in seen]
    if lost:
        said.append(f"image {image} has lost the variables of evals {lost}")
    return said
