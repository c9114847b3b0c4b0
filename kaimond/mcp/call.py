"""One call of a tool: who makes it, and a way to report progress while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kaimond.mcp.person import Silence

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kaimond.core import Agent, Core
    from kaimond.mcp.person import Person, Question


@dataclass(eq=False)
class Standing:
    """The state of one request while it is served.

    It belongs to the request and not to its id, which a client may use again.

    Attributes:
        cancelled: whether the client has cancelled it, as opposed to having gone away.
    """

    cancelled: bool = False


@dataclass(frozen=True)
class Call:
    """What a tool knows besides its arguments.

    Attributes:
        core: the daemon.
        agent: the agent that calls.
        request: the JSON-RPC id, as JSON; unique for ever together with the agent's id.
        say: sends a sentence to the client as progress, if it wants any.
        standing: the state of the request.
        person: the person at the client; None if nobody can be reached.
    """

    core: Core
    agent: Agent
    request: str
    say: Callable[[str], Awaitable[None]]
    standing: Standing = field(default_factory=Standing)
    person: Person | None = None

    async def ask(self, question: Question) -> str | Silence:
        """Ask the person at the client; return the choice, or why there is none.

        Raises:
            AnswerNeededError: the client has to ask, and to repeat the call.
        """
        return await self.person.ask(question) if self.person else Silence.CANNOT_ASK

    async def roots(self) -> tuple[str, ...]:
        """Return the directories that the client says it works in."""
        return await self.person.roots() if self.person else ()

    def replayed(self) -> dict[str, object] | None:
        """Return what this request had started before a break, if the agent sends it again."""
        if self.request not in self.agent.replay:
            return None
        self.agent.replay.discard(self.request)
        return self.core.store.load_call(self.agent.id, self.request)

    def cancelled(self) -> bool:
        """Return whether the client cancelled this request, rather than going away."""
        return self.standing.cancelled

    def journal(self, **started: object) -> None:
        """Record what this request starts, before it does."""
        self.core.remember_call(self.agent.id, self.request, started)
