"""One call of one tool: who makes it, and the way to talk back while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kaimond.core import Agent, Core


@dataclass(eq=False)
class Standing:
    """What has become of one request while it is served.

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
        agent: who calls.
        request: the JSON-RPC id, as JSON; with the agent's id it names this call for ever.
        say: sends a sentence to the client as progress, if it wants any.
        standing: of the request.
    """

    core: Core
    agent: Agent
    request: str
    say: Callable[[str], Awaitable[None]]
    standing: Standing = field(default_factory=Standing)

    def replayed(self) -> dict[str, object] | None:
        """What this request has already started, if the agent sends it again after a break."""
        if self.request not in self.agent.replay:
            return None
        self.agent.replay.discard(self.request)
        return self.core.store.load_call(self.agent.id, self.request)

    def cancelled(self) -> bool:
        """Whether the client cancelled this request, rather than going away."""
        return self.standing.cancelled

    def journal(self, **started: object) -> None:
        """Remember what this request starts, before it does."""
        self.core.remember_call(self.agent.id, self.request, started)
