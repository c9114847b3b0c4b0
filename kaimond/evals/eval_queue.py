"""The queue of evals of one process image.

At most one eval is with the gate, and the others wait. Evals of one agent keep their order; among
agents, the one served longest ago is next, so no agent can starve the others. The queue only
decides; its caller acts.
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
"""Maximum number of evals in one session's queue."""


class QueueFullError(KaimonError):
    """The session's queue is full."""


@dataclass
class Turn:
    """Whether a person's input is being evaluated; people and agents take turns.

    Attributes:
        terminal: id of the terminal where the input was entered, "" if there is none.
        began: when its evaluation began, in seconds since the epoch.
        since: the same on the monotonic clock.
    """

    terminal: str = ""
    began: float = 0.0
    since: float = 0.0

    def begin(self, terminal: str) -> None:
        """Begin a person's turn."""
        self.terminal, self.began, self.since = terminal, time.time(), time.monotonic()

    def end(self) -> None:
        """End a person's turn, so that agents' evals can run again."""
        self.terminal = ""


class EvalQueue:
    """The queue of one process image.

    Args:
        turn: tracks whether a person's input is being evaluated.
        clock: returns monotonic seconds.

    Attributes:
        running: id of the eval that is with the gate, "" if there is none.
    """

    def __init__(self, turn: Turn, clock: Callable[[], float] = time.monotonic) -> None:
        self.running = ""
        self._turn = turn
        self._clock = clock
        self._waiting: deque[Eval] = deque()
        self._served: dict[str, int] = {}
        self._paused = 0
        self._began = 0.0

    # State

    @property
    def waiting(self) -> int:
        """The number of waiting evals."""
        return len(self._waiting)

    @property
    def ahead(self) -> str:
        """What a new eval has to wait for: an eval's id, `PERSON`, or ""."""
        return self.running or (PERSON if self._turn.terminal else "")

    @property
    def begins_next(self) -> bool:
        """Whether an eval that is added now can begin at once."""
        return not (self.ahead or self._paused or self._waiting)

    @property
    def busy_since(self) -> float | None:
        """When the current evaluation began, on the monotonic clock; None while idle."""
        if self.running:
            return self._began
        return self._turn.since if self._turn.terminal else None

    # Changes

    def add(self, item: Eval) -> None:
        """Queue an eval."""
        self._waiting.append(item)

    def resume(self, items: Iterable[Eval]) -> None:
        """Continue with the evals that the previous daemon gave to this process image."""
        for item in items:
            if item.began:
                self.running, self._began = item.id, self._clock()
            else:
                self._waiting.append(item)

    def withdraw(self, eval_id: str) -> bool:
        """Remove an eval from the queue; return whether it was still waiting."""
        for item in self._waiting:
            if item.id == eval_id:
                self._waiting.remove(item)
                return True
        return False

    def dismiss(self) -> list[Eval]:
        """Remove and return all waiting evals."""
        gone = list(self._waiting)
        self._waiting.clear()
        return gone

    def pause(self) -> None:
        """Begin no evals until `go_on` has been called the same number of times."""
        self._paused += 1

    def go_on(self) -> None:
        """Undo one `pause`."""
        self._paused -= 1

    def begin(self) -> Eval | None:
        """Begin and return the next eval; return None if there is none or it must wait."""
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
        """End the running eval and return its id."""
        ended, self.running = self.running, ""
        return ended
