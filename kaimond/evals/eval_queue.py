"""What one process image has to evaluate: who is next, and what keeps the next one waiting.

At most one eval is with the gate. The others wait, and each agent's keep their order; among agents
the one is next that was served longest ago, so nobody's flood keeps the others waiting. Nothing
here does anything: it is asked and told.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kaimond.errors import KaimonError
from kaimond.evals.eval import PERSON, Eval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MOST_WAITING: Final = 1000
"""Evals in the queue of one session."""


class QueueFullError(KaimonError):
    """A session's queue takes no more evals."""


@dataclass
class Turn:
    """Whether a person's input is evaluated; persons and agents take turns.

    Attributes:
        terminal: id of the terminal where it was entered, "" while there is none.
        began: when it was, in seconds since the epoch.
        since: the same on the monotonic clock.
    """

    terminal: str = ""
    began: float = 0.0
    since: float = 0.0

    def begin(self, terminal: str) -> None:
        """What a person has entered is evaluated from now on."""
        self.terminal, self.began, self.since = terminal, time.time(), time.monotonic()

    def end(self) -> None:
        """Agents' evals are evaluated again."""
        self.terminal = ""


class EvalQueue:
    """The evals of one process image.

    Args:
        turn: of the persons at the session's terminals.
        clock: monotonic seconds.

    Attributes:
        running: id of the eval that is with the gate, "" if none is.
    """

    def __init__(self, turn: Turn, clock: Callable[[], float] = time.monotonic) -> None:
        self.running = ""
        self._turn = turn
        self._clock = clock
        self._waiting: deque[Eval] = deque()
        self._served: dict[str, int] = {}
        self._paused = 0
        self._began = 0.0

    # What is

    @property
    def waiting(self) -> int:
        """How many evals wait."""
        return len(self._waiting)

    @property
    def ahead(self) -> str:
        """What an eval that comes now has to wait for: an eval's id, `PERSON`, or ""."""
        return self.running or (PERSON if self._turn.terminal else "")

    @property
    def begins_next(self) -> bool:
        """Whether an eval that is added now can begin at once."""
        return not (self.ahead or self._paused or self._waiting)

    @property
    def busy_since(self) -> float | None:
        """When what is evaluated now began, on the monotonic clock; None while idle."""
        if self.running:
            return self._began
        return self._turn.since if self._turn.terminal else None

    # What happens

    def add(self, item: Eval) -> None:
        """Queue an eval."""
        self._waiting.append(item)

    def resume(self, items: Iterable[Eval]) -> None:
        """Take up what this process image was given by the previous daemon."""
        for item in items:
            if item.began:
                self.running, self._began = item.id, self._clock()
            else:
                self._waiting.append(item)

    def withdraw(self, eval_id: str) -> bool:
        """Take an eval out of the queue; tell whether it was still there."""
        for item in self._waiting:
            if item.id == eval_id:
                self._waiting.remove(item)
                return True
        return False

    def dismiss(self) -> list[Eval]:
        """Take everything out that waits."""
        gone = list(self._waiting)
        self._waiting.clear()
        return gone

    def pause(self) -> None:
        """Let nothing begin until `go_on` has been called as often."""
        self._paused += 1

    def go_on(self) -> None:
        """Undo one `pause`."""
        self._paused -= 1

    def begin(self) -> Eval | None:
        """The eval that begins now; None if there is none, or something keeps it waiting."""
        if self.ahead or self._paused or not self._waiting:
            return None
        oldest: dict[str, Eval] = {}
        for item in self._waiting:
            oldest.setdefault(item.agent, item)
        chosen = min(oldest.values(), key=lambda item: self._served.get(item.agent, 0))
        self._served[chosen.agent] = max(self._served.values(), default=0) + 1
        self._waiting.remove(chosen)
        self.running, self._began = chosen.id, self._clock()
        return chosen

    def end(self) -> str:
        """What ran has ended; return its id."""
        ended, self.running = self.running, ""
        return ended
