"""Whose eval is next: in turn among agents, in order for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Turns:
    """Remembers whom a session has served."""

    def __init__(self) -> None:
        self._served: dict[str, int] = {}
        self._turn = 0

    def choose(self, waiting: Iterable[tuple[str, str]]) -> str:
        """The eval that begins next.

        It is the oldest one of the agent that was served longest ago (or never): so each agent's
        evals keep their order, and nobody's flood keeps the others waiting.

        Args:
            waiting: pairs of eval id and agent, the oldest first; not empty.
        """
        oldest: dict[str, str] = {}
        for eval_id, agent in waiting:
            oldest.setdefault(agent, eval_id)
        agent = min(oldest, key=lambda agent: self._served.get(agent, 0))
        self._turn += 1
        self._served[agent] = self._turn
        return oldest[agent]
