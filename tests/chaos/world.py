"""What all parts of a run share: the home, the time, the trace, the model, the figures."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.chaos.model import Evaluation, Keys

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.agent import Agent
    from tests.chaos.model import Request
    from tests.support.home import Home


@dataclass
class World:
    """The shared state of a run.

    Attributes:
        home: the home directory of all programs.
        seed: the seed of all randomness.
        projects: the project directories.
        agents: the clients.
        keys: the model of the sessions.
        evals: all requested evals, by number.
        violations: sentences, each with seed and step.
        trace: what was done, in order.
        done: counts of operations and kills, by name.
        recoveries: seconds from each kill of the daemon to the next answer.
        step: number of the last operation.
        stop: set when no new work should begin.
    """

    home: Home
    seed: int
    projects: list[Path]
    agents: list[Agent] = field(default_factory=list)
    keys: Keys = field(default_factory=Keys)
    evals: dict[int, Evaluation] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    step: int = 0
    stop: bool = False
    began: float = field(default_factory=time.monotonic)
    current: dict[Path, str] = field(default_factory=dict)

    @property
    def evals_done(self) -> int:
        """The number of evals that are known to be done."""
        return sum(item.verdict == "done" for item in self.evals.values())

    @property
    def effects(self) -> Path:
        """The directory where evals leave their side effects, one file each."""
        return self.home.path / "effects"

    def chance(self, who: str) -> random.Random:
        """Return a random generator for one part of the run, determined by the run's seed."""
        return random.Random(f"{self.seed}/{who}")

    def act(self, who: str, what: str) -> int:
        """Record what is about to be done; return the number of the step."""
        self.step += 1
        self.note(who, f"#{self.step} {what}")
        return self.step

    def note(self, who: str, what: str) -> None:
        """Record what happened."""
        self.trace.append(f"{time.monotonic() - self.began:9.3f} {who:10} {what}")

    def complain(self, sentence: str) -> None:
        """Record a violation."""
        self.violations.append(f"seed {self.seed}, step {self.step}: {sentence}")
        self.note("VIOLATION", sentence)

    def saw(self, view: dict[str, Any], request: Request, *, acknowledged: bool = False) -> None:
        """Record a session's view from an answer."""
        said = self.keys.observe(view, request.sent, request.answers[0], acknowledged=acknowledged)
        for sentence in said:
            self.complain(sentence)

    def new_eval(self, request: Request, *, lines: int = 0, throws: bool = False) -> Evaluation:
        """Register an eval under the next number."""
        number = len(self.evals) + 1
        self.evals[number] = Evaluation(number, request, lines, throws)
        return self.evals[number]
