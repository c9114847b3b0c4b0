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
    """One run.

    Attributes:
        home: where everything runs.
        seed: of all chance in it.
        projects: directories.
        agents: clients.
        keys: the model of the sessions.
        evals: all that were asked for, by number.
        violations: sentences, each with seed and step.
        trace: what was done, in order.
        done: counts of operations and kills, by name.
        recoveries: seconds from a kill of the daemon to the next answer.
        step: number of the last operation.
        stop: set when no new work shall begin.
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
        """How many evals were seen to be done."""
        return sum(item.verdict == "done" for item in self.evals.values())

    @property
    def effects(self) -> Path:
        """Where evals leave their side effects, one file each."""
        return self.home.path / "effects"

    def chance(self, who: str) -> random.Random:
        """A source of chance for one part of the run, the same in each run with this seed."""
        return random.Random(f"{self.seed}/{who}")

    def act(self, who: str, what: str) -> int:
        """Write down what is about to be done; return the number of the step."""
        self.step += 1
        self.note(who, f"#{self.step} {what}")
        return self.step

    def note(self, who: str, what: str) -> None:
        """Write down what happened."""
        self.trace.append(f"{time.monotonic() - self.began:9.3f} {who:10} {what}")

    def complain(self, sentence: str) -> None:
        """Something has happened that must not."""
        self.violations.append(f"seed {self.seed}, step {self.step}: {sentence}")
        self.note("VIOLATION", sentence)

    def saw(self, view: dict[str, Any], request: Request, *, acknowledged: bool = False) -> None:
        """Take in a session's view from an answer."""
        said = self.keys.observe(view, request.sent, request.answers[0], acknowledged=acknowledged)
        for sentence in said:
            self.complain(sentence)

    def new_eval(self, request: Request, *, lines: int = 0, throws: bool = False) -> Evaluation:
        """Register an eval; its number is the next one."""
        number = len(self.evals) + 1
        self.evals[number] = Evaluation(number, request, lines, throws)
        return self.evals[number]
