"""The parts of a running daemon, in one place for those who serve clients."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from kaimond.config.settings import Settings
    from kaimond.events import Bus
    from kaimond.paths import Paths
    from kaimond.store.database import Store
    from kaimond.supervisor.supervisor import Supervisor


@dataclass
class Agent:
    """One MCP client connection.

    Attributes:
        id: 16 hex characters; the same while the shim's process lives.
        pid: of the shim.
        cwd: of the shim, a hint for the agent's project.
        since: when it connected, seconds since the epoch.
        shim: version of its kaimon-mcp.
        client: the MCP client's own name and version, once it has said them.
        replay: requests that it sends again because the connection broke.
        heard: bytes of output of evals that check_eval has shown it.
    """

    id: str
    pid: int
    cwd: str
    since: float
    shim: str = ""
    client: str = ""
    version: str = ""
    replay: set[str] = field(default_factory=set)
    heard: dict[str, int] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """Enough of the id for logs and people."""
        return self.id[:8]


@dataclass
class Core:
    """A running daemon.

    Attributes:
        paths: where things live.
        settings: as read at the start.
        store: the database.
        supervisor: owner of all sessions.
        bus: that events are published on.
        stopping: set when the daemon is asked to end.
        end_asked: whether a signal asked for the end, also while it makes way for a successor.
        reloading: whether it ends only to execute itself anew.
        upgrade: the check that precedes that, once somebody has asked for it.
        started: seconds since the epoch.
        instance: random name of this run of the program; another one answers after an upgrade.
        problems: what the configuration's reader complained about.
        agents: MCP clients that are connected now, by connection.
    """

    paths: Paths
    settings: Settings
    store: Store
    supervisor: Supervisor
    bus: Bus
    stopping: asyncio.Event
    end_asked: bool = False
    reloading: bool = False
    upgrade: asyncio.Task[str] | None = None
    started: float = field(default_factory=time.time)
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
    problems: tuple[str, ...] = ()
    agents: dict[int, Agent] = field(default_factory=dict)

    def remember_call(self, agent: str, request: str, started: Mapping[str, Any]) -> None:
        """Journal what a request starts."""
        self.store.save_call(agent, request, time.time(), dict(started))
